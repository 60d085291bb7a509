"""Bad input: a wrong table stops, a bad clip is marked; one sentence each."""

import math
import shutil

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from clips.videos import HEIGHT, WIDTH, burn, write_nexar, write_video
from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.manifest import (
    index_clips,
    read_manifest,
    read_manifest_classes,
    reference_time,
    write_manifest,
)
from dashsearch.clips.records import ClipRecord, DataSet
from dashsearch.clips.windows import WindowSettings
from dashsearch.errors import InputError

WINDOWS = WindowSettings(frames=4, rate_hz=5.0, tte_s=(0.5, 1.0), height=48, width=80)
CLIPS = {"00001": 2.5, "00002": None, "00003": 3.0, "00004": None}


@pytest.fixture
def table(tmp_path):
    return write_nexar(tmp_path / "nexar", CLIPS)


def data_of(table):
    """Read a table in Nexar's layout, or a generic one."""
    if table.name == "train.csv":
        return read_data_set({"source": "nexar", "folder": str(table.parent)})
    return read_data_set({"source": "csv", "file": str(table)})


def index(table, max_marked_share=0.5, windows=WINDOWS, workers=2):
    return index_clips(
        data_of(table),
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
    classes, tables = ("no collision", "collision"), {"train.csv": "digest"}
    write_manifest(tmp_path / "manifest.parquet", manifest, WINDOWS, classes, tables)
    assert read_manifest_classes(tmp_path / "manifest.parquet") == classes
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
        data_of(path)
    message = str(raised.value)
    assert sentence in message
    assert message.startswith(str(path))
    assert "\n" not in message


def test_a_table_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes(f"{HEADER}\ncafé,2,1,1\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not a CSV in UTF-8"):
        data_of(path)


def test_one_video_under_two_ids_is_refused(table):
    table.write_text(table.read_text() + "1,2.5,2.0,1\n")
    with pytest.raises(InputError, match=r"line 6: the video train/00001\.mp4 stands 2 times"):
        index(table)


def test_a_video_that_an_edit_list_shortens_is_whole(table):
    path = table.parent / "train/00002.mp4"
    content = bytearray(path.read_bytes())
    place = content.index(b"elst")
    entry = place + 12  # behind type, version, flags and the number of entries
    length = int.from_bytes(content[entry : entry + 4], "big")
    content[entry : entry + 4] = (length * 9 // 10).to_bytes(4, "big")
    path.write_bytes(content)
    facts = index(table).set_index("clip_id").loc["00002"]
    assert facts["status"] == "ok"
    assert facts["duration_s"] == pytest.approx(3.6, abs=0.11)


def test_the_state_of_the_videos_changes_with_a_video(table):
    before = data_of(table).state()
    assert data_of(table).state() == before
    write_video(table.parent / "train/00001.mp4", np.arange(30) / 10)
    assert data_of(table).state() != before


def test_a_truncated_matroska_is_marked(table):
    path = write_video(table.parent / "train/00003.mkv", np.arange(40) / 10)
    cut(path, 0.5)
    path.rename(table.parent / "train/00003.mp4")
    problem = index(table).set_index("clip_id").loc["00003", "problem"]
    assert "is truncated: it holds" in problem


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        data_of(tmp_path / "train.csv")


def test_a_generic_manifest_may_hold_official_splits(table):
    folder = table.parent
    rows = ["clip_id,path,label,event_time_s,alert_time_s,split"]
    rows += ["a,train/00001.mp4,1,2.5,,test", "b,train/00002.mp4,0,,,train"]
    (folder / "clips.csv").write_text("\n".join(rows))
    manifest = index(folder / "clips.csv")
    assert manifest["split"].to_list() == ["test", "train"]
    assert math.isnan(manifest["alert_time_s"][0])
    (folder / "clips.csv").write_text("\n".join(rows).replace(",train\n", ",dev\n") + ",dev")
    with pytest.raises(InputError, match="line 3: the row has more fields than the header"):
        data_of(folder / "clips.csv")
    (folder / "clips.csv").write_text("\n".join(rows).replace(",,test", ",,dev"))
    with pytest.raises(InputError, match="write train, validation, test or nothing"):
        data_of(folder / "clips.csv")


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


def sound_only(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        for start in range(0, 44_100, 1024):
            samples = np.sin(np.arange(start, start + 1024) / 30)[None].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def without_pictures(path):
    """A header that announces a video stream, and nothing behind it."""
    options = {"movflags": "+empty_moov+frag_keyframe"}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.start_encoding()


BAD_CLIPS = {
    "is missing": ("missing", lambda path: path.unlink()),
    "has zero bytes": ("empty", lambda path: path.write_bytes(b"")),
    "is not a readable video": ("unreadable", lambda path: path.write_text("not a video\n" * 100)),
    "is truncated: it holds": ("truncated", lambda path: cut(path, 0.7)),
    "is encoded in a way that FFmpeg does not know": (
        "unknown_codec",
        lambda path: replace(path, b"avc1", b"zzzz"),
    ),
    "does not say when 20 of its 20 pictures are shown": ("untimed", without_times),
    "is not a readable video (": ("unreadable", without_end),
    "holds no video stream": ("no_video", sound_only),
    "holds no picture": ("no_pictures", without_pictures),
}


@pytest.mark.parametrize("sentence", BAD_CLIPS)
def test_a_bad_file_is_marked_with_its_sentence(table, sentence):
    kind, spoil = BAD_CLIPS[sentence]
    spoil(table.parent / "train/00003.mp4")
    manifest = index(table).set_index("clip_id")
    assert manifest.loc["00003", "status"] == "marked"
    assert manifest.loc["00003", "problem_kind"] == kind
    problem = manifest.loc["00003", "problem"]
    assert sentence in problem
    assert problem.startswith("train.csv line 4: the clip train/00003.mp4")
    assert "\n" not in problem
    assert math.isnan(manifest.loc["00003", "reference_time_s"])
    assert (manifest["status"] == "ok").sum() == 3


@pytest.mark.parametrize(
    ("event", "alert", "kind", "sentence"),
    [
        (9.4, 1.0, "wrong_times", "the event time is 9.4 s but the clip train/00003.mp4 ends at"),
        (3.0, 3.5, "wrong_times", "the alert time 3.5 s lies behind the event time 3 s"),
        (1.1, 1.0, "too_short", "holds 0.100 s before its window 1 s ahead of the event"),
        (0.0, "", "too_short", "holds 0.000 s before its window 1 s ahead of the event"),
    ],
)
def test_a_bad_time_is_marked_with_its_sentence(table, event, alert, kind, sentence):
    table.write_text(table.read_text().replace("00003,3.0,2.5", f"00003,{event},{alert}"))
    manifest = index(table).set_index("clip_id")
    assert sentence in manifest.loc["00003", "problem"]
    assert manifest.loc["00003", "problem_kind"] == kind
    assert (manifest["status"] == "marked").sum() == 1


def test_an_event_that_leaves_room_for_few_frames_is_usable(table):
    table.write_text(table.read_text().replace("00003,3.0,2.5", "00003,1.2,1.0"))
    manifest = index(table, max_marked_share=0.0).set_index("clip_id")
    assert manifest.loc["00003", "reference_time_s"] == 1.2


def test_a_negative_too_short_for_every_event_time_is_marked(table):
    write_video(table.parent / "train/00004.mp4", np.arange(20) / 10)
    problem = index(table).set_index("clip_id").loc["00004", "problem"]
    assert "leave no room for a window that ends where those of the other clips do" in problem


def test_too_many_marked_clips_stop_the_run(table):
    (table.parent / "train/00003.mp4").unlink()
    with pytest.raises(InputError, match=r"1 of 4 clips \(25%\) cannot be used") as raised:
        index(table, max_marked_share=0.2)
    assert str(raised.value).startswith(f"{table}: ")
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
    assert chosen in events
    assert chosen <= duration
    assert chosen == reference_time(clip_id, duration, events, WINDOWS)


def test_the_end_of_a_window_alone_tells_nothing():
    """A model that sees only when a window ends must be at chance, clips of all lengths alike."""
    rng = np.random.default_rng(5)
    events = np.sort(rng.gamma(4, 2, 1000) + 2)
    drawn = [reference_time(f"{number:05d}", 40.0, events, WINDOWS) for number in range(1000)]
    times = np.concatenate([events, np.array(drawn)])[:, None]
    labels = np.repeat([1, 0], 1000)
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    scores = cross_val_predict(model, times, labels, cv=5, method="predict_proba")[:, 1]
    # Under chance the area has the Mann-Whitney deviation sqrt((n + m + 1) / (12 n m)).
    assert roc_auc_score(labels, scores) < 0.5 + 3 * math.sqrt(2001 / (12 * 1000 * 1000))


def test_times_that_tell_the_class_are_warned_of(tmp_path, caplog):
    video = write_video(tmp_path / "video.mp4", np.arange(40) / 10)
    for number in range(40):
        shutil.copy(video, tmp_path / f"{number}.mp4")

    def index_events(events):
        """Fires and ices with these event times."""
        records = [
            ClipRecord(f"c{n:02d}", f"{n}.mp4", n % 2, event, None, "", "table line 1")
            for n, event in enumerate(events)
        ]
        data = DataSet(tmp_path, ("fire", "ice"), tuple(records), ())
        return index_clips(data, WINDOWS, max_marked_share=0.0, workers=1)

    index_events([(1.5 + number / 20) if number % 2 else None for number in range(40)])
    assert not caplog.records
    index_events([1.5 if number % 2 else 3.5 for number in range(40)])
    assert "end at other times in their clips" in caplog.text


def test_without_events_all_classes_end_anywhere(tmp_path):
    drawn = [reference_time(f"c{number}", 9.0, np.array([]), WINDOWS) for number in range(2000)]
    assert min(drawn) >= WINDOWS.span_s
    assert max(drawn) <= 9.0
    assert np.mean(drawn) == pytest.approx((WINDOWS.span_s + 9) / 2, abs=0.15)
    assert reference_time("c", 1.3, np.array([]), WINDOWS) == 1.3
    assert reference_time("c", 1.0, np.array([]), WINDOWS) is None
