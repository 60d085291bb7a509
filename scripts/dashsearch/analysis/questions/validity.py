"""Does validation tell what test would say, and do the samples stand for the space?"""

from typing import Any

import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import Interval, TooFewScores, limits, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.validity.rank_agreement import FactorSplit, Scope, scopes, validity
from dashsearch.analysis.validity.reliability import noise_ceiling
from dashsearch.analysis.validity.representativeness import (
    LevelTest,
    SampleTest,
    level_tests,
    sample_tests,
)
from dashsearch.analysis.validity.saturation import saturation
from dashsearch.analysis.validity.selected import selected_of_arms, selected_of_runs
from dashsearch.space.space import Space


def validity_findings(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Agreement of both scores, saturation, the selected of every run, and representativeness."""
    found = validity(ledger, space, settings)
    runs = selected_of_runs(ledger, settings)
    levels = level_tests(ledger, space, settings)
    samples = sample_tests(ledger, settings)
    arm, rows = scopes(ledger, settings)[0]
    ceiling, reason = None, ""
    try:
        ceiling = noise_ceiling(arm, rows, settings)
    except TooFewScores as refusal:
        reason = str(refusal)
    document = {
        "schema": "validity/1",
        "task": str(ledger["task"].iloc[0]),
        "score": settings.score,
        "selection": settings.selection,
        "scopes": plain(list(found)),
        "noise_ceiling": plain(ceiling),
        "noise_ceiling_reason": reason,
        "saturation": plain(list(saturation(ledger, settings))),
        "selected": {
            "runs": plain(list(runs)),
            "arms": plain(list(selected_of_arms(runs, ledger, settings))),
        },
        "representativeness": {
            "levels": plain(list(levels.tests)),
            "levels_reasons": plain(levels.reasons),
            "samples": plain(list(samples)),
            "samples_reason": "" if samples else "there is not both a designed and a random arm.",
        },
    }
    return Findings(
        {"validity.json": document},
        {
            "validity_correlations.csv": correlations_table(found),
            "selected.csv": pd.DataFrame([run.__dict__ for run in runs]),
            "representativeness.csv": representativeness_table(levels.tests, samples),
        },
    )


def correlations_table(found: tuple[Scope, ...]) -> pd.DataFrame:
    """One row per scope and estimate; scopes with too few cells have a row without values."""
    columns = ["arm", "sampling", "factor", "estimator", "n", "value", "low", "high", "interval",
               "chance_level", "p", "p_holm", "test"]  # fmt: skip
    rows = [
        {"arm": scope.arm, "sampling": scope.sampling, **row}
        for scope in found
        for row in (*_overall(scope), *(row for each in scope.splits for row in _split(each)))
    ]
    return pd.DataFrame(rows, columns=columns)


def _overall(scope: Scope) -> list[dict[str, Any]]:
    agreement = scope.agreement
    if agreement is None:
        return [{"estimator": "spearman", "n": scope.n_cells}]
    rho, tau, top = agreement.spearman, agreement.kendall, agreement.top_decile
    rows = [
        _estimate("spearman", agreement.n, rho, agreement.spearman_interval),
        _estimate("kendall_tau_b", agreement.n, tau.tau_b, tau.interval),
    ]
    if top is not None:
        rows.append(_estimate("kendall_tau_b_top_decile", top.n, top.tau_b, top.interval))
    for each in agreement.overlaps:
        row = _estimate(f"overlap_top_{each.top:g}", each.size, each.overlap, each.interval)
        rows.append(row | {"chance_level": each.chance_level})
    return rows


def _split(each: FactorSplit) -> list[dict[str, Any]]:
    split, test, shares = each.split, each.between_test, each.share_intervals
    if split is None or shares is None:
        return []
    between = _estimate("spearman_between", split.groups, split.between, None)
    if test is not None:
        between |= {"p": test.p, "p_holm": each.p_holm, "test": test.kind}
    chance = {"chance_level": split.chance_level}
    rows = [
        _estimate("spearman_within", split.n, split.within, each.within_interval),
        between,
        _estimate("rank_share_validation", split.n, split.share_first, shares[0]) | chance,
        _estimate("rank_share_test", split.n, split.share_second, shares[1]) | chance,
    ]
    return [{"factor": each.factor, **row} for row in rows]


def representativeness_table(
    levels: tuple[LevelTest, ...], samples: tuple[SampleTest, ...]
) -> pd.DataFrame:
    """One row per level of every tested factor, and one per comparison of two samples."""
    rows: list[dict[str, Any]] = []
    for test in levels:
        rows += [
            {
                "what": test.what,
                "arm": test.arm,
                "factor": test.factor,
                "level": level.level,
                "count": level.count,
                "n": level.of,
                "value": level.share,
                **limits(level.interval),
                "chance_level": level.chance_level,
                "p": test.p,
                "p_holm": test.p_holm,
                "test": f"chi-square, {test.draws} random draws",
            }
            for level in test.levels
        ]
    rows += [
        {
            "what": f"{sample.score} above",
            "arm": f"{sample.designed} against {sample.uniform}",
            "n": sample.n_designed + sample.n_uniform,
            "value": sample.probability,
            **limits(sample.interval),
            "chance_level": 0.5,
            "p": sample.p,
            "p_holm": sample.p_holm,
            "test": "Brunner-Munzel",
        }
        for sample in samples
    ]
    columns = ["what", "arm", "factor", "level", "count", "n", "value", "low", "high", "interval",
               "chance_level", "p", "p_holm", "test"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).astype({"count": "Int64"})


def _estimate(
    estimator: str, n: int, value: float | None, interval: Interval | None
) -> dict[str, Any]:
    return {
        "estimator": estimator,
        "n": n,
        "value": value,
        **limits(interval),
        "chance_level": 0.0,
    }
