"""Share of a round's wall time that is spent inside training: 2,000 experiments on 2 cores.

A campaign of one small embedded task is run up to its prepared features; then one `snakemake` call
proposes, trains and closes an arm of 2,000 designed experiments, and is timed as a whole, with the
start of Snakemake, of the job and of its processes.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from spaces import write_narrow_space  # noqa: E402

CORES, EXPERIMENTS = 2, 2000
TASK = "highway"
ARM = f"results/{TASK}/arms/designed/seed1"
CONFIG = {
    "seed": 1,
    "tasks": {TASK: {"source": "embedded", "scene": "highway", "clips": 320}},
    "space": "space.yaml",
    "arms": {
        "designed": {
            "policy": "designed",
            "experiments_per_round": EXPERIMENTS,
            "replicates": 2,
            "replicated_share": 0.25,
        }
    },
    "training": {"epochs": 8},
}
BACKBONES = ["color", "frame_difference"]


def snakemake(folder: Path, *targets: str) -> float:
    """Run the workflow for some targets; seconds."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", "config.yaml"]
    start = time.perf_counter()
    subprocess.run(
        [*command, "--cores", str(CORES), "--quiet", "all", "--", *targets],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        check=True,
    )
    return time.perf_counter() - start


def main() -> None:
    """Measure, and write utilisation.json beside this file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_narrow_space(folder / "space.yaml", BACKBONES)
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        snakemake(folder, *(f"results/{TASK}/prepared/{name}.h5" for name in BACKBONES))
        wall = snakemake(folder, f"{ARM}/ledger.parquet")
        costs = pd.read_parquet(folder / ARM / "costs.parquet")
        ledger = pd.read_parquet(folder / ARM / "ledger.parquet")
    inside = float(costs["train_duration_s"].sum())
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {each: version(each) for each in ("torch", "numpy", "snakemake")},
        "experiments": len(ledger),
        "trained": int((ledger["status"] == "ok").sum()),
        "wall_s": round(wall, 1),
        "inside_training_s": round(inside, 1),
        "utilisation": round(inside / (CORES * wall), 3),
        "experiments_per_minute": round(60 * len(ledger) / wall, 1),
    }
    (HERE / "utilisation.json").write_text(json.dumps(document, indent=2) + "\n")
    print(document)


if __name__ == "__main__":
    main()
