"""How the best score grows with the number of experiments, for runs and for random draws."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP
from dashsearch.errors import InputError

# Scores that are resampled at once, to bound the memory of large pools.
CHUNK = 4_000_000


@dataclass(frozen=True)
class BestSoFar:
    """The incumbent of one run after every experiment, failures included.

    Attributes
    ----------
    n
        Budget: 1 … length of the run.
    selection
        Best validation score so far; NaN before the first success.
    reported
        Test score of the experiment that holds the best validation score: not itself monotone.
    incumbent
        Position of that experiment, -1 before the first success; the earliest one keeps a tie.
    """

    n: NDArray[np.int64]
    selection: NDArray[np.float64]
    reported: NDArray[np.float64]
    incumbent: NDArray[np.int64]


@dataclass(frozen=True)
class SeedMean:
    """Mean over the seeds of one arm name, cut to the shortest run.

    Attributes
    ----------
    n
        Budgets, shape (N,).
    mean
        Mean over the runs, shape (N,); NaN until every run has a success.
    low, high
        Limits around the mean, as `kind` says, or None for a single run.
    kind
        ``"range of k seeds"`` below five seeds, else ``"95 % bootstrap over k seeds"``; "" for one.
    seeds
        Number of runs.
    succeeded
        Number of runs that have a success at each budget, shape (N,).
    """

    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64] | None
    high: NDArray[np.float64] | None
    kind: str
    seeds: int
    succeeded: NDArray[np.int64]


def best_so_far(selection: ArrayLike, reported: ArrayLike | None = None) -> BestSoFar:
    """Follow the incumbent of one run.

    Parameters
    ----------
    selection
        Validation scores in proposal order, NaN for experiments without one: these spend budget
        and never become the incumbent.
    reported
        Test scores in the same order; the validation scores themselves if not given.

    Raises
    ------
    TooFewScores
        If there is no experiment.
    InputError
        If the two differ in length.
    """
    scores = np.asarray(selection, dtype=np.float64)
    others = scores if reported is None else np.asarray(reported, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != others.shape:
        raise InputError(
            f"{scores.size} validation and {others.size} test scores; give one of each per "
            "experiment."
        )
    if scores.size == 0:
        raise TooFewScores("a run without experiments has no best score; leave it out.")
    comparable = np.where(np.isfinite(scores), scores, -np.inf)
    best = np.maximum.accumulate(comparable)
    before = np.concatenate([[-np.inf], best[:-1]])
    positions = np.arange(scores.size)
    incumbent = np.maximum.accumulate(np.where(comparable > before, positions, -1))
    found = incumbent >= 0
    return BestSoFar(
        n=positions + 1,
        selection=np.where(found, best, np.nan),
        reported=np.where(found, others[incumbent], np.nan),
        incumbent=incumbent,
    )


def expected_best(scores: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Exact expectation of the best of `n` scores drawn without replacement.

    E[max_n] = sum_i y_(i) C(i-1, n-1) / C(M, n) over the sorted scores y_(1) <= … <= y_(M): what
    random search over this pool reaches, with no simulation. Failures (NaN) are drawn like others
    and never win; the expectation is over draws with at least one success.

    Parameters
    ----------
    scores
        The pool, shape (M,).
    n
        Budgets between 1 and M.

    References
    ----------
    Dodge et al. (2019), EMNLP, "Show Your Work"; Tang et al. (2020), ACL (the unbiased form).
    """
    return expected_selected(scores, scores, n)


def expected_selected(
    selection: ArrayLike, reported: ArrayLike, n: ArrayLike
) -> NDArray[np.float64]:
    """Exact expectation of the test score of the best of `n` by validation score.

    Experiments with equal validation scores share their weight, since each of them is equally
    likely to be met first.

    Parameters
    ----------
    selection, reported
        Validation and test score of every experiment of the pool, shape (M,).
    n
        Budgets between 1 and M.

    Raises
    ------
    TooFewScores
        If no experiment has a score.
    InputError
        If a budget is below 1 or above M.
    """
    scores = np.asarray(selection, dtype=np.float64)
    others = np.asarray(reported, dtype=np.float64)
    budgets = np.atleast_1d(np.asarray(n, dtype=np.int64))
    weights, order = _winning_weights(scores, budgets)
    values = others[order]
    ranked = scores[order]
    # Average the reported score over ties of the selecting one.
    _, inverse, counts = np.unique(ranked, return_inverse=True, return_counts=True)
    values = np.bincount(inverse, weights=values)[inverse] / counts[inverse]
    return np.asarray(weights @ values)


