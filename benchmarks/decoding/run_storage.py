"""Storing windows: which chunks and which filter, against raw reads of the same bytes.

Every way of storing is written and read in turn, in several rounds with rotated order. The page
cache is warm: what is compared is the work of the library and the filter, not the disk. GB/s are
1e9 uncompressed bytes a second; `cpu` is the process's CPU time, `wall` the clock.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("BLOSC_NTHREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import h5py
import hdf5plugin
import numpy as np
from make_clips import SECONDS, WINDOWS, make_clips
from numpy.typing import NDArray
from setting import RESULTS, WORK, median, record, use_library

use_library()

from dashsearch.clips.synthetic.generate import generate_task  # noqa: E402
from dashsearch.clips.video import decode_at  # noqa: E402
from dashsearch.clips.windows import (  # noqa: E402
    WINDOWS_SCHEMA,
    ClipWindows,
    WindowsWriter,
    open_store,
    open_windows,
    window_times,
)

Bytes = NDArray[np.uint8]
# Frames a chunk; 0 is one contiguous array, which no filter can stand in.
CHUNKS = (1, WINDOWS.frames)
RAW, OURS = "raw file", "dashsearch"
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "gzip-1": {"compression": "gzip", "compression_opts": 1},
    "gzip-4": {"compression": "gzip", "compression_opts": 4},
    "lzf": {"compression": "lzf"},
    "lz4": dict(hdf5plugin.LZ4()),
    "zstd-1": dict(hdf5plugin.Zstd(clevel=1)),
    "zstd-3": dict(hdf5plugin.Zstd(clevel=3)),
    "bitshuffle-lz4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
    "bitshuffle-zstd-1": dict(hdf5plugin.Bitshuffle(cname="zstd", clevel=1)),
    "blosc2-lz4": dict(hdf5plugin.Blosc2(cname="lz4", clevel=5, filters=0)),
    "blosc2-lz4-shuffle": dict(hdf5plugin.Blosc2(cname="lz4", clevel=5, filters=1)),
    "blosc2-lz4-bitshuffle": dict(hdf5plugin.Blosc2(cname="lz4", clevel=5, filters=2)),
    "blosc2-zstd-1": dict(hdf5plugin.Blosc2(cname="zstd", clevel=1, filters=0)),
    "blosc2-zstd-1-bitshuffle": dict(hdf5plugin.Blosc2(cname="zstd", clevel=1, filters=2)),
}


@dataclass(frozen=True)
class Material:
    """Frames of several clips, one behind the other, and the windows that show them.

    Attributes
    ----------
    frames
        (F, H, W, 3).
    starts
        First frame of every clip and the end of the last, (clips + 1,).
    windows
        Which frames a window shows, (N, T).
    """

    frames: Bytes
    starts: NDArray[np.int64]
    windows: NDArray[np.int64]


def gather(clips: list[tuple[Path, float]], size: int, crop: bool) -> Material:
    """Decode the windows of clips, given with their event times.

    `crop` drops the top eighth, which in numbered pictures is flat.
    """
    frames, starts, windows = [], [0], []
    for path, event in clips:
        times = window_times(event, WINDOWS)
        instants, place = np.unique(times, return_inverse=True)
        height = size * 8 // 7 if crop else size
        pictures, shown = decode_at(path, instants, height, size)[:2]
        windows.append(shown[place].reshape(times.shape) + starts[-1])
        frames.append(pictures[:, height - size :])
        starts.append(starts[-1] + len(pictures))
    return Material(np.concatenate(frames), np.array(starts), np.concatenate(windows))


def materials(work: Path, clips: int) -> Iterator[tuple[str, Material]]:
    """Frames of the embedded tasks at 112, and of the large clips at 112 and 224 pixels."""
    small = []
    for task in ("highway", "crossing"):
        generate_task(task, work / task, clips=max(8, clips // 4 * 2), seed=7, workers=1)
        small += [(path, 7.0) for path in sorted((work / task / "train").glob("*.mp4"))]
    yield "embedded 112", gather(small[:clips], 112, crop=False)
    made = [c for c in make_clips(work / "clips", files=4, workers=1) if c.kind != "embedded"]
    events = np.linspace(8, SECONDS - 1, -(-clips // len(made))) + 0.011
    large = [(Path(clip.path), float(event)) for event in events for clip in made]
    yield "720p 112", gather(large[:clips], 112, crop=True)
    yield "720p 224", gather(large[: clips // 2], 224, crop=True)


def measure(material: Material, target: Path, chunk: int, options: dict[str, Any]) -> dict:
    """Write and read one file; GB/s by work and clock, and the ratio of sizes."""
    frames = material.frames
    shape = frames.shape[1:]

    def write() -> int:
        with h5py.File(target, "w", libver="latest") as store:
            data = store.create_dataset(
                "frames",
                frames.shape,
                np.uint8,
                chunks=(chunk, *shape) if chunk else None,
                **options,
            )
            for first, last in _clips(material):
                data[first:last] = frames[first:last]
        return frames.nbytes

    def sequential() -> int:
        with h5py.File(target) as store:
            data = store["frames"]
            return sum(data[first:last].nbytes for first, last in _clips(material))

    def at_random() -> int:
        with h5py.File(target) as store:
            data = store["frames"]
            return sum(_window(data, row, chunk).nbytes for row in _shuffled(material))

    found = {"write": _timed(write), "read_sequential": _timed(sequential)}
    found["read_random"] = _timed(at_random)
    with h5py.File(target) as store:
        assert np.array_equal(store["frames"][: len(frames) // 8], frames[: len(frames) // 8])
        stored = store["frames"].id.get_storage_size()
    return {"ratio": frames.nbytes / stored, **found}


def measure_raw(material: Material, target: Path) -> dict:
    """Write and read the same bytes as a plain file, in the same portions."""
    frames, size = material.frames, material.frames[0].nbytes

    def write() -> int:
        with target.open("wb", buffering=0) as stream:
            for first, last in _clips(material):
                stream.write(memoryview(frames[first:last]).cast("B"))
        return frames.nbytes

    def sequential() -> int:
        with target.open("rb", buffering=0) as stream:
            return sum(
                np.fromfile(stream, np.uint8, (last - first) * size).nbytes
                for first, last in _clips(material)
            )

    def at_random() -> int:
        total = 0
        descriptor = os.open(target, os.O_RDONLY)
        for row in _shuffled(material):
            window = np.empty((len(row), size), np.uint8)
            for place, frame in zip(window, row, strict=True):
                total += os.preadv(descriptor, [place], int(frame) * size)
        os.close(descriptor)
        return total

    found = {"write": _timed(write), "read_sequential": _timed(sequential)}
    return {"ratio": 1.0, **found, "read_random": _timed(at_random)}


def measure_ours(material: Material, target: Path) -> dict:
    """Write and read with the library's own writer and reader."""
    settings = replace(WINDOWS, height=material.frames.shape[1], width=material.frames.shape[2])
    per_clip = len(material.windows) // (len(material.starts) - 1)

    def write() -> int:
        with h5py.File(target, "w", libver="latest") as store:
            writer = WindowsWriter(store, settings)
            for number, (first, last) in enumerate(_clips(material)):
                rows = material.windows[number * per_clip : (number + 1) * per_clip] - first
                mask = np.ones(rows.shape, bool)
                frames = material.frames[first:last]
                writer.append(ClipWindows(str(number), 0, frames, rows, mask, WINDOWS.tte_s))
            writer.close(("no", "yes"), json.dumps({"schema": WINDOWS_SCHEMA}))
        return material.frames.nbytes

    def sequential() -> int:
        with open_windows(target) as clips:
            return sum(clip.frames.nbytes for clip in clips)

    def at_random() -> int:
        with open_store(target) as store:
            return sum(_window(store["frames"], row, 1).nbytes for row in _shuffled(material))

    found = {"write": _timed(write), "read_sequential": _timed(sequential)}
    found["read_random"] = _timed(at_random)
    with open_store(target) as store:
        stored = store["frames"].id.get_storage_size()
    return {"ratio": material.frames.nbytes / stored, **found}


