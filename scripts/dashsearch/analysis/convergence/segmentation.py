"""Exact segmentation of a sequence of block means, and the penalty at which it finds nothing."""

import numpy as np
import ruptures
from numpy.typing import ArrayLike, NDArray

# Candidate positions are the borders of blocks; more than this many add time, hardly precision.
MOST_BLOCKS = 100
SHORTEST_BLOCK = 5
# Blocks that a segment holds at least.
SEGMENT = 2
# Sequences that are segmented together.
CHUNK = 500


def block_length(size: int, correlation: float) -> int:
    """Length of blocks by Carlstein's rule for an AR(1), at least 5 and for at most 100 blocks.

    (2 rho / (1 - rho^2))^(2/3) n^(1/3). A change itself raises rho and with it the length, which
    costs power and never adds alarms.

    References
    ----------
    Carlstein (1986), Ann. Stat. 14(3), sec. 5.
    """
    rho = max(0.0, correlation)
    rule = (2 * rho / (1 - rho**2)) ** (2 / 3) * size ** (1 / 3)
    return max(SHORTEST_BLOCK, int(np.ceil(rule)), -(-size // MOST_BLOCKS))


def block_means(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Means of consecutive blocks; what is left over at the end joins no block."""
    blocks = values.size // length
    return np.asarray(values[: blocks * length].reshape(blocks, length).mean(axis=1))


def segment(series: ArrayLike, penalty: float) -> list[int]:
    """Borders of the segmentation with the smallest sum of squares plus `penalty` per border.

    Exact, by PELT with a linear kernel (Killick, Fearnhead & Eckley 2012, J. Am. Stat. Assoc.
    107; Celisse et al. 2018; `ruptures.KernelCPD`).
    """
    signal = np.asarray(series, dtype=np.float64)[:, np.newaxis]
    search = ruptures.KernelCPD(kernel="linear", min_size=SEGMENT).fit(signal)
    # A penalty that just suffices for no change must not lose to rounding.
    return [int(border) for border in search.predict(pen=penalty * (1 + 1e-9))[:-1]]


def smallest_penalty(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest penalty at which `segment` finds no border, for every row at once.

    It is the largest reduction of the sum of squares per border. From the best gain of one border
    on, the segmentation is solved at the penalty found so far, and its gain per border is the next
    one, until none is left (Dinkelbach 1967, Management Sci. 13); the solver is the recursion
    over last borders of Jackson et al. (2005), for all rows together.
    """
    return np.concatenate(
        [_dinkelbach(series[begin : begin + CHUNK]) for begin in range(0, len(series), CHUNK)]
    )


def _dinkelbach(series: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.concatenate([np.zeros((len(series), 1)), np.cumsum(series, axis=1)], axis=1)
    blocks = series.shape[1]
    whole = sums[:, -1] ** 2 / blocks
    penalty = split_gains(sums).max(axis=1)
    active = np.arange(len(series))
    while active.size:
        reached, borders = _segmented(sums[active], penalty[active])
        gain = (reached - whole[active]) / np.maximum(borders, 1) + penalty[active]
        better = (borders > 0) & (gain > penalty[active] * (1 + 1e-9))
        active, gain = active[better], gain[better]
        penalty[active] = gain
    return np.asarray(penalty)


def split_gains(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Reduction of the sum of squares by one border after SEGMENT, … blocks, row by row."""
    blocks = sums.shape[1] - 1
    at = np.arange(SEGMENT, blocks - SEGMENT + 1)
    left, total = sums[:, at], sums[:, -1:]
    return np.asarray(left**2 / at + (total - left) ** 2 / (blocks - at) - total**2 / blocks)


def _segmented(
    sums: NDArray[np.float64], penalty: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Largest sum of squared segment sums over lengths less the penalties, and its borders."""
    rows, size = sums.shape
    best = np.full((rows, size), -np.inf)
    count = np.zeros((rows, size), dtype=np.int64)
    row = np.arange(rows)
    # The first segment pays no penalty.
    best[:, 0] = penalty
    count[:, 0] = -1
    for end in range(SEGMENT, size):
        begin = np.r_[0, SEGMENT : end - SEGMENT + 1]
        value = best[:, begin] + (sums[:, end, None] - sums[:, begin]) ** 2 / (end - begin)
        chosen = value.argmax(axis=1)
        best[:, end] = value[row, chosen] - penalty
        count[:, end] = count[row, begin[chosen]] + 1
    return best[:, -1], count[:, -1]
