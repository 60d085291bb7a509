"""One-way analysis of variance: shares of variance with chance level, interval and tests."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE

ROUNDING = 1e-12
CHUNK = 2_000_000


@dataclass(frozen=True)
class OneWay:
    """A one-way analysis of variance.

    Attributes
    ----------
    groups, n
        Number of groups and of scores.
    df_between, df_within
        Degrees of freedom: groups - 1 and n - groups.
    f, p, log10_p
        F, its p value (normal errors of equal variance) and the p value's decimal logarithm, which
        stays finite where p underflows.
    eta_squared, chance_level
        The sample's share of variance between groups, and what pure noise gives on average:
        (groups - 1) / (n - 1).
    omega_squared
        The population's share, bias-corrected: pure noise gives 0 on average, so it may be
        negative.
    interval
        95 % interval of the population's share, which is never negative: a negative
        `omega_squared` lies outside it by construction.
    welch_f, welch_df_within, welch_p
        Welch's test, which allows unequal variances; None if a group has fewer than two scores or
        no variance.
    permutation_p
        Permutation p value of `permutation_statistic`, or None if no permutations were asked for.
    permutation_statistic
        ``"welch_f"`` where Welch's F exists, else ``"f"``.
    permutations
        Number of permutations drawn.
    """

    groups: int
    n: int
    df_between: int
    df_within: int
    f: float
    p: float
    log10_p: float
    eta_squared: float
    chance_level: float
    omega_squared: float
    interval: Interval
    welch_f: float | None
    welch_df_within: float | None
    welch_p: float | None
    permutation_p: float | None
    permutation_statistic: str | None
    permutations: int


@dataclass(frozen=True)
class LinearShare:
    """Share of variance that an additive model of several terms explains.

    The fields read as in `OneWay`; `eta_squared` is the model's R squared.
    """

    n: int
    df_between: int
    df_within: int
    f: float
    p: float
    log10_p: float
    eta_squared: float
    chance_level: float
    omega_squared: float
    interval: Interval


def one_way(groups: Sequence[ArrayLike], *, permutations: int = 0, seed: int = 0) -> OneWay:
    """Split the variance of scores into a share between groups and the rest.

    Parameters
    ----------
    groups
        One array of scores per group.
    permutations
        Number of random permutations of the group labels for `permutation_p`; 0 draws none. Only
        meaningful for scores that are exchangeable under the null: not for an adaptive arm.
    seed
        Seed of the permutations.

    Raises
    ------
    TooFewScores
        If there are fewer than two groups, an empty group, no group with two scores, a score that
        is not finite, or no variance within groups.

    References
    ----------
    Hays (1963), *Statistics* (omega squared); Welch (1951), Biometrika 38; Phipson & Smyth (2010),
    Stat. Appl. Genet. Mol. Biol. 9 (the permutation p value counts the observed order).
    """
    arrays = [np.asarray(group, dtype=np.float64).ravel() for group in groups]
    _refuse(arrays)
    values = np.concatenate(arrays)
    values = values - values.mean()
    sizes = np.array([array.size for array in arrays])
    k, n = len(sizes), values.size
    between, within = _sums_of_squares(values[np.newaxis], sizes)
    ssb, ssw = float(between[0]), float(within[0])
    if ssw <= ROUNDING * (ssb + ssw):
        raise TooFewScores(
            f"the {n} scores do not vary within any of their {k} groups, so no share of variance "
            "can be told from chance; give more distinct experiments."
        )
    df_between, df_within = k - 1, n - k
    mean_square = ssw / df_within
    f = ssb / df_between / mean_square
    welch_f, welch_df, welch_p = _welch(arrays)
    statistic = _welch_statistics if welch_f is not None else _f_statistics
    return OneWay(
        groups=k,
        n=n,
        df_between=df_between,
        df_within=df_within,
        f=f,
        p=float(stats.f.sf(f, df_between, df_within)),
        log10_p=log10_f_sf(f, df_between, df_within),
        eta_squared=ssb / (ssb + ssw),
        chance_level=df_between / (n - 1),
        omega_squared=(ssb - df_between * mean_square) / (ssb + ssw + mean_square),
        interval=share_interval(f, df_between, df_within),
        welch_f=welch_f,
        welch_df_within=welch_df,
        welch_p=welch_p,
        permutation_p=_permutation_p(values, sizes, statistic, permutations, seed),
        permutation_statistic=("f" if welch_f is None else "welch_f") if permutations else None,
        permutations=permutations,
    )


def linear_share(terms: Sequence[ArrayLike], scores: ArrayLike) -> LinearShare:
    """Share of variance explained by several groupings at once, without their interactions.

    Parameters
    ----------
    terms
        For each term one integer code per score: equal codes are in the same group. A term may
        hold the combinations of several factors.
    scores
        Scores, shape (n,).

    Raises
    ------
    TooFewScores
        If there are no more scores than parameters, a score is not finite, or the model leaves no
        variance or there is none.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.size < 3:
        raise TooFewScores(f"{values.size} scores cannot carry a model; run more experiments.")
    if not np.isfinite(values).all():
        raise TooFewScores("a score is not finite; leave failed experiments out.")
    columns = [np.ones((values.size, 1))]
    for term in terms:
        levels, codes = np.unique(np.asarray(term), return_inverse=True)
        columns.append((codes[:, np.newaxis] == np.arange(1, levels.size)).astype(np.float64))
    design = np.hstack(columns)
    centred = values - values.mean()
    solution, _, rank, _ = np.linalg.lstsq(design, centred, rcond=None)
    df_between, df_within = int(rank) - 1, values.size - int(rank)
    if df_between < 1 or df_within < 1:
        raise TooFewScores(
            f"{values.size} scores cannot carry a model of {rank} parameters; run more experiments."
        )
    total = float(centred @ centred)
    within = float(((centred - design @ solution) ** 2).sum())
    if within <= ROUNDING * total:
        raise TooFewScores(f"the {values.size} scores leave no variance to tell from chance.")
    mean_square = within / df_within
    f = (total - within) / df_between / mean_square
    return LinearShare(
        n=values.size,
        df_between=df_between,
        df_within=df_within,
        f=f,
        p=float(stats.f.sf(f, df_between, df_within)),
        log10_p=log10_f_sf(f, df_between, df_within),
        eta_squared=1 - within / total,
        chance_level=df_between / (values.size - 1),
        omega_squared=(total - within - df_between * mean_square) / (total + mean_square),
        interval=share_interval(f, df_between, df_within),
    )


