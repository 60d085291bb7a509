"""The dynamics of proposals as flat tables: n, estimate, interval, its kind, and chance."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashsearch.analysis.dynamics.cycles import RunCycles
from dashsearch.analysis.dynamics.distances import StepLengths
from dashsearch.analysis.dynamics.divergence import GroupDivergence
from dashsearch.analysis.dynamics.entropy import EntropySeries, ProposalEntropy
from dashsearch.analysis.dynamics.innovation import Innovation
from dashsearch.analysis.dynamics.moves import Moves
from dashsearch.analysis.results import interval_columns

ENTROPY_COLUMNS = (
    "arm", "arm_seed", "agent", "group", "support", "window", "end", "entropy_bits",
    "corrected_bits", "chao_shen_bits", "normalised", "effective", "uniform_low", "uniform_median",
    "uniform_high",
)  # fmt: skip
INTERVAL = ("low", "high", "interval_kind")


def entropy_table(entropy: Sequence[ProposalEntropy]) -> pd.DataFrame:
    """One row a run or agent, group of factors and window; entropies in bits."""
    # One column at a time: the windows of a million proposals are no list of rows.
    parts = [_entropy_rows(run, series) for run in entropy for series in run.series]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=ENTROPY_COLUMNS)


def _entropy_rows(run: ProposalEntropy, series: EntropySeries) -> pd.DataFrame:
    values = (
        run.arm, run.arm_seed, run.agent, series.group, series.support, series.window, series.ends,
        series.entropy_bits, series.corrected_bits, series.chao_shen_bits, series.normalised,
        series.effective, series.uniform.low, series.uniform.median, series.uniform.high,
    )  # fmt: skip
    columns = dict(zip(ENTROPY_COLUMNS, values, strict=True))
    return pd.DataFrame(columns, index=range(series.ends.size))


def moves_table(moves: Sequence[Moves]) -> pd.DataFrame:
    """One row an arm name or agent, reference and kind of move; shares of proposals."""
    columns = [
        "arm", "sampling", "agent", "reference", "kind", "n", "share", *INTERVAL, "uniform",
        "seeds", "without_reference",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for each in moves:
        who = (each.arm, each.sampling, each.agent, each.reference)
        rest = (each.seeds, each.without_reference)
        rows += [
            (
                *who,
                share.kind,
                each.n,
                share.share,
                *interval_columns(share.interval),
                share.uniform,
                *rest,
            )
            for share in each.shares
        ]
        one = each.one_factor
        if one is not None:
            kind = "architecture, of one-factor moves"
            limits = interval_columns(one.interval)
            rows.append((*who, kind, one.n, one.architecture, *limits, one.uniform, *rest))
    return pd.DataFrame(rows, columns=columns)


def steps_table(steps: Sequence[StepLengths]) -> pd.DataFrame:
    """One row an arm name or agent and measure of how far its proposals step."""
    columns = ["arm", "sampling", "agent", "measure", "n", "mean", *INTERVAL, "uniform", "seeds"]
    rows = [
        (
            each.arm, each.sampling, each.agent, name, distance.n, distance.mean,
            *interval_columns(distance.interval), distance.uniform, each.seeds,
        )
        for each in steps
        for name, distance in (
            ("step", each.step),
            ("nearest", each.nearest),
            ("factors_changed", each.factors_changed),
            ("one_factor", each.one_factor),
        )
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def cycles_table(cycles: Sequence[RunCycles], p_holm: Sequence[float | None]) -> pd.DataFrame:
    """One row a run or agent: the test of cycles, or why there is none."""
    columns = [
        "arm", "arm_seed", "agent", "n", "blocks", "statistic", "critical", "period_rounds", "p",
        "p_holm", "null", "reason",
    ]  # fmt: skip
    rows = [
        (each.arm, each.arm_seed, each.agent, *([None] * 6), None, None, each.reason)
        if each.test is None
        else (
            each.arm, each.arm_seed, each.agent, each.test.n, each.test.blocks,
            each.test.statistic, each.test.critical, each.test.period, each.test.p, adjusted,
            each.test.null, "",
        )
        for each, adjusted in zip(cycles, p_holm, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def divergence_table(
    divergence: Sequence[GroupDivergence], p_holm: Sequence[float | None]
) -> pd.DataFrame:
    """One row an arm (or pair of arms) and grouping: divergence, its null, or why there is none."""
    columns = [
        "arm", "arm_seed", "grouping", "labels", "n", "jsd_bits", "null_mean", "null_low",
        "null_high", "null_kind", "excess_bits", "label_bits", "p", "p_holm", "reason",
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for each, adjusted in zip(divergence, p_holm, strict=True):
        who = (each.arm, each.arm_seed, each.name)
        found = each.estimate
        if found is None:
            rows.append((*who, *([None] * 11), each.reason))
            continue
        rows.append(
            (
                *who, " | ".join(found.labels), sum(found.n), found.jsd_bits, found.null_mean,
                *interval_columns(found.band), found.excess_bits, found.label_bits, found.p,
                adjusted, "",
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def innovation_table(innovation: Sequence[Innovation]) -> pd.DataFrame:
    """One row a run and kind of novelty: how many there were, and how many chance gives."""
    columns = ["arm", "arm_seed", "what", "n", "total", "expected_total", "null"]
    rows = [
        (run.arm, run.arm_seed, rate.what, rate.n, rate.total, rate.expected_total, rate.null)
        for run in innovation
        for rate in run.rates
    ]
    return pd.DataFrame(rows, columns=columns)
