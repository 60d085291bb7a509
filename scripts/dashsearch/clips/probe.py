"""Looking at a video file without decoding it: is it whole, how long, how large."""

from dataclasses import dataclass
from pathlib import Path

import av

from dashsearch.clips.problems import ClipProblem

# A sound track may be longer than the video by this much.
MISSING_END_S = 1.0
# The demuxers of FFmpeg that read a file and nothing else.
CONTAINERS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,"
    "m4v,flv,asf,ogg,ivf,mxf,nut,wav,mp3,aac,gif,jpeg_pipe,png_pipe,image2,mjpeg",
}


@dataclass(frozen=True)
class VideoFacts:
    """Duration in seconds, mean frame rate in Hz, and size in pixels as encoded."""

    duration_s: float
    frame_rate_hz: float
    width_px: int
    height_px: int


def probe_video(path: str | Path, name: str) -> VideoFacts:
    """Read every packet of a video, which shows whether it is whole.

    Parameters
    ----------
    path
        The file.
    name
        What to call it in messages.

    Raises
    ------
    ClipProblem
        If the file is missing, empty, no video, truncated, or has pictures without a time.
    """
    path = Path(path)
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise ClipProblem("missing", f"{name} is missing; copy it there or remove the row.")
    if path.stat().st_size == 0:
        raise ClipProblem("empty", f"{name} has zero bytes; copy it again or remove the row.")
    try:
        with open_video(path) as container:
            if not container.streams.video:
                raise ClipProblem(
                    "no_video", f"{name} holds no video stream; replace it or remove the row."
                )
            if getattr(container.streams.video[0], "codec_context", None) is None:
                raise ClipProblem(
                    "unknown_codec",
                    f"{name} is encoded in a way that FFmpeg does not know, or its header is "
                    "damaged; encode or copy it again, or remove the row.",
                )
            return _read_packets(container, name)
    except av.FFmpegError as error:
        raise ClipProblem(
            "unreadable",
            f"{name} is not a readable video ({reason(error)}): truncated or another kind of "
            "file; copy it again or remove the row.",
        ) from None


def _read_packets(container: "av.container.InputContainer", name: str) -> VideoFacts:
    stream = container.streams.video[0]
    count, shown, untimed, corrupt = 0, 0, 0, False
    start, end = float("inf"), 0.0
    for packet in container.demux(stream):
        if packet.size == 0:
            continue  # the empty packet at the end
        count += 1
        if packet.pts is None:
            untimed += 1
            continue
        corrupt = corrupt or packet.is_corrupt
        if packet.is_discard:
            continue  # cut off by an edit list, but needed to decode the others
        shown += 1
        start = min(start, seconds(packet.pts, stream))
        end = max(end, seconds(packet.pts + (packet.duration or 0), stream))
    if count == 0:
        raise ClipProblem(
            "no_pictures", f"{name} holds no picture; copy it again or remove the row."
        )
    if untimed:
        raise ClipProblem(
            "untimed",
            f"{name} does not say when {untimed} of its {count} pictures are shown; "
            "convert it to mp4 or remove the row.",
        )
    declared = stream.frames or count
    # Containers that do not count their frames (Matroska) still say how long they are.
    promised = 0.0 if stream.frames else (container.duration or 0) / 1e6
    # Files that an edit list cuts, or that leave pictures out, declare more than they show.
    declared_s = seconds(stream.duration, stream)
    whole = stream.duration is not None and end - start > declared_s * (1 - 0.5 / declared)
    if count < declared and not whole:
        raise ClipProblem(
            "truncated",
            f"{name} is truncated: it holds {count} of {declared} frames; "
            "copy it again or remove the row.",
        )
    if corrupt:
        raise ClipProblem(
            "damaged", f"{name} holds a damaged packet; copy it again or remove the row."
        )
    if end < promised - MISSING_END_S:
        raise ClipProblem(
            "truncated",
            f"{name} is truncated: it holds {end:.1f} of {promised:.1f} s; "
            "copy it again or remove the row.",
        )
    if not end > start:
        raise ClipProblem(
            "unordered", f"{name} gives all its pictures one time; convert it or remove the row."
        )
    duration = end - start
    return VideoFacts(duration, shown / duration, stream.width, stream.height)


def seconds(ticks: int | None, stream: "av.VideoStream") -> float:
    """Turn a time stamp of the stream into seconds; a missing one is 0."""
    return float((ticks or 0) * (stream.time_base or 0))


def open_video(path: Path) -> "av.container.InputContainer":
    """Open a video or picture; a title or comment that is not UTF-8 does not matter.

    Files that only name other files or addresses, such as playlists, are not opened.
    """
    return av.open(str(path), metadata_errors="ignore", options=CONTAINERS)


def reason(error: av.FFmpegError | OSError) -> str:
    """Say why FFmpeg gave up, without the path that its own message may hold."""
    return str(error.strerror or type(error).__name__).lower()
