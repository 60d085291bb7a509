"""What the analyses cost: a ledger as long as the study's with many resamples, and a million rows.

Every question is one process of the command line, two at a time, as `snakemake --cores 2` would
run them. Times hold for the machine that is named; the memory is each process's peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.space.files import load_space  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
# The longest first, as the rules have it.
QUESTIONS = ("dynamics", "convergence", "variance", "bias", "validity", "summary")
# Share of the rows, seeds, and how far an arm's cells keep to what it proposed before.
ARMS = {"designed": (0.1, 1), "random": (0.2, 5), "agents": (0.7, 5)}


def ledger(rows: int) -> pd.DataFrame:
    """Return a ledger of three arms: a designed and a uniform sample, and two agents that drift."""
    rng = np.random.default_rng(8)
    effects = [rng.normal(scale=0.03, size=size) for size in SPACE.shape]
    parts = []
    for arm, (share, seeds) in ARMS.items():
        for seed in range(1, seeds + 1):
            n = round(rows * share / seeds)
            cells = rng.integers(SPACE.size, size=n)
            if arm == "agents":
                kept = rng.random(n) < 0.6
                cells[kept] = cells[np.maximum.accumulate(np.where(~kept, np.arange(n), 0))][kept]
            parts.append(
                pd.DataFrame(
                    {
                        "arm": arm,
                        "arm_seed": seed,
                        "round": np.arange(n) // 25,
                        "agent": np.where(np.arange(n) % 25 < 12, "one", "two")
                        if arm == "agents"
                        else arm,
                        "cell": cells,
                    }
                )
            )
    frame = pd.concat(parts, ignore_index=True).head(rows)
    positions = SPACE.positions(frame["cell"].to_numpy())
    mean = 0.6 + sum(effect[positions[:, place]] for place, effect in enumerate(effects))
    for column in ("val_map", "test_map"):
        frame[column] = np.clip(mean + rng.normal(scale=0.03, size=len(frame)), 0, 1)
    for place, factor in enumerate(SPACE.factors):
        frame[factor.name] = np.array(factor.levels, dtype=object)[positions[:, place]]
        if not isinstance(factor.levels[0], str):
            frame[factor.name] = frame[factor.name].astype(float)
    return frame.drop(columns="cell")


def run(question: str, path: Path, out: Path, resamples: int) -> dict[str, Any]:
    """Answer one question; wall and CPU seconds, and peak memory."""
    command = [sys.executable, "-m", "dashsearch.analysis", question, str(path), "--out", str(out)]
    command += ["--factors", ",".join(SPACE.names), "--resamples", str(resamples)]
    command += ["--window", "200", "--step", "50"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | threads, cwd=ROOT / "scripts")
    _, status, usage = os.wait4(process.pid, 0)
    return {
        "wall_s": round(time.perf_counter() - start, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / 1024),
        "exit": os.waitstatus_to_exitcode(status),
    }


def measure(rows: int, resamples: int) -> dict[str, Any]:
    """Answer all questions of one ledger, two at a time."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        path = Path(folder, "ledger.parquet")
        frame = ledger(rows)
        frame.to_parquet(path)
        start = time.perf_counter()
        answers = pool.map(lambda each: run(each, path, Path(folder, each), resamples), QUESTIONS)
        costs = dict(zip(QUESTIONS, answers, strict=True))
        wall = time.perf_counter() - start
    return {
        "rows": len(frame),
        "resamples": resamples,
        "wall_s": round(wall, 1),
        "cpu_s": round(sum(each["cpu_s"] for each in costs.values()), 1),
        "peak_mb_of_two": sum(sorted(each["peak_mb"] for each in costs.values())[-2:]),
        "questions": costs,
    }


def main() -> None:
    """Measure both ledgers, and write the section "speed" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_469, 1_000_000])
    options = parser.parse_args()
    # 99 is the least that the settings take: resampling is then a small part of the time.
    figures = {str(rows): measure(rows, 9999 if rows <= 100_000 else 99) for rows in options.rows}
    print(figures)
    record(HERE / "results.json", "speed", {"ledgers": figures}, "numpy", "scipy", "pandas")


if __name__ == "__main__":
    main()
