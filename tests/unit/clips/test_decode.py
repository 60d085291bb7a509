"""Decoding is exact to the frame, whatever the file's clock does, and independent of workers."""

from dataclasses import replace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clips.videos import HEIGHT, WIDTH, burn, read_number, write_nexar, write_video
from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.collect import collect_windows
from dashsearch.clips.decode import decode_windows, shard_of
from dashsearch.clips.manifest import index_clips, write_manifest
from dashsearch.clips.pictures import decode_pictures_at, probe_pictures
from dashsearch.clips.problems import ClipProblem
from dashsearch.clips.stretch import nearest
from dashsearch.clips.video import decode_at
from dashsearch.clips.window_index import read_marked_clips, read_window_index
from dashsearch.clips.windows import WindowSettings, open_windows, read_classes, window_times
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


def wanted(shown_at, instants, most_late=0.1):
    """The picture nearest to each instant, written as a plain loop."""
    found = []
    for instant in instants:
        near = min(range(len(shown_at)), key=lambda i: (round(abs(shown_at[i] - instant), 9), i))
        if shown_at[near] > instant + most_late + 1e-9:
            near = max(i for i in range(len(shown_at)) if shown_at[i] <= instant)
        found.append(near)
    return found


def numbers(decoded):
    return [read_number(decoded.frames[place]) for place in decoded.shown]


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("gop", [10, 200])
@pytest.mark.parametrize("clock", CLOCKS)
def test_the_picture_of_an_instant_is_the_nearest(folder, clock, gop, b_frames):
    path = write_video(
        folder / f"{clock}-{gop}-{b_frames}.mp4", CLOCKS[clock], gop=gop, b_frames=b_frames
    )
    ticks = np.round(CLOCKS[clock] * 90_000)
    shown_at = (ticks - ticks[0]) / 90_000
    for reference in (4.7, 2.31, 3.02):
        instants = np.unique(window_times(reference, WINDOWS))
        decoded = decode_at(path, instants, 48, 80)
        expected = wanted(shown_at, instants)
        assert numbers(decoded) == expected
        assert decoded.offset_s == pytest.approx(shown_at[expected] - instants, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(instants=st.lists(st.floats(0, 4.9), min_size=1, max_size=8, unique=True))
def test_any_instants_are_decoded_exactly(folder, instants):
    path = folder / "any.mp4"
    if not path.exists():
        write_video(path, CLOCKS["constant"])
    instants = np.unique(np.round(instants, 6))
    decoded = decode_at(path, instants, 48, 80)
    expected = wanted(CLOCKS["constant"], instants)
    assert numbers(decoded) == expected
    assert len(decoded.frames) == len(set(expected))


@given(
    times=st.lists(st.integers(0, 400), min_size=1, max_size=30, unique=True),
    instants=st.lists(st.integers(0, 500), min_size=1, max_size=10, unique=True),
)
def test_the_nearest_time_is_that_of_a_plain_search(times, instants):
    times, instants = np.sort(times) / 100, np.sort(instants) / 100 + times[0] / 100
    instants = np.maximum(instants, min(times))
    assert nearest(times, instants, 0.1).tolist() == wanted(times, instants)


def test_far_ends_are_decoded_without_what_lies_between(folder):
    """Two key frames apart: the decoder starts anew and still gives the right pictures."""
    path = write_video(folder / "far.mp4", CLOCKS["constant"], gop=10)
    assert numbers(decode_at(path, np.array([0.2, 0.31, 4.5]), 48, 80)) == [6, 9, 135]


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_picture_is_turned_as_its_container_says(folder, degrees):
    path = folder / f"turned {degrees}.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.set_display_rotation(degrees)
        # What the camera stores is the scene turned the other way.
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(burn(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    size = (48, 80) if degrees == 180 else (80, 48)
    decoded = decode_at(path, np.array([0.5]), *size)
    assert decoded.frames.shape == (1, *size, 3)
    assert read_number(np.rot90(decoded.frames[0], -degrees // 90)) == 15


@pytest.mark.parametrize(("width", "height"), [(161, 97), (1280, 720), (36, 18), (96, 160)])
def test_odd_sizes_are_decoded(folder, width, height):
    path = folder / f"{width} {height}.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for _ in range(5):
            picture = np.full((height, width, 3), (200, 40, 90), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    frames = decode_at(path, np.array([0.2]), 48, 80).frames
    assert frames.shape == (1, 48, 80, 3)
    assert np.abs(frames[0].astype(int) - (200, 40, 90)).max() <= 8


@pytest.mark.parametrize(
    ("name", "codec"),
    [("mpeg4.avi", "mpeg4"), ("h264.avi", "libx264"), ("mpeg2.mpg", "mpeg2video")],
)
def test_containers_without_presentation_times_are_exact_too(folder, name, codec):
    """AVI says when pictures are decoded, not when they are shown; UCF-101 comes as AVI."""
    path = write_plain(folder / name, codec=codec, bf="2", g="12")
    instants = np.array([0.5, 1.1, 3.0, 4.9])
    assert numbers(decode_at(path, instants, 48, 80)) == [15, 33, 90, 147]


def write_plain(path, codec="libx264", **options):
    """150 numbered frames at 30 Hz, in whatever container the name asks for."""
    with av.open(str(path), "w") as container:
        fast = {"preset": "ultrafast"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=30, options=fast | options)
        stream.bit_rate = 2_000_000
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
        decoded = decode_at(path, instants, 48, 80)
        assert numbers(decoded) == wanted(CLOCKS["constant"], instants)


def test_times_that_contradict_the_order_of_pictures_are_refused(folder):
    path = write_plain(folder / "ordered.mp4", bf="0", g="20")
    shuffled = folder / "shuffled.mp4"
    with av.open(str(path)) as source, av.open(str(shuffled), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        stamps = [packet.pts for packet in packets]
        for first in range(1, len(stamps) - 3, 3):
            stamps[first : first + 3] = stamps[first : first + 3][::-1]
        for packet, stamp in zip(packets, stamps, strict=True):
            packet.pts = stamp + 2 * packet.duration  # no picture is shown before it is decoded
            packet.stream = stream
            target.mux(packet)
    with pytest.raises(ClipProblem, match=r"has pictures out of order at .* convert") as raised:
        decode_at(shuffled, np.array([1.0, 2.0]), 48, 80)
    assert raised.value.kind == "unordered"


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
    assert numbers(decode_at(path, instants, 48, 80)) == shown
    hit_picture(path, hit)
    with pytest.raises(ClipProblem, match=rf"is damaged at {hit / 30:.3f} s; copy it again"):
        decode_at(path, instants, 48, 80)


def test_damage_behind_the_last_instant_does_no_harm(folder):
    path = write_plain(folder / "later.mp4", g="20", bf="3")
    hit_picture(path, 80)
    assert numbers(decode_at(path, np.array([45 / 30]), 48, 80)) == [45]


def test_damage_in_a_picture_that_nothing_shown_builds_on_does_no_harm(folder):
    path = write_plain(
        folder / "skipped.mp4",
        **{"x264-params": "keyint=20:min-keyint=20:scenecut=0:bframes=3:b-adapt=0:b-pyramid=none"},
    )
    hit_picture(path, 43)
    assert numbers(decode_at(path, np.array([42 / 30, 48 / 30]), 48, 80)) == [42, 48]


CLASSES = ("no collision", "collision")


def index(table):
    data = read_data_set({"source": "nexar", "folder": str(table.parent)})
    return index_clips(data, WINDOWS, max_marked_share=0.5, workers=1)


@pytest.fixture(scope="module")
def nexar(tmp_path_factory):
    clips = {"00003": 3.1, "00001": None, "00002": 3.6, "00004": None}
    return write_nexar(tmp_path_factory.mktemp("nexar"), clips)


def decode(table, folder, *, manifest=None, workers=1, per_shard=3, windows=WINDOWS):
    """Decode a table's clips in shards, join them, and return them."""
    manifest = index(table) if manifest is None else manifest
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(-(-len(manifest) // per_shard))
    files = [[folder / f"{shard}.{kind}" for shard in shards] for kind in ("h5", "parquet")]
    for shard in shards:
        decode_windows(
            shard_of(manifest, shard, per_shard),
            table.parent,
            windows,
            files[0][shard],
            files[1][shard],
            workers=workers,
        )
    collect_windows(
        *files,
        manifest,
        windows,
        classes=CLASSES,
        windows=folder / "windows.h5",
        index=folder / "windows.parquet",
        max_marked_share=0.3,
        place="task t",
    )
    with open_windows(folder / "windows.h5") as clips:
        return list(clips)


def test_windows_end_before_the_event_and_share_their_frames(nexar, tmp_path):
    clips = decode(nexar, tmp_path)
    assert [clip.clip_id for clip in clips] == ["00001", "00002", "00003", "00004"]
    clip = clips[2]
    assert clip.tte_s == (0.5, 1.0, 1.5)
    assert clip.label == 1
    assert clip.mask.all()
    # 3.1 s - 0.5 s = picture 26 at 10 Hz, and three more, 0.2 s apart, before it.
    shown = [[read_number(clip.frames[i]) for i in row] for row in clip.window_frames]
    assert shown == [[20, 22, 24, 26], [15, 17, 19, 21], [10, 12, 14, 16]]
    assert len(clip.frames) == 12
    assert read_classes(tmp_path / "windows.h5") == CLASSES


def test_two_windows_a_second_apart_store_a_shared_frame_once(nexar, tmp_path):
    longer = WindowSettings(frames=8, rate_hz=5.0, tte_s=(0.5, 1.5), height=48, width=80)
    clips = decode(nexar, tmp_path, windows=longer)
    assert {len(clip.frames) for clip in clips} == {13}


def test_windows_that_begin_before_their_clip_are_padded(tmp_path):
    table = write_nexar(tmp_path, {"1": 1.82, "2": None, "3": 3.1, "4": None})
    clips = {clip.clip_id: clip for clip in decode(table, tmp_path)}
    early = clips["1"]
    # Ends at 1.32, 0.82 and 0.32 s: the last window begins 0.28 s before the clip.
    assert early.mask.tolist() == [[True] * 4, [True] * 4, [False, False, True, True]]
    shown = [[read_number(early.frames[i]) for i in row] for row in early.window_frames]
    assert shown == [[7, 9, 11, 13], [2, 4, 6, 8], [0, 0, 1, 3]]
    rows = read_window_index(tmp_path / "windows.parquet").query("clip_id == '1'")
    assert rows["real_frames"].to_list() == [4, 4, 2]
    assert rows["end_time_s"].to_list() == pytest.approx([1.32, 0.82, 0.32])
    assert rows["most_early_s"].to_list() == pytest.approx([0.02, 0.02, 0.02])


def test_a_clip_cut_before_its_event_has_one_window(nexar, tmp_path):
    manifest = index(nexar)
    manifest.loc[1, ["cut_tte_s", "reference_time_s"]] = (1.0, 5.0)  # the clip is 4 s long
    clips = decode(nexar, tmp_path, manifest=manifest)
    assert [clip.tte_s for clip in clips] == [WINDOWS.tte_s, (1.0,), WINDOWS.tte_s, WINDOWS.tte_s]
    shown = [read_number(clips[1].frames[i]) for i in clips[1].window_frames[0]]
    assert shown == [34, 36, 38, 39]  # 4.0 s is when picture 39 ends
    assert clips[2].frames.shape[0] == 12


def test_the_bytes_do_not_depend_on_workers_or_shards(nexar, tmp_path):
    decode(nexar, tmp_path / "one")
    decode(nexar, tmp_path / "two", workers=3, per_shard=2)
    for name in ("windows.h5", "windows.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_folder_of_pictures_is_a_clip(nexar, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(40):
        Image.fromarray(burn(number)).save(folder / f"img_{number + 7:06d}.png")
    table = nexar.parent / "clips.csv"
    rows = ["clip_id,path,label,event_time_s,alert_time_s", "b,train/00001.mp4,0,,"]
    table.write_text("\n".join([*rows, f"a,{folder},1,3.1,"]) + "\n")
    data = read_data_set({"source": "csv", "file": str(table)})
    data = replace(
        data,
        records=tuple(
            replace(r, picture_rate_hz=10.0 if r.clip_id == "a" else None) for r in data.records
        ),
    )
    manifest = index_clips(data, WINDOWS, max_marked_share=0.0, workers=1)
    assert manifest["duration_s"].to_list() == pytest.approx([4.0, 4.0])
    clip = decode(table, tmp_path, manifest=manifest)[0]
    shown = [[read_number(clip.frames[i]) for i in row] for row in clip.window_frames]
    assert shown == [[20, 22, 24, 26], [15, 17, 19, 21], [10, 12, 14, 16]]


def test_a_folder_that_lacks_pictures_is_refused(tmp_path):
    def problem_of(*numbers):
        folder = tmp_path / f"pictures {len(numbers)}"
        folder.mkdir()
        for number in numbers:
            Image.fromarray(burn(1)).save(folder / f"img_{number:06d}.png")
        with pytest.raises(ClipProblem) as raised:
            probe_pictures(folder, 10.0, "the clip")
        return raised.value.kind, str(raised.value)

    assert problem_of() == (
        "empty",
        "the clip holds no numbered picture; copy it again or remove the row.",
    )
    assert problem_of(7, 8, 10) == (
        "truncated",
        "the clip lacks picture 9 of 7 to 10; copy it again or remove the row.",
    )
    with pytest.raises(ClipProblem, match="is no folder") as raised:
        probe_pictures(tmp_path / "nowhere", 10.0, "the clip")
    assert raised.value.kind == "missing"


def test_a_damaged_picture_of_a_folder_is_named(tmp_path):
    for number in range(3):
        Image.fromarray(burn(number)).save(tmp_path / f"{number}.jpg")
    (tmp_path / "1.jpg").write_text("no picture")
    size = {"height": 48, "width": 80, "name": "c", "most_late_s": 0.1}
    assert len(decode_pictures_at(tmp_path, 10.0, np.array([0.0, 0.2]), **size).frames) == 2
    with pytest.raises(ClipProblem, match=r"c: the picture 1\.jpg") as raised:
        decode_pictures_at(tmp_path, 10.0, np.array([0.1]), **size)
    assert raised.value.kind == "damaged"


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
    clips = decode(table, tmp_path, manifest=manifest)
    assert [clip.clip_id for clip in clips] == ["1", "2", "4"]
    marked = read_marked_clips(tmp_path / "windows.parquet")
    assert list(marked) == ["3"]
    assert marked["3"].startswith("train/3.mp4 ")
    assert "copy it again or remove the row" in marked["3"]
    rows = read_window_index(tmp_path / "windows.parquet")
    assert rows["problem_kind"].to_list() == [""] * 6 + ["damaged"] + [""] * 3
    assert rows["window"].to_list() == [0, 1, 2, 3, 4, 5, -1, 6, 7, 8]


def test_clips_marked_in_the_manifest_are_rows_too(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    (tmp_path / "train/1.mp4").unlink()
    decode(table, tmp_path)
    assert "is missing" in read_marked_clips(tmp_path / "windows.parquet")["1"]


def test_equal_folders_give_equal_bytes_wherever_they_lie(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "another place"):
        clips = {"1": 3.1, "2": None, "3": 3.2, "4": None, "5": 3.3, "6": None, "7": None}
        table = write_nexar(folder, clips)
        (folder / "train/6.mp4").unlink()
        manifest = index(table)
        damage(folder / "train/3.mp4")
        write_manifest(folder / "manifest.parquet", manifest, WINDOWS, CLASSES, {})
        decode(table, folder, manifest=manifest)
    for name in ("manifest.parquet", "windows.h5", "windows.parquet"):
        one, other = ((tmp_path / place / name).read_bytes() for place in ("one", "another place"))
        assert one == other
        assert str(tmp_path).encode() not in one


def test_too_many_clips_that_break_stop_the_run(tmp_path):
    table = write_nexar(tmp_path, {"1": 3.1, "2": None, "3": 3.2, "4": None})
    manifest = index(table)
    for name in ("3", "4"):
        damage(tmp_path / f"train/{name}.mp4")
    with pytest.raises(InputError, match=r"task t: 2 of 4 clips \(50%\) cannot be used"):
        decode(table, tmp_path, manifest=manifest)
    assert not (tmp_path / "windows.h5").exists()


def test_a_video_that_ends_before_the_last_instant_is_refused(folder):
    path = write_video(folder / "short.mp4", np.arange(60) / 30)
    with pytest.raises(ClipProblem, match=r"ends at 2\.000 s, before 2\.500 s"):
        decode_at(path, np.array([1.0, 2.5]), 48, 80)
