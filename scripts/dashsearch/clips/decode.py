"""Decoding the frames that a task's windows show: once, by time, into one HDF5 file."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pandas as pd
from av.video.frame import PictureType
from numpy.typing import NDArray

from dashsearch.clips.adapters import check_classes
from dashsearch.clips.manifest import check_marked
from dashsearch.clips.probe import ClipProblem, open_video, reason, seconds
from dashsearch.clips.windows import (
    WINDOWS_SCHEMA,
    ClipWindows,
    WindowSettings,
    WindowsWriter,
    window_times,
)
from dashsearch.files import canonical_json, digest, replacing
from dashsearch.provenance import provenance

# A frame counts as shown at an instant if its time is at most this much later: time stamps are
# rounded to the container's time base.
TOLERANCE_S = 1e-3
# How long the last frame may stand beyond its own end: containers round durations.
LAST_FRAME_S = 0.2
# Decoded clips that wait to be written may take this much together.
MEMORY_BYTES = 400_000_000

logger = logging.getLogger(__name__)


def decode_windows(
    manifest: pd.DataFrame,
    root: str | Path,
    settings: WindowSettings,
    target: str | Path,
    *,
    max_marked_share: float,
    workers: int,
) -> None:
    """Decode the windows of all usable clips.

    A clip that breaks on the way gets no window; the file's attribute `marked` says why. The bytes
    do not depend on `workers`.

    Parameters
    ----------
    manifest
        From `manifest.read_manifest`.
    root
        The folder that the manifest's paths start from.
    max_marked_share
        Largest share of marked clips, those of the manifest included, that is not an error.
    workers
        Threads; each decodes one clip at a time, on one thread (PyAV releases Python's lock).

    Raises
    ------
    InputError
        If too many clips are marked, or a class has none left.
    """
    usable = manifest[manifest["status"] == "ok"].sort_values("clip_id")
    clips = usable[["clip_id", "path", "label", "reference_time_s"]].to_dict("records")
    note = provenance(
        WINDOWS_SCHEMA,
        libraries=("av", "numpy"),
        inputs={"manifest": digest(clips)},
        settings=asdict(settings),
    )
    marked: dict[str, str] = {}

    def decode(clip: dict[str, Any]) -> ClipWindows | ClipProblem:
        try:
            return decode_clip(clip, root, settings)
        except ClipProblem as problem:
            return problem

    with (
        replacing(target) as path,
        h5py.File(path, "w", libver="latest") as store,
        ThreadPoolExecutor(workers) as pool,
    ):
        writer = WindowsWriter(store, settings)
        # Batches bound the memory: no more than this many clips wait to be written.
        size = max(1, min(4 * workers, MEMORY_BYTES // _bytes_of_clip(settings)))
        for first in range(0, len(clips), size):
            batch = clips[first : first + size]
            for clip, result in zip(batch, pool.map(decode, batch), strict=True):
                if isinstance(result, ClipProblem):
                    marked[clip["clip_id"]] = str(result)
                    logger.warning("%s", result)
                else:
                    writer.append(result)
            logger.info("decoded %d of %d clips", first + len(batch), len(clips))
        known = manifest.loc[manifest["status"] == "marked", "problem"].to_list()
        check_marked([*marked.values(), *known], len(manifest), max_marked_share, root)
        check_classes(
            [clip["label"] for clip in clips if clip["clip_id"] not in marked],
            f"{root}, after decoding",
        )
        writer.close(marked, canonical_json(note))


def _bytes_of_clip(settings: WindowSettings) -> int:
    return len(settings.tte_s) * settings.frames * settings.height * settings.width * 3


def decode_clip(clip: dict[str, Any], root: str | Path, settings: WindowSettings) -> ClipWindows:
    """Decode all windows of one clip.

    Raises
    ------
    ClipProblem
        If the video cannot be decoded up to the last instant.
    """
    times = window_times(float(clip["reference_time_s"]), settings)
    instants, place = np.unique(times, return_inverse=True)
    try:
        frames, shown = decode_at(
            Path(root, str(clip["path"])),
            instants,
            settings.height,
            settings.width,
            name=str(clip["path"]),
        )
    except (av.FFmpegError, OSError) as error:
        raise ClipProblem(
            f"{clip['path']} breaks while it is decoded ({reason(error)}); "
            "copy it again or remove the row."
        ) from None
    return ClipWindows(
        clip_id=str(clip["clip_id"]),
        label=int(clip["label"]),
        frames=frames,
        window_frames=shown[place].reshape(times.shape),
        tte_s=settings.tte_s,
    )


def decode_at(
    path: Path, instants: NDArray[np.float64], height: int, width: int, *, name: str = ""
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Decode the frames shown at ascending instants: at each, the last one not later than it.

    One seek to the key frame before the first instant, then forwards; selection goes by
    presentation time, so variable frame rates, dropped frames and late starts do no harm.

    Parameters
    ----------
    instants
        Seconds from the video's first frame, ascending and distinct, (M,).
    name
        What to call the video in messages, if not by its file's name.

    Returns
    -------
    frames
        The distinct frames, uint8 (F, height, width, 3), RGB, scaled by area averaging.
    shown
        For each instant the index of its frame, (M,).

    Raises
    ------
    ClipProblem
        If the video ends too early, or a picture that the frames may build on is damaged or out
        of order.
    """
    name = name or path.name
    with open_video(path) as container:
        stream = container.streams.video[0]
        start = stream.start_time or 0
        first = start + int(max(instants[0], 0.0) / (stream.time_base or 1))
        container.seek(first, stream=stream, backward=True)
        try:
            return _collect(container, name, instants, height, width)
        except _LateStart:
            pass  # a container without an index (MPEG-TS) led past the instant
    with open_video(path) as container:
        return _collect(container, name, instants, height, width)


class _LateStart(ClipProblem):
    """The first frame decoded is later than the first instant asked for."""


def _collect(
    container: "av.container.InputContainer",
    name: str,
    instants: NDArray[np.float64],
    height: int,
    width: int,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1
    start = seconds(stream.start_time, stream)
    frames: list[NDArray[np.uint8]] = []
    shown: list[int] = []
    previous: av.VideoFrame | None = None
    previous_s = -np.inf
    fault = ""

    def show(until: float) -> None:
        """Let `previous` stand for all instants before `until`."""
        due = int(np.searchsorted(instants + TOLERANCE_S, until)) - len(shown)
        if due <= 0:
            return
        if previous is None:
            raise _LateStart(
                f"{name} has no picture at {instants[0]:.3f} s; copy it again or remove the row."
            )
        picture = previous.reformat(width, height, format="rgb24", interpolation="AREA")
        frames.append(picture.to_ndarray().astype(np.uint8, copy=False))
        shown.extend([len(frames) - 1] * due)

    for frame in container.decode(stream):
        shown_s = seconds(frame.pts, stream) - start
        show(until=shown_s)
        # A B picture builds on a later one too, so look on until that one has come.
        built = previous is not None and previous.pict_type != PictureType.B
        if len(shown) == len(instants) and built:
            break
        # The decoder tells of the picture that is damaged, not of those that build on it.
        if frame.is_corrupt:
            fault = fault or f"is damaged at {shown_s:.3f} s; copy it again"
        elif shown_s < previous_s:
            fault = fault or f"has pictures out of order at {shown_s:.3f} s; convert it to mp4"
        elif frame.key_frame and not shown:
            fault = ""
        previous, previous_s = frame, shown_s
    if fault:
        raise ClipProblem(f"{name} {fault} or remove the row.")
    if previous is not None:
        # The last frame stays on the screen for as long as it says, and no longer.
        end = seconds(previous.pts, stream) + seconds(previous.duration, stream) - start
        if len(shown) < len(instants) and instants[-1] > end + LAST_FRAME_S:
            raise ClipProblem(
                f"{name} ends at {end:.3f} s, before {instants[-1]:.3f} s; "
                "copy it again or remove the row."
            )
    show(until=np.inf)
    return np.stack(frames), np.array(shown)