def _clips(material: Material) -> Iterator[tuple[int, int]]:
    return zip(material.starts[:-1].tolist(), material.starts[1:].tolist(), strict=True)


def _window(data: h5py.Dataset, row: NDArray[np.int64], chunk: int) -> Bytes:
    """One window; frame by frame where that is possible, else the span that holds it.

    Never by a list of indices: h5py joins them one by one into a selection, which is a hundred
    times slower.
    """
    if chunk > 1:
        return data[row[0] : row[-1] + 1][row - row[0]]
    return np.stack([data[frame] for frame in row.tolist()])


def _shuffled(material: Material) -> NDArray[np.int64]:
    return np.random.default_rng(7).permutation(material.windows)


def _timed(work: Callable[[], int]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    total = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"wall_gbs": total / wall / 1e9, "cpu_gbs": total / cpu / 1e9}


def main(work: Path, clips: int, rounds: int, results: Path) -> None:
    """Measure all ways of storing on all materials and record the results."""
    ways = [(RAW, 0), (OURS, 1), ("none", 0)]
    ways += [(name, chunk) for name in FILTERS for chunk in CHUNKS]
    content: dict[str, Any] = {}
    for name, material in materials(work, clips):
        found: dict[tuple[str, int], list[dict]] = {way: [] for way in ways}
        for turn in range(rounds):
            # Every other round the other way round: nobody always follows the same neighbour.
            for way in ways[:: 1 - 2 * (turn % 2)]:
                target = work / "storage.bin"
                if way[0] == RAW:
                    found[way].append(measure_raw(material, target))
                elif way[0] == OURS:
                    found[way].append(measure_ours(material, target))
                else:
                    found[way].append(measure(material, target, way[1], FILTERS[way[0]]))
                target.unlink()
        content[name] = {
            "frames": list(material.frames.shape),
            "ways": {_label(way): _summary(rows) for way, rows in found.items()},
        }
        print(table(name, content[name]["ways"]), flush=True)
    record("storage", {"page_cache": "warm", "rounds": rounds, "materials": content}, results)


