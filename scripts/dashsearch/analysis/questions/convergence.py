"""How does the best score grow with the number of experiments, and does the order matter?"""

from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd

from dashsearch.analysis.convergence.arms import (
    arm_convergence,
    best_so_far_table,
    common_budgets,
    compare_at_equal_n,
)
from dashsearch.analysis.convergence.best_at import BestAtAnalysis, Column, best_at
from dashsearch.analysis.convergence.change_point import (
    ChangePoints,
    change_points,
    declared_positions,
)
from dashsearch.analysis.convergence.growth_laws import growth_laws, start_sensitivity
from dashsearch.analysis.convergence.records import records_test
from dashsearch.analysis.findings import Findings
from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.inputs.measured import MeasuredSpace
from dashsearch.analysis.questions.convergence_tables import (
    arm_pairs_table,
    best_at_table,
    change_points_table,
    growth_laws_table,
    records_table,
)
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Space

# Columns that declare where the system changed; those that a ledger lacks are passed over.
REGIME_COLUMNS = ("code_sha", "code_date", "data_sha", "config_schema", "regime")
COLUMNS: tuple[Column, ...] = ("selection", "score")
Estimate = TypeVar("Estimate")


def convergence_findings(
    ledger: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    measured: MeasuredSpace | None = None,
) -> Findings:
    """Put together tests of order, growth laws, changes of level, and arms at equal budgets.

    Parameters
    ----------
    measured
        Scores of every cell, if there is a table of them: regrets and targets are then the table's.
    """
    budgets = common_budgets(ledger)
    arms = {str(arm): ledger[ledger["arm"] == arm] for arm in pd.unique(ledger["arm"])}
    curves = [arm_convergence(rows, budgets, settings) for rows in arms.values()]
    records = _records(arms, settings)
    changes = _changes(ledger, space, settings)
    laws = [_laws(arm, rows, changes, settings) for arm, rows in arms.items()]
    best: dict[str, dict[str, Any]] = {
        column: _best_at(ledger, settings, column, measured) for column in COLUMNS
    }
    document = {
        "schema": "convergence/2",
        "task": str(ledger["task"].iloc[0]),
        "score": settings.score,
        "selection": settings.selection,
        "arms": plain(curves),
        "equal_n": plain(compare_at_equal_n(curves, budgets)),
        "records": plain(records),
        "growth_laws": plain(laws),
        "change_points": plain(changes),
        "best_at": plain(best),
    }
    tables = {
        "best_so_far.csv": best_so_far_table(ledger, settings),
        "best_at.csv": best_at_table(best),
        "arm_pairs.csv": arm_pairs_table(best),
        "records.csv": records_table(records),
        "growth_laws.csv": growth_laws_table(laws),
        "change_points.csv": change_points_table(changes),
    }
    return Findings({"convergence.json": document}, tables)


def _attempt(
    estimate: Callable[..., Estimate], *arguments: Any, **options: Any
) -> tuple[Estimate | None, str]:
    """Return an estimate, or None and the sentence that refuses it."""
    try:
        return estimate(*arguments, **options), ""
    except TooFewScores as refusal:
        return None, str(refusal)


def _records(arms: dict[str, pd.DataFrame], settings: AnalysisSettings) -> list[dict[str, Any]]:
    """Test every arm name for order; one family over arm names."""
    tests = [_attempt(records_test, rows, settings) for rows in arms.values()]
    adjusted = holm([test.p_upper if test else None for test, _ in tests])
    return [
        {"arm": arm, "test": test, "p_holm": p, "reason": reason}
        for arm, (test, reason), p in zip(arms, tests, adjusted, strict=True)
    ]


def _changes(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> list[dict[str, Any]]:
    """Look for changes in every run; one family over runs, one over declared changes."""
    regimes = [name for name in REGIME_COLUMNS if name in ledger.columns]
    found: list[dict[str, Any]] = []
    for (arm, seed), run in ledger.groupby(["arm", "arm_seed"], sort=False):
        estimate, reason = _attempt(change_points, run, space, settings, regimes=regimes)
        found.append(
            {
                "arm": str(arm),
                "arm_seed": int(str(seed)),
                "regimes": regimes,
                "positions": declared_positions(run, (), regimes),
                "estimate": estimate,
                "reason": reason,
            }
        )
    estimates: list[ChangePoints | None] = [each["estimate"] for each in found]
    searched = holm([each.p if each else None for each in estimates])
    declared = iter(holm([change.p for each in estimates if each for change in each.declared]))
    for each, p in zip(found, searched, strict=True):
        each["p_holm"] = p
        changes = each["estimate"].declared if each["estimate"] else ()
        each["declared_p_holm"] = [next(declared) for _ in changes]
    return found


def _laws(
    arm: str,
    rows: pd.DataFrame,
    changes: list[dict[str, Any]],
    settings: AnalysisSettings,
) -> dict[str, Any]:
    """Compare the laws, and fit the power law again from later starts and behind changes."""
    shortest = int(rows.groupby("arm_seed").size().min())
    own = [each for each in changes if each["arm"] == arm]
    starts = {place for each in own for place in each["positions"]}
    starts |= {c.n for each in own if each["estimate"] for c in each["estimate"].found}
    laws, reason = _attempt(growth_laws, rows, settings)
    inside = sorted(n for n in starts if n < shortest)
    table, table_reason = _attempt(start_sensitivity, rows, settings, inside)
    return {
        "arm": arm,
        "laws": laws,
        "reason": reason,
        "starts": table,
        "starts_reason": table_reason,
    }


def _best_at(
    ledger: pd.DataFrame,
    settings: AnalysisSettings,
    column: Column,
    measured: MeasuredSpace | None,
) -> dict[str, Any]:
    table = getattr(measured, column) if measured is not None else None
    analysis: BestAtAnalysis | None
    analysis, reason = _attempt(best_at, ledger, settings, column=column, table=table)
    return {"analysis": analysis, "reason": reason}
