"""A hundred cells of each shipped table, trained again one at a time: do they agree with it?

Needs the prepared features of a run of resources/presets/factorial.yaml in the given folder.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.config.validation import validate_config  # noqa: E402
from dashsearch.factorial import FactorialBenchmark  # noqa: E402
from dashsearch.factorial.plan import FactorialPlan  # noqa: E402
from dashsearch.training.proposals import train_proposals  # noqa: E402
from dashsearch.training.settings import Resources, TrainerSettings  # noqa: E402
from dashsearch.training.store import PreparedFiles  # noqa: E402

CELLS = 100
TOLERANCE = 1e-6  # of every score


def differences(task: str, folder: Path) -> dict[str, float | int]:
    """Train random cells alone and compare every score with the table's."""
    torch.set_num_threads(1)
    config = validate_config(
        yaml.safe_load((ROOT / "resources/presets/factorial.yaml").read_text())
    )
    benchmark = FactorialBenchmark.load(task)
    settings = TrainerSettings.of(config["training"])
    plan = FactorialPlan(benchmark.space, task, config["seed"], settings.identity).cells()
    backbones = benchmark.space.factor("backbone").levels
    files = PreparedFiles({b: str(folder / f"{task}/prepared/{b}.h5") for b in backbones})
    chosen = np.random.default_rng(4).choice(benchmark.space.size, CELLS, replace=False)
    worst, changed = 0.0, 0
    for cell in map(int, chosen):
        with tempfile.TemporaryDirectory() as place:
            ledger = train_proposals(
                [plan[cell]],
                benchmark.space,
                files,
                settings,
                journal=Path(place, "journal.jsonl"),
                tte_s=benchmark.table.tte_s,
                resources=Resources.of(config["training"], 1),
            ).tables.ledger()
        known = benchmark.query(cell)
        changed += ledger["status"][0] != known.status[0]
        gaps = [abs(float(ledger[name][0]) - scores[0]) for name, scores in known.scores.items()]
        worst = max(worst, float(np.nanmax(gaps)) if np.isfinite(gaps).any() else 0.0)
    return {
        "cells": CELLS,
        "largest difference of any score": worst,
        "tolerance": TOLERANCE,
        "other status": changed,
    }


def main() -> None:
    """Compare both tables, and write results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of the run")
    folder = parser.parse_args().results
    figures = {task: differences(task, folder) for task in ("highway", "crossing")}
    print(figures)
    record(Path(__file__).with_name("results.json"), "remeasured", figures, "torch", "numpy")


if __name__ == "__main__":
    main()
