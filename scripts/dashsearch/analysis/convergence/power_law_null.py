"""What R squared of a power law is worth: the same fit to shuffled orders of the same scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashsearch.analysis.convergence.power_law import (
    EXPONENTS,
    PARAMETERS,
    log_spaced,
    profile_of_exponents,
)
from dashsearch.analysis.results import TooFewScores

# Scores that are shuffled at once, to bound the memory of long runs.
CHUNK = 2_000_000


@dataclass(frozen=True)
class PowerLawNull:
    """R squared of the same fit when the order of the same scores is shuffled.

    Attributes
    ----------
    observed
        R squared in the true order, on the same grid of exponents.
    q05, median, q95
        Quantiles under shuffled orders.
    rank
        Share of shuffled orders with a lower R squared: near 1 if the order explains the fit.
    permutations
        Number of shuffles whose curve was not flat.
    """

    observed: float
    q05: float
    median: float
    q95: float
    rank: float
    permutations: int


def power_law_null(scores: Sequence[ArrayLike], permutations: int, seed: int) -> PowerLawNull:
    """Compare R squared with that of shuffled orders of the same scores.

    Parameters
    ----------
    scores
        One array per independent run, in proposal order, NaN for failures; the curve is the mean
        of the runs' best-so-far, cut to the shortest run.
    permutations
        Number of shuffles; at least 200 for the quantiles to mean something.

    Raises
    ------
    TooFewScores
        If the curve has fewer than four budgets, or is flat in the true order.
    """
    length = min(np.asarray(run).size for run in scores)
    runs = [np.asarray(run, dtype=np.float64) for run in scores]
    chosen = log_spaced(length)
    rng = np.random.default_rng(seed)
    true_order = _mean_best([_running_best(run[np.newaxis])[:, chosen] for run in runs])
    observed = float(_grid_r_squared(chosen.astype(np.float64) + 1, true_order)[0])
    if not np.isfinite(observed):
        raise TooFewScores(
            "the best-so-far curve never rises or is shorter than four experiments, so there is "
            "no power law to test; run more experiments."
        )
    shuffled = _mean_best([_shuffled_best(run, chosen, permutations, rng) for run in runs])
    null = _grid_r_squared(chosen.astype(np.float64) + 1, shuffled)
    null = null[np.isfinite(null)]
    if null.size == 0:
        raise TooFewScores("every shuffled order gives a flat curve; run more experiments.")
    q05, median, q95 = (float(q) for q in np.quantile(null, [0.05, 0.5, 0.95]))
    return PowerLawNull(observed, q05, median, q95, float((null < observed).mean()), null.size)


def _running_best(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum.accumulate(np.where(np.isfinite(runs), runs, -np.inf), axis=1)


def _shuffled_best(
    run: NDArray[np.float64],
    chosen: NDArray[np.intp],
    permutations: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Best so far of shuffled orders at the chosen positions, shape (permutations, chosen)."""
    best = np.empty((permutations, chosen.size))
    step = max(1, CHUNK // run.size)
    for first in range(0, permutations, step):
        rows = best[first : first + step]
        tiled = np.tile(run, (len(rows), 1))
        rows[:] = _running_best(rng.permuted(tiled, axis=1))[:, chosen]
    return best


def _mean_best(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean best-so-far of several runs, row by row; NaN until every run has a success."""
    stacked = np.stack(curves)
    reached = np.isfinite(stacked).all(axis=0)
    mean = np.where(reached, stacked, 0.0).mean(axis=0)
    return np.asarray(np.where(reached, mean, np.nan), dtype=np.float64)


def _grid_r_squared(
    budgets: NDArray[np.float64], curves: NDArray[np.float64]
) -> NDArray[np.float64]:
    """R squared of the best exponent of the grid for each curve; NaN for flat or short curves."""
    finite = np.isfinite(curves)
    count = finite.sum(axis=1)
    usable = count > PARAMETERS
    filled = np.where(finite, curves, -np.inf)
    floor = np.where(usable, filled.max(axis=1, initial=-np.inf), 0.0)
    errors = profile_of_exponents(budgets, curves, EXPONENTS, floor).errors.min(axis=1)
    centre = np.where(finite, curves, 0.0).sum(axis=1) / np.maximum(count, 1)
    total = (np.where(finite, curves - centre[:, np.newaxis], 0.0) ** 2).sum(axis=1)
    rises = usable & (total > 1e-12)
    return np.where(rises, 1 - errors / np.where(rises, total, 1.0), np.nan)
