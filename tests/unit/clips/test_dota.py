"""DoTA: a miniature in its layout, and what is refused."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.adapters.dota import CATEGORIES, DotaTask, read
from dashsearch.clips.pictures import probe_pictures
from dashsearch.errors import InputError


def facts(anomaly_class, start=30, frames=60, subset="train"):
    """A clip's metadata with the keys of the published files."""
    return {
        "video_start": 100,
        "video_end": 100 + frames - 1,
        "anomaly_start": start,
        "anomaly_end": frames,
        "anomaly_class": anomaly_class,
        "num_frames": frames,
        "subset": subset,
    }


# Names and split of real clips: the published train and val share YouTube videos.
TRAIN = {
    "a_VxrUq9PmA_001718": facts("ego: turning", 41),
    "1u69z-wsDIc_001151": facts("other: lateral", 12),
    "1u69z-wsDIc_000484": facts("other: unknown", 20),
}
VAL = {
    "a_VxrUq9PmA_000977": facts("other: turning", 25, subset="val"),
    "2SAby_5t94M_000456": facts("ego: unknown", 36, subset="val"),
}


def write_dota(folder, train=TRAIN, val=VAL, *, pictures=3, deeper=False):
    for name, clips in (("metadata_train.json", train), ("metadata_val.json", val)):
        (folder / "dataset").mkdir(parents=True, exist_ok=True)
        (folder / "dataset" / name).write_text(json.dumps(clips))
        for clip in clips:
            place = folder / "frames" / clip / ("images" if deeper else "")
            place.mkdir(parents=True)
            for number in range(pictures):
                picture = np.full((36, 64, 3), 40 * number % 256, np.uint8)
                cv2.imwrite(str(place / f"{number:06d}.jpg"), picture)
    return folder


def task(folder, **settings):
    return DotaTask(source="dota", folder=str(folder), **settings)


def by_id(data):
    return {record.clip_id: record for record in data.records}


def test_every_clip_has_an_event_and_the_question_is_whose(tmp_path):
    data = read(task(write_dota(tmp_path)))
    assert data.classes == ("anomaly of other cars", "anomaly of the camera's car")
    assert {clip: (r.label, r.event_time_s) for clip, r in by_id(data).items()} == {
        "a_VxrUq9PmA_001718": (1, 4.1),
        "1u69z-wsDIc_001151": (0, 1.2),
        "1u69z-wsDIc_000484": (0, 2.0),
        "a_VxrUq9PmA_000977": (0, 2.5),
        "2SAby_5t94M_000456": (1, 3.6),
    }
    assert {record.picture_rate_hz for record in data.records} == {10.0}
    assert [table.name for table in data.tables] == ["metadata_train.json", "metadata_val.json"]


@pytest.mark.parametrize("deeper", [False, True])
def test_the_paths_lead_to_the_pictures(tmp_path, deeper):
    data = read(task(write_dota(tmp_path, deeper=deeper)))
    for record in data.records:
        found = probe_pictures(data.root / record.path, record.picture_rate_hz, record.clip_id)
        assert (found.duration_s, found.width_px, found.height_px) == (pytest.approx(0.3), 64, 36)


def test_clips_of_a_video_stay_together_whatever_the_official_split_says(tmp_path):
    records = by_id(read(task(write_dota(tmp_path))))
    assert {record.split for record in records.values()} == {""}
    assert {clip: record.group for clip, record in records.items()} == {
        "a_VxrUq9PmA_001718": "a_VxrUq9PmA",
        "a_VxrUq9PmA_000977": "a_VxrUq9PmA",
        "1u69z-wsDIc_001151": "1u69z-wsDIc",
        "1u69z-wsDIc_000484": "1u69z-wsDIc",
        "2SAby_5t94M_000456": "2SAby_5t94M",
    }


def test_the_official_split_is_kept_on_demand_and_groups_do_not_cross_it(tmp_path):
    records = read(task(write_dota(tmp_path), split="official")).records
    assert {r.clip_id: r.split for r in records} == {
        **dict.fromkeys(TRAIN, "train"),
        **dict.fromkeys(VAL, "test"),
    }
    splits = {}
    for record in records:
        splits.setdefault(record.group, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())
    groups = {r.clip_id: r.group for r in records}
    assert groups["1u69z-wsDIc_001151"] == groups["1u69z-wsDIc_000484"]


