"""Intervals over independent seeds, of which there are few."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP


def seed_draws(seeds: int, bootstraps: int, seed: int) -> NDArray[np.float64]:
    """Weights of resampled sets of seeds, shape (bootstraps, seeds); each row adds up to 1."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=bootstraps) / seeds


def expanded_interval(values: NDArray[np.float64], seeds: int) -> Interval:
    """95 % interval from bootstrap values over few seeds, by expanded percentiles.

    Percentiles of a bootstrap over S seeds are too narrow, by about sqrt((S-1)/S) and the
    difference of normal and t quantiles. Their levels are therefore moved out to
    Phi(-+ sqrt(S/(S-1)) t_{0.975, S-1}), which is the t interval where the values are normal.

    References
    ----------
    Hesterberg (2015), Am. Stat. 69(4), sec. 5.
    """
    tail = expanded_tail(seeds)
    low, high = (float(limit) for limit in np.quantile(values, [tail, 1 - tail]))
    return Interval(low, high, f"95 % expanded percentiles over {seeds} seeds")


def expanded_tail(draws: float) -> float:
    """Return the tail whose percentiles are as wide as Student's t for this many draws."""
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, draws - 1))
    return float(stats.norm.cdf(-np.sqrt(draws / (draws - 1)) * quantile))


def interval_of_mean(values: NDArray[np.float64], bootstraps: int, seed: int) -> Interval | None:
    """Interval of the mean over seeds: their range below five, None for one.

    Parameters
    ----------
    values
        One value a seed, shape (S,).
    """
    if values.size < 2:
        return None
    if values.size < SEEDS_FOR_BOOTSTRAP:
        kind = f"range of {values.size} seeds"
        return Interval(float(values.min()), float(values.max()), kind)
    means = seed_draws(values.size, bootstraps, seed) @ values
    return expanded_interval(means, values.size)
