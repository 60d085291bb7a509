"""Speed of decoding windows, side by side, and whether each decoder gave the pictures asked for.

In every round every clip is decoded by every competitor before the next clip comes; the order
rotates. All run in one process, one thread each, page cache warm. Times are milliseconds a clip:
`wall` by the clock, `cpu` of this process and its children.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from decoders import FULL, OURS, Decoded, decoders, executables, programme_version
from make_clips import WINDOWS, Clip, make_clips
from pattern import read_numbers
from setting import RESULTS, WORK, median, record

Decoder = Callable[[Clip], Decoded]


def exactness(decode: Decoder, clips: list[Clip]) -> dict[str, Any]:
    """Count instants at which a decoder gave the wanted picture, and say how the others differ.

    Returns
    -------
    dict
        `instants`, `exact`, and `differences` (given minus wanted, by number of instants);
        `error` if the decoder failed.
    """
    instants = exact = 0
    differences: dict[str, int] = {}
    try:
        for clip in clips:
            frames, shown = decode(clip)
            given = np.array(read_numbers(frames))[shown]
            wanted = clip.wanted()
            assert frames.shape[1:] == (WINDOWS.height, WINDOWS.width, 3)
            instants += len(wanted)
            exact += int(np.sum(given == wanted))
            for gap in (given - wanted)[given != wanted].tolist():
                differences[str(gap)] = differences.get(str(gap), 0) + 1
    except Exception as error:  # competitors raise anything
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
    return {"instants": instants, "exact": exact, "differences": differences}


def time_once(decode: Decoder, clip: Clip) -> tuple[float, float]:
    """Milliseconds of wall time and of CPU time, children's included."""
    cpu, wall = _cpu_s(), time.perf_counter()
    decode(clip)
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    return round(wall * 1e3, 3), round(cpu * 1e3, 3)


def _cpu_s() -> float:
    uses = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def race(competitors: dict[str, Decoder], clips: list[Clip], rounds: int) -> dict[str, dict]:
    """Milliseconds by competitor: `wall` and `cpu`, each (rounds, clips)."""
    names = list(competitors)
    times: dict[str, dict] = {name: {"wall": [], "cpu": []} for name in names}
    for turn in range(rounds):
        for name in names:
            times[name]["wall"].append([])
            times[name]["cpu"].append([])
        for number, clip in enumerate(clips):
            first = (turn * len(clips) + number) % len(names)
            for name in names[first:] + names[:first]:
                wall, cpu = time_once(competitors[name], clip)
                times[name]["wall"][-1].append(wall)
                times[name]["cpu"][-1].append(cpu)
    return times


def summarise(times: dict[str, dict], windows: int) -> dict[str, Any]:
    """Medians, windows a second and ratios of speed; a ratio is taken round by round.

    `fastest` is the competitor with the least median time a clip, ours apart; ratios above 1 mean
    that ours is faster.
    """
    summary: dict[str, Any] = {"competitors": {}}
    for name, found in times.items():
        row: dict[str, Any] = {}
        for clock in ("wall", "cpu"):
            row[f"{clock}_ms"] = round(median([x for part in found[clock] for x in part]), 2)
            speeds = [windows * len(part) / sum(part) * 1e3 for part in found[clock]]
            row[f"windows_per_{clock}_s"] = round(median(speeds), 2)
        summary["competitors"][name] = {**row, "rounds_ms": found}
    for clock in ("wall", "cpu"):
        totals = {name: [sum(part) for part in found[clock]] for name, found in times.items()}
        others = {name: median(total) for name, total in totals.items() if name != OURS}
        fastest = min(others, key=lambda name: others[name])
        for what, name in (("fastest", fastest), ("full", FULL)):
            pairs = zip(totals[name], totals[OURS], strict=True)
            ratios = [round(theirs / ours, 3) for theirs, ours in pairs]
            summary[f"{clock}_ratio_to_{what}"] = {
                "competitor": name,
                "median": round(median(ratios), 3),
                "all": ratios,
            }
    return summary


def main(work: Path, files: int, rounds: int, results: Path) -> None:
    """Check, race and record all kinds of clips."""
    clips = make_clips(work / "clips", files=files, workers=1)
    content: dict[str, Any] = {}
    for kind in dict.fromkeys(clip.kind for clip in clips):
        chosen = [clip for clip in clips if clip.kind == kind]
        checked = {name: exactness(decode, chosen) for name, decode in decoders().items()}
        if "error" in checked[OURS]:
            raise SystemExit(f"{OURS}: {checked[OURS]['error']}")
        # Who gives other pictures than those asked for is listed, but does not race.
        racing = {
            name: decode
            for name, decode in decoders().items()
            if name in (OURS, FULL)
            or checked[name].get("exact") == checked[name].get("instants", 1)
        }
        times = race(racing, chosen, rounds)
        content[kind] = {
            "clips": len(chosen),
            "events_s": [clip.event_s for clip in chosen],
            "exactness": checked,
            **summarise(times, len(WINDOWS.tte_s)),
        }
        print(table(kind, content[kind]), flush=True)
    programmes = {name: programme_version(path) for name, path in executables().items()}
    record("speed", {"programmes": programmes, "rounds": rounds, "kinds": content}, results)


def table(kind: str, found: dict[str, Any]) -> str:
    """Markdown table of one kind of clips."""
    lines = [
        f"| {kind} | exact | ms a clip | CPU ms | windows/s | medians to ours (wall, CPU) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    rows = found["competitors"]
    for name, checked in found["exactness"].items():
        if "error" in checked:
            lines.append(f"| {name} | fails: {checked['error'][:80]} | | | | |")
            continue
        exact = f"{checked['exact']} of {checked['instants']}"
        if name not in rows:
            lines.append(f"| {name} | {exact} | | | | |")
            continue
        row = rows[name]
        ratios = (row[f"{clock}_ms"] / rows[OURS][f"{clock}_ms"] for clock in ("wall", "cpu"))
        faster = "" if name == OURS else ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"| {name} | {exact} | {row['wall_ms']:.1f} | {row['cpu_ms']:.1f} | "
            f"{row['windows_per_wall_s']:.1f} | {faster} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--files", type=int, default=8, help="of each kind")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    main(given.work, given.files, given.rounds, given.results)
