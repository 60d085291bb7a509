"""What arms cost beside their training: seconds a round, and seconds to build a large DAG.

A 20-round arm of one small embedded task is run by one `snakemake` call after its features are
there; what its wall time has beyond the training itself is scheduling. The DAG of six arms of 100
rounds in 8 shards is built for a rule graph, with the start of Snakemake and the reading of its
files, next to the DAG of a single arm of one round; a dry run also prints every job.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from record import record  # noqa: E402
from spaces import write_narrow_space  # noqa: E402

CORES, ROUNDS, PER_ROUND = 2, 20, 10
TASK = "highway"
BACKBONES = ["color", "frame_difference"]
POLICIES = ("random", "evolution", "local_search", "tpe", "gp", "smac")


def config(arms: dict[str, Any], shards: int = 1) -> dict[str, Any]:
    """Return a campaign of one small task."""
    return {
        "seed": 1,
        "tasks": {TASK: {"source": "embedded", "scene": "highway", "clips": 60}},
        "space": "space.yaml",
        "arms": arms,
        "training": {"epochs": 2, "shards": shards},
    }


def snakemake(folder: Path, document: dict[str, Any], *arguments: str) -> float:
    """Run the workflow with a config; seconds."""
    (folder / "config.yaml").write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", "config.yaml", "--cores", str(CORES)]
    start = time.perf_counter()
    subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def measure_rounds(folder: Path, policy: str) -> dict[str, Any]:
    """Run one arm, whose rounds wait for each other."""
    arm = {"policy": policy, "rounds": ROUNDS, "experiments_per_round": PER_ROUND}
    document = config({policy: arm})
    ledger = f"results/{TASK}/arms/{policy}/seed1/ledger.parquet"
    prepared = [f"results/{TASK}/prepared/{name}.h5" for name in BACKBONES]
    snakemake(folder, document, "--quiet", "all", "--", *prepared)
    wall = snakemake(folder, document, "--quiet", "all", "--", ledger)
    costs = pd.read_parquet(folder / ledger.replace("ledger", "costs"))
    training = float(costs["train_duration_s"].sum())
    return {
        "policy": policy,
        "rounds": ROUNDS,
        "experiments": len(costs),
        "wall_s": round(wall, 1),
        "inside_training_s": round(training, 1),
        "overhead_s_per_round": round((wall - training) / ROUNDS, 2),
    }


def measure_dag(folder: Path, repeats: int) -> dict[str, Any]:
    """Build the large DAG and a small one in turns."""
    settings = {"rounds": 100, "experiments_per_round": 40}
    large = config({name: {"policy": name, **settings} for name in POLICIES}, shards=8)
    small = config({"random": {"policy": "random", "experiments_per_round": 40}})
    seconds: dict[str, list[float]] = {"large": [], "small": [], "dry_run": []}
    for _ in range(repeats):
        seconds["small"].append(snakemake(folder, small, "--rulegraph"))
        seconds["large"].append(snakemake(folder, large, "--rulegraph"))
        seconds["dry_run"].append(snakemake(folder, large, "--dry-run", "--quiet", "all"))
    return {
        "rounds": 100,
        "shards": 8,
        "arms": len(POLICIES),
        "jobs_of_arms": len(POLICIES) * (100 * (1 + 8 + 1) + 1),
        "n": repeats,
        "large_s": [round(each, 1) for each in seconds["large"]],
        "small_s": [round(each, 1) for each in seconds["small"]],
        "large_dry_run_s": [round(each, 1) for each in seconds["dry_run"]],
    }


def main() -> None:
    """Measure both, and write the sections "rounds" and "dag" of results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", nargs="+", default=["random", "tpe"], choices=POLICIES)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_narrow_space(folder / "space.yaml", BACKBONES)
        dag = measure_dag(folder, options.repeats)
        rounds = [measure_rounds(folder, policy) for policy in options.policies]
    record(HERE / "results.json", "dag", dag, "snakemake")
    record(
        HERE / "results.json", "rounds", {"arms": rounds}, "snakemake", "torch", "optuna", "smac"
    )


if __name__ == "__main__":
    main()
