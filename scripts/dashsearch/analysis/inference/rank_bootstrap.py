"""Bootstraps of rank correlations: experiments are drawn anew, and ranked anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import CONFIDENCE

CHUNK = 160_000
Scores = NDArray[np.float64]
Counts = NDArray[np.int32] | NDArray[np.int64]


@dataclass(frozen=True)
class RankDraws:
    """What resamples of all experiments give, one value a resample.

    Attributes
    ----------
    spearman
        Spearman's rho, shape (resamples,).
    overlaps
        Overlap of the top scores at each size asked for, shape (resamples, sizes).
    """

    spearman: Scores
    overlaps: Scores


def draw_rank_correlations(
    first: Scores, second: Scores, tops: Sequence[int], resamples: int, seed: int
) -> RankDraws:
    """Resample all experiments; `tops` are numbers of top scores whose overlap is wanted."""
    n = first.size
    orders = _Order(first), _Order(second)
    group = np.zeros(n, dtype=np.int64)
    inside = [_may_be_on_top(first, second, size) for size in tops]
    rhos, overlaps = [], []
    for counts in _counts(group, resamples, seed):
        upto = [order.upto(counts) for order in orders]
        one, other = (order.ranks(each) for order, each in zip(orders, upto, strict=True))
        rhos.append(_correlations(counts, one, other, group))
        shared = np.empty((len(counts), len(tops)))
        for place, (rows, size) in enumerate(zip(inside, tops, strict=True)):
            weights = counts[:, rows] / size
            for order, each in zip(orders, upto, strict=True):
                weights *= order.top_weights(each, rows, size)
            shared[:, place] = weights.sum(axis=1)
        overlaps.append(shared)
    return RankDraws(np.concatenate(rhos), np.concatenate(overlaps))


def draw_within_correlations(
    first: Scores, second: Scores, codes: NDArray[np.int64], resamples: int, seed: int
) -> Scores:
    """Resample the experiments of every group; the part of Spearman's rho within groups.

    Group sizes stay as they are. Shape (resamples,), NaN where a resample does not vary within.
    """
    order = np.argsort(codes, kind="stable")
    _, group = np.unique(codes[order], return_inverse=True)
    orders = _Order(first[order]), _Order(second[order])
    found = []
    for counts in _counts(group, resamples, seed):
        one, other = (each.ranks(each.upto(counts)) for each in orders)
        found.append(_correlations(counts, one, other, group))
    return np.concatenate(found)


def percentile_interval(values: Scores, kind: str) -> Interval | None:
    """95 % percentile interval of bootstrap values; None if some of them have no value."""
    if not np.isfinite(values).all():
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(limit) for limit in np.quantile(values, [tail, 1 - tail]))
    return Interval(low, high, kind)


def top_weights(below: Counts, upto: Counts, n: int, size: int) -> Scores:
    """Part of each value that is among the top `size` of `n`, ties sharing their places.

    `below` values are smaller than it, `upto` smaller or equal. Values that are tied across the
    border are in with the probability that a random order of them gives.
    """
    width = np.maximum(upto - below, 1)
    return np.asarray(np.clip((upto - (n - size)) / width, 0, 1))


class _Order:
    """The order of values, in which the ranks of every resample can be counted."""

    def __init__(self, values: Scores) -> None:
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self._ends = np.concatenate([starts[1:], [values.size]]) - 1
        self._tie = np.empty(values.size, dtype=np.intp)
        self._tie[self._order] = np.repeat(
            np.arange(starts.size), np.diff(np.append(starts, values.size))
        )

    def upto(self, counts: NDArray[np.int32]) -> NDArray[np.int32]:
        """Count the drawn values up to each distinct one, shape (resamples, distinct)."""
        running = np.take(counts, self._order, axis=1).cumsum(axis=1, dtype=np.int32)
        return running if self._ends.size == self._tie.size else running[:, self._ends]

    def ranks(self, upto: NDArray[np.int32]) -> Scores:
        """Midranks in each resample around their mean, shape (resamples, n)."""
        middle = upto.astype(np.float64)
        middle[:, 1:] += upto[:, :-1]
        middle -= self._tie.size
        return np.take(middle, self._tie, axis=1) / 2

    def top_weights(self, upto: NDArray[np.int32], rows: NDArray[np.intp], size: int) -> Scores:
        """`top_weights` of some experiments in each resample, shape (resamples, rows)."""
        tie = self._tie[rows]
        below = np.where(tie > 0, upto[:, tie - 1], 0)
        return top_weights(below, upto[:, tie], self._tie.size, size)


def _may_be_on_top(first: Scores, second: Scores, size: int) -> NDArray[np.intp]:
    """Experiments that a resample's top `size` can hold, but for a chance of less than 1e-15."""
    reach = min(first.size, 2 * size + 50)
    lowest = (np.partition(each, -reach)[-reach] for each in (first, second))
    return np.flatnonzero((first >= next(lowest)) & (second >= next(lowest)))


def _counts(group: NDArray[np.int64], resamples: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """How often each experiment is drawn, in chunks (rows, n); groups lie one after another."""
    rng = np.random.default_rng(seed)
    n = group.size
    sizes = np.bincount(group)
    start = (np.cumsum(sizes) - sizes)[group]
    size = sizes[group].astype(np.float64)
    chunk = max(1, CHUNK // n)
    for first in range(0, resamples, chunk):
        rows = min(chunk, resamples - first)
        drawn = (rng.random((rows, n)) * size).astype(np.int64) + start
        drawn += n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.int32)


def _correlations(
    counts: NDArray[np.int32], one: Scores, other: Scores, group: NDArray[np.int64]
) -> Scores:
    """Correlation of deviations from group means in each resample."""
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    weighted = [counts * each for each in (one, other)]
    sums = [np.add.reduceat(each, starts, axis=1) for each in weighted]

    def inner(a: int, b: int) -> Scores:
        whole = np.einsum("ij,ij->i", weighted[a], (one, other)[b])
        return np.asarray(whole - (sums[a] * sums[b] / sizes).sum(axis=1))

    spread = inner(0, 0) * inner(1, 1)
    flat = spread <= 0
    return np.where(flat, np.nan, inner(0, 1) / np.sqrt(np.where(flat, 1, spread)))
