"""Real Snakemake runs on a tiny config, in folders of their own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from dashsearch.report.clock import without_clock

ROOT = Path(__file__).parents[2]
SPACE = {
    "name": "tiny",
    "factors": [
        {"name": "backbone", "group": "architecture", "levels": ["frame_difference", "color"]},
        {"name": "encoder", "group": "architecture", "levels": ["gru", "retnet"]},
        {"name": "pooling", "group": "architecture", "levels": ["mean", "last"]},
        {"name": "loss", "group": "training", "levels": ["bce", "focal"]},
        {"name": "hidden_size", "group": "training", "levels": [16]},
        {"name": "dropout", "group": "training", "levels": [0.0]},
        {"name": "learning_rate", "group": "training", "levels": [0.001, 0.003, 0.01]},
        {"name": "weight_decay", "group": "training", "levels": [0.0]},
    ],
}
CONFIG = {
    "tasks": {"tiny": {"source": "embedded", "scene": "highway", "clips": 24}},
    "space": "space.yaml",
    "windows": {"frames": 6, "height": 64, "width": 64},
    "split": {"train": 0.5, "validation": 0.25, "test": 0.25},
    "shared_start": 4,
    "arms": {
        "designed": {
            "policy": "designed",
            "experiments_per_round": 20,
            "replicated_share": 0.25,
        },
        "random": {"policy": "random", "seeds": [1, 2], "experiments_per_round": 3},
        "evolution": {
            "policy": "evolution",
            "rounds": 3,
            "experiments_per_round": 3,
            "population": 4,
            "sample": 2,
        },
    },
    "training": {"epochs": 2, "components": 8},
    "transfer": {"top": 1, "seeds": 2},
    "analysis": {"window": 4, "step": 2, "permutations": 99, "bootstraps": 99},
}


NO_TRANSFER = {"transfer": {"top": 0}}


@dataclass(frozen=True)
class Campaign:
    """A working directory with a config, in which Snakemake runs."""

    folder: Path

    def write_config(self, config, space=SPACE):
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        (self.folder / "space.yaml").write_text(yaml.safe_dump(space, sort_keys=False))

    def command(self, *arguments, cores=2):
        base = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        place = ["--directory", str(self.folder), "--configfile", str(self.folder / "config.yaml")]
        return [*base, *place, "--cores", str(cores), *arguments]

    def snakemake(self, *arguments, cores=2, **environment):
        return subprocess.run(
            self.command(*arguments, cores=cores),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )

    def files(self):
        """Bytes of everything that equal runs must make equal: all results but the clock's."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): unclocked(path)
            for path in sorted(results.rglob("*"))
            if path.is_file() and path.name != "costs.parquet" and "benchmarks" not in path.parts
        }


CLOCKED = ["latency_s", "attempts"]


def unclocked(path):
    """Bytes of a result without what a clock wrote into it, or an attempt that a kill lost."""
    if path.suffix == ".html":
        return without_clock(path.read_text()).encode()
    if path.name == "calls.parquet":
        return pd.read_parquet(path).drop(columns=CLOCKED).to_csv(index=False).encode()
    return path.read_bytes()


def copy_of(campaign, folder):
    """A finished campaign in a new folder of its own, to go on from."""
    shutil.copytree(campaign.folder, folder, symlinks=True)
    return Campaign(folder)


def run_campaign(folder, config, *targets, cores=2):
    folder.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(folder)
    campaign.write_config(config)
    done = campaign.snakemake(*targets, cores=cores)
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign
