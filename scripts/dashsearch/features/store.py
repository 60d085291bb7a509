"""The HDF5 store of one backbone's features on one task."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.files import canonical_json, file_digest, replacing

FEATURES_SCHEMA = "features/2"


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


def write_features(
    target: str | Path,
    values: NDArray[np.float32],
    windows: Mapping[str, NDArray[Any]],
    classes: Sequence[str],
    note: Mapping[str, Any],
) -> None:
    """Write features as float16, chunked by window.

    Parameters
    ----------
    values
        float32 (N, T, D).
    windows
        ``clip_id``, ``tte_s`` and ``label`` of each window, (N,), and its ``mask``, (N, T).
    classes
        Names of the classes by label.

    Raises
    ------
    InputError
        If a value is not finite or does not fit into float16.
    """
    limit = float(np.finfo(np.float16).max)
    # One pass over the extremes finds NaN and infinity too, without a copy of the array.
    low, high = float(values.min()), float(values.max())
    if not -limit <= low <= high <= limit:
        raise InputError(
            f"{target}: features reach from {low} to {high}, outside float16's ±{limit:.0f}; "
            "scale the backbone's output in its descriptor."
        )
    with replacing(target) as path, h5py.File(path, "w", libver="latest") as store:
        store.create_dataset(
            "features", data=values.astype(np.float16), chunks=(1, *values.shape[1:])
        )
        store["clip_id"] = windows["clip_id"].astype(h5py.string_dtype())
        store["tte_s"] = windows["tte_s"].astype(np.float64)
        store["label"] = windows["label"].astype(np.int64)
        store["mask"] = windows["mask"].astype(np.bool_)
        store.attrs["classes"] = json.dumps(list(classes))
        store.attrs["provenance"] = canonical_json(note)


def read_features(path: str | Path) -> FeatureSet:
    """Read a store whole; InputError if its schema is not this version's."""
    with h5py.File(path, "r") as store:
        note = json.loads(store.attrs["provenance"])
        if note["schema"] != FEATURES_SCHEMA:
            raise InputError(
                f"{path} has the schema {note['schema']}, not {FEATURES_SCHEMA}; extract it again."
            )
        return FeatureSet(
            backbone=note["settings"]["backbone"],
            values=store["features"][:],
            mask=store["mask"][:].astype(bool),
            clip_id=np.asarray(store["clip_id"].asstr()[:], dtype=np.str_),
            tte_s=store["tte_s"][:],
            label=store["label"][:],
            classes=tuple(json.loads(store.attrs["classes"])),
            digest=file_digest(path),
        )
