"""Six rounds of the packaged language model on an embedded task: seconds a round, and a replay.

One `snakemake` call without any key makes an arm's ledger. Then the arm's results are deleted, its
recordings kept, and a second call replays it: the proposals have to be equal to the byte.
"""

import json
import os
import shutil
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

TASK, ROUNDS, PER_ROUND = "highway", 6, 16
ARM = f"results/{TASK}/arms/local"
CONFIG: dict[str, Any] = {
    "seed": 1,
    "tasks": {TASK: {"source": "embedded", "scene": TASK, "clips": 160}},
    "space": "resources/spaces/embedded.yaml",
    "arms": {
        "local": {
            "policy": "agents",
            "rounds": ROUNDS,
            "experiments_per_round": PER_ROUND,
            "agents": [{"provider": "local", "name": "smollm2"}],
        }
    },
    "training": {"epochs": 8},
}


def snakemake(folder: Path, mode: str, *targets: str) -> float:
    """Run the workflow; seconds."""
    document = CONFIG | {"agents": {"mode": mode}}
    (folder / "config.yaml").write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", "config.yaml", "--cores", "2"]
    keyless = {name: value for name, value in os.environ.items() if "API_KEY" not in name}
    start = time.perf_counter()
    subprocess.run(
        [*command, "--quiet", "all", "--", *targets],
        cwd=folder,
        env=keyless | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def proposals(folder: Path) -> dict[str, bytes]:
    """Return every file of proposals and ideas of the arm."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / ARM).rglob("*.jsonl"))
    }


def seconds_of_rounds(folder: Path) -> list[float]:
    """Return the seconds of every `ask_agents` job, imports and loading included."""
    tables = folder / f"results/benchmarks/{TASK}/ask_agents"
    return [
        float(pd.read_csv(tables / f"local-1-{round_}.tsv", sep="\t")["s"].iloc[0])
        for round_ in range(ROUNDS)
    ]


def measure(folder: Path) -> dict[str, Any]:
    """Run the arm, then replay it."""
    spaces = [f"results/{TASK}/prepared/{name}.h5" for name in backbones()]
    snakemake(folder, "record", "results/models/smollm2", *spaces)
    targets = [f"{ARM}/seed1/ledger.parquet", f"{ARM}/seed1/calls.parquet"]
    wall = snakemake(folder, "record", *targets)
    asked, first = seconds_of_rounds(folder), proposals(folder)
    ledger = pd.read_parquet(folder / targets[0])
    calls = pd.read_parquet(folder / targets[1])
    shutil.rmtree(folder / ARM)
    replayed = snakemake(folder, "replay", *targets)
    own = ledger[ledger["agent"] == "smollm2"]
    return {
        "task": TASK,
        "rounds": ROUNDS,
        "experiments_per_round": PER_ROUND,
        "experiments": len(ledger),
        "proposed_by_the_model": len(own),
        "statuses_of_its_proposals": own["status"].value_counts().to_dict(),
        "repeated_share": round(float((own["status"] == "duplicate").mean()), 3),
        "calls": len(calls),
        "outcomes": calls["outcome"].value_counts().to_dict(),
        "input_tokens_a_call": round(float(calls["input_tokens"].mean())),
        "output_tokens_a_call": round(float(calls["output_tokens"].mean())),
        "output_tokens_a_second": round(
            float(calls["output_tokens"].sum() / calls["latency_s"].sum()), 1
        ),
        "ask_s_by_round": [round(each, 1) for each in asked],
        "ask_s_a_round": round(sum(asked) / ROUNDS, 1),
        "wall_s": round(wall, 1),
        "replay_ask_s_by_round": [round(each, 1) for each in seconds_of_rounds(folder)],
        "replay_wall_s": round(replayed, 1),
        "replayed_proposals_are_equal": proposals(folder) == first,
    }


def backbones() -> list[str]:
    """Name the backbones of the embedded space."""
    space = yaml.safe_load((ROOT / "resources/spaces/embedded.yaml").read_text())
    return next(f["levels"] for f in space["factors"] if f["name"] == "backbone")


def main() -> None:
    """Measure, and write the section "local" of results.json."""
    with tempfile.TemporaryDirectory() as name:
        figures = measure(Path(name))
    record(HERE / "results.json", "local", figures, "torch", "transformers", "llguidance")
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
