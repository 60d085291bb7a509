"""Jensen-Shannon divergence of tables of counts, and the same with labels permuted in blocks."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.proposals import numbered_rounds, seeds_and_rounds
from dashsearch.analysis.variance.shares import group_codes
from dashsearch.space.space import Space

# Numbers that a chunk of permutations holds in memory.
CHUNK = 4_000_000
UNITS = 2000


def jensen_shannon_bits(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted Jensen-Shannon divergence of tables of counts, in bits.

    `scipy.spatial.distance.jensenshannon` gives the square root of the unweighted one.

    Parameters
    ----------
    counts
        float64 (..., labels, combinations).

    Returns
    -------
    float64 (...)
        NaN where a label has no count: its distribution is unknown, so it differs by nothing known.

    References
    ----------
    Lin (1991), IEEE Trans. Inf. Theory 37(1), eq. 5.1.
    """
    totals = counts.sum(axis=-1)
    n = totals.sum(axis=-1)
    missing = (totals == 0).any(axis=-1)
    pool = _x_log2_x(counts.sum(axis=-2)).sum(axis=-1)
    inside = _x_log2_x(counts).sum(axis=(-2, -1))
    labels = _x_log2_x(totals).sum(axis=-1)
    size = np.where(missing, np.nan, n)
    # Rounding may leave a divergence of equal distributions a hair below its bound of 0.
    bits = (inside - pool - labels + _x_log2_x(n)) / size
    return np.asarray(np.where(np.abs(bits) < 1e-12, 0.0, bits))


def permuted_tables(
    blocks: NDArray[np.float64], permutations: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Permute labels within units as whole blocks, and add up the blocks that each label gets.

    All proposals of a label in a unit move together, because they depend on each other. Only
    labels that are present in a unit change places there.

    Parameters
    ----------
    blocks
        Counts of each unit, label and combination: float64 (units, labels, combinations).

    Returns
    -------
    float64 array, (permutations, labels, combinations)
    """
    units, labels, combinations = blocks.shape
    present = blocks.sum(axis=2) > 0
    owner = np.broadcast_to(np.arange(labels), (permutations, units, labels)).copy()
    for pattern in np.unique(present, axis=0):
        who = np.flatnonzero(pattern)
        where = np.flatnonzero((present == pattern).all(axis=1))
        if who.size > 1:
            order = rng.random((permutations, where.size, who.size)).argsort(axis=2)
            owner[:, where[:, None], who] = who[order]
    # Counts are exact in float32 up to 16 million proposals, at half the memory.
    flat = blocks.reshape(units * labels, combinations).astype(np.float32)
    tables = np.empty((permutations, labels, combinations))
    for label in range(labels - 1):
        mine = (owner == label).reshape(permutations, units * labels).astype(np.float32)
        tables[:, label] = mine @ flat
    # The last label gets what is left of all proposals.
    tables[:, -1] = blocks.sum(axis=(0, 1)) - tables[:, :-1].sum(axis=1)
    return tables


def null_bits(
    blocks: NDArray[np.float64], permutations: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the divergence of each permutation of the labels, chunk by chunk, in bits."""
    units, labels, combinations = blocks.shape
    chunk = max(1, CHUNK // (labels * max(units * labels, combinations)))
    return np.concatenate(
        [
            jensen_shannon_bits(permuted_tables(blocks, min(chunk, permutations - start), rng))
            for start in range(0, permutations, chunk)
        ]
    )


def smallest_p(shared: NDArray[np.int64]) -> float:
    """Return the smallest p that permuting this many labels per unit can give.

    Permuting all units alike changes nothing, so one unit is not counted.
    """
    ways = sorted(math.lgamma(each + 1) for each in shared.tolist() if each > 1)
    return math.exp(-sum(ways[:-1])) if ways else 1.0


def unit_blocks(
    rows: pd.DataFrame, space: Space, factors: Sequence[str], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Count combinations per unit and label: float64 (units, labels, combinations seen).

    A unit is a round of a seed. Of more than `UNITS` rounds, neighbouring ones with the same labels
    are joined: permuting fewer, larger units is as valid.
    """
    _, unit = numbered_rounds(*seeds_and_rounds(rows))
    agents, names = pd.factorize(rows["agent"], use_na_sentinel=False)
    label = pd.Index(labels).get_indexer(pd.Index([str(name) for name in names]))[agents]
    kept = label >= 0
    unit, label = _joined(unit[kept], label[kept], len(labels)), label[kept]
    codes = group_codes(rows["cell"].to_numpy(dtype=np.int64)[kept], space, factors)
    seen, code = np.unique(codes, return_inverse=True)
    shape = (int(unit.max()) + 1, len(labels), seen.size)
    flat = np.ravel_multi_index((unit, label, code), shape)
    return np.bincount(flat, minlength=math.prod(shape)).reshape(shape).astype(np.float64)


def _joined(unit: NDArray[np.intp], label: NDArray[np.intp], labels: int) -> NDArray[np.int64]:
    """Join units that have the same labels until about `UNITS` are left; return new numbers."""
    units = int(unit.max()) + 1
    if units <= UNITS:
        return unit.astype(np.int64)
    present = np.zeros((units, labels), dtype=bool)
    present[unit, label] = True
    size = math.ceil(units / UNITS)
    numbers = np.empty(units, dtype=np.int64)
    start = 0
    for pattern in np.unique(present, axis=0):
        where = np.flatnonzero((present == pattern).all(axis=1))
        numbers[where] = start + np.arange(where.size) // size
        start = int(numbers[where].max()) + 1
    return numbers[unit]


def _x_log2_x(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values * np.log2(np.maximum(values, 1)))
