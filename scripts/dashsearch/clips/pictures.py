"""Clips that come as a folder of numbered pictures, as DoTA and DADA-2000 are published."""

import re
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from dashsearch.clips.probe import VideoFacts, open_video, reason
from dashsearch.clips.problems import ClipProblem
from dashsearch.clips.stretch import Decoded, choose_nearest
from dashsearch.clips.video import Scaler

SUFFIXES = (".jpg", ".jpeg", ".png")


def probe_pictures(folder: Path, rate_hz: float, name: str) -> VideoFacts:
    """Look at a folder of pictures: their numbers, and the size of the first.

    Parameters
    ----------
    folder
        Holds pictures whose names end in a number that counts up by one.
    rate_hz
        Pictures a second.
    name
        What to call the folder in messages.

    Raises
    ------
    ClipProblem
        If the folder is missing or holds no picture, a number is missing or stands twice, or the
        first picture cannot be read.
    """
    pictures = list_pictures(folder, name)
    with _opened(pictures[0], name) as container:
        stream = container.streams.video[0]
        width, height = stream.width, stream.height
    return VideoFacts(len(pictures) / rate_hz, rate_hz, width, height)


def decode_pictures_at(
    folder: Path,
    rate_hz: float,
    instants: NDArray[np.float64],
    height: int,
    width: int,
    *,
    name: str,
    most_late_s: float,
) -> Decoded:
    """Read the pictures nearest to given instants; the first one is shown at 0 s.

    Parameters and errors are those of `video.decode_at`; see `probe_pictures` for `folder` and
    `rate_hz`.
    """
    pictures = list_pictures(folder, name)
    times = np.arange(len(pictures)) / rate_hz
    wanted = choose_nearest(times, instants, most_late_s, end_s=len(pictures) / rate_hz, name=name)
    scale = Scaler(height, width)
    frames = [scale(_read(pictures[place], name)) for place in wanted.places]
    return Decoded(np.stack(frames), wanted.shown, wanted.offset_s)


def list_pictures(folder: Path, name: str) -> list[Path]:
    """List a folder's pictures in the order of their numbers.

    Raises
    ------
    ClipProblem
        If the folder is missing or holds no picture, or a number is missing or stands twice.
    """
    try:
        entries = sorted(folder.iterdir()) if folder.is_dir() else None
    except (OSError, ValueError):
        entries = None
    if entries is None:
        raise ClipProblem("missing", f"{name} is no folder; copy it there or remove the row.")
    numbered = {}
    for entry in entries:
        number = re.search(r"(\d+)$", entry.stem)
        if entry.suffix.lower() not in SUFFIXES or number is None:
            continue
        if int(number[1]) in numbered:
            raise ClipProblem(
                "unordered",
                f"{name} holds two pictures with the number {int(number[1])}; remove one.",
            )
        numbered[int(number[1])] = entry
    if not numbered:
        raise ClipProblem(
            "empty", f"{name} holds no numbered picture; copy it again or remove the row."
        )
    first, last = min(numbered), max(numbered)
    if last - first + 1 > len(numbered):
        lost = next(number for number in range(first, last) if number not in numbered)
        raise ClipProblem(
            "truncated",
            f"{name} lacks picture {lost} of {first} to {last}; copy it again or remove the row.",
        )
    return [numbered[number] for number in range(first, last + 1)]


def _opened(picture: Path, name: str) -> "av.container.InputContainer":
    try:
        return open_video(picture)
    except (av.FFmpegError, OSError) as error:
        raise ClipProblem(
            "damaged",
            f"{name}: the picture {picture.name} cannot be read ({reason(error)}); "
            "copy it again or remove the row.",
        ) from None


def _read(picture: Path, name: str) -> av.VideoFrame:
    with _opened(picture, name) as container:
        container.streams.video[0].codec_context.thread_count = 1
        try:
            frame = next(container.decode(video=0))
            fault = "damaged" if frame.is_corrupt else ""
        except (av.FFmpegError, StopIteration):
            fault = "damaged"
    if fault:
        raise ClipProblem(
            fault,
            f"{name}: the picture {picture.name} is damaged; copy it again or remove the row.",
        )
    return frame
