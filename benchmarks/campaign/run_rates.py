"""Measure what each kind of work takes of one core, from a finished default campaign.

The first lines of every run and dry run estimate with these rates (`resources/rates.yaml`). Use:
run_rates.py FOLDER, where `snakemake --cores 2` has run alone.
"""

import argparse
import base64
import json
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402

Jobs = dict[str, list[tuple[str, str, float]]]
TRAIN_SHARE = 0.6
DECODING = ("index_clips", "decode_windows", "collect_windows", "split_clips")
# Beside describing frames, of a backbone's features.
STORING = ("collect_features", "prepare_features")
REST = ("analyse_", "report", "audit_", "compare_", "replicate_runs", "choose_", "draw_")
HEAD = """\
# Seconds of one core in a default campaign, for the first lines of a run: rules/plan.smk.
# Made by benchmarks/campaign/run_rates.py. render_s, decode_s, describe_s: of a clip; train_s: of
# a visit of a training clip by one experiment; round_s: of a round beside its training;
# local_call_s: of a round of the packaged language model; rest_s: of a task's analyses and its
# share of the report.
"""


def jobs_of(folder: Path) -> Jobs:
    """Return an output, the log and the wall seconds of every job, by rule, as Snakemake noted."""
    jobs: dict[tuple[str, str], tuple[str, str, float]] = {}
    for path in sorted(Path(folder, ".snakemake/metadata").rglob("*")):
        if path.is_file():
            note = json.loads(path.read_text())
            output = base64.b64decode(path.name).decode()
            # One job's outputs share its log; their times differ by what writing them took.
            key = (note["rule"], note["log"][0])
            jobs[key] = (output, key[1], note["endtime"] - note["starttime"])
    found: Jobs = defaultdict(list)
    for (rule, _), job in jobs.items():
        found[rule].append(job)
    return found


def rates_of(folder: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Divide what jobs took by what they had to do."""
    jobs = jobs_of(folder)
    total = {rule: sum(seconds for *_, seconds in each) for rule, each in jobs.items()}
    tasks = config["tasks"]
    clips = sum(task["clips"] for task in tasks.values())
    costs = _costs(folder)
    trained = int(costs["train_duration_s"].gt(0).sum())
    visits = trained * config["training"]["epochs"] * clips / len(tasks) * TRAIN_SHARE
    storing = (
        sum(total[rule] for rule in STORING) / clips / len(jobs["collect_features"]) * len(tasks)
    )
    describe = {Path(output).stem: storing for output, *_ in jobs["collect_features"]}
    for output, _, seconds in jobs["extract_features"]:
        describe[Path(output).parent.name] += seconds / clips
    networks = [name for name in describe if name.startswith("efficientnet")]
    for name in networks:
        describe[name] += total["extract_network"] / clips / len(networks)
    rest = sum(seconds for rule, seconds in total.items() if rule.startswith(REST))
    return {
        "render_s": round(2 * total["generate_clips"] / clips, 4),  # it has two cores
        "decode_s": round(sum(total[rule] for rule in DECODING) / clips, 4),
        "describe_s": {name: round(seconds, 4) for name, seconds in sorted(describe.items())},
        "train_s": round(float(costs["train_duration_s"].sum()) / visits, 6),
        "round_s": round(
            _overhead(folder, jobs)
            + (total["propose_round"] + total["close_arm"]) / len(jobs["train_round"]),
            2,
        ),
        "local_call_s": round(total["ask_agents"] / len(jobs["ask_agents"]), 1),
        "rest_s": round(rest / len(tasks), 1),
    }


def _costs(folder: Path) -> pd.DataFrame:
    files = sorted(folder.glob("results/*/arms/*/*/costs.parquet"))
    return pd.concat([pd.read_parquet(path).assign(arm=path.parts[-3]) for path in files])


def _overhead(folder: Path, jobs: Jobs) -> float:
    """Seconds of a round of one process beside its training: designed rounds have two."""
    single = [s for _, log, s in jobs["train_round"] if "/designed-" not in log]
    costs = _costs(folder)
    trained = costs.loc[costs["arm"] != "designed", "train_duration_s"].sum()
    return float((sum(single) - trained) / len(single))


def main() -> None:
    """Write resources/rates.yaml and record the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rates = rates_of(folder, yaml.safe_load((ROOT / "config.yaml").read_text()))
    target = Path(__file__).with_name("results.json")
    record(target, "rates", rates, "snakemake", "torch", "numpy")
    facts = {"date": datetime.now(UTC).date().isoformat(), "device": "x86_64, 2 cores", **rates}
    (ROOT / "resources/rates.yaml").write_text(HEAD + yaml.safe_dump(facts, sort_keys=False))


if __name__ == "__main__":
    main()
