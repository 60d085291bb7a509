"""Decoding is exact to the frame, whatever the file's clock does, and independent of workers."""

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clips.videos import HEIGHT, WIDTH, burn, read_number, write_video
from dashsearch.clips.problems import ClipProblem
from dashsearch.clips.stretch import nearest
from dashsearch.clips.video import Scaler, decode_at
from dashsearch.clips.windows import WindowSettings, window_times

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


def test_a_playlist_that_calls_itself_a_clip_opens_nothing_else(folder):
    write_video(folder / "other.mp4", CLOCKS["constant"])
    playlists = (
        "#EXTM3U\n#EXTINF:5,\nother.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile other.mp4\n",
    )
    for number, text in enumerate(playlists):
        path = folder / f"playlist{number}.mp4"
        path.write_text(text)
        with pytest.raises(av.FFmpegError):
            decode_at(path, np.array([0.5]), 48, 80)


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


def test_a_video_that_ends_before_the_last_instant_is_refused(folder):
    path = write_video(folder / "short.mp4", np.arange(60) / 30)
    with pytest.raises(ClipProblem, match=r"ends at 2\.000 s, before 2\.500 s"):
        decode_at(path, np.array([1.0, 2.5]), 48, 80)


def test_colour_is_averaged_over_the_area_of_a_pixel():
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[200:260, 300:352, 0] = 255  # a red light: 26 pixels of colour in yuv420p
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    found = Scaler(112, 112)(frame).astype(float)
    # What the video holds, without its rounding of edges: 1280 / 112 columns a pixel.
    edges = np.linspace(0, 1280, 113)
    covered = np.clip(np.minimum(edges[1:], 352) - np.maximum(edges[:-1], 300), 0, None)
    red = 255 * covered / np.diff(edges)
    row = round(230 / 720 * 112)
    assert found[row, :, 0] - found[row, :, 1] == pytest.approx(red, abs=14)
