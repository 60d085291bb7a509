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


def probe_pictures(
    folder: Path, rate_hz: float, name: str, first_number: int | None = None
) -> VideoFacts:
    """Look at a folder of pictures: their numbers, and the size of the first.

    Parameters
    ----------
    folder
        Holds pictures whose names end in a number that counts up by one.
    rate_hz
        Pictures a second.
    name
        What to call the folder in messages.
    first_number
        The number of the first picture, if the data set says so: times count from it, and a lost
        beginning would show what is to come.

    Raises
    ------
    ClipProblem
        If the folder is missing or holds no picture, a number is missing or stands twice, or the
        first picture cannot be read or is not the one that was declared.
    """
    pictures = list_pictures(folder, name)
    if first_number is not None and number_of(pictures[0]) != first_number:
        raise ClipProblem(
            "truncated",
            f"{name} begins with picture {number_of(pictures[0])} instead of {first_number}; copy "
            "it again or remove the row.",
        )
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


def number_of(picture: Path) -> int | None:
    """Return the number that a picture's name ends in; None if there is none."""
    found = re.search(r"(\d+)$", picture.stem)
    return None if found is None else int(found[1])


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
        number = number_of(entry)
        if entry.name.startswith("."):
            continue  # what a file system keeps beside a file
        if entry.suffix.lower() not in SUFFIXES or number is None:
            continue
        if number in numbered:
            raise ClipProblem(
                "unordered",
                f"{name} holds two pictures with the number {number}; remove one.",
            )
        numbered[number] = entry
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
