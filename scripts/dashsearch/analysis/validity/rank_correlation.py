"""Rank correlations of two scores with ties, and their exact split between and within groups."""

import math
from dataclasses import dataclass
from itertools import permutations as orders

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE

# Up to this many groups all orders are looked at: 8! = 40,320.
EXACT_GROUPS = 8
ROUNDING = 1e-12
DELTA = "95 % delta method, Fisher's z"


@dataclass(frozen=True)
class Kendall:
    """Kendall's tau-b of `n` pairs of scores; chance level 0, ties in either score allowed.

    `interval` is None at -1 and 1, where the estimate has no spread of its own.
    """

    n: int
    tau_b: float
    interval: Interval | None


@dataclass(frozen=True)
class RankSplit:
    """Spearman's rho as a sum of two parts: between groups, and within them.

    total = sqrt(share_first share_second) between
    + sqrt((1 - share_first) (1 - share_second)) within, exactly.

    Attributes
    ----------
    n, groups
        Number of pairs of scores, and of groups.
    total
        Spearman's rho of all.
    between
        Correlation of the groups' mean ranks, each weighted by the group's size; NaN where a score
        has equal mean ranks everywhere.
    within
        Correlation of the deviations from these means; NaN where a score does not vary within
        groups.
    share_first, share_second
        Share of the rank variance of either score that lies between groups (eta squared).
    chance_level
        What either share is by chance: (groups - 1) / (n - 1).
    """

    n: int
    groups: int
    total: float
    between: float
    within: float
    share_first: float
    share_second: float
    chance_level: float


