"""What inputs do not determine: durations, repetitions of calls, costs in time, the machine.

Equal inputs give an equal page but for this part, which stands between two comments.
"""

import math
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

BEGIN, END = "<!-- by the clock -->", "<!-- end of the clock -->"


def without_clock(page: str) -> str:
    """Return a page without what only a clock knows, to compare it with another run's."""
    return re.sub(f"{BEGIN}.*?{END}", "", page, flags=re.DOTALL)


def rule_durations(folder: str | Path) -> list[dict[str, Any]]:
    """Sum up Snakemake's benchmarks below a folder by rule, the longest first.

    Returns
    -------
    list of dict
        rule, jobs, wall_s, cpu_s (None where it was not measured) and peak_mb of each.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted(Path(folder).rglob("*.tsv")):
        row = pd.read_csv(path, sep="\t").iloc[0]
        job = {str(name): value for name, value in row.items()}
        found.setdefault(_rule_of(path, Path(folder)), []).append(job)
    rows = [
        {
            "rule": rule,
            "jobs": len(jobs),
            "wall_s": sum(float(job["s"]) for job in jobs),
            "cpu_s": _total(job["cpu_time"] for job in jobs),
            "peak_mb": max((_number(job["max_rss"]) or 0.0 for job in jobs), default=0.0) or None,
        }
        for rule, jobs in found.items()
    ]
    return sorted(rows, key=lambda row: (-float(row["wall_s"]), str(row["rule"])))


def arm_costs(costs: pd.DataFrame, usd_per_hour: float) -> list[dict[str, Any]]:
    """Sum up what the training of every arm took.

    Parameters
    ----------
    costs
        Columns arm, train_duration_s and device of every experiment.
    usd_per_hour
        Price of an hour of training; 0: none is known.
    """
    rows = []
    for (arm, device), part in costs.groupby(["arm", "device"], sort=False):
        seconds = float(part["train_duration_s"].sum())
        rows.append(
            {
                "arm": str(arm),
                "device": str(device),
                "n": len(part),
                "seconds": seconds,
                "usd": seconds / 3600 * usd_per_hour if usd_per_hour else None,
            }
        )
    return rows


def machine() -> dict[str, str]:
    """Describe the machine that made the page."""
    return {
        "system": platform.system(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _rule_of(path: Path, folder: Path) -> str:
    """Name of the rule: a benchmark is <task>/<rule>/<job>.tsv, <task>/<rule>.tsv or <rule>.tsv."""
    parts: Sequence[str] = path.relative_to(folder).with_suffix("").parts
    return parts[min(1, len(parts) - 1)]


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def _total(values: Iterable[Any]) -> float | None:
    known = [number for value in values if (number := _number(value)) is not None]
    return sum(known) if known else None
