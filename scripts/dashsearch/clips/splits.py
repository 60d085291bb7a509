"""Splits by clip, frozen in a file with a digest before any training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.clips.records import SPLITS
from dashsearch.errors import InputError
from dashsearch.files import digest, reading, write_json
from dashsearch.seeds import derive_seed

SPLITS_SCHEMA = "splits/1"


def split_clips(
    manifest: pd.DataFrame, fractions: Mapping[str, float], *, task: str, seed: int
) -> dict[str, Any]:
    """Split the usable clips into train, validation and test.

    Groups of clips stay together. Each class is split by itself (a group of several classes counts
    as a class of its own), in an order given by a hash of task, seed and group: the split of a
    clip does not depend on the order of the table. Official validation and
    test splits are kept, and what is missing is cut from the training clips; if the data set has
    all three, all are kept.

    Parameters
    ----------
    manifest
        From `manifest.read_manifest`; marked clips are in no split.
    fractions
        Share of the clips by split, adding up to 1.

    Returns
    -------
    dict
        ``schema``, ``task``, ``seed``, ``clips`` (sorted ids by split) and ``digest``.

    Raises
    ------
    InputError
        If a split would lack a class, only some clips have an official split, or official splits
        divide a group.
    """
    usable = manifest[manifest["status"] == "ok"]
    official = _official_splits(usable, task)
    clips = {name: usable.loc[usable["split"] == name, "clip_id"].to_list() for name in official}
    clips = {name: clips.get(name, []) for name in SPLITS}
    shares = {name: fractions[name] for name in SPLITS if name not in official}
    rest = usable[~usable["split"].isin(official)]
    for part, names in _divide(rest, shares, (seed, task)).items():
        clips[part] += names
    _check_every_class(usable, clips, task)
    body = {
        "schema": SPLITS_SCHEMA,
        "task": task,
        "seed": seed,
        "clips": {name: sorted(ids) for name, ids in clips.items()},
    }
    return {**body, "digest": digest(body)}


def _official_splits(usable: pd.DataFrame, task: str) -> set[str]:
    """Find the official splits that are kept as they are; what is missing is cut from training."""
    found = set(usable["split"]) - {""}
    if found and "" in set(usable["split"]):
        missing = usable.loc[usable["split"] == "", "clip_id"].iloc[0]
        raise InputError(
            f"task {task}: clip {missing} has no split but others have; give one to all or to none."
        )
    divided = usable.groupby("group")["split"].nunique()
    if (divided > 1).any():
        raise InputError(
            f"task {task}: the group {divided.idxmax()} is in more than one official split, so "
            "test clips resemble training clips; correct the splits or the groups."
        )
    return found if found == set(SPLITS) else found - {"train"}


def _divide(
    clips: pd.DataFrame, shares: Mapping[str, float], names: tuple[str | int, ...]
) -> dict[str, list[str]]:
    """Divide clips by group and class, in the order of a hash of `names` and the group."""
    parts: dict[str, list[str]] = {name: [] for name in shares}
    if clips.empty or not shares:
        return parts
    groups = clips.groupby("group").agg(
        clips=("clip_id", list), labels=("label", lambda labels: tuple(sorted(set(labels))))
    )
    for _, stratum in groups.groupby("labels", sort=True):
        order = sorted(stratum.index, key=lambda group: derive_seed(*names, "split", group))
        for name, ids in _cut([stratum["clips"][group] for group in order], shares).items():
            parts[name] += ids
    return parts


def write_splits(target: str | Path, splits: Mapping[str, Any]) -> None:
    """Write the splits."""
    write_json(target, splits)


def read_splits(path: str | Path) -> dict[str, Any]:
    """Read splits; InputError if they are not there, or were changed after they had been frozen."""
    with reading(path):
        text = Path(path).read_text()
    try:
        splits: dict[str, Any] = json.loads(text)
        body = {key: value for key, value in splits.items() if key != "digest"}
        intact = digest(body) == splits.get("digest")
    except (ValueError, AttributeError):  # no JSON any more, or another kind of document
        intact = False
    if not intact:
        raise InputError(
            f"{path} does not fit its digest: it was changed after it had been frozen; "
            "delete it and everything trained on it, and run again."
        )
    return splits


def _cut(groups: list[list[str]], shares: Mapping[str, float]) -> dict[str, list[str]]:
    """Cut a list of groups where the cumulated number of clips comes closest to the shares."""
    ends = np.concatenate([[0], np.cumsum([len(group) for group in groups])])
    total, parts, start, cumulated = sum(shares.values()), {}, 0, 0.0
    for name, share in shares.items():
        cumulated += share
        end = int(np.abs(ends - ends[-1] * cumulated / total).argmin())
        parts[name] = [clip for group in groups[start:end] for clip in group]
        start = max(start, end)
    return parts


def _check_every_class(usable: pd.DataFrame, clips: Mapping[str, list[str]], task: str) -> None:
    labels = dict(zip(usable["clip_id"], usable["label"], strict=True))
    names = dict(zip(usable["label"], usable["class_name"], strict=True))
    for name, ids in clips.items():
        missing = sorted(set(names) - {labels[clip] for clip in ids})
        if missing:
            raise InputError(
                f"task {task}: the {name} split would hold {len(ids)} clips and none of the class "
                f"{names[missing[0]]!r}; give the task more clips or change `split` in the config."
            )
