"""One-way analysis of variance: shares of variance with chance level, interval and tests."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dashsearch.analysis.inference.intervals import log10_f_sf, share_interval
from dashsearch.analysis.inference.one_way_tests import (
    ROUNDING,
    Tested,
    Welch,
    alexander_govern,
    brown_forsythe,
    f_statistics,
    permutation_p,
    sums_of_squares,
    welch,
    welch_statistics,
)
from dashsearch.analysis.results import Interval, TooFewScores

__all__ = [
    "LinearShare",
    "OneWay",
    "OneWayTests",
    "linear_share",
    "log10_f_sf",
    "one_way",
    "one_way_of_sums",
    "share_interval",
]


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
    epsilon_squared
        The population's share too: (SSB - (groups - 1) MSW) / SST, the adjusted R squared. It is
        a little above `omega_squared`, and may be negative as well.
    interval
        95 % interval of the population's share, which is never negative: a negative
        `omega_squared` lies outside it by construction.
    welch_f, welch_df_within, welch_p
        Welch's test, which allows unequal variances; None if a group has fewer than two scores or
        no variance.
    levene_w, levene_p
        Levene's test of equal variances, from the medians (Brown and Forsythe); None as Welch's,
        and where no group has deviations that vary.
    alexander_govern, alexander_govern_p
        Alexander and Govern's test, which allows unequal variances; None as Welch's.
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
    epsilon_squared: float
    interval: Interval
    welch_f: float | None
    welch_df_within: float | None
    welch_p: float | None
    levene_w: float | None
    levene_p: float | None
    alexander_govern: float | None
    alexander_govern_p: float | None
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
    between, within = sums_of_squares(values[np.newaxis], sizes)
    ssb, ssw = float(between[0]), float(within[0])
    if ssw <= ROUNDING * (ssb + ssw):
        raise TooFewScores(
            f"the {n} scores do not vary within any of their {k} groups, so no share of variance "
            "can be told from chance; give more distinct experiments."
        )
    by_welch = welch(arrays)
    statistic = f_statistics if by_welch is None else welch_statistics
    return one_way_of_sums(
        ssb,
        ssw,
        k,
        n,
        OneWayTests(
            welch=by_welch,
            levene=brown_forsythe(arrays),
            alexander_govern=alexander_govern(arrays),
            permutation_p=permutation_p(values, sizes, statistic, permutations, seed),
            permutations=permutations,
        ),
    )


@dataclass(frozen=True)
class OneWayTests:
    """The tests that stand beside F; None where they do not exist or were not asked for."""

    welch: Welch | None = None
    levene: Tested | None = None
    alexander_govern: Tested | None = None
    permutation_p: float | None = None
    permutations: int = 0


def one_way_of_sums(ssb: float, ssw: float, groups: int, n: int, tests: OneWayTests) -> OneWay:
    """Return the analysis of `n` scores in `groups` groups from its two sums of squares.

    Parameters
    ----------
    ssb, ssw
        Sums of squares between and within groups; the latter above 0.
    tests
        What has been tested beside F.
    """
    df_between, df_within = groups - 1, n - groups
    mean_square = ssw / df_within
    f = ssb / df_between / mean_square
    welch_f, welch_df, welch_p = tests.welch or (None, None, None)
    levene_w, levene_p = tests.levene or (None, None)
    govern, govern_p = tests.alexander_govern or (None, None)
    permuted = "f" if welch_f is None else "welch_f"
    return OneWay(
        groups=groups,
        n=n,
        df_between=df_between,
        df_within=df_within,
        f=f,
        p=float(stats.f.sf(f, df_between, df_within)),
        log10_p=log10_f_sf(f, df_between, df_within),
        eta_squared=ssb / (ssb + ssw),
        chance_level=df_between / (n - 1),
        omega_squared=(ssb - df_between * mean_square) / (ssb + ssw + mean_square),
        epsilon_squared=(ssb - df_between * mean_square) / (ssb + ssw),
        interval=share_interval(f, df_between, df_within),
        welch_f=welch_f,
        welch_df_within=welch_df,
        welch_p=welch_p,
        levene_w=levene_w,
        levene_p=levene_p,
        alexander_govern=govern,
        alexander_govern_p=govern_p,
        permutation_p=tests.permutation_p,
        permutation_statistic=permuted if tests.permutations else None,
        permutations=tests.permutations,
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
