"""Bad input: a wrong table stops, a bad clip is marked; one sentence each."""

import math
from collections import Counter
from itertools import chain

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clips.videos import HEIGHT, WIDTH, burn, write_nexar, write_video
from dashsearch.clips.adapters import read_clips, videos_state
from dashsearch.clips.manifest import (
    index_clips,
    read_manifest,
    reference_time,
    write_manifest,
)
from dashsearch.clips.splits import read_splits, split_clips, write_splits
from dashsearch.clips.windows import WindowSettings
from dashsearch.errors import InputError

WINDOWS = WindowSettings(frames=4, rate_hz=5.0, tte_s=(0.5, 1.0), height=48, width=80)
FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}
CLIPS = {"00001": 2.5, "00002": None, "00003": 3.0, "00004": None}


@pytest.fixture
def table(tmp_path):
    return write_nexar(tmp_path / "nexar", CLIPS)


def index(table, max_marked_share=0.5, adapter="nexar", windows=WINDOWS, workers=2):
    return index_clips(
        read_clips(adapter, table),
        table.parent,
        windows,
        max_marked_share=max_marked_share,
        workers=workers,
    )


def test_a_good_folder_gives_one_row_a_clip(table):
    manifest = index(table, max_marked_share=0.0)
    assert manifest["clip_id"].to_list() == list(CLIPS)
    assert (manifest["status"] == "ok").all()
    assert manifest["duration_s"].to_list() == pytest.approx([4.0] * 4)
    assert manifest["frame_rate_hz"].to_list() == pytest.approx([10.0] * 4)
    assert (manifest[["height_px", "width_px"]] == [96, 160]).all(axis=None)
    assert manifest["reference_time_s"].iloc[0] == 2.5


def test_the_order_of_rows_and_the_folder_do_not_matter(table, tmp_path):
    other = write_nexar(tmp_path / "other", dict(reversed(CLIPS.items())))
    pd.testing.assert_frame_equal(
        index(table).drop(columns="problem"), index(other).drop(columns="problem")
    )


def test_a_manifest_survives_its_file(table, tmp_path):
    manifest = index(table)
    write_manifest(tmp_path / "manifest.parquet", manifest, WINDOWS, "digest")
    pd.testing.assert_frame_equal(
        read_manifest(tmp_path / "manifest.parquet"), manifest, check_dtype=False
    )


def test_an_id_that_lost_its_zeros_finds_its_video(table):
    table.write_text(table.read_text().replace("\n0000", "\n"))
    assert (index(table)["status"] == "ok").all()


HEADER = "id,time_of_event,time_of_alert,target"
WRONG_TABLES = {
    "the column time_of_alert is missing": "id,time_of_event,target\n1,2,1\n",
    "line 3: the id 1 stands 2 times": f"{HEADER}\n1,2,1,1\n1,,,0\n",
    "line 2: target is '2'; write 0 or 1": f"{HEADER}\n1,2,1,2\n",
    "line 2: target is ''; write 0 or 1": f"{HEADER}\n1,2,1,\n",
    "line 2: time_of_event is 'soon'; write seconds": f"{HEADER}\n1,soon,1,1\n",
    "line 2: time_of_event is '-1'; write seconds": f"{HEADER}\n1,-1,,1\n",
    "line 2: time_of_event is empty but target is 1": f"{HEADER}\n1,,,1\n",
    "line 2: a clip with target 0 has an event": f"{HEADER}\n1,2.0,,0\n",
    "line 2: id is empty": f"{HEADER}\n,2.0,,1\n",
    "line 2: id 'a\\x1fb' holds a control character": f"{HEADER}\na\x1fb,2,1,1\n",
    "the table has no row": f"{HEADER}\n",
    "the column target stands twice": f"{HEADER},target\n1,2,1,1,1\n",
    "line 3: the row has more fields": f"{HEADER}\n1,2,1,1\n2,,,0,0\n",
    "line 2: the id 'xxxxxxxxxxxxxxxxxxxx'… cannot be the name": f"{HEADER}\n{'x' * 300},2,1,1\n",
    "none of the 1 usable clips has label 0": f"{HEADER}\n1,2,1,1\n",
    "none of the 1 usable clips has label 1": f"{HEADER}\n1,,,0\n",
}


