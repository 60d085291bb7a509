"""How fast a table answers: loading, one query for many cells, many queries for one cell each."""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.factorial import FactorialBenchmark  # noqa: E402

ROUNDS = 7
CELLS = 1_000_000
SINGLE = 20_000


def timed(work):
    """Median of the seconds that some work takes."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def main() -> None:
    """Measure on one core, and write results.json."""
    load_s = timed(lambda: FactorialBenchmark.load("highway"))
    benchmark = FactorialBenchmark.load("highway")
    rng = np.random.default_rng(0)
    cells = rng.integers(benchmark.space.size, size=CELLS)
    singles = cells[:SINGLE].tolist()
    score = benchmark.objective()
    many_s = timed(lambda: benchmark.query(cells, metrics=["val_map"]))
    single_s = timed(lambda: [score(cell) for cell in singles])
    figures = {
        "cells of the table": benchmark.space.size,
        "rounds": ROUNDS,
        "load_s": round(load_s, 3),
        "cells a second, one query of a million": round(CELLS / many_s),
        "queries a second, one cell each": round(SINGLE / single_s),
    }
    print(figures)
    record(
        Path(__file__).with_name("results.json"), "lookup", figures, "numpy", "pandas", "pyarrow"
    )


if __name__ == "__main__":
    main()
