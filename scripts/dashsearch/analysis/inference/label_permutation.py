"""Permutation test of two sets of means whose groups share levels of several factors."""

from collections.abc import Sequence
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

EXACT_ORDERS = factorial(8)
ROUNDING = 1e-12


def label_permutation(
    labels: Sequence[tuple[str, ...]],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    draws: int,
    seed: int,
) -> tuple[float, float, str]:
    """Test the rank correlation of two sets of means against permuted labels of every factor.

    Groups that a permutation sends to a combination without a mean drop out of its statistic.

    Returns
    -------
    p, smallest_p, test
        Exact over all orders if there are at most 8! of them, else over `draws` random ones and the
        observed.

    References
    ----------
    Hubert & Schultz (1976), Br. J. Math. Stat. Psychol. 29(2).
    """
    levels, places = zip(
        *(np.unique(each, return_inverse=True) for each in zip(*labels, strict=True)), strict=True
    )
    shape = tuple(each.size for each in levels)
    tables = []
    for means in (first, second):
        table = np.full(shape, np.nan)
        table[places] = stats.rankdata(means)
        tables.append(table)
    orders = int(np.prod([factorial(size) for size in shape]))
    exact = orders <= EXACT_ORDERS
    names = " × ".join(str(size) for size in shape)
    if exact:
        every = [np.array(list(permutations(range(size)))) for size in shape]
        index = np.indices([len(each) for each in every]).reshape(len(shape), -1)
        chosen = [each[at] for each, at in zip(every, index, strict=True)]
        test = f"exact, all {orders} orders of the {names} levels"
    else:
        rng = np.random.default_rng(seed)
        chosen = [rng.permuted(np.tile(np.arange(size), (draws, 1)), axis=1) for size in shape]
        test = f"{draws} random orders of the {names} levels"
    values = np.abs(_permuted(tables, places, chosen))
    observed = abs(float(_permuted(tables, places, [np.arange(s)[None] for s in shape])[0]))
    exceeding = int((values >= observed * (1 - ROUNDING)).sum())
    if exact:
        # The reverse of one factor's order is as far from chance as the order itself.
        return exceeding / orders, (2 if len(shape) == 1 else 1) / orders, test
    return (1 + exceeding) / (1 + draws), 1 / (1 + draws), test


def _permuted(
    tables: Sequence[NDArray[np.float64]],
    places: Sequence[NDArray[np.intp]],
    chosen: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Correlation of the first table's ranks with the second's under each permutation."""
    one = tables[0][tuple(places)][None]
    other = tables[1][tuple(order[:, at] for order, at in zip(chosen, places, strict=True))]
    seen = np.isfinite(other)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    a, b = (np.where(seen, each, 0) for each in (np.broadcast_to(one, other.shape), other))
    a, b = (np.where(seen, each - each.sum(axis=1, keepdims=True) / count, 0) for each in (a, b))
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.where(scale > 0, scale, 1))