def share_interval(f: float, df_between: int, df_within: int) -> Interval:
    """95 % interval of the population's share of variance, by inverting the noncentral F.

    With lambda the noncentrality at which F is the 97.5 % (2.5 %) point, the share is
    lambda / (lambda + n). statsmodels' `confint_effectsize_oneway(...).eta2` is the same interval,
    but the routine below it stops silently at lambda = 10,000, which large ledgers exceed.

    References
    ----------
    Steiger (2004), Psychological Methods 9(2).
    """
    n = df_between + df_within + 1
    tail = (1 - CONFIDENCE) / 2
    limits = [_noncentrality(f, df_between, df_within, p) for p in (1 - tail, tail)]
    low, high = (limit / (limit + n) for limit in limits)
    return Interval(low, high, "noncentral F")


def log10_f_sf(f: float, df_between: int, df_within: int) -> float:
    """Decimal logarithm of the F distribution's upper tail, finite where the tail underflows."""
    tail = float(stats.f.sf(f, df_between, df_within))
    if tail > 1e-290:
        return math.log10(tail)
    a, b = df_within / 2, df_between / 2
    x = df_within / (df_within + df_between * f)
    # The incomplete beta function by its hypergeometric series, whose first factor carries the
    # whole magnitude (DLMF 8.17.8).
    logarithm = (
        a * math.log(x)
        + b * math.log1p(-x)
        - math.log(a)
        - float(special.betaln(a, b))
        + math.log(float(special.hyp2f1(a + b, 1, a + 1, x)))
    )
    return logarithm / math.log(10)


def _refuse(arrays: Sequence[NDArray[np.float64]]) -> None:
    n = sum(array.size for array in arrays)
    if len(arrays) < 2:
        raise TooFewScores(f"{len(arrays)} group with {n} scores; two groups are needed.")
    if any(array.size == 0 for array in arrays):
        raise TooFewScores("a group has no score; leave empty groups out.")
    if n == len(arrays):
        raise TooFewScores(
            f"{n} groups with one score each leave no variance within groups; "
            "at least one group needs two scores."
        )
    broken = sum(int((~np.isfinite(array)).sum()) for array in arrays)
    if broken:
        raise TooFewScores(f"{broken} of {n} scores are not finite; leave failed experiments out.")


