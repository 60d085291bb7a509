"""All analyses of one task's ledger, and the files that hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.arms import (
    ArmConvergence,
    arm_convergence,
    arms_table,
    best_so_far_table,
    common_budgets,
    compare_at_equal_n,
    failures_table,
)
from dashsearch.analysis.dynamics import EntropySeries, entropy_of_proposals
from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.shares import (
    PUBLISHED_PAIR,
    ArmShares,
    distinct_cells,
    primary_arm,
    variance_shares,
)
from dashsearch.errors import InputError
from dashsearch.files import replacing, write_json
from dashsearch.space.space import Space

COLUMNS = (
    *("experiment_id", "task", "arm", "arm_seed", "cell", "seed", "fidelity", "status", "reason"),
)


@dataclass(frozen=True)
class TaskAnalysis:
    """Everything that is written about one task: JSON documents and tables, by file name."""

    task: str
    documents: dict[str, dict[str, Any]]
    tables: dict[str, pd.DataFrame]


def analyse_task(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> TaskAnalysis:
    """Run all analyses on the joined ledger of one task.

    Parameters
    ----------
    ledger
        The ledgers of all arms and seeds, one after another, each in proposal order.

    Raises
    ------
    InputError
        If a column is missing, the ledger is empty or of several tasks, a cell is outside the
        space, a score is outside [0, 1], or a successful experiment has no score.
    """
    _check(ledger, space, settings)
    ledger = hide_partial_scores(ledger.reset_index(drop=True), settings)
    task = str(ledger["task"].iloc[0])
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    shares = {
        score: variance_shares(ledger, space, score, settings)
        for score in (settings.score, settings.selection)
    }
    budgets = common_budgets(ledger)
    curves = tuple(arm_convergence(ledger[ledger["arm"] == arm], budgets, settings) for arm in arms)
    runs = _entropy_of_runs(ledger, space, settings)
    arm_rows = arms_table(ledger, space, settings)
    equal_n = compare_at_equal_n(curves, budgets)
    failures = failures_table(ledger)
    primary = primary_arm(arms, settings)
    documents = {
        "variance.json": _variance_document(task, primary, shares, settings),
        "convergence.json": _convergence_document(task, curves, settings),
        "dynamics.json": _dynamics_document(task, runs, settings),
        "summary.json": {
            "schema": "summary/1",
            "task": task,
            "score": settings.score,
            "selection": settings.selection,
            "n_experiments": len(ledger),
            "n_partial": int((ledger["fidelity"] < 1).sum()),
            "primary_arm": primary,
            "space": {"name": space.name, "digest": space.digest, "cells": space.size},
            "arms": plain(_records(arm_rows)),
            "equal_n": plain(equal_n),
            "failures": plain(_records(failures)),
            "settings": plain(settings),
        },
    }
    tables = {
        "arms.csv": arm_rows,
        "best_so_far.csv": best_so_far_table(ledger, settings),
        "pair_means.csv": pair_means(ledger, space, settings),
        "entropy.csv": _entropy_table(runs),
    }
    return TaskAnalysis(task, documents, tables)


def hide_partial_scores(ledger: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """Take the scores from experiments that were trained for a share of the epochs only.

    They spend budget like any other, but a score of another protocol can neither be an incumbent
    nor enter a variance share.
    """
    hidden = ledger.copy()
    hidden.loc[ledger["fidelity"] < 1, [settings.score, settings.selection]] = np.nan
    return hidden


def write_analysis(analysis: TaskAnalysis, folder: str | Path, note: Mapping[str, Any]) -> None:
    """Write every document as strict JSON and every table as CSV (empty: no value) to `folder`.

    `note` says what made them, from `dashsearch.analysis.ledgers.analysis_note`; it becomes
    provenance.json.
    """
    folder = Path(folder)
    write_json(folder / "provenance.json", note)
    for name, document in analysis.documents.items():
        write_json(folder / name, document)
    for name, table in analysis.tables.items():
        with replacing(folder / name) as path:
            table.to_csv(path, index=False, lineterminator="\n")


def pair_means(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> pd.DataFrame:
    """Mean, standard deviation and n of the distinct cells of each backbone x encoder pair.

    Every pair of the space has a row for every arm name; one that was never scored has n = 0.
    """
    if not set(PUBLISHED_PAIR) <= set(space.names):
        return pd.DataFrame(columns=["arm", "sampling", "n"])
    backbone, encoder = PUBLISHED_PAIR
    rows = []
    for arm, proposed in ledger.groupby("arm", sort=False):
        scored = distinct_cells(proposed, settings.score)
        by_pair = dict(list(scored.groupby([backbone, encoder], sort=False)))
        for one in space.factor(backbone).levels:
            for other in space.factor(encoder).levels:
                pair = by_pair.get((one, other), scored.iloc[:0])
                row: dict[str, Any] = {
                    "arm": arm,
                    "sampling": settings.sampling(str(arm)),
                    backbone: one,
                    encoder: other,
                    "n": len(pair),
                }
                for score in (settings.score, settings.selection):
                    values = pair[score].to_numpy(dtype=np.float64)
                    row[f"mean_{score}"] = values.mean() if values.size else np.nan
                    row[f"sd_{score}"] = values.std(ddof=1) if values.size > 1 else np.nan
                rows.append(row)
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Run:
    arm: str
    arm_seed: int
    n: int
    series: tuple[EntropySeries, ...]


def _entropy_of_runs(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[_Run, ...]:
    # A rejected proposal with an impossible level has no cell; every other proposal counts.
    proposals = ledger[ledger["status"] != "invalid"]
    return tuple(
        _Run(
            str(arm),
            int(str(seed)),
            len(rows),
            entropy_of_proposals(
                rows["cell"].to_numpy(dtype=np.int64),
                space,
                window=settings.window,
                step=settings.step,
                draws=settings.bootstraps,
                seed=settings.seed,
            ),
        )
        for (arm, seed), rows in proposals.groupby(["arm", "arm_seed"], sort=False)
    )


def _variance_document(
    task: str,
    primary: str | None,
    shares: dict[str, tuple[ArmShares, ...]],
    settings: AnalysisSettings,
) -> dict[str, Any]:
    headline = next(
        (
            {"name": share.name, "arm": arm.arm, **plain(share.estimate)}
            for arm in shares[settings.score]
            if arm.primary
            for share in arm.shares
            if share.role == "pairs" and share.estimate is not None
        ),
        None,
    )
    return {
        "schema": "variance/1",
        "task": task,
        "primary_arm": primary,
        "score": settings.score,
        "one_way": headline,
        "scores": plain({score: list(arms) for score, arms in shares.items()}),
    }


def _convergence_document(
    task: str, curves: tuple[ArmConvergence, ...], settings: AnalysisSettings
) -> dict[str, Any]:
    return {
        "schema": "convergence/1",
        "task": task,
        "score": settings.score,
        "selection": settings.selection,
        "arms": plain(list(curves)),
    }


def _dynamics_document(
    task: str, runs: tuple[_Run, ...], settings: AnalysisSettings
) -> dict[str, Any]:
    return {
        "schema": "dynamics/1",
        "task": task,
        "window": settings.window,
        "step": settings.step,
        "runs": plain(list(runs)),
    }


def _entropy_table(runs: tuple[_Run, ...]) -> pd.DataFrame:
    columns = [
        "arm", "arm_seed", "group", "support", "window", "end", "entropy_bits", "corrected_bits",
        "normalised", "effective", "uniform_low", "uniform_median", "uniform_high",
    ]  # fmt: skip
    rows = [
        (
            run.arm, run.arm_seed, series.group, series.support, series.window,
            int(series.ends[i]), series.entropy_bits[i], series.corrected_bits[i],
            series.normalised[i], series.effective[i],
            series.uniform.low, series.uniform.median, series.uniform.high,
        )
        for run in runs
        for series in run.series
        for i in range(series.ends.size)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _check(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> None:
    needed = [*COLUMNS, settings.score, settings.selection, *space.names]
    missing = [name for name in needed if name not in ledger.columns]
    if missing:
        raise InputError(
            f"the ledger ({len(ledger)} rows) has no column {missing[0]!r}; "
            "join the closed ledgers of the arms."
        )
    if ledger.empty:
        raise InputError("the ledger has no rows; run at least one arm.")
    tasks = sorted(map(str, pd.unique(ledger["task"])))
    if len(tasks) > 1:
        raise InputError(
            f"the ledger mixes the tasks {', '.join(tasks)}; analyse one task at a time."
        )
    cells = ledger.loc[ledger["status"] != "invalid", "cell"].to_numpy(dtype=np.int64)
    outside = int(((cells < 0) | (cells >= space.size)).sum())
    if outside:
        raise InputError(
            f"column cell: {outside} of {len(ledger)} rows hold a cell outside 0 to "
            f"{space.size - 1}; use the space that the ledger was made with."
        )
    succeeded = (ledger["status"] == "ok").to_numpy()
    for score in (settings.score, settings.selection):
        values: NDArray[np.float64] = ledger[score].to_numpy(dtype=np.float64)
        finite = np.isfinite(values)
        if (succeeded != finite).any():
            raise InputError(
                f"column {score}: {int((succeeded != finite).sum())} of {len(ledger)} rows have a "
                "score without status ok, or status ok without a score; close the arm again."
            )
        beyond = int(((values[finite] < 0) | (values[finite] > 1)).sum())
        if beyond:
            raise InputError(
                f"column {score}: {beyond} of {len(ledger)} scores are outside 0 to 1; "
                "give average precisions."
            )
