"""The findings on convergence as tables, one row an estimate with its n and kind of interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashsearch.analysis.results import Interval, interval_columns

Refusable = Sequence[Mapping[str, Any]]


def best_at_table(best: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Best score, regret and hitting times of every arm name."""
    columns = [
        "column", "arm", "n", "seeds", "censored", "quantity", "value", "low", "high",
        "estimator", "interval_kind", "reason",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for name, each in best.items():
        analysis = each["analysis"]
        if analysis is None:
            rows.append((name, *[None] * (len(columns) - 2), each["reason"]))
            continue
        source = analysis.reference.source
        for row in analysis.rows:
            head = (analysis.column, row.arm, row.n, row.seeds, row.seeds - row.succeeded)
            regret = f"(y* - best)/(y* - median) of the {source}"
            for quantity, value, interval, how in (
                ("best", row.best, row.best_interval, "mean over seeds"),
                ("regret", row.regret, row.regret_interval, regret),
            ):
                rows.append((*head, quantity, value, *_limits(interval, how), ""))
        for hit in analysis.hitting:
            how = f"mean time cut at {hit.horizon} to reach {hit.target:.6g}"
            head = (analysis.column, hit.arm, hit.horizon, hit.seeds, hit.censored)
            quantity = f"hitting time of top {hit.top:g}"
            limits = _limits(hit.interval, how)
            rows.append((*head, quantity, hit.restricted_mean, *limits, ""))
        if analysis.hitting_reason:
            blank = [None] * (len(columns) - 4)
            rows.append((analysis.column, None, None, *blank, analysis.hitting_reason))
    return pd.DataFrame(rows, columns=columns)


def arm_pairs_table(best: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Probability of beating at every budget, and the difference of areas, of every pair."""
    columns = [
        "column", "first", "second", "quantity", "n", "comparisons", "value", "low", "high",
        "chance_level", "p", "p_holm", "estimator", "interval_kind",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for each in best.values():
        analysis = each["analysis"]
        for pair in analysis.pairs if analysis else ():
            head = (analysis.column, pair.first, pair.second)
            for win in pair.beats:
                low, high, how, kind = _limits(win.interval, win.estimator)
                values = (win.probability, low, high, 0.5, None, None, how, kind)
                rows.append((*head, "first beats second", win.n, win.comparisons, *values))
            area = pair.area
            low, high, how, kind = _limits(area.interval, area.test)
            values = (area.difference, low, high, 0.0, area.p, area.p_holm, how, kind)
            rows.append((*head, "difference of areas", area.n_to, sum(area.seeds), *values))
    return pd.DataFrame(rows, columns=columns)


def records_table(records: Refusable) -> pd.DataFrame:
    """Improvements of every arm name against a shuffled order."""
    columns = [
        "arm", "seeds", "n", "scored", "records", "expected", "null_low", "null_high", "p_upper",
        "p_two_sided", "p_holm", "permutation_p", "ratio", "low", "high", "late_p_upper",
        "estimator", "interval_kind", "reason",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for each in records:
        test = each["test"]
        if test is None:
            rows.append((each["arm"], *[None] * (len(columns) - 2), each["reason"]))
            continue
        low, high, how, kind = _limits(test.ratio_interval, "exact Poisson-binomial")
        rows.append(
            (
                test.arm, len(test.seeds), test.n, test.scored, test.records, test.expected,
                test.null_interval.low, test.null_interval.high, test.p_upper, test.p_two_sided,
                each["p_holm"], test.permutation_p, test.ratio, low, high, test.late_p_upper,
                how, kind, "",
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def growth_laws_table(laws: Refusable) -> pd.DataFrame:
    """Tail errors of every law, and the exponent by the start of the curve."""
    columns = [
        "arm", "law", "start", "seeds", "n", "quantity", "value", "low", "high", "wins", "aicc",
        "r_squared", "at_bound", "estimator", "interval_kind", "reason",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for each in laws:
        arm, found = each["arm"], each["laws"]
        for fit in found.laws if found else ():
            how = f"held-out error on N = {found.n_fitted + 1} to {found.n_max}"
            low, high, how, kind = _limits(fit.tail_interval, how)
            rows.append(
                (
                    arm, fit.law, 0, found.seeds, found.n_max, "tail error", fit.tail_error, low,
                    high, fit.wins, fit.aicc, fit.r_squared, "; ".join(fit.at_bound), how, kind,
                    "",
                )
            )  # fmt: skip
        for row in each["starts"] or ():
            low, high, how, kind = _limits(row.c_interval, "least squares, mean over seeds")
            rows.append(
                (
                    arm, "power", row.start, None, row.n, "c", row.c, low, high, None, None,
                    row.r_squared, "; ".join(row.at_bound), how, kind, "",
                )
            )  # fmt: skip
        reasons = filter(None, (each["reason"], each["starts_reason"]))
        rows.extend((arm, *[None] * (len(columns) - 2), reason) for reason in reasons)
    return pd.DataFrame(rows, columns=columns)


def change_points_table(changes: Refusable) -> pd.DataFrame:
    """List changes of level that were found or declared; a run without any has one row."""
    columns = [
        "arm", "arm_seed", "residuals", "origin", "n", "n_low", "n_high", "shift", "low", "high",
        "p", "p_holm", "estimator", "interval_kind", "reason",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for each in changes:
        head, estimate = (each["arm"], each["arm_seed"]), each["estimate"]
        if estimate is None:
            rows.append((*head, *[None] * (len(columns) - 3), each["reason"]))
            continue
        how = f"segmented means of blocks of {estimate.block}, by {estimate.by}"
        if not estimate.found:
            blank = [None] * 6
            tests = (estimate.p, each["p_holm"], how, "")
            rows.append((*head, estimate.n, "none found", *blank, *tests, ""))
        for change in estimate.found:
            low, high, _, kind = _limits(change.shift_interval, how)
            place = (change.n, change.interval.low, change.interval.high, change.shift)
            tests = (estimate.p, each["p_holm"], how, kind)
            rows.append((*head, estimate.n, "found", *place, low, high, *tests, ""))
        for change, p in zip(estimate.declared, each["declared_p_holm"], strict=True):
            low, high, _, kind = _limits(change.shift_interval, how)
            place = (change.n, None, None, change.shift)
            tests = (change.p, p, "block permutation", kind)
            rows.append((*head, estimate.n, "declared", *place, low, high, *tests, change.reason))
    return pd.DataFrame(rows, columns=columns)


def _limits(
    interval: Interval | None, estimator: str
) -> tuple[float | None, float | None, str, str]:
    low, high, kind = interval_columns(interval)
    return low, high, estimator, kind
