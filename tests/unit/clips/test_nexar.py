"""Nexar's data set in both of its layouts, with and without the official test clips."""

from dataclasses import replace

import pytest

from dashsearch.clips.adapters.nexar import NexarTask, read
from dashsearch.errors import InputError

TRAIN = {"00010": (19.5, 18.6), "00011": (10.0, None), "00012": None, "00013": None}
# Id: label, group, time to event; 00024 and 00025 are negatives of the groups 0 and 2.
TEST = {
    "00020": (1, 0, 0.5),
    "00021": (1, 1, 1.0),
    "00022": (1, 2, 1.5),
    "00023": (1, 0, 0.5),
    "00024": (0, 0, None),
    "00025": (0, 2, None),
}


def task(folder, **settings):
    return NexarTask(source="nexar", folder=str(folder), **settings)


def times_of(event):
    return ",".join("" if value is None else str(value) for value in event or (None, None))


def write_answers(folder):
    rows = [f"{clip},{label},{group},Public" for clip, (label, group, _) in TEST.items()]
    (folder / "solution.csv").write_text("\n".join(["id,target,group,Usage", *rows]) + "\n")
    # One event a row; spreadsheets and pandas lose zeros and add ".0".
    (folder / "time_to_accident_test_map.csv").write_text("0.5,1.0,1.5\n20.0,21,00022\n23.0,,\n")


@pytest.fixture
def kaggle(tmp_path):
    folder = tmp_path / "kaggle"
    for part, clips in (("train", TRAIN), ("test", TEST)):
        (folder / part).mkdir(parents=True)
        for clip in clips:
            (folder / part / f"{clip}.mp4").touch()
    rows = [f"{clip},{times_of(event)},{int(event is not None)}" for clip, event in TRAIN.items()]
    header = "id,time_of_event,time_of_alert,target"
    (folder / "train.csv").write_text("\n".join([header, *rows]) + "\n")
    write_answers(folder)
    return folder


@pytest.fixture
def hub(tmp_path):
    folder = tmp_path / "hub"
    header = "file_name,time_of_event,time_of_alert,light_conditions,weather,scene,time_to_accident"
    parts = {f"train/{kind}": [] for kind in ("positive", "negative")}
    for clip, event in TRAIN.items():
        kind = "train/positive" if event else "train/negative"
        parts[kind].append(f"{clip}.mp4,{times_of(event)},Normal,Clear,Urban,")
    for number, (clip, (label, _, cut)) in enumerate(TEST.items()):
        kind = f"test-{('public', 'private')[number % 2]}/{('negative', 'positive')[label]}"
        times = "21.3,20.2" if label else ","
        parts.setdefault(kind, []).append(f"{clip}.mp4,{times},Dark,Rain,Urban,{cut or ''}")
    for part, rows in parts.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "metadata.csv").write_text("\n".join([header, *rows]) + "\n")
        for row in rows:
            (folder / part / row.split(",")[0]).touch()
    write_answers(folder)
    return folder


def facts(data):
    """Everything of the records but where it was read and where the videos lie."""
    return sorted(
        (replace(record, path="", where="") for record in data.records),
        key=lambda record: record.clip_id,
    )


def test_both_layouts_hold_the_same_training_clips(kaggle, hub):
    one, other = read(task(kaggle)), read(task(hub))
    assert facts(one) == facts(other)
    assert {r.clip_id: r.event_time_s for r in one.records} == {
        "00010": 19.5,
        "00011": 10.0,
        "00012": None,
        "00013": None,
    }
    assert {record.split for record in one.records} == {""}
    assert [table.name for table in other.tables] == ["metadata.csv"] * 2
    for data in (one, other):
        assert all((data.root / record.path).is_file() for record in data.records)


def test_official_test_clips_are_cut_before_the_event(kaggle, hub):
    one, other = read(task(kaggle, test="official")), read(task(hub, test="official"))
    assert facts(one) == facts(other)
    test = {record.clip_id: record for record in one.records if record.split == "test"}
    assert {clip: record.cut_tte_s for clip, record in test.items()} == {
        "00020": 0.5,
        "00021": 1.0,
        "00022": 1.5,
        "00023": 0.5,
        "00024": 0.5,  # a negative ends where the positives of its group do
        "00025": 1.5,
    }
    assert {clip: record.label for clip, record in test.items()} == {
        clip: label for clip, (label, _, _) in TEST.items()
    }
    assert all(record.event_time_s is None for record in test.values())
    assert test["00020"].group == test["00021"].group == test["00022"].group != ""
    assert test["00023"].group not in ("", test["00020"].group)
    assert {r.split for r in one.records if r.clip_id in TRAIN} == {"train"}
    for data in (one, other):
        assert all((data.root / record.path).is_file() for record in data.records)


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


WRONG = {
    "holds train.csv (Kaggle) and train/positive/metadata.csv": lambda folder: (
        folder / "train.csv"
    ).write_text("id"),
    "the clip 00024 is in no metadata.csv of test-public or test-private": lambda folder: rewrite(
        folder / "test-public/negative/metadata.csv", "00024", "00099"
    ),
    "target is 0 but the clip lies in test-public/positive/00020.mp4": lambda folder: rewrite(
        folder / "solution.csv", "00020,1", "00020,0"
    ),
    "the positive clip 00023 is not in time_to_accident_test_map.csv": lambda folder: rewrite(
        folder / "time_to_accident_test_map.csv", "23.0,,", ",,"
    ),
    "the clip 00020 stands twice in time_to_accident_test_map.csv": lambda folder: rewrite(
        folder / "time_to_accident_test_map.csv", "23.0,,", "23.0,20,"
    ),
    "clips of the group 0 end 0.5 s and 1 s before the event": lambda folder: rewrite(
        folder / "time_to_accident_test_map.csv", "23.0,,", ",23.0,"
    ),
    "no clip of the group 7 is in time_to_accident_test_map.csv": lambda folder: rewrite(
        folder / "solution.csv", "00025,0,2", "00025,0,7"
    ),
    "there is no file": lambda folder: (folder / "solution.csv").unlink(),
    "metadata.csv line 2: file_name is empty": lambda folder: rewrite(
        folder / "train/positive/metadata.csv", "00010.mp4", ""
    ),
    "line 2: time_of_event is empty but the folder's label is 1": lambda folder: rewrite(
        folder / "train/positive/metadata.csv", "19.5,18.6", ","
    ),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_folder_is_named(hub, sentence):
    WRONG[sentence](hub)
    with pytest.raises(InputError) as raised:
        read(task(hub, test="official"))
    assert sentence in str(raised.value)
    assert str(hub) in str(raised.value)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file .*train\.csv"):
        read(task(tmp_path))
