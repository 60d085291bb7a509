"""Record and draw a hundred runs of five policies on both shipped tables.

First: snakemake results/replicate_runs/highway.json results/replicate_runs/crossing.json
--configfile resources/presets/hundred_seeds.yaml --cores 2
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / each) for each in ("scripts", "benchmarks")]

from record import record  # noqa: E402

from dashsearch.report.replicates import draw_replicates  # noqa: E402
from dashsearch.report.style import arm_colours, house_style  # noqa: E402

TASKS = ("highway", "crossing")
SHOWN_AT = (16, 32, 64)
BAND = ("low", "median", "high")


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the leading cell scores after some experiments, and what runs would tell."""
    return {
        "cells": document["space"]["cells"],
        "quantiles": document["quantiles"],
        "test score of the cell that leads the whole table on validation": round(
            document["best"]["test_of_the_best_on_validation"], 4
        ),
        "test score of the leading cell": {
            arm["arm"]: {
                "runs": arm["runs"],
                **{str(n): [_at(arm["reported"], each, n) for each in BAND] for n in SHOWN_AT},
            }
            for arm in document["arms"]
        },
        "validation score of the leading cell": {
            arm["arm"]: {
                str(n): [_at(arm["selection"], each, n) for each in BAND] for n in SHOWN_AT
            }
            for arm in document["arms"]
        },
        "share of variance that a run would have told": {
            quantity: {
                "exact": round(rows[0]["exact"], 4),
                **{row["arm"]: [round(row[each], 4) for each in BAND] for row in rows},
            }
            for quantity, rows in _by_quantity(document["told"]).items()
        },
    }


def _at(band: dict[str, list[float]], name: str, n: int) -> float:
    return round(band[name][n - 1], 4)


def _by_quantity(told: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in told:
        found.setdefault(row["quantity"], []).append(row)
    return found


def main() -> None:
    """Read both documents, record them and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("results/replicate_runs"))
    folder = parser.parse_args().folder
    documents = [json.loads((folder / f"{task}.json").read_text()) for task in TASKS]
    figures = {document["task"]: summary(document) for document in documents}
    target = Path(__file__).with_name("results.json")
    record(target, "hundred seeds", figures, "smac", "optuna", "numpy")
    colours = arm_colours([arm["arm"] for arm in documents[0]["arms"]])
    names = {"bands": "hundred_seeds.png", "told": "hundred_seeds_told.png"}
    for drawing in draw_replicates(documents, colours):
        with house_style():
            drawing.canvas.savefig(ROOT / "docs/figures" / names[drawing.kind], dpi=110)


if __name__ == "__main__":
    main()
