"""Splits are by group, stratified, complete, frozen, and refuse what cannot be."""

from collections import Counter
from itertools import chain

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.clips.splits import read_splits, split_clips, write_splits
from dashsearch.errors import InputError

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def manifest_of(positives=20, negatives=20, split=""):
    ids = [f"{number:03d}" for number in range(positives + negatives)]
    labels = [1] * positives + [0] * negatives
    return pd.DataFrame(
        {
            "clip_id": ids,
            "label": labels,
            "class_name": [("no collision", "collision")[label] for label in labels],
            "status": "ok",
            "split": split,
            "group": ids,
        }
    )


def test_a_split_is_stratified_complete_and_disjoint():
    manifest = manifest_of(30, 20)
    splits = split_clips(manifest, FRACTIONS, task="t", seed=1)["clips"]
    assert Counter(chain(*splits.values())) == Counter(manifest["clip_id"])
    labels = dict(zip(manifest["clip_id"], manifest["label"], strict=True))
    counts = {name: Counter(labels[clip] for clip in ids) for name, ids in splits.items()}
    assert counts == {
        "train": {1: 18, 0: 12},
        "validation": {1: 6, 0: 4},
        "test": {1: 6, 0: 4},
    }


def test_a_split_depends_on_task_and_seed_but_not_on_the_order_of_rows():
    manifest = manifest_of()
    first = split_clips(manifest, FRACTIONS, task="t", seed=1)
    assert split_clips(manifest.iloc[::-1], FRACTIONS, task="t", seed=1) == first
    assert split_clips(manifest, FRACTIONS, task="t", seed=2)["clips"] != first["clips"]
    assert split_clips(manifest, FRACTIONS, task="u", seed=1)["clips"] != first["clips"]


def test_an_official_test_split_is_kept_and_the_rest_divided():
    manifest = manifest_of()
    manifest["split"] = ["test" if number % 4 == 0 else "train" for number in range(40)]
    splits = split_clips(manifest, FRACTIONS, task="t", seed=1)["clips"]
    assert splits["test"] == manifest.loc[manifest["split"] == "test", "clip_id"].to_list()
    assert len(splits["train"]) == 22
    assert len(splits["validation"]) == 8


def test_three_official_splits_are_kept():
    manifest = manifest_of()
    manifest["split"] = [("train", "validation", "test")[number % 3] for number in range(40)]
    splits = split_clips(manifest, FRACTIONS, task="t", seed=1)["clips"]
    for name, ids in splits.items():
        assert ids == manifest.loc[manifest["split"] == name, "clip_id"].to_list()


def test_a_marked_clip_is_in_no_split():
    manifest = manifest_of()
    manifest.loc[3, "status"] = "marked"
    splits = split_clips(manifest, FRACTIONS, task="t", seed=1)["clips"]
    assert "003" not in chain(*splits.values())


def test_splits_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="split would hold 4 clips and none of the class"):
        split_clips(manifest_of(20, 2), FRACTIONS, task="t", seed=1)
    mixed = manifest_of()
    mixed.loc[0, "split"] = "test"
    with pytest.raises(InputError, match="clip 001 has no split but others have"):
        split_clips(mixed, FRACTIONS, task="t", seed=1)


def test_splits_that_were_changed_are_refused(tmp_path):
    path = tmp_path / "splits.json"
    splits = split_clips(manifest_of(), FRACTIONS, task="t", seed=1)
    write_splits(path, splits)
    assert read_splits(path) == splits
    moved = splits["clips"]["test"][0]
    path.write_text(path.read_text().replace(f'"{moved}"', '"777"'))
    for content in (path.read_text(), path.read_text()[:-20], "[]", '"x"'):
        path.write_text(content)
        with pytest.raises(InputError, match="was changed after it had been frozen"):
            read_splits(path)
    path.unlink()
    with pytest.raises(InputError, match=r"^(?!.*frozen).*splits\.json"):
        read_splits(path)


def grouped(manifest, size):
    """Clips in groups of one class and of this size."""
    return manifest.assign(group=[f"g{int(clip) // size}" for clip in manifest["clip_id"]])


@given(size=st.integers(1, 6), seed=st.integers(0, 50))
def test_a_group_is_never_divided(size, seed):
    manifest = grouped(manifest_of(60, 60), size)
    splits = split_clips(manifest, FRACTIONS, task="t", seed=seed)["clips"]
    of = {clip: name for name, ids in splits.items() for clip in ids}
    assert (
        manifest.groupby("group")["clip_id"].agg(lambda ids: len({of[i] for i in ids})).max() == 1
    )
    shares = [len(splits[name]) / 120 for name in FRACTIONS]
    assert shares == pytest.approx(list(FRACTIONS.values()), abs=size / 60)


def test_official_splits_that_divide_a_group_are_refused():
    manifest = grouped(manifest_of(), 4)
    manifest["split"] = ["test" if number % 5 == 0 else "train" for number in range(40)]
    with pytest.raises(InputError, match="the group g0 is in more than one official split"):
        split_clips(manifest, FRACTIONS, task="t", seed=1)


def test_every_class_of_many_is_in_every_split():
    manifest = manifest_of(30, 60)
    manifest.loc[60:, ["label", "class_name"]] = (2, "near miss")
    splits = split_clips(manifest, FRACTIONS, task="t", seed=1)["clips"]
    labels = dict(zip(manifest["clip_id"], manifest["label"], strict=True))
    for ids in splits.values():
        assert {labels[clip] for clip in ids} == {0, 1, 2}
    manifest.loc[62:, ["label", "class_name"]] = (0, "no collision")
    with pytest.raises(InputError, match="none of the class 'near miss'"):
        split_clips(manifest, FRACTIONS, task="t", seed=1)
