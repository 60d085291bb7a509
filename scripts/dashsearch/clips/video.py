"""Decoding the pictures of a video that are nearest to given instants, and little else.

Time stamps are read from the packets before anything is decoded. From the key frame before the
first wanted picture on, pictures that nothing builds on and nobody wants are skipped by the
decoder, and it stops at the last wanted one. Whatever looks wrong on that way (a damaged picture,
a wanted one that does not come out) is judged by decoding the file from its start, all of it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from dashsearch.clips.probe import open_video
from dashsearch.clips.problems import ClipProblem
from dashsearch.clips.stretch import (
    Decoded,
    Stretch,
    Wanted,
    choose_nearest,
    read_around,
    read_from_start,
)

# AVI has no presentation times: its pictures are shown in the order in which they come out.
WITHOUT_TIMES = ("avi",)


def decode_at(
    path: Path,
    instants: NDArray[np.float64],
    height: int,
    width: int,
    *,
    name: str = "",
    most_late_s: float = 0.1,
) -> Decoded:
    """Decode the pictures whose presentation times are nearest to given instants.

    Parameters
    ----------
    path
        A video file.
    instants
        Seconds from the video's first picture, not negative, ascending and distinct, (M,).
    height, width
        Size of the pictures, in pixels; scaled by area averaging, turned as the container says.
    name
        What to call the video in messages, if not by its file's name.
    most_late_s
        See `nearest`; half a sampling step is a good choice.

    Raises
    ------
    ClipProblem
        If the video ends too early, or a picture that the wanted ones may build on is damaged.
    av.FFmpegError
        If FFmpeg gives up.
    """
    name = name or path.name
    scale = Scaler(height, width)
    with open_video(path) as container:
        stream = container.streams.video[0]
        if container.format.name not in WITHOUT_TIMES:
            stretch = read_around(container, stream, instants, name)
            wanted, stamps = _choose(stretch, instants, most_late_s, name)
            pictures = _decode_wanted(stream, stretch.packets, stamps, scale)
            if pictures is not None:
                return _in_order(pictures, wanted)
    with open_video(path) as container:
        return _decode_carefully(container, instants, scale, most_late_s, name)


class Scaler:
    """Scales pictures by area averaging, one after the other (the scaler keeps its tables)."""

    def __init__(self, height: int, width: int) -> None:
        self._height, self._width = height, width
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return a picture as uint8 (height, width, 3), RGB, turned as its container says."""
        turns = round(frame.rotation / 90)
        height, width = (self._width, self._height) if turns % 2 else (self._height, self._width)
        # Planes of their own: the way to packed RGB shares colour between neighbouring pixels. More
        # threads are started anew for every picture, and cost more than they save.
        scaled = self._reformatter.reformat(
            frame, width, height, format="gbrp", interpolation="AREA", threads=1
        )
        picture: NDArray[np.uint8] = np.rot90(scaled.to_ndarray(), turns)
        return picture


def _choose(
    stretch: Stretch, instants: NDArray[np.float64], most_late_s: float, name: str
) -> tuple[Wanted, set[int]]:
    """Choose the pictures of the instants; the set holds their time stamps."""
    stamps = stretch.stamps
    wanted = choose_nearest(
        stretch.seconds(stamps), instants, most_late_s, end_s=stretch.end_s, name=name
    )
    return wanted, {stamps[place] for place in wanted.places}


def _in_order(pictures: dict[int, NDArray[np.uint8]], wanted: Wanted) -> Decoded:
    frames = np.stack([pictures[stamp] for stamp in sorted(pictures)])
    return Decoded(frames, wanted.shown, wanted.offset_s)


def _runs(packets: Sequence[Any], wanted: set[int]) -> list[tuple[int, int]]:
    """Find the runs of packets, first and last place, that have to be decoded."""
    runs: list[tuple[int, int]] = []
    keys = [0]
    for place, packet in enumerate(packets):
        if packet.is_keyframe and place:
            keys.append(place)
        if packet.pts not in wanted or packet.is_discard:
            continue
        # A picture shown before its key frame builds on the group before, too.
        leads = packet.pts < packets[keys[-1]].pts
        start = keys[-2] if leads and len(keys) > 1 else keys[-1]
        if runs and start <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((start, place))
    return runs


def _decode_wanted(
    stream: "av.VideoStream", packets: Sequence[Any], wanted: set[int], scale: Scaler
) -> dict[int, NDArray[np.uint8]] | None:
    """Decode the wanted pictures by their time stamps; None if anything looks wrong."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    previous = -(2**62)
    try:
        for frame in _frames_of_runs(stream.codec_context, packets, wanted):
            if frame.is_corrupt or frame.pts is None or frame.pts < previous:
                return None
            previous = frame.pts
            if frame.pts in wanted and frame.pts not in pictures:
                pictures[frame.pts] = scale(frame)
    except av.FFmpegError:
        return None
    return pictures if len(pictures) == len(wanted) else None


def _frames_of_runs(
    context: "av.VideoCodecContext", packets: Sequence[Any], wanted: set[int]
) -> Iterator[av.VideoFrame]:
    context.thread_count = 1
    for start, end in _runs(packets, wanted):
        for packet in packets[start : end + 1]:
            # Pictures that no other builds on are not decoded unless they are wanted.
            context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            yield from context.decode(packet)
        yield from context.decode(None)
        context.flush_buffers()


def _decode_carefully(
    container: "av.container.InputContainer",
    instants: NDArray[np.float64],
    scale: Scaler,
    most_late_s: float,
    name: str,
) -> Decoded:
    """Decode every picture from the file's start, and say what is wrong if something is."""
    stretch = read_from_start(container, name)
    wanted, stamps = _choose(stretch, instants, most_late_s, name)
    pictures: dict[int, NDArray[np.uint8]] = {}
    fault: ClipProblem | None = None
    previous = -(2**62)
    for stamp, frame in _stamped(container, stretch):
        at = f"{name} {{}} at {stretch.seconds(stamp):.3f} s; {{}} or remove the row."
        # The decoder tells of the picture that is damaged, not of those that build on it.
        if frame.is_corrupt:
            fault = fault or ClipProblem("damaged", at.format("is damaged", "copy it again"))
        elif stamp < previous:
            fault = fault or ClipProblem(
                "unordered", at.format("has pictures out of order", "convert it to mp4")
            )
        elif frame.key_frame and not pictures:
            fault = None
        previous = stamp
        if stamp in stamps:
            pictures[stamp] = scale(frame)
        # A B picture builds on a later one too, so look on until that one has come.
        if len(pictures) == len(stamps) and frame.pict_type != PictureType.B:
            break
    if fault is not None:
        raise fault
    missing = sorted(stamps - set(pictures))
    if missing:
        raise ClipProblem(
            "damaged",
            f"{name} has no picture that can be decoded at {stretch.seconds(missing[0]):.3f} s; "
            "copy it again or remove the row.",
        )
    return _in_order(pictures, wanted)


def _stamped(
    container: "av.container.InputContainer", stretch: Stretch
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode all packets and yield the pictures, in the order they come out, with time stamps."""
    context = container.streams.video[0].codec_context
    context.thread_count = 1
    counted = iter(stretch.stamps) if container.format.name in WITHOUT_TIMES else None
    for packet in [*stretch.packets, None]:
        for frame in context.decode(packet):
            stamp = frame.pts if counted is None else next(counted, None)
            if stamp is not None:
                yield stamp, frame
