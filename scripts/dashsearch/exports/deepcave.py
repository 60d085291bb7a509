"""Arms as DeepCAVE's runs: its native folder of a run, one an arm and seed."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.exports.spaces import write_config_space
from dashsearch.files import write_json, write_json_lines
from dashsearch.space.space import Space

SUCCESS, CRASHED = 1, 4


def write_deepcave(folder: Path, ledger: pd.DataFrame, space: Space, selection: str) -> None:
    """Write one folder an arm and seed, as DeepCAVE's own recorder does.

    configs.json (configurations by number), configspace.json, history.jsonl (one line an
    experiment: configuration, budget, seed, costs, start, end, status, and further facts),
    meta.json and origins.json. The objective is the validation score, to maximise; the budget is
    the share of the epochs. Experiments without a cell are left out: DeepCAVE has no place for
    them.

    Parameters
    ----------
    ledger
        Closed ledgers of one task with a column train_duration_s, in proposal order.
    """
    for (arm, seed), rows in ledger[ledger["cell"] >= 0].groupby(["arm", "arm_seed"], sort=False):
        _write_run(folder / f"{arm}-seed{seed}", rows, space, selection)


def _write_run(folder: Path, rows: pd.DataFrame, space: Space, selection: str) -> None:
    cells = list(dict.fromkeys(map(int, rows["cell"])))
    number_of = {cell: number for number, cell in enumerate(cells)}
    history, at = [], 0.0
    for record in rows.to_dict("records"):
        score = float(record[selection])
        is_scored = record["status"] == "ok" and math.isfinite(score)
        seconds = float(record["train_duration_s"])
        until = at + (seconds if math.isfinite(seconds) else 0.0)
        history.append(
            [
                number_of[int(record["cell"])],
                float(record["fidelity"]),
                int(record["replicate"]),
                [score if is_scored else None],
                at,
                until,
                SUCCESS if is_scored else CRASHED,
                {"experiment_id": record["experiment_id"], "reason": record["reason"]},
            ]
        )
        at = until
    write_json(folder / "configs.json", {str(number_of[cell]): space.cell(cell) for cell in cells})
    write_config_space(folder / "configspace.json", space)
    write_json_lines(folder / "history.jsonl", history)
    write_json(folder / "origins.json", {str(number_of[cell]): None for cell in cells})
    write_json(folder / "meta.json", _meta(rows, selection))


def _meta(rows: pd.DataFrame, selection: str) -> dict[str, Any]:
    return {
        "objectives": [
            {"name": selection, "lower": 0.0, "upper": 1.0, "optimize": "upper",
             "lock_lower": True, "lock_upper": True}
        ],
        "budgets": sorted({float(share) for share in rows["fidelity"]}),
        "seeds": sorted({int(seed) for seed in rows["replicate"]}),
    }  # fmt: skip
