"""Make the clips of the benchmark: numbered pictures, so that every decoder can be checked.

Three kinds: `embedded` (256x144, 15 Hz, 8 s, the pictures and the encoder of the embedded tasks),
and `gop30` and `gop250` (1280x720, 30 Hz, 40 s, H.264 with B pictures at 6 Mbit/s, a key picture
every 30 or 250 pictures).
"""

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from pattern import burn
from setting import WORK, use_library

use_library()

from dashsearch.clips.synthetic.compose import compose  # noqa: E402
from dashsearch.clips.synthetic.draws import Draws  # noqa: E402
from dashsearch.clips.synthetic.encode import write_mp4  # noqa: E402
from dashsearch.clips.synthetic.render import render  # noqa: E402
from dashsearch.clips.windows import WindowSettings, window_times  # noqa: E402
from dashsearch.files import replacing  # noqa: E402

WINDOWS = WindowSettings(20, 5.0, (0.5, 1.0, 1.5), 112, 112)
WIDTH, HEIGHT, RATE_HZ, SECONDS = 1280, 720, 30, 40
SMALL_RATE_HZ, SMALL_SECONDS = 15, 8
GOPS = {"gop30": 30, "gop250": 250}
BIT_RATE = 6_000_000


@dataclass(frozen=True)
class Clip:
    """One clip of the benchmark."""

    kind: str
    path: str
    rate_hz: int
    pictures: int
    event_s: float

    @property
    def instants(self) -> NDArray[np.float64]:
        """The distinct instants that the clip's three windows show, ascending."""
        return np.unique(window_times(self.event_s, WINDOWS))

    def wanted(self) -> NDArray[np.int64]:
        """Give the number of the picture wanted at each instant."""
        return wanted_pictures(np.arange(self.pictures) / self.rate_hz, self.instants)


def wanted_pictures(times: NDArray[np.float64], instants: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which picture is wanted at an instant: the one place that holds the rule.

    The one whose presentation time is nearest, of two the earlier; but none that is later by more
    than half a sampling step, if there is an earlier one.

    Parameters
    ----------
    times
        When each picture is shown, ascending, (P,), in seconds from the first.
    instants
        Of any shape, in seconds.
    """
    gaps = times.reshape(-1, *[1] * instants.ndim) - instants
    best = np.abs(gaps).argmin(axis=0)
    gap = times[best] - instants
    return np.where((gap > WINDOWS.most_late_s) & (best > 0), best - 1, best)


def plan(folder: Path, files: int) -> list[Clip]:
    """List the clips of all kinds; the events never make an instant fall between two pictures."""
    clips = []
    for place, kind in enumerate(("embedded", *GOPS)):
        small = kind == "embedded"
        rate, seconds = (SMALL_RATE_HZ, SMALL_SECONDS) if small else (RATE_HZ, SECONDS)
        for number in range(files):
            rng = np.random.default_rng([7, place, number])
            event = _event(rng, rate, *((6.2, 7.1) if small else (20.0, 35.0)))
            path = str(folder / f"{kind}_{number}.mp4")
            clips.append(Clip(kind, path, rate, rate * seconds, event))
    return clips


def _event(rng: np.random.Generator, rate: int, first: float, last: float) -> float:
    while True:
        event = round(float(rng.uniform(first, last)), 3)
        phases = (event - np.array(WINDOWS.tte_s)) * rate % 1
        if np.all(np.abs(phases - 0.5) > 0.1):
            return event


def make_clips(folder: Path, *, files: int, workers: int) -> list[Clip]:
    """Make the clips that are not there yet and list all; `files` of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = plan(folder, files)
    todo = [clip for clip in clips if not Path(clip.path).exists()]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        for clip in pool.map(_make, todo):
            print(clip.path, f"{_mbit(clip):.2f} Mbit/s", flush=True)
    return clips


def _make(clip: Clip) -> Clip:
    cv2.setNumThreads(1)
    number = int(Path(clip.path).stem.split("_")[1])
    if clip.kind == "embedded":
        task = ("highway", "crossing")[number % 2]
        draws = Draws(task, 7, number)
        scene = compose(task, number // 2 % 2, "day", "clear", draws)
        write_mp4(Path(clip.path), _numbered(render(scene, draws)), "benchmark")
    else:
        _encode(Path(clip.path), _numbered(_drive(number, clip.pictures)), GOPS[clip.kind])
    return clip


def _numbered(pictures: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    for number, picture in enumerate(pictures):
        numbered = np.ascontiguousarray(picture).copy()
        burn(numbered, number)
        yield numbered


def _encode(target: Path, pictures: Iterator[NDArray[np.uint8]], gop: int) -> None:
    options = {
        "preset": "veryfast",
        "bf": "2",
        "g": str(gop),
        "sc_threshold": "0",
        "threads": "1",
        "maxrate": str(2 * BIT_RATE),
        "bufsize": str(2 * BIT_RATE),
    }
    with (
        replacing(target) as path,
        av.open(str(path), "w", options={"movflags": "+faststart"}) as container,
    ):
        stream = container.add_stream("libx264", rate=RATE_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.codec_context.time_base = Fraction(1, RATE_HZ)
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _drive(seed: int, pictures: int) -> Iterator[NDArray[np.uint8]]:
    """Film a textured scene with a camera that pans, zooms and shakes, and a noisy sensor."""
    rng = np.random.default_rng([7, seed])
    scene = _scene(rng)
    noise = [rng.normal(0, 3, (HEIGHT, WIDTH, 3)).astype(np.int8) for _ in range(4)]
    cars = [
        (rng.uniform(0, WIDTH), rng.uniform(300, 560), rng.uniform(-9, 9), int(rng.integers(3000)))
        for _ in range(6)
    ]
    for number in range(pictures):
        zoom = 1.15 + 0.15 * np.sin(number / 90)
        x = 300 + 2.4 * number + rng.normal(0, 0.7)
        y = 150 + 60 * np.sin(number / 70) + rng.normal(0, 0.7)
        matrix = np.array([[zoom, 0, -x * zoom], [0, zoom, -y * zoom]])
        picture = cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        for left, top, speed, place in cars:
            at = int((left + speed * number) % (WIDTH - 160))
            picture[int(top) : int(top) + 100, at : at + 160] = scene[200:300, place : place + 160]
        grain = np.roll(noise[number % 4], int(rng.integers(HEIGHT)), axis=0)
        yield cv2.add(picture, grain, dtype=cv2.CV_8U)


def _scene(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Texture at all scales, as in photographs, with boxes that have hard edges."""
    height, width = 1100, 4600
    scene = np.full((height, width, 3), 110, np.float32)
    for scale, strength in ((256, 45), (64, 22), (16, 12), (4, 7), (1, 4)):
        coarse = rng.normal(0, strength, (height // scale + 2, width // scale + 2, 3))
        scene += cv2.resize(coarse.astype(np.float32), (width, height))
    for _ in range(500):
        left, top = int(rng.integers(width)), int(rng.integers(height))
        right, bottom = left + int(rng.integers(8, 240)), top + int(rng.integers(8, 160))
        scene[top:bottom, left:right] += rng.normal(0, 30, 3).astype(np.float32)
    return scene.clip(0, 255).astype(np.uint8)


def _mbit(clip: Clip) -> float:
    return Path(clip.path).stat().st_size * 8e-6 * clip.rate_hz / clip.pictures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--files", type=int, default=8, help="of each kind")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    made = make_clips(given.work / "clips", files=given.files, workers=given.workers)
    print(json.dumps([asdict(clip) for clip in made], indent=1))