@pytest.mark.parametrize("sentence", WRONG_TABLES)
def test_a_wrong_table_stops_with_file_and_line(tmp_path, sentence):
    path = tmp_path / "train.csv"
    (tmp_path / "train").mkdir()
    path.write_text(WRONG_TABLES[sentence])
    with pytest.raises(InputError) as raised:
        read_clips("nexar", path)
    message = str(raised.value)
    assert sentence in message
    assert message.startswith(str(path))
    assert "\n" not in message


def test_a_table_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(f"{HEADER}\ncafé,2,1,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not a CSV in UTF-8"):
        read_clips("nexar", path)


def test_one_video_under_two_ids_is_refused(table):
    table.write_text(table.read_text() + "1,2.5,2.0,1\n")
    with pytest.raises(InputError, match=r"line 6: the video train/00001\.mp4 stands 2 times"):
        index(table)


def test_the_state_of_the_videos_changes_with_a_video(table):
    before = videos_state("nexar", table)
    assert videos_state("nexar", table) == before
    write_video(table.parent / "train/00001.mp4", np.arange(30) / 10)
    assert videos_state("nexar", table) != before


def test_a_truncated_matroska_is_marked(table):
    path = write_video(table.parent / "train/00003.mkv", np.arange(40) / 10)
    cut(path, 0.5)
    path.rename(table.parent / "train/00003.mp4")
    problem = index(table).set_index("clip_id").loc["00003", "problem"]
    assert "is truncated: it holds" in problem


