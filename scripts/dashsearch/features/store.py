"""The HDF5 store of one backbone's features on one task: written in shards, read in one call."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.clips.windows import ClipWindows
from dashsearch.errors import InputError
from dashsearch.files import canonical_json, file_digest
from dashsearch.hdf5 import reading_hdf5, writing_hdf5
from dashsearch.provenance import provenance

FEATURES_SCHEMA = "features/3"
LIMIT = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class FeatureSet:
    """Features of every window, in the order of the windows' file: by clip, then by TTE.

    Attributes
    ----------
    values
        float16 (N, T, D).
    mask
        Where a window shows a real frame and no padding, bool (N, T).
    clip_id, tte_s, label
        Clip, time to event in seconds and label of each window, (N,).
    classes
        Names of the classes by label.
    digest
        SHA-256 of the file.
    """

    backbone: str
    values: NDArray[np.float16]
    mask: NDArray[np.bool_]
    clip_id: NDArray[np.str_]
    tte_s: NDArray[np.float64]
    label: NDArray[np.int64]
    classes: tuple[str, ...]
    digest: str


class FeaturesWriter:
    """Appends the features of clip after clip to an open HDF5 file: float16, one window a chunk."""

    def __init__(self, store: h5py.File, frames: int, dimension: int) -> None:
        self._store = store
        self._values = store.create_dataset(
            "features",
            (0, frames, dimension),
            np.float16,
            maxshape=(None, frames, dimension),
            chunks=(1, frames, dimension),
        )
        self._sha256 = hashlib.sha256()
        self._columns: dict[str, list[NDArray[Any]]] = {
            "clip_id": [np.zeros(0, object)],
            "tte_s": [np.zeros(0, np.float64)],
            "label": [np.zeros(0, np.int64)],
            "mask": [np.zeros((0, frames), np.bool_)],
        }

    def append(self, clip: ClipWindows, values: NDArray[np.float32]) -> None:
        """Write the features of a clip's windows, float32 (W, T, D).

        Raises
        ------
        InputError
            If a value is not finite or does not fit into float16.
        """
        # One pass over the extremes finds NaN and infinity too, without a copy of the array.
        low, high = float(values.min()), float(values.max())
        if not -LIMIT <= low <= high <= LIMIT:
            raise InputError(
                f"clip {clip.clip_id}: features reach from {low} to {high}, outside float16's "
                f"±{LIMIT:.0f}; scale the backbone's output."
            )
        count = len(clip.tte_s)
        self.extend(
            values.astype(np.float16),
            {
                "clip_id": np.array([clip.clip_id] * count, object),
                "tte_s": np.array(clip.tte_s),
                "label": np.full(count, clip.label),
                "mask": clip.mask,
            },
        )

    def append_file(self, other: h5py.File) -> None:
        """Copy all windows of another file of the same backbone."""
        self.extend(
            other["features"][:],
            {
                "clip_id": other["clip_id"].asstr()[:].astype(object),
                **{name: other[name][:] for name in ("tte_s", "label", "mask")},
            },
        )

    def extend(self, values: NDArray[np.float16], columns: Mapping[str, NDArray[Any]]) -> None:
        """Write float16 (N, T, D) features with the table of their windows."""
        first = len(self._values)
        self._values.resize(first + len(values), axis=0)
        self._values[first:] = values
        self._sha256.update(np.ascontiguousarray(values).tobytes())
        for name, column in columns.items():
            self._columns[name].append(column)

    def close(self, classes: Sequence[str], note: Mapping[str, Any]) -> None:
        """Write the table of windows, the checksum of the features and what made the file."""
        kinds = {"clip_id": h5py.string_dtype(), "label": np.int64, "mask": np.bool_}
        for name, parts in self._columns.items():
            self._store[name] = np.concatenate(parts).astype(kinds.get(name, np.float64))
        self._store.attrs["classes"] = json.dumps(list(classes))
        self._store.attrs["sha256"] = self._sha256.hexdigest()
        self._store.attrs["provenance"] = canonical_json(note)


def collect_features(shards: Sequence[str | Path], index: pd.DataFrame, target: str | Path) -> None:
    """Join the shards of a backbone, and check that they hold the task's windows.

    Parameters
    ----------
    shards
        In the order of their windows.
    index
        The table of the task's windows, from `clips.window_index.read_window_index`.
    target
        Where the joined file goes; it is equal whatever the shards were.

    Raises
    ------
    InputError
        If a shard is of another backbone or of other windows, or the windows are not those of
        `index`.
    """
    notes = [_note_of(path) for path in shards]
    for path, note in zip(shards, notes, strict=True):
        if note != notes[0]:
            raise InputError(
                f"{path} was not made like {shards[0]}; delete the shards and extract them again."
            )
    with reading_hdf5(shards[0]) as first:
        shape, classes = first["features"].shape[1:], json.loads(first.attrs["classes"])
    with writing_hdf5(target) as store:
        writer = FeaturesWriter(store, *shape)
        for shard in shards:
            with reading_hdf5(shard) as part:
                writer.append_file(part)
        writer.close(classes, notes[0])
        _check_windows(store, index, str(target))


def fuse_features(parts: Sequence[str | Path], name: str, target: str | Path) -> None:
    """Put the features of several backbones side by side: (N, T, sum of D), in the order given.

    Raises
    ------
    InputError
        If the parts hold other windows than each other.
    """
    sets = [read_features(path) for path in parts]
    first = sets[0]
    for path, other in zip(parts, sets, strict=True):
        for column in ("clip_id", "tte_s", "label", "mask"):
            if not np.array_equal(getattr(first, column), getattr(other, column)):
                raise InputError(
                    f"{path} holds other windows than {parts[0]} ({column} differs); "
                    "extract both again."
                )
    values = np.concatenate([part.values for part in sets], axis=2)
    note = provenance(
        FEATURES_SCHEMA,
        inputs={part.backbone: part.digest for part in sets},
        settings={"backbone": name, "dimension": values.shape[2]},
    )
    with writing_hdf5(target) as store:
        writer = FeaturesWriter(store, *values.shape[1:])
        columns = {name: getattr(first, name) for name in ("tte_s", "label", "mask")}
        writer.extend(values, {"clip_id": first.clip_id.astype(object), **columns})
        writer.close(first.classes, note)


def read_features(path: str | Path, index: pd.DataFrame | None = None) -> FeatureSet:
    """Read a store whole.

    Parameters
    ----------
    index
        The table of the task's windows; None does not compare.

    Raises
    ------
    InputError
        If the schema is not this version's, the features are not those that were written, or the
        windows are not those of `index`.
    """
    note = _note_of(path)
    with reading_hdf5(path) as store:
        values = store["features"][:]
        if hashlib.sha256(values.tobytes()).hexdigest() != store.attrs["sha256"]:
            raise InputError(f"{path} is damaged: it differs from its checksum; extract it again.")
        if index is not None:
            _check_windows(store, index, str(path))
        return FeatureSet(
            backbone=note["settings"]["backbone"],
            values=values,
            mask=store["mask"][:].astype(bool),
            clip_id=np.asarray(store["clip_id"].asstr()[:], dtype=np.str_),
            tte_s=store["tte_s"][:],
            label=store["label"][:],
            classes=tuple(json.loads(store.attrs["classes"])),
            digest=file_digest(path),
        )


def _note_of(path: str | Path) -> dict[str, Any]:
    with reading_hdf5(path) as store:
        note: dict[str, Any] = json.loads(store.attrs["provenance"])
    if note["schema"] != FEATURES_SCHEMA:
        raise InputError(
            f"{path} has the schema {note['schema']}, not {FEATURES_SCHEMA}; extract it again."
        )
    return note


def _check_windows(store: h5py.File, index: pd.DataFrame, name: str) -> None:
    """Raise InputError unless the windows are those of the index, in its order."""
    wanted = index[index["status"] == "ok"].sort_values("window")
    found = {
        "clip_id": store["clip_id"].asstr()[:],
        "tte_s": store["tte_s"][:],
        "label": store["label"][:],
        "real_frames": store["mask"][:].sum(axis=1),
    }
    for column, values in found.items():
        if not np.array_equal(values, wanted[column].to_numpy()):
            raise InputError(
                f"{name} holds other windows than the task has now ({column} differs); "
                "extract it again."
            )
