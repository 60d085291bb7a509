"""Splits by clip, frozen in a file with a digest before any training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.clips.adapters import SPLITS
from dashsearch.errors import InputError
from dashsearch.files import digest, read_json, write_json
from dashsearch.seeds import derive_seed

SPLITS_SCHEMA = "splits/1"


def split_clips(
    manifest: pd.DataFrame, fractions: Mapping[str, float], *, task: str, seed: int
) -> dict[str, Any]:
    """Split the usable clips into train, validation and test.

    Each label is split by itself, in an order given by a hash of task, seed and clip id: the split
    of a clip does not depend on the order of the table. If the data set has an official test
    split, it is kept and only the rest is divided; if it has all three, all are kept.

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
        If a split would lack a class, or only some clips have an official split.
    """
    usable = manifest[manifest["status"] == "ok"]
    clips: dict[str, list[str]] = {name: [] for name in SPLITS}
    official = set(usable["split"]) - {""}
    if official and "" in set(usable["split"]):
        missing = usable.loc[usable["split"] == "", "clip_id"].iloc[0]
        raise InputError(
            f"task {task}: clip {missing} has no split but others have; give one to all or to none."
        )
    for name in official & {"test", *(("validation",) if "validation" in official else ())}:
        clips[name] += usable.loc[usable["split"] == name, "clip_id"].to_list()
    shares = {name: fractions[name] for name in SPLITS if name not in official or name == "train"}
    rest = usable[~usable["clip_id"].isin([clip for ids in clips.values() for clip in ids])]
    for _, group in rest.groupby("label", sort=True):
        names = sorted(group["clip_id"], key=lambda clip: derive_seed(seed, task, "split", clip))
        for name, part in _cut(names, shares).items():
            clips[name] += part
    _check_both_classes(usable, clips, task)
    body = {
        "schema": SPLITS_SCHEMA,
        "task": task,
        "seed": seed,
        "clips": {name: sorted(ids) for name, ids in clips.items()},
    }
    return {**body, "digest": digest(body)}


def write_splits(target: str | Path, splits: Mapping[str, Any]) -> None:
    """Write the splits."""
    write_json(target, splits)


def read_splits(path: str | Path) -> dict[str, Any]:
    """Read splits; InputError if they were changed after they had been frozen."""
    try:
        splits: dict[str, Any] = read_json(path)
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


def _cut(names: list[str], shares: Mapping[str, float]) -> dict[str, list[str]]:
    """Cut a list at the rounded cumulated shares."""
    total, parts, start, cumulated = sum(shares.values()), {}, 0, 0.0
    for name, share in shares.items():
        cumulated += share
        end = round(len(names) * cumulated / total)
        parts[name] = names[start:end]
        start = end
    return parts


def _check_both_classes(usable: pd.DataFrame, clips: Mapping[str, list[str]], task: str) -> None:
    labels = dict(zip(usable["clip_id"], usable["label"], strict=True))
    for name, ids in clips.items():
        if {labels[clip] for clip in ids} != {0, 1}:
            raise InputError(
                f"task {task}: the {name} split would hold {len(ids)} clips of fewer than two "
                "classes; give the task more clips or change `split` in the config."
            )
