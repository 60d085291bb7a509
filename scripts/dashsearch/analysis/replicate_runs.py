"""Many runs of arms against one measured table: how far luck goes, what each would have told."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.bias.adaptive_bias import exact_references
from dashsearch.analysis.bias.share_estimates import Quantity, quantities
from dashsearch.analysis.convergence.curves import best_so_far
from dashsearch.analysis.results import plain
from dashsearch.analysis.variance.functional_anova import FunctionalAnova
from dashsearch.analysis.variance.shares import group_codes
from dashsearch.space.space import Space

# Of the runs of an arm: their median, and the band that nine in ten lie in.
QUANTILES = (0.05, 0.5, 0.95)
SELECTION, REPORTED = "val_map", "test_map"


def replicate_runs(
    ledger: pd.DataFrame,
    cells: pd.DataFrame,
    space: Space,
    truth: FunctionalAnova | None,
    reason: str = "",
) -> dict[str, Any]:
    """Summarise many runs of every arm name against a table of all cells.

    Parameters
    ----------
    ledger
        Experiments of all runs in proposal order: arm, arm_seed, status, cell, and both scores.
    cells
        Scores of every cell with its first seed: columns val_map and test_map, NaN where it failed.
    truth
        Exact analysis of the table's test scores, or None and why.

    Returns
    -------
    dict
        ``arms``: at every number of experiments the quantiles over runs of the best validation
        score and of the test score of the cell that leads; ``told``: by arm and quantity, the
        quantiles over runs of η² on the run's own experiments, beside the exact share.
    """
    arms = []
    for arm, rows in ledger.groupby("arm", sort=False):
        runs = [run for _, run in rows.groupby("arm_seed", sort=False)]
        length = min(len(run) for run in runs)
        heads = [run.head(length) for run in runs]
        curves = [best_so_far(head[SELECTION], head[REPORTED]) for head in heads]
        arms.append(
            {
                "arm": str(arm),
                "runs": len(runs),
                "n": list(range(1, length + 1)),
                "selection": _band(np.array([curve.selection for curve in curves])),
                "reported": _band(np.array([curve.reported for curve in curves])),
            }
        )
    validation, test = (cells[name].to_numpy(dtype=np.float64) for name in (SELECTION, REPORTED))
    return {
        "schema": "replicate_runs/1",
        "space": {"name": space.name, "cells": space.size},
        "quantiles": list(QUANTILES),
        "best": {
            "test_of_the_best_on_validation": float(test[np.nanargmax(validation)]),
            "best_test": float(np.nanmax(test)),
            "best_validation": float(np.nanmax(validation)),
        },
        "arms": plain(arms),
        "told": [] if truth is None else plain(_told(ledger, space, truth)),
        "told_reason": reason,
    }


def eta_squared(scores: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Share of the scores' variance between groups of at least two, as published (uncorrected).

    `variance.one_way` gives the same with an interval and tests, which take a hundred times as
    long: too long for hundreds of runs.

    Parameters
    ----------
    scores
        Of distinct cells, (n,).
    codes
        Group of every score, shape (n,).
    """
    _, group, counts = np.unique(codes, return_inverse=True, return_counts=True)
    kept = counts[group] >= 2
    if kept.sum() < 3:
        return float("nan")
    values, group = scores[kept], group[kept]
    sums, n = np.bincount(group, weights=values), np.bincount(group)
    held = n > 0
    total = float(((values - values.mean()) ** 2).sum())
    between = float((sums[held] ** 2 / n[held]).sum() - values.sum() ** 2 / values.size)
    return between / total if total > 0 else float("nan")


def _band(curves: NDArray[np.float64]) -> Mapping[str, Any]:
    """Return the quantiles at every number, None where a run has no score yet."""
    complete = np.atleast_1d(np.isfinite(curves).all(axis=0))
    low, median, high = np.quantile(np.where(complete, curves, 0.0), QUANTILES, axis=0)
    return {
        name: [float(v) if ok else None for v, ok in zip(values, complete, strict=True)]
        for name, values in (("low", low), ("median", median), ("high", high))
    }


def _told(ledger: pd.DataFrame, space: Space, truth: FunctionalAnova) -> list[dict[str, Any]]:
    wanted = [quantity for quantity in quantities(space) if quantity.factors]
    exact = exact_references(truth, wanted, space)
    rows = []
    for arm, part in ledger[ledger["status"] == "ok"].groupby("arm", sort=False):
        runs = [
            run.drop_duplicates("cell").dropna(subset=[REPORTED])
            for _, run in part.groupby("arm_seed", sort=False)
        ]
        for quantity in wanted:
            values = np.array([_eta_of(run, space, quantity) for run in runs])
            known = values[np.isfinite(values)]
            low, median, high = np.quantile(known, QUANTILES) if known.size else (None, None, None)
            rows.append(
                {
                    "arm": str(arm),
                    "quantity": quantity.name,
                    "runs": int(known.size),
                    "low": low,
                    "median": median,
                    "high": high,
                    "exact": exact[quantity.name].value,
                }
            )
    return rows


def _eta_of(run: pd.DataFrame, space: Space, quantity: Quantity) -> float:
    cells = run["cell"].to_numpy(dtype=np.int64)
    scores = run[REPORTED].to_numpy(dtype=np.float64)
    return eta_squared(scores, group_codes(cells, space, quantity.factors))