def test_a_missing_table_and_an_unknown_adapter_are_named(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_clips("nexar", tmp_path / "train.csv")
    with pytest.raises(InputError, match="'kitti' is unknown; use nexar or csv"):
        read_clips("kitti", tmp_path / "train.csv")


def test_a_generic_manifest_may_hold_official_splits(table):
    folder = table.parent
    rows = ["clip_id,path,label,event_time_s,alert_time_s,split"]
    rows += ["a,train/00001.mp4,1,2.5,,test", "b,train/00002.mp4,0,,,train"]
    (folder / "clips.csv").write_text("\n".join(rows))
    manifest = index(folder / "clips.csv", adapter="csv")
    assert manifest["split"].to_list() == ["test", "train"]
    assert math.isnan(manifest["alert_time_s"][0])
    (folder / "clips.csv").write_text("\n".join(rows).replace(",train\n", ",dev\n") + ",dev")
    with pytest.raises(InputError, match="line 3: the row has more fields than the header"):
        read_clips("csv", folder / "clips.csv")
    (folder / "clips.csv").write_text("\n".join(rows).replace(",,test", ",,dev"))
    with pytest.raises(InputError, match="write train, validation, test or nothing"):
        read_clips("csv", folder / "clips.csv")


def replace(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def without_times(path):
    """Bare H.264, as some recorders write it."""
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(burn(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_title_that_is_not_utf8_does_no_harm(table):
    replace(table.parent / "train/00003.mp4", b"Lavf", b"\xff\xfe\xe4\xf6")
    assert (index(table, max_marked_share=0.0)["status"] == "ok").all()


def cut(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def without_end(path):
    """Truncate a file whose index stands at its end, as most cameras write it."""
    write_video(path, np.arange(40) / 10, faststart=False)
    cut(path, 0.9)


BAD_CLIPS = {
    "is missing": lambda path: path.unlink(),
    "has zero bytes": lambda path: path.write_bytes(b""),
    "is not a readable video": lambda path: path.write_text("not a video\n" * 100),
    "is truncated: it holds": lambda path: cut(path, 0.7),
    "is encoded in a way that FFmpeg does not know": lambda path: replace(path, b"avc1", b"zzzz"),
    "does not say when 20 of its 20 pictures are shown": without_times,
    "is not a readable video (": without_end,
}


@pytest.mark.parametrize("sentence", BAD_CLIPS)
def test_a_bad_file_is_marked_with_its_sentence(table, sentence):
    BAD_CLIPS[sentence](table.parent / "train/00003.mp4")
    manifest = index(table).set_index("clip_id")
    assert manifest.loc["00003", "status"] == "marked"
    problem = manifest.loc["00003", "problem"]
    assert sentence in problem
    assert problem.startswith("train.csv line 4: the clip train/00003.mp4")
    assert "\n" not in problem
    assert math.isnan(manifest.loc["00003", "reference_time_s"])
    assert (manifest["status"] == "ok").sum() == 3


@pytest.mark.parametrize(
    ("event", "alert", "sentence"),
    [
        (9.4, 1.0, "the event time is 9.4 s but the clip train/00003.mp4 ends at 4.000 s"),
        (3.0, 3.5, "the alert time 3.5 s lies behind the event time 3 s"),
        (1.5, 1.0, "the event time is 1.5 s but a window of 4 frames needs 1.6 s before it"),
    ],
)
def test_a_bad_time_is_marked_with_its_sentence(table, event, alert, sentence):
    table.write_text(table.read_text().replace("00003,3.0,2.5", f"00003,{event},{alert}"))
    manifest = index(table).set_index("clip_id")
    assert sentence in manifest.loc["00003", "problem"]
    assert (manifest["status"] == "marked").sum() == 1


def test_a_negative_too_short_for_every_event_time_is_marked(table):
    write_video(table.parent / "train/00004.mp4", np.arange(20) / 10)
    problem = index(table).set_index("clip_id").loc["00004", "problem"]
    assert "no event time of a positive clip leaves room" in problem


def test_too_many_marked_clips_stop_the_run(table):
    (table.parent / "train/00003.mp4").unlink()
    with pytest.raises(InputError, match=r"1 of 4 clips \(25%\) cannot be used") as raised:
        index(table, max_marked_share=0.2)
    assert str(raised.value).startswith(f"{table.parent}: ")
    assert "00003.mp4 is missing" in str(raised.value)


def test_a_class_whose_clips_are_all_marked_stops_the_run(table):
    for name in ("00001", "00003"):
        (table.parent / f"train/{name}.mp4").unlink()
    with pytest.raises(InputError, match="none of the 2 usable clips has label 1"):
        index(table, max_marked_share=1.0)


def test_references_of_negatives_are_spread_like_the_events():
    events = np.sort(np.random.default_rng(1).uniform(2, 8, 200))
    drawn = [reference_time(f"{number:05d}", 9.0, events, WINDOWS) for number in range(2000)]
    assert set(drawn) <= set(events)
    assert np.mean(drawn) == pytest.approx(events.mean(), abs=0.1)
    assert np.std(drawn) == pytest.approx(events.std(), abs=0.1)


@given(st.text(max_size=8), st.floats(2.0, 9.0))
def test_a_reference_leaves_room_and_lies_inside(clip_id, duration):
    clip_id = clip_id.replace("\x1f", "")
    events = np.linspace(1.0, 8.0, 50)
    chosen = reference_time(clip_id, duration, events, WINDOWS)
    assert WINDOWS.span_s <= chosen <= duration
    assert chosen == reference_time(clip_id, duration, events, WINDOWS)


def manifest_of(positives=20, negatives=20, split=""):
    ids = [f"{number:03d}" for number in range(positives + negatives)]
    labels = [1] * positives + [0] * negatives
    return pd.DataFrame({"clip_id": ids, "label": labels, "status": "ok", "split": split})


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
    with pytest.raises(InputError, match="would hold 4 clips of fewer than two classes"):
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
