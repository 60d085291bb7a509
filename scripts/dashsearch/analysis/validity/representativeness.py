"""Do the experiments of an arm stand for the space, and do failures keep to some of its levels?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.inference.intervals import proportion_interval
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.validity.rank_agreement import ALL_ARMS
from dashsearch.analysis.variance.shares import distinct_cells, group_codes
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Level, Space

What = Literal["cells", "failed", "partial"]
ROUNDING = 1e-9
FEWEST = 5


@dataclass(frozen=True)
class LevelShare:
    """How often one level of a factor was drawn.

    Attributes
    ----------
    count, of
        Draws with this level; and for failed and partial experiments, all experiments with it.
    share, interval
        `count` over all draws of cells (chance level: the level's part of the space); of failed
        and partial experiments `count` over `of` (chance level: their share in all experiments).
    """

    level: Level
    count: int
    of: int
    share: float
    interval: Interval
    chance_level: float


@dataclass(frozen=True)
class LevelTest:
    """Whether the levels of a factor were drawn as a draw without looking would.

    Attributes
    ----------
    what
        ``"cells"``: distinct cells of an unbiased arm out of the space; ``"failed"`` and
        ``"partial"``: such experiments out of all that were run, arm by arm.
    arm
        The arm name, or all arm names together.
    n
        Number of draws.
    chi_square, p
        Pearson's statistic, and the share of random draws without replacement that reach it. A
        sample that is balanced on purpose has p near 1.
    p_holm
        Adjusted over all tests of the same `what`.
    cramers_v, chance_level
        sqrt(chi_square / n / (levels - 1)), from 0 to 1 where all levels are equally frequent; and
        what random draws give on average.
    draws
        Number of random draws.
    """

    what: What
    arm: str
    factor: str
    n: int
    chi_square: float
    p: float
    p_holm: float
    cramers_v: float
    chance_level: float
    draws: int
    levels: tuple[LevelShare, ...]


@dataclass(frozen=True)
class LevelTests:
    """Tests of every factor with two levels or more, and why a kind of them is missing."""

    tests: tuple[LevelTest, ...]
    reasons: dict[What, str]


@dataclass(frozen=True)
class SampleTest:
    """Scores of a designed arm against those of a uniform one: both stand for the same space.

    Attributes
    ----------
    n_designed, n_uniform
        Distinct cells with a score.
    probability, interval
        Probability that a designed score is above a uniform one, ties half; chance level 1/2.
    p
        Brunner and Munzel's test of that.
    ks_statistic, ks_p
        Kolmogorov and Smirnov's largest distance of the two distributions (chance level 0), and
        its p value: conservative with ties.
    p_holm, ks_p_holm
        Adjusted over both tests of all pairs of arms and scores.
    """

    designed: str
    uniform: str
    score: str
    n_designed: int
    n_uniform: int
    probability: float | None = None
    interval: Interval | None = None
    p: float | None = None
    p_holm: float | None = None
    ks_statistic: float | None = None
    ks_p: float | None = None
    ks_p_holm: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Stratum:
    """Counts by level of what could be drawn and of what was, within one run or arm."""

    population: NDArray[np.int64]
    drawn: NDArray[np.int64]


def level_statistic(strata: Sequence[Stratum], draws: int, seed: int) -> tuple[float, float, float]:
    """Test whether levels were drawn at random from each stratum, without replacement.

    Returns
    -------
    chi_square, p, chance
        Pearson's statistic of the summed counts, the share of `draws` random samples that reach it
        (the observed one counts), and its mean over these.
    """
    sizes = [int(each.drawn.sum()) for each in strata]
    expected = sum(
        size * each.population / each.population.sum()
        for each, size in zip(strata, sizes, strict=True)
    )
    rng = np.random.default_rng(seed)
    random = sum(
        rng.multivariate_hypergeometric(each.population, size, size=draws, method="marginals")
        for each, size in zip(strata, sizes, strict=True)
    )
    possible = np.asarray(expected) > 0

    def chi_square(counts: NDArray[Any]) -> NDArray[np.float64]:
        found = (counts - expected)[..., possible] ** 2 / np.asarray(expected)[possible]
        return np.asarray(found.sum(axis=-1))

    observed = float(chi_square(np.sum([each.drawn for each in strata], axis=0)))
    null = chi_square(np.asarray(random))
    p = (1 + int((null >= observed - ROUNDING).sum())) / (1 + draws)
    return observed, p, float(null.mean())


def level_tests(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> LevelTests:
    """Test the level frequencies of unbiased arms, of failed and of partial experiments.

    Failed are ``diverged`` and ``failed`` experiments; rejected proposals were never run and do not
    count.
    """
    run = ledger[ledger["status"].isin(["ok", "diverged", "failed"])]
    factors = [factor.name for factor in space.factors if len(factor.levels) > 1]
    families: dict[What, list[_Draws]] = {
        "cells": [
            _Draws("cells", str(arm), factor, _by_seed(rows, space, factor))
            for arm, rows in run.groupby("arm", sort=False)
            if settings.sampling(str(arm)) != "adaptive"
            for factor in factors
        ]
    }
    reasons: dict[What, str] = {}
    if not families["cells"]:
        reasons["cells"] = "no arm drew its cells without looking; run a designed or a random arm."
    chosen: dict[What, pd.Series[bool]] = {
        "failed": run["status"] != "ok",
        "partial": run["fidelity"] < 1,
    }
    for what, rows in chosen.items():
        n = int(rows.sum())
        if n < FEWEST:
            reasons[what] = f"{n} {what} experiments; at least {FEWEST} are needed to cluster."
            continue
        families[what] = [
            _Draws(what, ALL_ARMS, factor, _by_arm(run, rows, space, factor)) for factor in factors
        ]
    tests = [test for each in families.values() for test in _tested(each, space, settings)]
    return LevelTests(tuple(tests), reasons)


def sample_tests(ledger: pd.DataFrame, settings: AnalysisSettings) -> tuple[SampleTest, ...]:
    """Compare the scores of every designed arm name with those of every uniform one."""
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    found = []
    for designed in (arm for arm in arms if settings.sampling(arm) == "designed"):
        for uniform in (arm for arm in arms if settings.sampling(arm) == "uniform"):
            for score in (settings.score, settings.selection):
                one, other = (
                    distinct_cells(ledger[ledger["arm"] == arm], score)[score].to_numpy(
                        dtype=np.float64
                    )
                    for arm in (designed, uniform)
                )
                found.append(_sample_test(designed, uniform, score, one, other))
    adjusted = holm([p for test in found for p in (test.p, test.ks_p)])
    return tuple(
        replace(test, p_holm=adjusted[2 * place], ks_p_holm=adjusted[2 * place + 1])
        for place, test in enumerate(found)
    )


def superiority(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, Interval]:
    """Probability that a score of `one` is above one of `other`, ties half, with its interval.

    Raises
    ------
    TooFewScores
        If either has fewer than five scores, or no score of one lies among the other's.

    References
    ----------
    Brunner & Munzel (2000), Biom. J. 42(1); the interval is taken on the log odds.
    """
    m, n = one.size, other.size
    if min(m, n) < FEWEST:
        raise TooFewScores(f"{m} and {n} scores; at least {FEWEST} of each are needed.")
    both = stats.rankdata(np.concatenate([one, other]))
    inside = [both[:m] - stats.rankdata(one), both[m:] - stats.rankdata(other)]
    value = float(inside[0].mean()) / n
    error = float(np.sqrt(inside[0].var(ddof=1) / (m * n**2) + inside[1].var(ddof=1) / (n * m**2)))
    if not error or not 0 < value < 1:
        raise TooFewScores(f"{m} and {n} scores overlap too little for an interval.")
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * error / (value * (1 - value))
    odds = np.log(value / (1 - value))
    low, high = (float(1 / (1 + np.exp(-(odds + side * half)))) for side in (-1, 1))
    return value, Interval(low, high, "95 % Brunner-Munzel, log odds")


@dataclass(frozen=True)
class _Draws:
    """What is tested: the fields read as in `LevelTest` and `level_statistic`."""

    what: What
    arm: str
    factor: str
    strata: Sequence[Stratum]


def _by_seed(rows: pd.DataFrame, space: Space, factor: str) -> list[Stratum]:
    """Distinct cells of each seed of an arm name, out of the space."""
    levels = len(space.factor(factor).levels)
    population = np.full(levels, space.size // levels, dtype=np.int64)
    return [
        Stratum(population, _level_counts(run.drop_duplicates("cell"), space, factor))
        for _, run in rows.groupby("arm_seed", sort=True)
    ]


def _by_arm(
    run: pd.DataFrame, chosen: "pd.Series[bool]", space: Space, factor: str
) -> list[Stratum]:
    """Chosen experiments of each arm name, out of all that it ran."""
    return [
        Stratum(
            _level_counts(rows, space, factor),
            _level_counts(rows[chosen.loc[rows.index]], space, factor),
        )
        for _, rows in run.groupby("arm", sort=False)
    ]


def _tested(
    family: Sequence[_Draws], space: Space, settings: AnalysisSettings
) -> tuple[LevelTest, ...]:
    tests = [_level_test(draws, space, settings) for draws in family]
    adjusted = holm([test.p for test in tests])
    return tuple(
        replace(test, p_holm=test.p if p is None else p)
        for test, p in zip(tests, adjusted, strict=True)
    )


def _level_test(draws: _Draws, space: Space, settings: AnalysisSettings) -> LevelTest:
    levels = space.factor(draws.factor).levels
    root = derive_seed(settings.seed, "representativeness", draws.what, draws.arm, draws.factor)
    observed, p, mean = level_statistic(draws.strata, settings.permutations, root)
    counts = np.sum([each.drawn for each in draws.strata], axis=0)
    n = int(counts.sum())
    if draws.what == "cells":
        of, chance = np.full(len(levels), n), 1 / len(levels)
    else:
        of = np.sum([each.population for each in draws.strata], axis=0)
        chance = n / int(of.sum())
    scale = n * (len(levels) - 1)
    return LevelTest(
        what=draws.what,
        arm=draws.arm,
        factor=draws.factor,
        n=n,
        chi_square=observed,
        p=p,
        p_holm=p,
        cramers_v=float(np.sqrt(observed / scale)),
        chance_level=float(np.sqrt(mean / scale)),
        draws=settings.permutations,
        levels=tuple(
            _level_share(level, int(count), int(size), chance)
            for level, count, size in zip(levels, counts, of, strict=True)
        ),
    )


def _level_share(level: Level, count: int, of: int, chance: float) -> LevelShare:
    if not of:
        return LevelShare(level, 0, 0, float("nan"), Interval(0.0, 1.0, "no experiment"), chance)
    return LevelShare(level, count, of, count / of, proportion_interval(count, of), chance)


def _level_counts(rows: pd.DataFrame, space: Space, factor: str) -> NDArray[np.int64]:
    codes = group_codes(rows["cell"].to_numpy(dtype=np.int64), space, [factor])
    return np.bincount(codes, minlength=len(space.factor(factor).levels)).astype(np.int64)


def _sample_test(
    designed: str,
    uniform: str,
    score: str,
    one: NDArray[np.float64],
    other: NDArray[np.float64],
) -> SampleTest:
    empty = SampleTest(designed, uniform, score, one.size, other.size)
    try:
        probability, interval = superiority(one, other)
    except TooFewScores as refusal:
        return replace(empty, reason=str(refusal))
    distance = stats.ks_2samp(one, other)
    return replace(
        empty,
        probability=probability,
        interval=interval,
        p=float(stats.brunnermunzel(one, other).pvalue),
        ks_statistic=float(distance.statistic),
        ks_p=float(distance.pvalue),
    )
