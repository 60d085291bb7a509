"""Two arm names against each other over their seeds, paired or not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from dashsearch.analysis.inference.seed_intervals import (
    expanded_interval,
    interval_of_mean,
    seed_draws,
)
from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP


@dataclass(frozen=True)
class Beats:
    """Probability that a run of one arm name has a better score than one of another.

    Attributes
    ----------
    n
        Budget.
    probability, interval
        Ties count half, and chance level is 1/2. A run without a success loses to one with.
        With two seeds or fewer there is no interval.
    comparisons
        Number of compared pairs of runs.
    estimator
        ``"paired seeds"`` or ``"all pairs (Mann-Whitney)"``.
    """

    n: int
    probability: float
    interval: Interval | None
    comparisons: int
    estimator: str


@dataclass(frozen=True)
class AreaDifference:
    """Difference of the areas under the regret over log N, first minus second: below 0 is better.

    Attributes
    ----------
    difference, interval
        Of the mean regret over log N between `n_from` and `n_to`, and its spread over seeds;
        chance level 0.
    p, p_holm
        Two-sided permutation p, and adjusted over all pairs of arm names; NaN if no permutation
        of so few seeds can tell anything.
    smallest_p
        The smallest p that this number of seeds can give.
    test
        ``"sign flips of paired seeds"`` or ``"permuted labels"``.
    seeds
        Seeds of either arm name.
    """

    difference: float
    interval: Interval | None
    p: float
    p_holm: float
    smallest_p: float
    test: str
    seeds: tuple[int, int]
    n_from: int
    n_to: int


def beats(
    first: NDArray[np.float64], second: NDArray[np.float64], *, n: int, paired: bool
) -> Beats:
    """Estimate the probability that a run of the first arm name is above one of the second.

    Paired seeds: the share of wins, ties half, with Wilson's score interval, which has a width
    where all seeds agree. Otherwise the Mann-Whitney estimate of all pairs of runs with Newcombe's
    score interval, which accounts for the pairs' dependence.

    Parameters
    ----------
    first, second
        Best scores at budget `n`, one a seed; NaN without a success. Of equal order and length
        if `paired`.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22; Newcombe (2006), Stat. Med. 25(4), method 5.
    """
    one, other = (np.where(np.isfinite(each), each, -np.inf) for each in (first, second))
    if paired:
        scores = (one > other) + 0.5 * (one == other)
        estimator = "paired seeds"
    else:
        scores = (one[:, None] > other) + 0.5 * (one[:, None] == other)
        estimator = "all pairs (Mann-Whitney)"
    probability = float(scores.mean())
    interval = None
    if min(one.size, other.size) > 2:
        interval = (
            _wilson(probability, one.size)
            if paired
            else _newcombe(probability, one.size, other.size)
        )
    return Beats(n, probability, interval, scores.size, estimator)


def area_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    n_from: int,
    paired: bool,
    permutations: int,
    bootstraps: int,
    seed: int,
) -> AreaDifference:
    """Compare the areas under two sets of regret curves.

    Parameters
    ----------
    first, second
        Regrets of shape (seeds, budgets), for budgets `n_from`, `n_from` + 1, …; of equal order
        and length if `paired`.
    """
    seeds = (len(first), len(second))
    n_to = n_from + first.shape[1] - 1
    test = "sign flips of paired seeds" if paired else "permuted labels"
    orders = 2 ** seeds[0] if paired else math.comb(sum(seeds), seeds[0])
    # Both tails count, and with equal numbers of seeds every order has its mirror image.
    least = min(1.0, 2 / orders)
    least = max(least, 2 / (permutations + 1)) if orders > permutations else least
    empty = AreaDifference(
        math.nan, None, math.nan, math.nan, least, test, seeds, n_from, max(n_to, n_from)
    )
    if first.shape[1] < 2:
        return empty
    areas = [_log_area(each, n_from) for each in (first, second)]
    difference = float(areas[0].mean() - areas[1].mean())
    if paired:
        interval = interval_of_mean(areas[0] - areas[1], bootstraps, seed)
    else:
        interval = _difference_interval(areas[0], areas[1], bootstraps, seed)
    return replace(
        empty,
        difference=difference,
        interval=interval,
        p=_permutation_p(areas, paired, permutations, seed) if least < 1 else math.nan,
    )


def _log_area(regret: NDArray[np.float64], n_from: int) -> NDArray[np.float64]:
    """Mean of each curve over log N, by the trapezium rule."""
    logs = np.log(np.arange(n_from, n_from + regret.shape[1]))
    return np.asarray(np.trapezoid(regret, logs, axis=1) / (logs[-1] - logs[0]))


def _permutation_p(
    areas: Sequence[NDArray[np.float64]], paired: bool, permutations: int, seed: int
) -> float:
    def difference(
        one: NDArray[np.float64], other: NDArray[np.float64], axis: int = 0
    ) -> NDArray[np.float64]:
        return np.asarray(one.mean(axis=axis) - other.mean(axis=axis))

    if min(areas[0].size, areas[1].size) == 1:
        return _single_seed_p(areas)
    result = stats.permutation_test(
        tuple(areas),
        difference,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=permutations,
        batch=1000,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _single_seed_p(areas: Sequence[NDArray[np.float64]]) -> float:
    """Let every run in turn be the single one: scipy's test wants two seeds of either arm name."""
    single, others = sorted(areas, key=len)
    pooled = np.concatenate([single, others])
    upper, lower = (pooled >= pooled[0]).mean(), (pooled <= pooled[0]).mean()
    return min(1.0, 2 * float(min(upper, lower)))


def _difference_interval(
    one: NDArray[np.float64], other: NDArray[np.float64], bootstraps: int, seed: int
) -> Interval | None:
    fewest = min(one.size, other.size)
    if fewest < 2:
        return None
    if fewest < SEEDS_FOR_BOOTSTRAP:
        kind = f"range of {one.size} by {other.size} seeds"
        return Interval(float(one.min() - other.max()), float(one.max() - other.min()), kind)
    means = [
        seed_draws(each.size, bootstraps, seed + place) @ each
        for place, each in enumerate((one, other))
    ]
    return expanded_interval(means[0] - means[1], fewest)


def _wilson(share: float, size: int) -> Interval:
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    width = z / (1 + z**2 / size) * math.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    kind = f"95 % Wilson score over {size} paired seeds"
    return Interval(centre - width, centre + width, kind)


def _newcombe(share: float, one: int, other: int) -> Interval:
    """Values whose own variance puts the estimate just at the limit."""
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    middle = (one + other) / 2 - 1

    def excess(theta: float) -> float:
        spread = 1 + middle * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (share - theta) ** 2 - z**2 * theta * (1 - theta) * spread / (one * other)

    low = 0.0 if share == 0 else float(optimize.brentq(excess, 0, share))
    high = 1.0 if share == 1 else float(optimize.brentq(excess, share, 1))
    return Interval(low, high, f"95 % Newcombe score over {one} and {other} seeds")
