"""Clips that are whole, in many forms, and clips that are broken in the twelve ways.

Every picture of a whole clip carries its number, so that what was decoded can be checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from make_clips import WINDOWS, wanted_pictures
from numpy.typing import NDArray
from pattern import burn
from setting import use_library

use_library()

from dashsearch.clips.windows import window_times  # noqa: E402

HEIGHT, WIDTH, SECONDS = 144, 256, 8
# Bytes that go at once when a disk or a card fails.
BLOCK = 4096
CLOCK = Fraction(1, 90_000)
# Earliest and latest time of an event, in seconds.
EVENTS = (6.2, 7.1)


@dataclass(frozen=True)
class Form:
    """How a whole clip is made."""

    suffix: str = "mp4"
    rate_hz: int = 15
    gop: int = 15
    b_frames: int = 2
    faststart: bool = True
    irregular: bool = False
    late_s: float = 0.0

    def times(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """When each picture is shown; an irregular form drops a fifth and shifts the others."""
        times = np.arange(SECONDS * self.rate_hz) / self.rate_hz
        if self.irregular:
            times += rng.uniform(0, 0.4 / self.rate_hz, len(times))
            times = times[rng.uniform(size=len(times)) > 0.2]
        return times - times[0]


FORMS = (
    Form(),
    Form(rate_hz=30, gop=250),
    Form(rate_hz=25, gop=12, b_frames=0),
    Form(gop=250, faststart=False),
    Form(irregular=True),
    Form(rate_hz=30, irregular=True, gop=60, b_frames=3),
    Form(suffix="mov", rate_hz=24),
    Form(suffix="mkv", rate_hz=30, gop=40),
    Form(suffix="mkv", irregular=True),
    Form(suffix="ts", rate_hz=25, gop=25),
    Form(late_s=2.5),
    Form(rate_hz=10, gop=1, b_frames=0),
)


def write_whole(path: Path, form: Form, rng: np.random.Generator) -> NDArray[np.float64]:
    """Write a whole clip; return when each picture is shown, in seconds from the first one."""
    times = form.times(rng)
    scene = rng.integers(40, 200, (HEIGHT // 8, WIDTH // 4, 3)).astype(np.uint8)
    scene = scene.repeat(8, axis=0).repeat(8, axis=1)
    options = {"movflags": "+faststart"} if form.faststart and form.suffix == "mp4" else {}
    encoder = {"crf": "26", "preset": "veryfast", "g": str(form.gop), "bf": str(form.b_frames)}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=form.rate_hz, options=encoder)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = stream.time_base = CLOCK
        for number, time_s in enumerate(times):
            left = 2 * number % WIDTH
            picture = np.ascontiguousarray(scene[:, left : left + WIDTH])
            burn(picture, number)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round((time_s + form.late_s) / CLOCK), CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return times


@dataclass
class Row:
    """A row of the task's table, which a maker of damage may change."""

    path: Path
    event_s: float
    alert_s: float | None = None


def _missing(row: Row, rng: np.random.Generator, turn: int) -> None:
    row.path.unlink()


def _empty(row: Row, rng: np.random.Generator, turn: int) -> None:
    row.path.write_bytes(b"")


def _unreadable(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Put a text, a web page in place of the video, or a file whose header was never written."""
    if turn % 3 == 0:
        row.path.write_text("clip_id,path\n" * 50)
    elif turn % 3 == 1:
        row.path.write_text("<!DOCTYPE html><html><body>403 Forbidden</body></html>\n")
    else:
        write_whole(row.path, Form(faststart=False), rng)
        content = row.path.read_bytes()
        row.path.write_bytes(content[: content.index(b"moov") - 4])


def _no_video(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Write sound only."""
    rate = 44_100
    with av.open(str(row.path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        tone = np.sin(np.arange(SECONDS * 1024 * 43) * (0.03 + 0.001 * turn))
        for start in range(0, len(tone), 1024):
            samples = tone[None, start : start + 1024].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _unknown_codec(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Name a codec that nobody knows in the sample entry."""
    content = row.path.read_bytes()
    row.path.write_bytes(content.replace(b"avc1", (b"zzzz", b"q0q0", b"nope")[turn % 3], 2))


def _truncated(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Cut the file; its header stands in front and is whole."""
    content = row.path.read_bytes()
    start = content.index(b"mdat") + 200
    row.path.write_bytes(content[: start + int((len(content) - start) * rng.uniform(0.05, 0.97))])


def _no_pictures(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Write a header that announces a video stream, and nothing behind it."""
    options = {"movflags": "+empty_moov+frag_keyframe"}
    with av.open(str(row.path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.start_encoding()


def _untimed(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Take the container away: the bare stream of H.264 under a video's name."""
    bare = row.path.with_suffix(".h264")
    with av.open(str(row.path)) as source, av.open(str(bare), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    bare.rename(row.path)


def _unordered(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Write presentation times that contradict the order in which the pictures come out."""
    write_whole(row.path, Form(b_frames=0), rng)
    shuffled = row.path.with_name("shuffled.mp4")
    with av.open(str(row.path)) as source, av.open(str(shuffled), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        stamps = [packet.pts for packet in packets]
        step = 2 + turn % 3
        for first in range(1, len(packets) - step, step):
            stamps[first : first + step] = stamps[first : first + step][::-1]
        # No picture may be shown before it is decoded.
        lead = max(packet.dts - stamp for packet, stamp in zip(packets, stamps, strict=True))
        for packet, stamp in zip(packets, stamps, strict=True):
            packet.pts = stamp + max(lead, 0)
            packet.stream = stream
            target.mux(packet)
    shuffled.rename(row.path)


def _damaged(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Overwrite a block of the file, by zeros or noise, where windows take pictures from.

    It begins inside a picture that a window shows and runs over the beginnings of the next ones.
    Noise inside one picture alone could by chance be another valid picture: H.264 has no checksum.
    """
    with av.open(str(row.path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = np.array([float(packet.pts * stream.time_base) for packet in packets])
    times -= times.min()
    instants = np.unique(window_times(row.event_s, WINDOWS))[2:-8]
    wanted = np.argsort(times)[wanted_pictures(np.sort(times), instants)]
    hit = packets[int(rng.choice(wanted))]
    begin = hit.pos + hit.size // 2
    block = bytes(BLOCK) if turn % 2 else rng.bytes(BLOCK)
    content = row.path.read_bytes()
    row.path.write_bytes(content[:begin] + block + content[begin + BLOCK :])


def _too_short(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Move the event so early that a window shows at most one picture of the clip."""
    row.event_s = round(float(rng.uniform(0.2, 1.6)), 3)


def _wrong_times(row: Row, rng: np.random.Generator, turn: int) -> None:
    """Move the event behind the clip's end, or the alert behind the event."""
    if turn % 2:
        row.event_s = round(float(rng.uniform(SECONDS + 1, 60)), 3)
    else:
        row.alert_s = round(row.event_s + float(rng.uniform(0.1, 0.8)), 3)


DAMAGES: Mapping[str, Callable[[Row, np.random.Generator, int], None]] = {
    "missing": _missing,
    "empty": _empty,
    "unreadable": _unreadable,
    "no_video": _no_video,
    "unknown_codec": _unknown_codec,
    "truncated": _truncated,
    "no_pictures": _no_pictures,
    "untimed": _untimed,
    "unordered": _unordered,
    "damaged": _damaged,
    "too_short": _too_short,
    "wrong_times": _wrong_times,
}
