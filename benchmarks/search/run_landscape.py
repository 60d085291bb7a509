"""How far each policy comes on a planted landscape with a known optimum: 200 experiments an arm.

All policies play the same arms: the same 16 initial cells per seed, 20 rounds of 10, 10 % audits
for the adaptive ones. Scores are looked up in a factorial table of the whole embedded space.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "tests/unit", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.analysis.convergence.curves import expected_best  # noqa: E402
from dashsearch.factorial.table import FactorialTable, table_columns, write_factorial  # noqa: E402
from dashsearch.search.propose import Arm  # noqa: E402
from dashsearch.search.settings import ARM_SETTINGS, TERMS  # noqa: E402
from dashsearch.search.table_runs import Evaluation, run_arm  # noqa: E402
from dashsearch.search.terms import Terms  # noqa: E402
from dashsearch.space.files import load_space  # noqa: E402
from planted import TTE_S, PlantedTask, plant_task  # noqa: E402

SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
POLICIES = ("random", "evolution", "local_search", "tpe", "bohb_style", "gp", "smac")
ROUNDS, PER_ROUND, START, AUDIT = 20, 10, 16, 0.1
# Shares of variance: half of it in interactions and the cell's own effect, as the study has it.
SHARES: dict[tuple[str, ...], float] = {
    ("backbone",): 0.25,
    ("encoder",): 0.1,
    ("learning_rate",): 0.15,
    ("backbone", "encoder"): 0.15,
    ("backbone", "learning_rate"): 0.1,
    ("hidden_size", "dropout"): 0.1,
    ("pooling", "loss"): 0.05,
}
FAILING = 0.02
RUNGS = (1 / 9, 1 / 3, 1.0)


def landscape() -> PlantedTask:
    """Plant the landscape; what the shares leave over is each cell's own effect."""
    return plant_task("planted", SPACE, SHARES, noise=0.0, mean=0.6, sd=0.06, seed=3)


def tabulate(target: Path) -> None:
    """Write the table of all 108,000 cells at three fidelities; 2 % of the cells diverge."""
    cells = np.arange(SPACE.size)
    score = landscape().scores(cells, np.zeros(SPACE.size, dtype=int).tolist())
    rng = np.random.default_rng(17)
    failed = rng.random(SPACE.size) < FAILING
    frames = []
    for fidelity in RUNGS:
        # A short training is a noisy, lower view of the long one.
        noise = 0.03 * (1 - fidelity) * rng.standard_normal(SPACE.size)
        values = np.clip(score - 0.1 * (1 - fidelity) + noise, 0, 1)
        frame = pd.DataFrame(index=cells, columns=[*table_columns(TTE_S)])
        frame["cell"], frame["replicate"], frame["fidelity"] = cells, 0, fidelity
        frame["status"] = np.where(failed, "diverged", "ok")
        frame["reason"] = np.where(failed, "planted", "")
        frame["train_duration_s"], frame["sample"] = fidelity, "all"
        for name, kind in table_columns(TTE_S).items():
            if kind == "float64" and name.startswith(("val_", "test_")):
                frame[name] = np.where(failed, np.nan, values)
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True).astype(table_columns(TTE_S))
    write_factorial(target, table, SPACE, TTE_S)


@cache
def table_at(path: str) -> FactorialTable:
    """Load the table once a process."""
    return FactorialTable.load(path, SPACE, TTE_S)


def play(path: str, policy: str, seed: int) -> dict[str, Any]:
    """Play one arm; its best score of a whole training, and what it took."""
    table = table_at(path)
    model = ARM_SETTINGS[policy].model_validate({"policy": policy, "experiments_per_round": 10})
    settings = {name: value for name, value in model if name not in TERMS}
    audit = AUDIT if hasattr(model, "audit_share") else 0.0
    arm = Arm("planted", policy, seed, policy, 1, settings, table.trainer, Terms(START, audit))
    start = time.process_time()
    done = run_arm(arm, SPACE, ROUNDS, PER_ROUND, lambda p: Evaluation(**table.validation(p)))
    seconds = time.process_time() - start
    scores = [table.validation(p)["val_map"] for p in done if p.fidelity == 1 and p.status == "ok"]
    return {
        "policy": policy,
        "seed": seed,
        "best": max(scores),
        "epochs": sum(p.fidelity for p in done if p.status in ("ok", "diverged")),
        "duplicates": sum(p.status == "duplicate" for p in done),
        "n": len(done),
        "cpu_s": seconds,
    }


def interval(values: np.ndarray) -> list[float]:
    """95 % BCa bootstrap interval of a mean over seeds."""
    found = bootstrap((values,), np.mean, rng=np.random.default_rng(1)).confidence_interval
    return [round(float(found.low), 5), round(float(found.high), 5)]


def summarise(runs: pd.DataFrame, pool: np.ndarray) -> Iterator[dict[str, Any]]:
    """One row a policy: regret, and gain over random on the same seeds."""
    best = runs.pivot(index="seed", columns="policy", values="best")
    top = float(np.nanmax(pool))
    for policy in [name for name in POLICIES if name in best]:
        own = runs[runs["policy"] == policy]
        row: dict[str, Any] = {"policy": policy, "n": int(own["n"].iloc[0]), "seeds": len(own)}
        row["regret"] = round(top - float(best[policy].mean()), 5)
        row["regret_interval"] = interval(top - best[policy].to_numpy())
        if policy == "random":
            row["closed_form_regret"] = round(
                top - float(expected_best(pool, ROUNDS * PER_ROUND)[0]), 5
            )
        else:
            gain = (best[policy] - best["random"]).to_numpy()
            row["gain_over_random"] = round(float(gain.mean()), 5)
            row["gain_interval"] = interval(gain)
        row["full_trainings"] = round(float(own["epochs"].mean()), 1)
        row["duplicates"] = round(float(own["duplicates"].mean()), 2)
        row["cpu_s_per_arm"] = round(float(own["cpu_s"].mean()), 3)
        yield row


def main() -> None:
    """Play all arms, and write the section "landscape" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", nargs="+", default=POLICIES, choices=POLICIES)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name) / "factorial.parquet")
        tabulate(Path(path))
        at_one = table_at(path).rows[(0, 1.0)]
        pool = table_at(path).columns["val_map"][at_one]
        with ProcessPoolExecutor(options.processes) as workers:
            for policy in options.policies:
                play_seeds = range(1, options.seeds + 1)
                jobs = [workers.submit(play, path, policy, seed) for seed in play_seeds]
                rows += [job.result() for job in jobs]
                print(policy, f"{np.mean([r['best'] for r in rows[-options.seeds :]]):.4f}")
    figures = {
        "experiments": ROUNDS * PER_ROUND,
        "cells": len(pool),
        "best_score": round(float(np.nanmax(pool)), 5),
        "policies": list(summarise(pd.DataFrame(rows), pool)),
    }
    record(
        HERE / "results.json",
        "landscape",
        figures,
        "optuna",
        "smac",
        "ConfigSpace",
        "scikit-learn",
        "numpy",
    )


if __name__ == "__main__":
    main()
