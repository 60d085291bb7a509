"""Does what holds on one task hold on another?"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.inputs.usable import usable_ledger
from dashsearch.analysis.results import limits, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.tasks.cross_task import CrossTask, compare_tasks
from dashsearch.space.space import Space


def cross_task_findings(
    ledgers: Sequence[tuple[pd.DataFrame, Space]], settings: AnalysisSettings
) -> Findings:
    """Shares, winners and rank correlations of the tasks, each with its ledger and space.

    Raises
    ------
    InputError
        As of `dashsearch.analysis.analyse.analyse` and `compare_tasks`.
    """
    whole = []
    for ledger, space in ledgers:
        whole.append((usable_ledger(ledger, space, settings), space))
    found = compare_tasks(whole, settings)
    document = {
        "schema": "cross_task/1",
        "score": settings.score,
        "tasks": plain(list(found.tasks)),
        "pairs": plain(list(found.pairs)),
        "settings": plain(settings),
    }
    return Findings({"cross_task.json": document}, {"cross_task.csv": cross_task_table(found)})


def cross_task_table(found: CrossTask) -> pd.DataFrame:
    """One row per estimate; `n` is the scores behind it, of both tasks where there are two."""
    columns = ["estimator", "task", "other_task", "factors", "label", "n", "groups", "value", "low",
               "high", "interval", "chance_level", "p", "p_holm", "test"]  # fmt: skip
    rows = [*_task_rows(found), *_pair_rows(found)]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"n": "Int64", "groups": "Int64"})


def _task_rows(found: CrossTask) -> list[dict[str, Any]]:
    rows = []
    for task in found.tasks:
        for share in task.shares:
            if share.estimate is not None:
                one = share.estimate
                row = _row("omega_squared", task.task, share.factors, one.omega_squared, 0.0)
                rows.append(row | {"n": one.n, "groups": one.groups} | limits(one.interval))
        for each in task.winners:
            if each.winner is not None:
                best = each.winner
                names = {"label": " × ".join(best.label), "n": best.n, "groups": best.groups}
                mean, lead = (
                    _row(name, task.task, each.factors, value, None) | names | limits(interval)
                    for name, value, interval in (
                        ("winner_mean", best.mean, best.interval),
                        ("winner_lead", best.lead, best.lead_interval),
                    )
                )
                sure = _row(
                    "winner_probability", task.task, each.factors, best.probability,
                    best.chance_level,
                )  # fmt: skip
                rows += [mean, lead, sure | names | {"interval": "share of resamples"}]
    return rows


def _pair_rows(found: CrossTask) -> list[dict[str, Any]]:
    rows = []
    for pair in found.pairs:
        other = {"other_task": pair.second}
        for each in pair.differences:
            row = _row("omega_squared_difference", pair.first, each.factors, each.difference, 0.0)
            rows.append(row | other | {"n": sum(each.n)} | limits(each.interval))
        for ranks in pair.agreements:
            size = {"n": sum(ranks.n), "groups": ranks.groups}
            test = {"p": ranks.p, "p_holm": ranks.p_holm, "test": ranks.test}
            for name, measure in (("spearman", ranks.spearman), ("kendall_tau_b", ranks.kendall)):
                if measure is not None:
                    raw = _row(f"{name}_of_means", pair.first, ranks.factors, measure.value, 0.0)
                    true = _row(
                        f"{name}_corrected", pair.first, ranks.factors, measure.corrected, 0.0
                    )
                    rows += [
                        raw | other | size | (test if name == "spearman" else {}),
                        true | other | size | limits(measure.interval),
                    ]
    return rows


def _row(
    estimator: str,
    task: str,
    factors: tuple[str, ...],
    value: float | None,
    chance_level: float | None,
) -> dict[str, Any]:
    return {
        "estimator": estimator,
        "task": task,
        "factors": " × ".join(factors),
        "value": value,
        "chance_level": chance_level,
    }