@dataclass(frozen=True)
class LabelTest:
    """Permutation test of a correlation between groups.

    Attributes
    ----------
    p, smallest_p
        Two-sided p value, and the smallest that this number of groups can give.
    kind
        ``"exact, all orders of k groups"`` or how many orders were drawn.
    """

    p: float
    smallest_p: float
    kind: str


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rho with midranks; errors as of `split_ranks`."""
    one, other = _ranked(first, second)
    return _correlation(one, other)


def split_ranks(first: ArrayLike, second: ArrayLike, codes: ArrayLike) -> RankSplit:
    """Split Spearman's rho into its parts between and within groups.

    The ranks are those of all scores together; nothing is ranked anew within a group. The two parts
    may have different signs, and the sum the sign of either (Simpson's paradox).

    Parameters
    ----------
    first, second
        Two scores of the same experiments, shape (n,).
    codes
        Equal codes are in the same group, shape (n,).

    Raises
    ------
    TooFewScores
        If there are fewer than three pairs, a score is not finite, all scores of a kind are equal,
        or there is one group.

    References
    ----------
    Robinson (1950), Am. Sociol. Rev. 15(3), of product-moment correlations.
    """
    one, other = _ranked(first, second)
    _, places, sizes = np.unique(np.asarray(codes), return_inverse=True, return_counts=True)
    n, k = one.size, sizes.size
    if k < 2:
        raise TooFewScores(f"all {n} scores are of one group; nothing lies between groups.")
    means = [np.bincount(places, each) / sizes for each in (one, other)]
    inner = [each - mean[places] for each, mean in zip((one, other), means, strict=True)]
    shares = [
        float(sizes @ mean**2 / (each @ each))
        for each, mean in zip((one, other), means, strict=True)
    ]
    return RankSplit(
        n=n,
        groups=k,
        total=_correlation(one, other),
        between=_correlation(means[0] * np.sqrt(sizes), means[1] * np.sqrt(sizes), n),
        within=_correlation(inner[0], inner[1], n),
        share_first=shares[0],
        share_second=shares[1],
        chance_level=(k - 1) / (n - 1),
    )


def label_test(
    first: ArrayLike, second: ArrayLike, codes: ArrayLike, draws: int, seed: int
) -> LabelTest:
    """Test the correlation between groups: their second mean ranks are dealt out anew.

    Sizes stay with their group. Up to eight groups all orders are looked at; above, `draws` random
    ones, and the observed order counts as one of them.

    Raises
    ------
    TooFewScores
        As of `split_ranks`; and with two groups, whose correlation is always -1 or 1.
    """
    one, other = _ranked(first, second)
    _, places, sizes = np.unique(np.asarray(codes), return_inverse=True, return_counts=True)
    k = sizes.size
    if k < 3:
        raise TooFewScores(
            f"the means of {k} groups lie on a line whatever they are; three groups are needed."
        )
    means = [np.bincount(places, each) / sizes for each in (one, other)]
    exact = k <= EXACT_GROUPS
    if exact:
        order = np.array(list(orders(range(k))))
    else:
        rng = np.random.default_rng(seed)
        order = rng.permuted(np.tile(np.arange(k), (draws, 1)), axis=1)
    permuted = means[1][order]
    centred = permuted - (permuted @ sizes / sizes.sum())[:, None]
    spread = np.sqrt(centred**2 @ sizes)
    values = np.abs(centred @ (sizes * means[0])) / spread
    observed = abs(float(means[1] @ (sizes * means[0]))) / math.sqrt(float(means[1] ** 2 @ sizes))
    exceeding = int((values >= observed * (1 - ROUNDING)).sum())
    if exact:
        kind = f"exact, all orders of {k} groups"
        return LabelTest(exceeding / len(order), 1 / len(order), kind)
    kind = f"{draws} random orders of {k} groups"
    return LabelTest((1 + exceeding) / (1 + draws), 1 / (1 + draws), kind)


def kendall(first: ArrayLike, second: ArrayLike) -> Kendall:
    """Kendall's tau-b with an interval that allows ties; errors as of `split_ranks`.

    The interval's variance is that of every experiment's part in the concordant and tied pairs (the
    infinitesimal jackknife), counted in n log(n)^2 steps.

    References
    ----------
    Kendall (1945), Biometrika 33(3); Brown & Benedetti (1977), J. Am. Stat. Assoc. 72.
    """
    one, other = (
        np.asarray(stats.rankdata(each, "dense"), dtype=np.int64)
        for each in _checked(first, second)
    )
    n = one.size
    tau = float(stats.kendalltau(one, other).statistic)
    agreeing = _agreement(one, other) / (n - 1)
    untied = [1 - (np.bincount(each)[each] - 1) / (n - 1) for each in (one, other)]
    scale = math.sqrt(float(untied[0].mean() * untied[1].mean()))
    parts = 2 * (agreeing - agreeing.mean()) / scale
    for each in untied:
        parts -= tau * (each / each.mean() - 1)
    error = math.sqrt(float(parts @ parts) / n / (n - 1))
    if abs(tau) >= 1 - ROUNDING or not error:
        return Kendall(n, tau, None)
    half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * error / (1 - tau**2)
    centre = math.atanh(tau)
    return Kendall(n, tau, Interval(math.tanh(centre - half), math.tanh(centre + half), DELTA))


def _agreement(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concordant minus discordant partners of each pair of dense ranks."""
    n = one.size
    below = _below_both(one, other)
    less_one, equal_one = _less_and_equal(one)
    less_other, equal_other = _less_and_equal(other)
    less_joint = [
        # Partners that tie in the first of the two ranks and are below in the second.
        np.searchsorted(np.sort(joint), joint) - np.searchsorted(np.sort(joint), floor)
        for joint, floor in (
            (one * (n + 1) + other, one * (n + 1)),
            (other * (n + 1) + one, other * (n + 1)),
        )
    ]
    joint = one * (n + 1) + other
    _, inverse, counts = np.unique(joint, return_inverse=True, return_counts=True)
    same = counts[inverse]
    below_above = less_one - below - less_joint[1]
    above_below = less_other - below - less_joint[0]
    above_equal = equal_other - same - less_joint[1]
    above_both = n - less_one - equal_one - above_below - above_equal
    return np.asarray(below + above_both - below_above - above_below)


def _less_and_equal(ranks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    counts = np.bincount(ranks)
    return (np.cumsum(counts) - counts)[ranks], counts[ranks]


def _below_both(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count for each pair those that are smaller in both, by merging ever longer runs."""
    order = np.lexsort((-other, one))
    ranks = other[order]
    n = ranks.size
    place = np.arange(n)
    counts = np.zeros(n, dtype=np.int64)
    width = 1
    while width < n:
        block, is_right = place // (2 * width), (place // width) % 2 == 1
        # Of equal ranks the right ones come first, so that no tie counts as smaller.
        merged = np.argsort((block * (n + 1) + ranks) * 2 + ~is_right, kind="stable")
        lefts = np.cumsum(~is_right[merged])
        right = is_right[merged]
        counts[merged[right]] += lefts[right] - block[merged[right]] * width
        width *= 2
    found = np.empty(n, dtype=np.int64)
    found[order] = counts
    return found


def _ranked(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = _checked(first, second)
    middle = (one.size + 1) / 2
    return stats.rankdata(one) - middle, stats.rankdata(other) - middle


def _checked(
    first: ArrayLike, second: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.size < 3:
        raise TooFewScores(f"{one.size} pairs of scores cannot be correlated; three are needed.")
    broken = int((~np.isfinite(one) | ~np.isfinite(other)).sum())
    if broken:
        raise TooFewScores(
            f"{broken} of {one.size} scores are not finite; leave failed experiments out."
        )
    if not (np.ptp(one) and np.ptp(other)):
        raise TooFewScores(f"the {one.size} scores of a kind are all equal and have no order.")
    return one, other


def _correlation(
    first: NDArray[np.float64], second: NDArray[np.float64], n: int | None = None
) -> float:
    """Correlation of centred values; NaN where either is nothing but rounding beside n ranks."""
    sizes = float(first @ first), float(second @ second)
    scale = float(first.size if n is None else n) ** 3
    if min(sizes) <= ROUNDING * scale:
        return math.nan
    return float(first @ second) / math.sqrt(sizes[0] * sizes[1])
