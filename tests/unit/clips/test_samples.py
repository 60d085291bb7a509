"""The sheet of samples shows both classes, training clips only, and is the same every time."""

import h5py
import numpy as np
import pytest

from dashsearch.clips.samples import draw_sample_frames
from dashsearch.clips.windows import ClipWindows, WindowSettings, WindowsWriter

SETTINGS = WindowSettings(frames=8, rate_hz=5.0, tte_s=(0.5, 1.0), height=32, width=32)


@pytest.fixture
def windows(tmp_path):
    rng = np.random.default_rng(1)
    with h5py.File(tmp_path / "windows.h5", "w") as store:
        writer = WindowsWriter(store, SETTINGS)
        for number in range(8):
            frames = rng.integers(0, 255, (9, 32, 32, 3), dtype=np.uint8)
            rows = np.stack([np.arange(1, 9), np.arange(8)])
            writer.append(ClipWindows(f"c{number}", number % 2, frames, rows, SETTINGS.tte_s))
        writer.close({}, "{}")
    return tmp_path / "windows.h5"


def test_equal_windows_give_an_equal_sheet(windows, tmp_path):
    for name in ("one", "two"):
        draw_sample_frames(windows, [f"c{n}" for n in range(8)], tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_only_the_clips_that_may_be_shown_are_shown(windows, tmp_path):
    draw_sample_frames(windows, ["c0", "c1"], tmp_path / "two.png")
    draw_sample_frames(windows, [f"c{n}" for n in range(8)], tmp_path / "six.png")
    heights = [
        int.from_bytes((tmp_path / f"{name}.png").read_bytes()[20:24]) for name in ("two", "six")
    ]
    assert heights[0] < heights[1] / 2
