"""Small real H.264 files whose frames carry their number as a bit pattern."""

from fractions import Fraction

import av
import numpy as np

BITS = 10
HEIGHT, WIDTH = 96, 160
TIME_BASE = Fraction(1, 90_000)


def burn(number):
    """A grey frame whose upper half shows `number` in black and white columns."""
    frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    step = WIDTH // BITS
    for bit in range(BITS):
        frame[: HEIGHT // 2, bit * step : (bit + 1) * step] = 255 * (number >> bit & 1)
    return frame


def read_number(frame):
    """The number in a frame of any size."""
    height, width = frame.shape[:2]
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return int(sum(1 << bit for bit, x in enumerate(centres) if frame[height // 4, x].mean() > 128))


def write_video(path, times_s, *, gop=20, b_frames=3, faststart=True):
    """Encode one numbered frame at each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(
            "libx264",
            rate=30,
            options={"crf": "18", "preset": "ultrafast", "g": str(gop), "bf": str(b_frames)},
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = stream.time_base = TIME_BASE
        for number, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(burn(number), format="rgb24")
            frame.pts, frame.time_base = round(time_s / TIME_BASE), TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_nexar(folder, clips, *, seconds=4.0, rate_hz=10):
    """A folder in Nexar's layout: `clips` maps an id to its event time, or None for a negative."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    rows = ["id,time_of_event,time_of_alert,target"]
    for clip_id, event in clips.items():
        write_video(folder / "train" / f"{clip_id}.mp4", times)
        rows.append(f"{clip_id},{event},{event - 0.5},1" if event else f"{clip_id},,,0")
    (folder / "train.csv").write_text("\n".join(rows) + "\n")
    return folder / "train.csv"
