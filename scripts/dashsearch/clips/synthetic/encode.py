"""Writing frames as an H.264 file whose bytes depend on nothing but the frames."""

from collections.abc import Iterable
from pathlib import Path

import av

from dashsearch.clips.synthetic.geometry import HEIGHT_PX, WIDTH_PX, Image
from dashsearch.clips.synthetic.scene import FRAME_RATE_HZ
from dashsearch.files import replacing

ENCODER = {"crf": "26", "preset": "veryfast", "g": "15", "threads": "1"}
"""One thread: x264's decisions depend on the number of threads."""


def write_mp4(target: Path, frames: Iterable[Image], comment: str) -> None:
    """Encode RGB frames and rename the file to its target once it is complete.

    Parameters
    ----------
    comment
        Stored in the container; tells later runs which data set the clip belongs to.
    """
    options = {"movflags": "+faststart"}
    with replacing(target) as path, av.open(str(path), "w", options=options) as container:
        container.metadata["comment"] = comment
        stream = container.add_stream("libx264", rate=FRAME_RATE_HZ, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def read_comment(path: Path) -> str:
    """Return the comment in a container's header, or "" if there is none or it is unreadable."""
    try:
        with av.open(str(path)) as container:
            return str(container.metadata.get("comment", ""))
    except (av.FFmpegError, OSError):
        return ""
