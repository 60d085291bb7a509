"""Tests of one-way layouts: unequal variances, equality of variances, and permutations."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.oneway import anova_generic

ROUNDING = 1e-12
CHUNK = 2_000_000
Groups = Sequence[NDArray[np.float64]]


class Welch(NamedTuple):
    """Welch's F with its degrees of freedom within, and p."""

    f: float
    df_within: float
    p: float


class Tested(NamedTuple):
    """A test's statistic and p."""

    statistic: float
    p: float


def welch(groups: Groups) -> Welch | None:
    """Welch's test of equal means under unequal variances.

    None if a group has fewer than two scores or no variance.

    References
    ----------
    Welch (1951), Biometrika 38.
    """
    if not variances_exist(groups):
        return None
    sizes, means, variances = (
        np.array([measure(group) for group in groups])
        for measure in (np.size, np.mean, lambda group: np.var(group, ddof=1))
    )
    return welch_of_summaries(sizes, means, variances)


def welch_of_summaries(
    sizes: NDArray[np.int_], means: NDArray[np.float64], variances: NDArray[np.float64]
) -> Welch | None:
    """Welch's test from each group's size, mean and sample variance; None as of `welch`."""
    if sizes.min() < 2 or variances.min() <= ROUNDING * variances.max():
        return None
    result = anova_generic(means, variances, sizes, use_var="unequal", welch_correction=True)
    return Welch(float(result.statistic), float(result.df[1]), float(result.pvalue))


def brown_forsythe(groups: Groups) -> Tested | None:
    """Test equal variances: Levene's with deviations from the medians.

    None where Welch's F does not exist, and where the deviations do not vary within any group, as
    in groups of two scores.

    References
    ----------
    Brown & Forsythe (1974), J. Am. Stat. Assoc. 69.
    """
    if not variances_exist(groups):
        return None
    deviations = [np.abs(group - np.median(group)) for group in groups]
    within = sum(float(((each - each.mean()) ** 2).sum()) for each in deviations)
    if within <= ROUNDING * sum(float((each**2).sum()) for each in deviations):
        return None
    result = stats.levene(*groups, center="median")
    return Tested(float(result.statistic), float(result.pvalue))


def alexander_govern(groups: Groups) -> Tested | None:
    """Test equal means under unequal variances; None where Welch's F does not exist.

    References
    ----------
    Alexander & Govern (1994), J. Educ. Stat. 19(2).
    """
    if not variances_exist(groups):
        return None
    result = stats.alexandergovern(*groups)
    return Tested(float(result.statistic), float(result.pvalue))


def variances_exist(groups: Groups) -> bool:
    """Whether every group has two scores and a variance."""
    if min(group.size for group in groups) < 2:
        return False
    variances = [float(group.var(ddof=1)) for group in groups]
    return min(variances) > ROUNDING * max(variances)


Statistic = Callable[[NDArray[np.float64], NDArray[np.int_]], NDArray[np.float64]]


def permutation_p(
    values: NDArray[np.float64],
    sizes: NDArray[np.int_],
    statistic: Statistic,
    permutations: int,
    seed: int,
) -> float | None:
    """Share of permutations whose statistic is at least the observed; None without permutations.

    `values` (n,) lie group after group, `sizes` (groups,) says where each ends. The observed order
    counts as one of them (Phipson & Smyth 2010).
    """
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


def sums_of_squares(
    rows: NDArray[np.float64], sizes: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between and within sums of squares of each row, whose columns are group after group."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means = np.add.reduceat(rows, starts, axis=1) / sizes
    within = ((rows - np.repeat(means, sizes, axis=1)) ** 2).sum(axis=1)
    between = (sizes * (means - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return between, within


def f_statistics(rows: NDArray[np.float64], sizes: NDArray[np.int_]) -> NDArray[np.float64]:
    """Share between groups of each row: the same order as F, and defined without noise."""
    between, within = sums_of_squares(rows, sizes)
    return np.asarray(between / (between + within))


def welch_statistics(rows: NDArray[np.float64], sizes: NDArray[np.int_]) -> NDArray[np.float64]:
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
