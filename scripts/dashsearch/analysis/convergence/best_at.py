"""All arm names at equal budgets: best score, regret, hitting times, and who beats whom."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dashsearch.analysis.convergence.arms import common_budgets
from dashsearch.analysis.convergence.curves import best_so_far
from dashsearch.analysis.convergence.paired_arms import (
    AreaDifference,
    Beats,
    area_difference,
    beats,
)
from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.inference.seed_intervals import interval_of_mean
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.seeds import derive_seed

Column = Literal["selection", "score"]
TOPS = (0.01, 0.001)


@dataclass(frozen=True)
class Reference:
    """What regrets and targets are measured by.

    Attributes
    ----------
    best, median
        y* and the median: regret 0, and regret 1.
    source, n
        Where both come from, and its number of scores.
    targets
        Score at the top 1 % and 0.1 %; None where the sample is too small.
    target_source, target_n
        Where the targets come from, and its number of scores.
    """

    best: float
    median: float
    source: str
    n: int
    targets: dict[float, float | None]
    target_source: str
    target_n: int


@dataclass(frozen=True)
class BestAtRow:
    """One arm name at one budget.

    Attributes
    ----------
    n
        Budget, the start and failures included.
    best, best_interval
        Mean over the seeds; NaN unless all of them have a success.
    regret, regret_interval
        (y* - best)/(y* - median): 1 is a typical experiment, 0 the best there is.
    seeds, succeeded
        Seeds, and those with a success.
    """

    arm: str
    n: int
    best: float
    best_interval: Interval | None
    regret: float
    regret_interval: Interval | None
    seeds: int
    succeeded: int


@dataclass(frozen=True)
class Hitting:
    """When the runs of an arm name first reach the top scores.

    Attributes
    ----------
    top, target
        Share of the reference sample, and the score it begins at.
    times
        Number of experiments of each seed until then, or None where its run ended before.
    horizon
        Number of experiments that every run has spent; later hits are not counted.
    censored
        Seeds that did not hit within the horizon.
    restricted_mean, interval
        Mean of the times cut at the horizon: what a run spends until it hits or ends.
    median
        Median time; NaN if half of the seeds or more are censored.
    """

    arm: str
    top: float
    target: float
    times: tuple[int | None, ...]
    seeds: int
    horizon: int
    censored: int
    restricted_mean: float
    interval: Interval | None
    median: float


@dataclass(frozen=True)
class ArmPair:
    """Two arm names against each other.

    Attributes
    ----------
    paired
        Whether both ran the same seeds, which then share their start and are compared one by one.
    beats
        Probability that `first` is above `second` at each budget.
    area
        Difference of their areas under the regret, with a Holm-adjusted p over all pairs.
    """

    first: str
    second: str
    paired: bool
    beats: tuple[Beats, ...]
    area: AreaDifference


@dataclass(frozen=True)
class BestAtAnalysis:
    """All arm names at equal budgets.

    Attributes
    ----------
    column
        The scores' column: chosen and read on it ("selection"), or the test score of the
        experiment with the best selection score ("score").
    budgets
        Cut to what every run has spent.
    hitting_reason
        Why targets are missing, else "".
    """

    column: str
    budgets: tuple[int, ...]
    reference: Reference
    rows: tuple[BestAtRow, ...]
    hitting: tuple[Hitting, ...]
    hitting_reason: str
    pairs: tuple[ArmPair, ...]


def best_at(
    ledger: pd.DataFrame,
    settings: AnalysisSettings,
    *,
    column: Column = "selection",
    table: ArrayLike | None = None,
) -> BestAtAnalysis:
    """Compare all arm names of one task at equal budgets.

    Parameters
    ----------
    ledger
        Experiments of one task, all arms, in proposal order within each.
    column
        ``"selection"`` follows the score that the search itself sees; ``"score"`` the test score
        of the experiment it would deploy, which may fall.
    table
        Scores of the same column for every cell of the space, NaN for cells that fail; then y*,
        the median and the targets are the table's.

    Raises
    ------
    TooFewScores
        If all scores are equal, or there is none.
    """
    name = settings.selection if column == "selection" else settings.score
    budgets = common_budgets(ledger)
    reference = regret_reference(ledger, name, settings, table)
    curves = {
        str(arm): _curves(rows, settings, column, budgets[-1])
        for arm, rows in ledger.groupby("arm", sort=False)
    }
    rows = [
        _row(arm, runs, n, reference, settings) for arm, runs in curves.items() for n in budgets
    ]
    hitting = [
        _hitting(arm, runs, top, target, settings)
        for arm, runs in curves.items()
        for top, target in reference.targets.items()
        if target is not None
    ]
    missing = [f"{top:g}" for top, target in reference.targets.items() if target is None]
    reason = ""
    if missing:
        reason = (
            f"{reference.target_n} scores of {reference.target_source} do not reach to the top "
            f"{' and '.join(missing)}: give the factorial table, or a larger random sample."
        )
    return BestAtAnalysis(
        column=name,
        budgets=budgets,
        reference=reference,
        rows=tuple(rows),
        hitting=tuple(hitting),
        hitting_reason=reason,
        pairs=_pairs(curves, budgets, reference, settings),
    )


def regret_reference(
    ledger: pd.DataFrame, column: str, settings: AnalysisSettings, table: ArrayLike | None
) -> Reference:
    """Find y*, the median and the targets: of the table if given, else of the experiments.

    Without a table y* is the best that any arm has found, so regret is relative to what was found.
    Targets need a sample that no score has influenced: distinct cells of the designed and uniform
    arms, and at least one expected experiment in the top share.
    """
    if table is None:
        scored = ledger[np.isfinite(ledger[column].to_numpy(dtype=np.float64))]
        pool = scored[column].to_numpy(dtype=np.float64)
        unbiased = (*settings.designed_arms, *settings.uniform_arms)
        sample = scored[scored["arm"].isin(unbiased)].drop_duplicates("cell")
        targets = sample[column].to_numpy(dtype=np.float64)
        source, target_source = "all experiments of the task", "designed and uniform arms"
    else:
        pool = np.asarray(table, dtype=np.float64)
        pool = pool[np.isfinite(pool)]
        targets, source, target_source = pool, "factorial table", "factorial table"
    if pool.size == 0 or np.ptp(pool) <= 0 or pool.max() <= np.median(pool):
        raise TooFewScores(
            f"the {pool.size} values of {column} of the {source} do not rise above their median, "
            "so there is no regret; run more experiments."
        )
    return Reference(
        best=float(pool.max()),
        median=float(np.median(pool)),
        source=source,
        n=pool.size,
        targets={
            top: float(np.quantile(targets, 1 - top, method="higher"))
            if targets.size * top >= 1
            else None
            for top in TOPS
        },
        target_source=target_source,
        target_n=targets.size,
    )


@dataclass(frozen=True)
class _Runs:
    """Best so far of all seeds of an arm name, shape (seeds, budgets)."""

    seeds: tuple[int, ...]
    best: NDArray[np.float64]


def _curves(rows: pd.DataFrame, settings: AnalysisSettings, column: Column, largest: int) -> _Runs:
    selection = rows[settings.selection].to_numpy(dtype=np.float64)
    score = rows[settings.score].to_numpy(dtype=np.float64)
    seeds, curves = [], []
    for seed, places in rows.groupby("arm_seed", sort=True).indices.items():
        own = np.sort(places)[:largest]
        run = best_so_far(selection[own], score[own])
        seeds.append(int(str(seed)))
        curves.append(run.selection if column == "selection" else run.reported)
    return _Runs(tuple(seeds), np.stack(curves))


def _row(
    arm: str, runs: _Runs, n: int, reference: Reference, settings: AnalysisSettings
) -> BestAtRow:
    values = runs.best[:, n - 1]
    succeeded = int(np.isfinite(values).sum())
    best, interval = float("nan"), None
    if succeeded == values.size:
        best = float(values.mean())
        root = derive_seed(settings.seed, "best at", arm, n)
        interval = interval_of_mean(values, settings.bootstraps, root)
    scale = reference.best - reference.median
    regret_interval = None
    if interval is not None:
        low, high = ((reference.best - limit) / scale for limit in (interval.high, interval.low))
        regret_interval = Interval(low, high, interval.kind)
    return BestAtRow(
        arm=arm,
        n=n,
        best=best,
        best_interval=interval,
        regret=(reference.best - best) / scale,
        regret_interval=regret_interval,
        seeds=values.size,
        succeeded=succeeded,
    )


def _hitting(
    arm: str, runs: _Runs, top: float, target: float, settings: AnalysisSettings
) -> Hitting:
    reached = runs.best >= target
    hit = np.asarray(reached.any(axis=1))
    horizon = runs.best.shape[1]
    first = np.where(hit, reached.argmax(axis=1) + 1, horizon)
    censored = int((~hit).sum())
    times = tuple(
        int(time) if did else None for time, did in zip(first.tolist(), hit.tolist(), strict=True)
    )
    root = derive_seed(settings.seed, "hitting", arm, top)
    return Hitting(
        arm=arm,
        top=top,
        target=target,
        times=times,
        seeds=hit.size,
        horizon=horizon,
        censored=censored,
        restricted_mean=float(first.mean()),
        interval=interval_of_mean(first.astype(np.float64), settings.bootstraps, root),
        median=float(np.median(first)) if 2 * censored < hit.size else float("nan"),
    )


def _pairs(
    curves: dict[str, _Runs],
    budgets: Sequence[int],
    reference: Reference,
    settings: AnalysisSettings,
) -> tuple[ArmPair, ...]:
    scale = reference.best - reference.median
    # One range of budgets for all: from the first at which every run has a success.
    reached = np.all([np.isfinite(runs.best).all(axis=0) for runs in curves.values()], axis=0)
    first = int(reached.argmax()) if reached.any() else reached.size
    found = []
    for (one, a), (other, b) in combinations(curves.items(), 2):
        paired = a.seeds == b.seeds and len(a.seeds) > 1
        regrets = [(reference.best - runs.best[:, first:]) / scale for runs in (a, b)]
        area = area_difference(
            regrets[0],
            regrets[1],
            n_from=first + 1,
            paired=paired,
            permutations=settings.permutations,
            bootstraps=settings.bootstraps,
            seed=derive_seed(settings.seed, "areas", one, other),
        )
        wins = tuple(beats(a.best[:, n - 1], b.best[:, n - 1], n=n, paired=paired) for n in budgets)
        found.append(ArmPair(one, other, paired, wins, area))
    adjusted = holm([pair.area.p for pair in found])
    return tuple(
        replace(pair, area=replace(pair.area, p_holm=math.nan if p is None else p))
        for pair, p in zip(found, adjusted, strict=True)
    )