def _noncentrality(f: float, df_between: int, df_within: int, p: float) -> float:
    """Noncentrality at which P(F <= f) = p, or 0 if even the central F is beyond."""

    def excess(noncentrality: float) -> float:
        if noncentrality <= 0:
            return float(stats.f.cdf(f, df_between, df_within)) - p
        below = float(stats.ncf.cdf(f, df_between, df_within, noncentrality))
        if math.isnan(below):
            below = _patnaik(f, df_between, df_within, noncentrality)
        return below - p

    if excess(0) <= 0:
        return 0.0
    high = max(1.0, f * df_between)
    while excess(high) > 0:
        high *= 2
    return float(optimize.brentq(excess, 0, high, xtol=1e-10 * high))


def _patnaik(f: float, df_between: int, df_within: int, noncentrality: float) -> float:
    """P(F <= f) by a scaled central F (Patnaik 1949), where scipy has no value.

    That is at noncentralities beyond about 10^10, where the two agree to ten digits.
    """
    scale = 1 + noncentrality / df_between
    freedom = (df_between + noncentrality) ** 2 / (df_between + 2 * noncentrality)
    return float(stats.f.cdf(f / scale, freedom, df_within))


def _welch(
    arrays: Sequence[NDArray[np.float64]],
) -> tuple[float, float, float] | tuple[None, None, None]:
    sizes = np.array([array.size for array in arrays])
    if sizes.min() < 2:
        return None, None, None
    variances = np.array([array.var(ddof=1) for array in arrays])
    if variances.min() <= ROUNDING * variances.max():
        return None, None, None
    result = stats.f_oneway(*arrays, equal_var=False)
    weights = sizes / variances
    spread = np.sum((1 - weights / weights.sum()) ** 2 / (sizes - 1))
    df_within = (len(arrays) ** 2 - 1) / (3 * spread)
    return float(result.statistic), float(df_within), float(result.pvalue)


Statistic = Callable[[NDArray[np.float64], NDArray[np.int_]], NDArray[np.float64]]


def _permutation_p(
    values: NDArray[np.float64],
    sizes: NDArray[np.int_],
    statistic: Statistic,
    permutations: int,
    seed: int,
) -> float | None:
    if not permutations:
        return None
    rng = np.random.default_rng(seed)
    observed = statistic(values[np.newaxis], sizes)[0] * (1 - ROUNDING)
    chunk = max(1, CHUNK // values.size)
    exceeding = 0
    for start in range(0, permutations, chunk):
        rows = min(chunk, permutations - start)
        permuted = rng.permuted(np.tile(values, (rows, 1)), axis=1)
        exceeding += int((statistic(permuted, sizes) >= observed).sum())
    return (1 + exceeding) / (1 + permutations)


def _sums_of_squares(
    rows: NDArray[np.float64], sizes: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between and within sums of squares of each row, whose columns are group after group."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means = np.add.reduceat(rows, starts, axis=1) / sizes
    within = ((rows - np.repeat(means, sizes, axis=1)) ** 2).sum(axis=1)
    between = (sizes * (means - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return between, within


def _f_statistics(rows: NDArray[np.float64], sizes: NDArray[np.int_]) -> NDArray[np.float64]:
    """Share between groups of each row: the same order as F, and defined without noise."""
    between, within = _sums_of_squares(rows, sizes)
    return np.asarray(between / (between + within))


def _welch_statistics(rows: NDArray[np.float64], sizes: NDArray[np.int_]) -> NDArray[np.float64]:
    """Welch's F of each row; infinite where a group happens to have no variance (conservative)."""
    k = sizes.size
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means = np.add.reduceat(rows, starts, axis=1) / sizes
    deviations = (rows - np.repeat(means, sizes, axis=1)) ** 2
    variances = np.add.reduceat(deviations, starts, axis=1) / (sizes - 1)
    flat = (variances <= ROUNDING * rows.var(axis=1, keepdims=True)).any(axis=1)
    weights = sizes / np.where(flat[:, np.newaxis], 1.0, variances)
    total = weights.sum(axis=1, keepdims=True)
    centre = (weights * means).sum(axis=1, keepdims=True) / total
    between = (weights * (means - centre) ** 2).sum(axis=1) / (k - 1)
    spread = ((1 - weights / total) ** 2 / (sizes - 1)).sum(axis=1)
    welch = between / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    return np.where(flat, np.inf, welch)
