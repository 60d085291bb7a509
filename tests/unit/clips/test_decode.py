"""Decoding is exact to the frame, whatever the file's clock does, and independent of workers."""

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clips.videos import HEIGHT, WIDTH, burn, read_number, write_nexar, write_video
from dashsearch.clips.adapters import read_clips
from dashsearch.clips.decode import decode_at, decode_windows
from dashsearch.clips.manifest import index_clips, write_manifest
from dashsearch.clips.probe import ClipProblem
from dashsearch.clips.windows import WindowSettings, open_windows, read_marked, window_times
from dashsearch.errors import InputError

WINDOWS = WindowSettings(frames=4, rate_hz=5.0, tte_s=(0.5, 1.0, 1.5), height=48, width=80)
CLOCKS = {
    "constant": np.arange(150) / 30,
    "variable": np.cumsum(np.random.default_rng(1).uniform(0.02, 0.05, 150)),
    "late start": 3 + np.arange(150) / 30,
    "dropped frames": np.delete(np.arange(170) / 30, np.arange(60, 80)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("gop", [10, 200])
@pytest.mark.parametrize("clock", CLOCKS)
def test_the_frame_at_an_instant_is_the_last_one_not_later(folder, clock, gop, b_frames):
    path = write_video(
        folder / f"{clock}-{gop}-{b_frames}.mp4", CLOCKS[clock], gop=gop, b_frames=b_frames
    )
    shown_at = CLOCKS[clock] - CLOCKS[clock][0]
    instants = np.unique(window_times(4.7, WINDOWS))
    frames, shown = decode_at(path, instants, 48, 80)
    expected = [int(np.searchsorted(shown_at, t + 1e-3, "right")) - 1 for t in instants]
    assert [read_number(frames[place]) for place in shown] == expected


@settings(max_examples=40, deadline=None)
@given(instants=st.lists(st.floats(0, 4.9), min_size=1, max_size=8, unique=True))
def test_any_instants_are_decoded_exactly(folder, instants):
    path = folder / "any.mp4"
    if not path.exists():
        write_video(path, CLOCKS["constant"])
    instants = np.unique(np.round(instants, 6))
    frames, shown = decode_at(path, instants, 48, 80)
    expected = np.floor((instants + 1e-3) * 30 + 1e-9).astype(int)
    assert [read_number(frames[place]) for place in shown] == expected.tolist()
    assert len(frames) == len(set(expected.tolist()))


def write_plain(path, **options):
    """150 numbered frames at 30 Hz, in whatever container the name asks for."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"} | options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(150):
            frame = av.VideoFrame.from_ndarray(burn(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("open gop.mp4", {"x264-params": "open-gop=1:keyint=20:bframes=5:b-pyramid=normal"}),
        ("intra refresh.mp4", {"x264-params": "intra-refresh=1:keyint=20:bframes=0"}),
        ("one gop.mkv", {"x264-params": "keyint=200:bframes=8:b-pyramid=normal"}),
        ("transport.ts", {"g": "20", "bf": "3"}),
    ],
)
def test_every_healthy_kind_of_file_is_decoded_exactly(folder, name, options):
    path = write_plain(folder / name, **options)
    for reference in (2.0, 3.3, 4.9):
        instants = np.round(reference - np.arange(7, -1, -1) / 5, 6)
        frames, shown = decode_at(path, instants, 48, 80)
        expected = np.floor((instants + 1e-3) * 30 + 1e-9).astype(int)
        assert [read_number(frames[place]) for place in shown] == expected.tolist()


def test_a_container_that_loses_the_order_of_pictures_is_refused(folder):
    path = write_plain(folder / "b frames.avi", bf="3", g="20")  # AVI has no presentation times
    with pytest.raises(ClipProblem, match=r"^b frames\.avi has pictures out of order at .* mp4"):
        decode_at(path, np.array([1.0, 2.0]), 48, 80)


def hit_picture(path, number):
    """Overwrite the middle of one picture, given by its place in the order of display."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        packet = sorted(packets, key=lambda packet: packet.pts)[number]
        place, size = packet.pos, packet.size
    content = bytearray(path.read_bytes())
    content[place + size // 2 : place + size - 1] = b"\xff" * (size - 1 - size // 2)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("hit", "shown"),
    [
        (40, [42, 45]),  # a key frame that is not shown but built on
        (44, [41]),  # a later picture that a shown B picture builds on
    ],
)
def test_damage_counts_where_shown_pictures_build_on_it(folder, hit, shown):
    path = write_plain(
        folder / f"hit {hit}.mp4",
        **{"x264-params": "keyint=20:min-keyint=20:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none"},
    )
    instants = np.array(shown) / 30
    frames, place = decode_at(path, instants, 48, 80)
    assert [read_number(frames[i]) for i in place] == shown
    hit_picture(path, hit)
    with pytest.raises(ClipProblem, match=rf"is damaged at {hit / 30:.3f} s; copy it again"):
        decode_at(path, instants, 48, 80)


def test_damage_behind_the_last_instant_does_no_harm(folder):
    path = write_plain(folder / "later.mp4", g="20", bf="3")
    hit_picture(path, 80)
    frames, _ = decode_at(path, np.array([45 / 30]), 48, 80)
    assert read_number(frames[0]) == 45


def index(table):
    return index_clips(
        read_clips("nexar", table), table.parent, WINDOWS, max_marked_share=0.5, workers=1
    )


@pytest.fixture(scope="module")
def nexar(tmp_path_factory):
    clips = {"00003": 3.1, "00001": None, "00002": 3.6, "00004": None}
    return write_nexar(tmp_path_factory.mktemp("nexar"), clips)


def decode(table, target, manifest=None, workers=1):
    manifest = index(table) if manifest is None else manifest
    decode_windows(manifest, table.parent, WINDOWS, target, max_marked_share=0.3, workers=workers)
    with open_windows(target) as clips:
        return list(clips)


def test_windows_end_before_the_event_and_share_their_frames(nexar, tmp_path):
    clips = decode(nexar, tmp_path / "windows.h5")
    assert [clip.clip_id for clip in clips] == ["00001", "00002", "00003", "00004"]
    clip = clips[2]
    assert clip.tte_s == (0.5, 1.0, 1.5)
    assert clip.label == 1
    # 3.1 s - 0.5 s = frame 26 at 10 Hz, and three more, 0.2 s apart, before it.
    numbers = [[read_number(clip.frames[i]) for i in row] for row in clip.window_frames]
    assert numbers == [[20, 22, 24, 26], [15, 17, 19, 21], [10, 12, 14, 16]]
    assert len(clip.frames) == 12


def test_two_windows_a_second_apart_store_a_shared_frame_once(nexar, tmp_path):
    longer = WindowSettings(frames=8, rate_hz=5.0, tte_s=(0.5, 1.5), height=48, width=80)
    decode_windows(
        index(nexar), nexar.parent, longer, tmp_path / "w.h5", max_marked_share=0.0, workers=1
    )
    with open_windows(tmp_path / "w.h5") as clips:
        assert {len(clip.frames) for clip in clips} == {13}


def test_the_bytes_do_not_depend_on_workers(nexar, tmp_path):
    decode(nexar, tmp_path / "one.h5", workers=1)
    decode(nexar, tmp_path / "three.h5", workers=3)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "three.h5").read_bytes()


def damage(video):
    """Blank the pictures of a file, but not its index."""
    content = bytearray(video.read_bytes())
    middle = content.find(b"mdat") + 200
    content[middle : len(content) - 1] = bytes(len(content) - 1 - middle)
    video.write_bytes(content)


def test_a_clip_that_breaks_while_decoded_is_marked(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    manifest = index(table)
    damage(tmp_path / "train/3.mp4")
    clips = decode(table, tmp_path / "windows.h5", manifest)
    assert [clip.clip_id for clip in clips] == ["1", "2", "4"]
    marked = read_marked(tmp_path / "windows.h5")
    assert list(marked) == ["3"]
    assert marked["3"].startswith("train/3.mp4 ")
    assert "copy it again or remove the row" in marked["3"]


def test_equal_folders_give_equal_bytes_wherever_they_lie(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "another place"):
        clips = {"1": 3.1, "2": None, "3": 3.2, "4": None, "5": 3.3, "6": None}
        table = write_nexar(folder, clips)
        (folder / "train/6.mp4").unlink()
        manifest = index(table)
        damage(folder / "train/3.mp4")
        write_manifest(folder / "manifest.parquet", manifest, WINDOWS, "digest")
        decode_windows(
            manifest, folder, WINDOWS, folder / "windows.h5", max_marked_share=0.5, workers=1
        )
    for name in ("manifest.parquet", "windows.h5"):
        one, other = ((tmp_path / place / name).read_bytes() for place in ("one", "another place"))
        assert one == other
        assert str(tmp_path).encode() not in one


def test_too_many_clips_that_break_stop_the_run(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    manifest = index(table)
    for name in ("3", "4"):
        damage(tmp_path / f"train/{name}.mp4")
    with pytest.raises(InputError, match=r"2 of 4 clips \(50%\) cannot be used"):
        decode(table, tmp_path / "windows.h5", manifest)
    assert not (tmp_path / "windows.h5").exists()


def test_a_video_that_ends_before_the_last_instant_is_refused(folder):
    path = write_video(folder / "short.mp4", np.arange(60) / 30)
    with pytest.raises(ClipProblem, match=r"ends at 2\.000 s, before 2\.500 s"):
        decode_at(path, np.array([1.0, 2.5]), 48, 80)