def test_categories_are_classes_and_unknown_is_none(tmp_path):
    train = {f"abcdefghijk_{i:06d}": facts(f"ego: {name}") for i, name in enumerate(CATEGORIES)}
    val = {"lmnopqrstuv_000001": facts("other: obstacle"), "lmnopqrstuv_2": facts("ego: unknown")}
    val["lmnopqrstuv_000002"] = val.pop("lmnopqrstuv_2")
    data = read(task(write_dota(tmp_path, train, val), question="category"))
    assert data.classes == CATEGORIES
    assert [record.label for record in data.records] == [*range(9), CATEGORIES.index("obstacle")]


def test_a_category_without_clips_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"none of the 3 usable clips has label 0 \(start_stop"):
        read(task(write_dota(tmp_path), question="category"))


def test_clips_without_pictures_are_left_to_the_index(tmp_path):
    write_dota(tmp_path, pictures=0)
    (tmp_path / "frames" / "2SAby_5t94M_000456").rmdir()
    assert by_id(read(task(tmp_path)))["2SAby_5t94M_000456"].path == "frames/2SAby_5t94M_000456"


@given(start=st.integers(0, 10_000), ego=st.booleans())
def test_the_event_is_the_time_of_the_first_anomalous_picture(tmp_path_factory, start, ego):
    folder = tmp_path_factory.mktemp("dota")
    val = {
        "2SAby_5t94M_000456": facts("ego: lateral" if ego else "other: lateral", start),
        "2SAby_5t94M_001001": facts("other: lateral" if ego else "ego: lateral"),
    }
    record = by_id(read(task(write_dota(folder, val=val, pictures=0))))["2SAby_5t94M_000456"]
    assert record.label == ego
    # pictures.decode_pictures_at shows picture n at n / 10 s
    assert round(record.event_time_s * record.picture_rate_hz) == start


CLIP = "2SAby_5t94M_000456"
WRONG = {
    "key x: this is no clip of DoTA's": {"x": facts("ego: turning")},
    "this is no clip of DoTA's; put": {CLIP: 3},
    "anomaly_class is 'ego: flying'; write ego or other": {CLIP: facts("ego: flying")},
    "anomaly_class is 'we: turning'": {CLIP: facts("we: turning")},
    "anomaly_class is None": {CLIP: {**facts(""), "anomaly_class": None}},
    "anomaly_start is -1; write a frame's number": {CLIP: facts("ego: turning", -1)},
    "anomaly_start is True": {CLIP: facts("ego: turning", True)},
    "anomaly_start is '4'": {CLIP: facts("ego: turning", "4")},
    "holds no clip by its name": {},
    "the id a_VxrUq9PmA_001718 stands 2 times": {"a_VxrUq9PmA_001718": facts("ego: turning")},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_metadata_is_named_with_file_and_key(tmp_path, sentence):
    write_dota(tmp_path)
    (tmp_path / "dataset/metadata_val.json").write_text(json.dumps(WRONG[sentence]))
    with pytest.raises(InputError) as error:
        read(task(tmp_path))
    assert sentence in str(error.value)
    assert "metadata_val.json" in str(error.value)


def test_broken_json_is_named(tmp_path):
    write_dota(tmp_path)
    path = tmp_path / "dataset/metadata_val.json"
    for content in (b'{"a": ', b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"metadata_val\.json is not JSON"):
            read(task(tmp_path))


def test_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*frames"):
        read(task(tmp_path))
    (tmp_path / "frames").mkdir()
    with pytest.raises(InputError, match=r"there is no file .*metadata_train\.json"):
        read(task(tmp_path))


def test_settings_are_checked_and_the_registry_knows_the_set(tmp_path):
    settings = task(write_dota(tmp_path)).model_dump()
    assert read_data_set(settings) == read(task(tmp_path))
    for wrong in ({"question": "when"}, {"split": "val"}, {"folder": ""}, {"fold": 1}):
        with pytest.raises(ValidationError):
            DotaTask(**{**settings, **wrong})
