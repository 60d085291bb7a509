"""The contact sheet shows every class, training clips only, and is the same every time."""

import io

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dashsearch.clips.contact_sheet import choose_windows, draw_contact_sheet
from dashsearch.clips.thumbnails import HEIGHT, SHOWN, clip_strips
from dashsearch.clips.window_index import INDEX_COLUMNS
from dashsearch.clips.windows import WINDOWS_SCHEMA, ClipWindows, WindowSettings, WindowsWriter
from dashsearch.files import canonical_json
from dashsearch.tables import frame_of, write_table

SETTINGS = WindowSettings(frames=8, rate_hz=5.0, tte_s=(0.5, 1.0), height=32, width=32)
CLASSES = ("no collision", "collision")


@pytest.fixture
def made(tmp_path):
    """Windows of eight clips, the padded ones of c0 included, and their index."""
    rng = np.random.default_rng(1)
    rows = []
    with h5py.File(tmp_path / "windows.h5", "w") as store:
        writer = WindowsWriter(store, SETTINGS)
        for number in range(8):
            frames = rng.integers(0, 255, (9, 32, 32, 3), dtype=np.uint8)
            places = np.stack([np.arange(1, 9), np.arange(8)])
            mask = np.ones((2, 8), bool)
            mask[:, : 4 * (number == 0)] = False
            clip = ClipWindows(f"c{number}", number % 2, frames, places, mask, SETTINGS.tte_s)
            writer.append(clip)
            for row, tte_s in enumerate(SETTINGS.tte_s):
                index = {"clip_id": clip.clip_id, "label": clip.label, "tte_s": tte_s}
                index |= {"class_name": CLASSES[clip.label], "window": len(rows), "status": "ok"}
                index |= {"end_time_s": 5.0 - tte_s, "real_frames": int(mask[row].sum())}
                rows.append(index | {"problem_kind": "", "problem": ""})
        note = {"schema": WINDOWS_SCHEMA, "settings": {"rate_hz": 5.0}}
        writer.close(CLASSES, canonical_json(note))
    table = frame_of(rows, INDEX_COLUMNS)
    write_table(tmp_path / "windows.parquet", table, INDEX_COLUMNS, {"schema": "window_index/1"})
    return tmp_path / "windows.h5", tmp_path / "windows.parquet"


def test_equal_windows_give_an_equal_sheet(made, tmp_path):
    for name in ("one", "two"):
        draw_contact_sheet(*made, [f"c{n}" for n in range(8)], tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_only_the_clips_that_may_be_shown_are_shown(made, tmp_path):
    draw_contact_sheet(*made, ["c0", "c1"], tmp_path / "two.png")
    draw_contact_sheet(*made, [f"c{n}" for n in range(8)], tmp_path / "eight.png")
    heights = [
        int.from_bytes((tmp_path / f"{name}.png").read_bytes()[20:24]) for name in ("two", "eight")
    ]
    assert heights[0] == pytest.approx(heights[1] / 4, rel=0.05)


def test_windows_are_shared_out_between_classes_and_times():
    rows = [
        {"clip_id": f"c{n:03d}", "label": n % 3, "tte_s": tte, "status": "ok"}
        for n in range(300)
        for tte in (0.5, 1.0, 1.5)
    ]
    shown = choose_windows(pd.DataFrame([*rows, {**rows[0], "clip_id": "x", "status": "marked"}]))
    assert len(shown) == 24
    assert shown["label"].value_counts().to_dict() == {0: 8, 1: 8, 2: 8}
    assert shown["clip_id"].is_unique
    assert shown["tte_s"].value_counts().to_dict() == {0.5: 9, 1.0: 9, 1.5: 6}
    assert shown["label"].is_monotonic_decreasing


def test_a_strip_shows_frames_of_the_clips_that_have_windows(made):
    strips = clip_strips(*made, ["c3", "c5", "no such clip"])
    assert set(strips) == {"c3", "c5"} and strips == clip_strips(*made, ["c3", "c5"])
    picture = Image.open(io.BytesIO(strips["c3"]))
    assert picture.format == "JPEG" and picture.size == (SHOWN * 160, HEIGHT)
    # The last window's first frame, at the left.
    with h5py.File(made[0]) as store:
        first = store["frames"][int(store["window_frames"][6, 0])]
    left = np.asarray(picture)[:, :160]
    expected = np.asarray(Image.fromarray(first).resize((160, HEIGHT)))
    assert np.abs(left.astype(int) - expected).mean() < 12
