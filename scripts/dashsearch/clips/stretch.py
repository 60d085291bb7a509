"""Which pictures of a video are wanted, found from its packets before anything is decoded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.probe import open_video
from dashsearch.clips.problems import ClipProblem

# How long the last picture may stand beyond its own end: containers round durations.
LAST_PICTURE_S = 0.2
# Times that differ by less are equal: they are sums and differences of rounded numbers.
NOTHING_S = 1e-9
# How far before the first instant to seek if the key frame found lies behind it.
STEPS_BACK_S = (0.0, 0.5, 4.0)
# MPEG program streams stamp some pictures only; after a seek FFmpeg guesses the others' times.
INVENTED_STAMPS = ("mpeg",)


class Decoded(NamedTuple):
    """Pictures nearest to M instants.

    Attributes
    ----------
    frames
        The distinct ones in order of time, uint8 (F, height, width, 3), RGB.
    shown
        Index of each instant's picture, int64 (M,).
    offset_s
        How much later than its instant each picture is, in seconds, (M,).
    """

    frames: NDArray[np.uint8]
    shown: NDArray[np.int64]
    offset_s: NDArray[np.float64]


def nearest(
    times: NDArray[np.float64], instants: NDArray[np.float64], most_late_s: float
) -> NDArray[np.int64]:
    """Find the time nearest to each instant, the earlier one of two at equal distance.

    A time that is later than its instant by more than `most_late_s` is not taken if there is an
    earlier one: across a gap in a video the nearest picture may show what must not be known yet.

    Parameters
    ----------
    times
        Ascending, (P,), at least one.
    instants
        (M,).

    Returns
    -------
    ndarray
        Index of a time for each instant, int64 (M,).
    """
    after = np.clip(np.searchsorted(times, instants), 1, max(len(times) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    late, early = times[after] - instants, instants - times[before]
    take_before = (early <= late + NOTHING_S) | ((late > most_late_s + NOTHING_S) & (early >= 0))
    return np.where(take_before, before, after)


@dataclass(frozen=True)
class Stretch:
    """Packets in the order of decoding, from a key frame on.

    Attributes
    ----------
    first
        Time stamp of the video's first picture.
    tick_s
        Seconds of one unit of time stamps.
    """

    packets: list[Any]
    first: int
    tick_s: float

    @property
    def stamps(self) -> list[int]:
        """Time stamps of the pictures that are to be shown, ascending."""
        return sorted({packet.pts for packet in self.packets if not packet.is_discard})

    @property
    def end_s(self) -> float:
        """When the last picture's own duration is over, in seconds from the first picture."""
        last = max((p for p in self.packets if not p.is_discard), key=lambda packet: packet.pts)
        return float((last.pts + (last.duration or 0) - self.first) * self.tick_s)

    def seconds(self, stamps: int | Sequence[int]) -> NDArray[np.float64]:
        """Time stamps as seconds from the first picture."""
        return (np.asarray(stamps, np.float64) - self.first) * self.tick_s


@dataclass(frozen=True)
class Wanted:
    """Which of P pictures are wanted.

    Attributes
    ----------
    places
        Those that some instant shows, ascending.
    shown
        Which of `places` each instant shows, int64 (M,).
    offset_s
        How much later than its instant each one is, (M,).
    """

    places: NDArray[np.int64]
    shown: NDArray[np.int64]
    offset_s: NDArray[np.float64]


def choose_nearest(
    times: NDArray[np.float64],
    instants: NDArray[np.float64],
    most_late_s: float,
    *,
    end_s: float,
    name: str,
) -> Wanted:
    """Choose the picture of each instant; `times` and `instants` as in `nearest`.

    Raises
    ------
    ClipProblem
        If the last instant lies behind `end_s`, the time until which the last picture is shown.
    """
    if instants[-1] > end_s + LAST_PICTURE_S:
        raise ClipProblem(
            "truncated",
            f"{name} ends at {end_s:.3f} s, before {instants[-1]:.3f} s; "
            "copy it again or remove the row.",
        )
    chosen = nearest(times, instants, most_late_s)
    places, shown = np.unique(chosen, return_inverse=True)
    return Wanted(places, shown, times[chosen] - instants)


def read_around(
    container: "av.container.InputContainer",
    stream: "av.VideoStream",
    instants: NDArray[np.float64],
    name: str,
) -> Stretch:
    """Read the packets from the key frame before the first instant to behind the last one."""
    if container.format.name in INVENTED_STAMPS:
        return read_from_start(container, name)
    head = list(_until(_pictures(container, stream, name), -(2**62)))
    first = min(p.pts for p in head if not p.is_discard)
    tick_s = float(stream.time_base or 1)
    earliest, last = (first + max(0, int(t / tick_s)) for t in (instants[0], instants[-1]))
    for back_s in STEPS_BACK_S:
        # Some containers seek by the time of decoding, or lead to a later key frame.
        container.seek(max(first, earliest - int(back_s / tick_s)), stream=stream, backward=True)
        stretch = Stretch(list(_until(_pictures(container, stream, name), last)), first, tick_s)
        if stretch.packets and stretch.packets[0].is_keyframe and stretch.stamps[:1] <= [earliest]:
            return stretch
    with open_video(Path(container.name)) as again:
        return read_from_start(again, name, last)


def read_from_start(
    container: "av.container.InputContainer", name: str, last: int = 2**62
) -> Stretch:
    """Read the packets of a freshly opened video up to the time stamp `last`, or all of them."""
    stream = container.streams.video[0]
    packets = list(_until(_pictures(container, stream, name), last))
    shown = [packet.pts for packet in packets if not packet.is_discard]
    if not shown:
        raise ClipProblem(
            "no_pictures", f"{name} holds no picture; copy it again or remove the row."
        )
    return Stretch(packets, min(shown), float(stream.time_base or 1))


def _pictures(
    container: "av.container.InputContainer", stream: "av.VideoStream", name: str
) -> Iterator[Any]:
    """Yield the packets that hold pictures."""
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        if packet.pts is None:
            raise ClipProblem(
                "untimed",
                f"{name} holds pictures that do not say when they are shown; "
                "convert it to mp4 or remove the row.",
            )
        yield packet


def _until(packets: Iterable[Any], last: int) -> Iterator[Any]:
    """Yield packets up to the first picture that is shown behind `last`, and all shown before it.

    No picture is shown before it is decoded, so the decoding times say when that is reached.
    """
    behind = 2**62
    for packet in packets:
        if packet.dts is not None and packet.dts >= behind:
            return
        yield packet
        if packet.pts > last and not packet.is_discard:
            behind = min(behind, packet.pts)
