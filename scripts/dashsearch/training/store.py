"""The HDF5 store of prepared data: reduced once, read by every round."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dashsearch.errors import InputError
from dashsearch.files import canonical_json
from dashsearch.hdf5 import reading_hdf5, writing_hdf5
from dashsearch.training.data import PreparedData, Reduction, ScoredWindows, TrainingClips

PREPARED_SCHEMA = "prepared/3"
REDUCTION = "reduction_"


def write_prepared(target: str | Path, data: PreparedData, note: Mapping[str, Any]) -> None:
    """Write prepared data; `note` says what made it."""
    with writing_hdf5(target) as store:
        for split in ("train", "validation", "test"):
            part = getattr(data, split)
            for field in fields(part):
                value = getattr(part, field.name)
                if value.dtype.kind == "U":
                    value = value.astype(h5py.string_dtype())
                # No HDF5 groups: their headers hold the time, and equal data must be equal bytes.
                store[f"{split}_{field.name}"] = value
        for name, value in (data.reduction.arrays() if data.reduction else {}).items():
            store[REDUCTION + name] = value
        store.attrs["backbone"] = data.backbone
        store.attrs["classes"] = json.dumps(list(data.classes))
        store.attrs["digest"] = data.digest
        store.attrs["schema"] = PREPARED_SCHEMA
        store.attrs["provenance"] = canonical_json(note)


class PreparedFiles:
    """Reads a backbone's prepared data when they are first asked for; can be sent to processes."""

    def __init__(self, paths: Mapping[str, str | Path]) -> None:
        self._paths = dict(paths)
        self._read: dict[str, PreparedData] = {}

    def __call__(self, backbone: str) -> PreparedData:
        """Return the prepared data of a backbone."""
        if backbone not in self._read:
            self._read[backbone] = read_prepared(self._paths[backbone])
        return self._read[backbone]

    def __getstate__(self) -> dict[str, Any]:
        """Send paths to another process, not what was read."""
        return {"_paths": self._paths, "_read": {}}


def read_prepared(path: str | Path) -> PreparedData:
    """Read prepared data whole; InputError if its schema is not this version's."""
    with reading_hdf5(path) as store:
        if store.attrs["schema"] != PREPARED_SCHEMA:
            raise InputError(f"{path} has the schema {store.attrs['schema']}; prepare it again.")

        def read(split: str) -> dict[str, Any]:
            ids = np.asarray(store[f"{split}_clip_id"].asstr()[:], dtype=np.str_)
            arrays = {name: store[f"{split}_{name}"][:] for name in ("values", "label", "tte_s")}
            mask = store[f"{split}_mask"][:].astype(bool)
            return {**arrays, "mask": mask, "clip_id": ids}

        reduction = {
            name.removeprefix(REDUCTION): store[name][:]
            for name in store
            if name.startswith(REDUCTION)
        }
        return PreparedData(
            backbone=str(store.attrs["backbone"]),
            classes=tuple(json.loads(store.attrs["classes"])),
            train=TrainingClips(**read("train")),
            validation=ScoredWindows(**read("validation")),
            test=ScoredWindows(**read("test")),
            digest=str(store.attrs["digest"]),
            reduction=Reduction.of_arrays(reduction) if reduction else None,
        )