def _label(way: tuple[str, int]) -> str:
    if way[0] in (RAW, OURS):
        return way[0]
    return f"{way[0]}, {way[1]} a chunk" if way[1] else f"{way[0]}, contiguous"


def _summary(rows: list[dict]) -> dict[str, Any]:
    summary: dict[str, Any] = {"ratio": round(rows[0]["ratio"], 3)}
    for what in ("write", "read_sequential", "read_random"):
        for unit in ("wall_gbs", "cpu_gbs"):
            values = [round(row[what][unit], 3) for row in rows]
            summary[f"{what}_{unit}"] = {"median": round(median(values), 3), "all": values}
    return summary


def table(name: str, ways: dict[str, dict]) -> str:
    """Markdown table of one material; GB/s of wall time, and reading as a share of raw reading."""
    lines = [
        f"| {name} | size ratio | write GB/s | sequential GB/s | of raw | random GB/s | of raw |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    raw = ways[RAW]
    for label, row in ways.items():
        cells = [f"{row['ratio']:.2f}", f"{row['write_wall_gbs']['median']:.2f}"]
        for what in ("read_sequential_wall_gbs", "read_random_wall_gbs"):
            value = row[what]["median"]
            cells += [f"{value:.2f}", f"{value / raw[what]['median']:.0%}"]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    main(given.work, given.clips, given.rounds, given.results)
