"""Peak memory of decoding against the number of clips: it must not grow with it.

Every number is the peak resident set of a fresh process that reads a manifest, decodes all of its
windows as one shard and writes them; the clips are hard links of the benchmark's.
"""

import argparse
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from make_clips import WINDOWS, Clip, make_clips
from setting import RESULTS, WORK, median, record, use_library

use_library()

from dashsearch.clips.decode import decode_windows  # noqa: E402
from dashsearch.clips.manifest import index_clips, read_manifest, write_manifest  # noqa: E402
from dashsearch.clips.records import ClipRecord, DataSet  # noqa: E402

CLASSES = ("no collision", "collision")
# Numbers of clips by kind: each four times the one before.
COUNTS = {"embedded": (50, 200, 800), "gop30": (8, 32, 128)}


def make_manifest(folder: Path, clips: list[Clip], count: int) -> Path:
    """Link `count` clips and index them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    records = []
    for number in range(count):
        clip = clips[number // 2 % len(clips)]  # each clip with both labels
        name = f"{number:05d}.mp4"
        (folder / name).hardlink_to(clip.path)
        records.append(ClipRecord(name, name, number % 2, clip.event_s, None, "", "benchmark"))
    data = DataSet(folder, CLASSES, tuple(records), ())
    manifest = index_clips(data, WINDOWS, max_marked_share=0.0, workers=2)
    write_manifest(folder / "manifest.parquet", manifest, WINDOWS, CLASSES, {})
    return folder / "manifest.parquet"


def peak_mb(manifest: Path, workers: int) -> float:
    """Peak resident set in MB of a process that decodes the clips of a manifest."""
    command = [sys.executable, __file__, "--decode", str(manifest), "--workers", str(workers)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def decode(manifest: Path, workers: int) -> None:
    """Decode in this process and print its peak resident set in MB."""
    folder = manifest.parent
    targets = (folder / "windows.h5", folder / "index.parquet")
    decode_windows(read_manifest(manifest), folder, WINDOWS, *targets, workers=workers)
    # Linux counts kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def main(work: Path, rounds: int, workers: int, results: Path) -> None:
    """Measure all numbers of clips of all kinds and record the peaks."""
    made = make_clips(work / "clips", files=8, workers=1)
    content: dict[str, Any] = {}
    for kind, counts in COUNTS.items():
        clips = [clip for clip in made if clip.kind == kind]
        manifests = {
            count: make_manifest(work / f"memory_{kind}_{count}", clips, count) for count in counts
        }
        peaks: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count in counts:
                peaks[count].append(round(peak_mb(manifests[count], workers), 1))
        least, most = (median(peaks[count]) for count in (counts[0], counts[-1]))
        content[kind] = {
            "peak_mb": {
                str(count): {"median": median(found), "all": found}
                for count, found in peaks.items()
            },
            "ratio_most_to_fewest": round(most / least, 3),
        }
        print(memory_table({kind: content[kind]}), flush=True)
        for manifest in manifests.values():
            shutil.rmtree(manifest.parent)
    record("memory", {"workers": workers, "kinds": content}, results)


def memory_table(kinds: dict[str, Any]) -> str:
    """Markdown table of the peaks."""
    lines = ["| clips | number | peak MB | to the fewest |", "|---|---:|---:|---:|"]
    for kind, found in kinds.items():
        first = next(iter(found["peak_mb"].values()))["median"]
        for count, peak in found["peak_mb"].items():
            lines.append(
                f"| {kind} | {count} | {peak['median']:.0f} | {peak['median'] / first:.2f} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--decode", type=Path, help="only decode this manifest's clips")
    given = parser.parse_args()
    if given.decode:
        decode(given.decode, given.workers)
    else:
        main(given.work, given.rounds, given.workers, given.results)
