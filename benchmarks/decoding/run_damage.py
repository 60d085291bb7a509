"""A task of 700 whole and 300 damaged clips: who is decoded, who is marked, and as what."""

import argparse
import csv
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from damage import DAMAGES, EVENTS, FORMS, Form, Row, write_whole
from make_clips import WINDOWS, wanted_pictures
from numpy.typing import NDArray
from pattern import read_numbers
from setting import RESULTS, WORK, record, use_library

use_library()

from dashsearch.clips.adapters import read_data_set  # noqa: E402
from dashsearch.clips.decode import SHARD_COLUMNS, decode_windows  # noqa: E402
from dashsearch.clips.manifest import index_clips  # noqa: E402
from dashsearch.clips.windows import ClipWindows, open_windows, window_times  # noqa: E402
from dashsearch.tables import read_table  # noqa: E402

HEADER = ("clip_id", "path", "label", "event_time_s", "alert_time_s")
WHOLE = "whole"


def make_task(folder: Path, whole: int, each: int) -> tuple[Path, dict[str, str], dict[str, Any]]:
    """Write the clips and their table.

    Returns
    -------
    table, kinds, times
        The CSV; what each clip is, by id; when the pictures of the whole ones are shown.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "clips").mkdir(parents=True)
    kinds, times, rows = {}, {}, []
    plan = [WHOLE] * whole + [kind for kind in DAMAGES for _ in range(each)]
    # Shuffled, so that damaged clips stand between whole ones.
    for place, number in enumerate(np.random.default_rng(7).permutation(len(plan)).tolist()):
        kind, clip_id = plan[number], f"{place:05d}"
        rng = np.random.default_rng([7, number])
        form = FORMS[number % len(FORMS)] if kind == WHOLE else Form()
        path = folder / "clips" / f"{clip_id}.{form.suffix}"
        kinds[clip_id] = kind
        times[clip_id] = write_whole(path, form, rng)
        row = Row(path, round(float(rng.uniform(*EVENTS)), 3))
        label = number % 2
        if kind != WHOLE:
            label = 1
            DAMAGES[kind](row, rng, number % each)
        event = ("", "") if not label else (row.event_s, row.alert_s if row.alert_s else "")
        rows.append((clip_id, path.relative_to(folder), label, *event))
    table = folder / "clips.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return table, kinds, times


def inexact(windows: ClipWindows, reference_s: float, times: NDArray[np.float64]) -> int:
    """Count the frames of a clip's windows that are not those wanted."""
    numbers = np.array(read_numbers(windows.frames))[windows.window_frames]
    instants = window_times(reference_s, WINDOWS)
    wanted = wanted_pictures(times, np.maximum(instants, 0.0))
    known = (numbers >= 0) & (numbers < len(times))
    given = np.where(known, numbers, 0)
    # Time stamps are rounded to the container's clock, a millisecond in Matroska.
    tie = np.abs(np.abs(times[given] - instants) - np.abs(times[wanted] - instants)) < 1.1e-3
    return int(np.sum(~(known & ((given == wanted) | tie)) & windows.mask))


def main(work: Path, whole: int, each: int, workers: int, results: Path) -> None:
    """Make the task, index and decode it, and compare."""
    table, kinds, times = make_task(work / "damage", whole, each)
    data = read_data_set({"source": "csv", "file": str(table)})
    manifest = index_clips(data, WINDOWS, max_marked_share=0.5, workers=workers)
    target, index = work / "damage" / "windows.h5", work / "damage" / "index.parquet"
    decode_windows(manifest, data.root, WINDOWS, target, index, workers=workers)
    found = _found(manifest, read_table(index, SHARD_COLUMNS))
    reference = dict(zip(manifest["clip_id"], manifest["reference_time_s"], strict=True))
    decoded, exact, wrong = 0, 0, {}
    with open_windows(target) as clips:
        for clip in clips:
            decoded += 1
            if kinds[clip.clip_id] == WHOLE:
                count = inexact(clip, reference[clip.clip_id], times[clip.clip_id])
                exact += not count
                if count:
                    wrong[clip.clip_id] = count
    seen = Counter((kinds[clip_id], found[clip_id][0]) for clip_id in kinds)
    content = {
        "clips": len(kinds),
        "decoded": decoded,
        "whole_and_exact": exact,
        "whole_with_wrong_frames": wrong,
        "found": {
            kind: {was: n for (expected, was), n in sorted(seen.items()) if expected == kind}
            for kind in (WHOLE, *DAMAGES)
        },
        "surprises": {
            clip_id: [kinds[clip_id], *found[clip_id]]
            for clip_id in sorted(kinds)
            if found[clip_id][0] != kinds[clip_id]
        },
    }
    print(damage_table(content))
    for clip_id, surprise in list(content["surprises"].items())[:30]:
        print(clip_id, *surprise)
    record("damage", content, results)


def _found(manifest: pd.DataFrame, index: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Kind and sentence by id, from the manifest and from decoding."""
    found = dict.fromkeys(manifest["clip_id"], (WHOLE, ""))
    for rows in (manifest, index):
        for row in rows[rows["problem_kind"] != ""].itertuples():
            found[row.clip_id] = (row.problem_kind, row.problem)
    return found


def damage_table(content: dict[str, Any]) -> str:
    """Markdown table of what was made and what was found."""
    lines = ["| made | clips | found as |", "|---|---:|---|"]
    for kind, seen in content["found"].items():
        said = ", ".join(f"{was} {count}" for was, count in seen.items())
        lines.append(f"| {kind} | {sum(seen.values())} | {said} |")
    wrong = len(content["whole_with_wrong_frames"])
    lines += ["", f"Whole clips with a frame that is not the one wanted: {wrong}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--whole", type=int, default=700)
    parser.add_argument("--each", type=int, default=25, help="damaged clips of each kind")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    main(given.work, given.whole, given.each, given.workers, given.results)
