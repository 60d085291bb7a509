"""One function a competitor: each gives the wanted pictures of a clip, scaled, as it does it best.

All work in this process on one thread (the `ffmpeg` programme in its own), give uint8 RGB of the
same size, and know the clip's frame rate beforehand, so that none has to look for it.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FFMPEG_THREADS", "1")

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from make_clips import WINDOWS, Clip
from numpy.typing import NDArray
from setting import use_library

use_library()

from dashsearch.clips.video import decode_at  # noqa: E402

Frames = NDArray[np.uint8]
# Pictures (F, H, W, 3), and which of them is shown at each instant (M,).
Decoded = tuple[Frames, NDArray[np.int64]]
HEIGHT, WIDTH = WINDOWS.height, WINDOWS.width
OURS, FULL = "dashsearch", "PyAV, all pictures"

cv2.setNumThreads(1)


def dashsearch(clip: Clip) -> Decoded:
    """Ours."""
    found = decode_at(Path(clip.path), clip.instants, HEIGHT, WIDTH)
    return found.frames, found.shown


def pyav_all(clip: Clip) -> Decoded:
    """PyAV: decode the whole file, scale the wanted pictures."""
    return _pyav(clip, to_the_end=True)


def pyav_start(clip: Clip) -> Decoded:
    """PyAV: decode from the start, stop behind the last wanted picture."""
    return _pyav(clip, to_the_end=False)


def _pyav(clip: Clip, *, to_the_end: bool) -> Decoded:
    wanted = iter(clip.wanted().tolist())
    following: int | None = next(wanted)
    frames = []
    scaler = VideoReformatter()  # one for all: frame.reformat() sets up a scaler a picture
    with av.open(clip.path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            if round(frame.time * clip.rate_hz) == following:
                scaled = scaler.reformat(
                    frame, WIDTH, HEIGHT, "rgb24", interpolation="AREA", threads=1
                )
                frames.append(scaled.to_ndarray())
                following = next(wanted, None)
                if following is None and not to_the_end:
                    break
    return _all(np.stack(frames))


def ffmpeg_programme(executable: str) -> Callable[[Clip], Decoded]:
    """Make the function of the `ffmpeg` programme: accurate seek, select, scale, raw on a pipe."""

    def decode(clip: Clip) -> Decoded:
        wanted = clip.wanted()
        first = max(0.0, (wanted[0] - 0.5) / clip.rate_hz)
        chosen = "+".join(f"eq(n,{number})" for number in wanted - wanted[0])
        filters = f"select='{chosen}',scale={WIDTH}:{HEIGHT}:flags=area"
        command = [
            *(executable, "-nostdin", "-loglevel", "error", "-threads", "1"),
            *("-ss", f"{first:.6f}", "-i", clip.path, "-an", "-sn", "-filter_threads", "1"),
            *("-vf", filters, "-fps_mode", "passthrough", "-frames:v", str(len(wanted))),
            *("-pix_fmt", "rgb24", "-f", "rawvideo", "-threads", "1", "pipe:1"),
        ]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        return _all(np.frombuffer(output, np.uint8).reshape(-1, HEIGHT, WIDTH, 3))

    return decode


def opencv_seek(clip: Clip) -> Decoded:
    """OpenCV: seek to the first wanted picture, step, fetch only the wanted ones."""
    return _opencv(clip, first=int(clip.wanted()[0]))


def opencv_start(clip: Clip) -> Decoded:
    """OpenCV: step from the start, fetch only the wanted pictures."""
    return _opencv(clip, first=0)


def _opencv(clip: Clip, first: int) -> Decoded:
    video = cv2.VideoCapture(clip.path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if first:
        video.set(cv2.CAP_PROP_POS_FRAMES, first)
    frames, at = [], first - 1
    for number in clip.wanted().tolist():
        while at < number:
            video.grab()
            at += 1
        _, picture = video.retrieve()
        small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
    video.release()
    return _all(np.stack(frames))


def decord_batch(clip: Clip) -> Decoded:
    """decord2: the reader scales, one batch of all wanted pictures."""
    import decord  # noqa: PLC0415  (optional)

    reader = decord.VideoReader(clip.path, width=WIDTH, height=HEIGHT, num_threads=1)
    return _all(reader.get_batch(clip.wanted().tolist()).asnumpy())


def decord_step(clip: Clip) -> Decoded:
    """decord2: one accurate seek, then forwards, skipping the pictures between."""
    import decord  # noqa: PLC0415  (optional)

    reader = decord.VideoReader(clip.path, width=WIDTH, height=HEIGHT, num_threads=1)
    wanted = clip.wanted().tolist()
    reader.seek_accurate(wanted[0])
    frames, at = [], wanted[0]
    for number in wanted:
        if number > at:
            reader.skip_frames(number - at)
        frames.append(reader.next().asnumpy())
        at = number + 1
    return _all(np.stack(frames))


def torchcodec_exact(clip: Clip) -> Decoded:
    """torchcodec: the file is scanned first, so that numbers of pictures are exact."""
    return _torchcodec(clip, "exact")


def torchcodec_approximate(clip: Clip) -> Decoded:
    """torchcodec: no scan; numbers of pictures are worked out from the mean frame rate."""
    return _torchcodec(clip, "approximate")


def _torchcodec(clip: Clip, mode: str) -> Decoded:
    from torchcodec.decoders import VideoDecoder  # noqa: PLC0415  (optional)
    from torchcodec.transforms import Resize  # noqa: PLC0415

    decoder = VideoDecoder(
        clip.path,
        dimension_order="NHWC",
        num_ffmpeg_threads=1,
        seek_mode=mode,
        transforms=[Resize((HEIGHT, WIDTH))],
    )
    return _all(decoder.get_frames_at(clip.wanted().tolist()).data.numpy())


def _all(frames: Frames) -> Decoded:
    return frames, np.arange(len(frames))


def executables() -> dict[str, str]:
    """Paths of the `ffmpeg` programmes: the system's, and the one that imageio-ffmpeg brings."""
    import shutil  # noqa: PLC0415

    found = {}
    system = shutil.which("ffmpeg")
    if system:
        found["ffmpeg (system)"] = system
    try:
        import imageio_ffmpeg  # noqa: PLC0415  (optional)

        found["ffmpeg (imageio)"] = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        pass
    return found


def programme_version(executable: str) -> str:
    """Version that an `ffmpeg` programme says of itself."""
    said = subprocess.run([executable, "-version"], stdout=subprocess.PIPE, check=True, text=True)
    return said.stdout.split()[2]


def decoders() -> dict[str, Callable[[Clip], Decoded]]:
    """All competitors by name; those that do not load fail when they are called."""
    programmes = {name: ffmpeg_programme(path) for name, path in executables().items()}
    return {
        OURS: dashsearch,
        FULL: pyav_all,
        "PyAV, up to the last": pyav_start,
        **programmes,
        "OpenCV, seek": opencv_seek,
        "OpenCV, from the start": opencv_start,
        "decord2, batch": decord_batch,
        "decord2, seek and step": decord_step,
        "torchcodec, exact": torchcodec_exact,
        "torchcodec, approximate": torchcodec_approximate,
    }