def expected_selected_band(
    selection: ArrayLike, reported: ArrayLike, n: ArrayLike, bootstraps: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % bootstrap band of `expected_selected`, for a pool that is itself a random sample.

    Resamples the pool's experiments. Too narrow for budgets near the pool's size, where the
    expectation hangs on its few best experiments.

    Returns
    -------
    low, high
        Shape of `n`.
    """
    scores = np.asarray(selection, dtype=np.float64)
    others = np.asarray(reported, dtype=np.float64)
    budgets = np.atleast_1d(np.asarray(n, dtype=np.int64))
    # The weights depend on ranks only, so those of a pool without failures serve every resample.
    weights, _ = _winning_weights(np.arange(scores.size, dtype=np.float64), budgets)
    order = np.argsort(np.where(np.isfinite(scores), scores, -np.inf), kind="stable")
    ranked = others[order]
    is_whole = bool(np.isfinite(ranked).all())
    rng = np.random.default_rng(seed)
    expected = np.empty((bootstraps, budgets.size))
    step = max(1, CHUNK // scores.size)
    for first in range(0, bootstraps, step):
        rows = expected[first : first + step]
        draws = np.sort(rng.integers(scores.size, size=(len(rows), scores.size)), axis=1)
        values = ranked[draws]
        if is_whole:
            rows[:] = values @ weights.T
            continue
        success = np.isfinite(values)
        won = success.astype(np.float64) @ weights.T
        with np.errstate(invalid="ignore", divide="ignore"):
            rows[:] = (np.where(success, values, 0.0) @ weights.T) / won
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(expected, [tail, 1 - tail], axis=0)
    return low, high


def best_quantile(scores: ArrayLike, n: ArrayLike, probability: float) -> NDArray[np.float64]:
    """Exact quantile of the best of `n` scores drawn without replacement from a pool.

    Where a single random run lands; like the pool itself, it ends at the pool's best score, so it
    is only worth drawing for budgets well below the pool's size.
    """
    budgets = np.atleast_1d(np.asarray(n, dtype=np.int64))
    weights, order = _winning_weights(np.asarray(scores, dtype=np.float64), budgets)
    ranked = np.asarray(scores, dtype=np.float64)[order]
    places = (np.cumsum(weights, axis=1) < probability - 1e-12).sum(axis=1)
    return np.asarray(ranked[np.minimum(places, ranked.size - 1)])


def mean_over_seeds(runs: Sequence[ArrayLike], bootstraps: int, seed: int) -> SeedMean:
    """Average the curves of independent runs, with a band over runs where there are several.

    The unit of resampling is the run, because the points of one run depend on each other. Below
    five runs a bootstrap is little but their extremes, so the band is their range and says so.

    Raises
    ------
    TooFewScores
        If there is no run.
    """
    if not runs:
        raise TooFewScores("an arm name without seeds has no curve; leave it out.")
    curves = [np.asarray(run, dtype=np.float64) for run in runs]
    length = min(curve.size for curve in curves)
    stacked = np.stack([curve[:length] for curve in curves])
    mean = stacked.mean(axis=0)
    reached = np.isfinite(mean)
    low, high, kind = None, None, ""
    if len(curves) >= SEEDS_FOR_BOOTSTRAP:
        kind = f"95 % bootstrap over {len(curves)} seeds"
        rng = np.random.default_rng(seed)
        draws = rng.integers(len(curves), size=(bootstraps, len(curves)))
        counts = np.apply_along_axis(np.bincount, 1, draws, minlength=len(curves))
        means = counts @ np.where(reached, stacked, 0.0) / len(curves)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.where(reached, np.quantile(means, [tail, 1 - tail], axis=0), np.nan)
    elif len(curves) > 1:
        kind = f"range of {len(curves)} seeds"
        low = np.where(reached, stacked.min(axis=0), np.nan)
        high = np.where(reached, stacked.max(axis=0), np.nan)
    succeeded = np.isfinite(stacked).sum(axis=0)
    return SeedMean(np.arange(1, length + 1), mean, low, high, kind, len(curves), succeeded)


def interval_at(curve: SeedMean, n: int) -> Interval | None:
    """Interval of a curve at budget `n`, or None for a single run or no success yet."""
    if curve.low is None or curve.high is None or not np.isfinite(curve.low[n - 1]):
        return None
    return Interval(float(curve.low[n - 1]), float(curve.high[n - 1]), curve.kind)


def _winning_weights(
    scores: NDArray[np.float64], budgets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Probability that each success, from worst to best, is the best of the draw."""
    finite = np.isfinite(scores)
    successes, size = int(finite.sum()), scores.size
    if successes == 0:
        raise TooFewScores(f"none of {size} experiments has a score.")
    if budgets.min() < 1 or budgets.max() > size:
        raise InputError(
            f"a budget of {budgets.min()} to {budgets.max()} does not fit a pool of {size}; "
            f"use 1 to {size}."
        )
    order = np.argsort(np.where(finite, scores, -np.inf), kind="stable")[size - successes :]
    return _rank_weights(size, successes, tuple(budgets.tolist())), order


@lru_cache(maxsize=2)
def _rank_weights(size: int, successes: int, n: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the weights of `_winning_weights`, which depend on no score: (budgets, successes)."""
    budgets = np.array(n, dtype=np.int64)
    ranks = np.arange(size - successes + 1, size + 1)
    below = budgets[:, np.newaxis]
    spare = ranks - below
    # Of whole numbers: looked up, since there are many times more places than numbers.
    log_gamma = gammaln(np.arange(size + 2, dtype=np.float64))
    logs = (
        log_gamma[ranks]
        - log_gamma[below]
        - log_gamma[np.maximum(spare, 0) + 1]
        - (log_gamma[size + 1] - log_gamma[below + 1] - log_gamma[size - below + 1])
    )
    weights = np.where(spare >= 0, np.exp(logs), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    weights.flags.writeable = False
    return np.asarray(weights)
