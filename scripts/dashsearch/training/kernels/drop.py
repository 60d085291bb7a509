"""Dropout of one CPU thread in one pass: bits are drawn, compared and used within the cache."""

from typing import Any

import numpy as np

from dashsearch.training.kernels.compiled import compiled
from dashsearch.training.stacked.splitmix import FINALISER, GOLDEN, LAST_SHIFT, UNITS_PER_DRAW

STEP = np.uint64(GOLDEN)
FIRST_SHIFT, FIRST_FACTOR = np.uint64(FINALISER[0][0]), np.uint64(FINALISER[0][1])
SECOND_SHIFT, SECOND_FACTOR = np.uint64(FINALISER[1][0]), np.uint64(FINALISER[1][1])
THIRD_SHIFT = np.uint64(LAST_SHIFT)
DRAWS = 128
UNITS = DRAWS * UNITS_PER_DRAW


@compiled
def drop(y: Any, x: Any, keys: Any, limits: Any, scales: Any) -> None:
    """Scale the kept units of x, (E, U) contiguous float32, into y; multiply the others by 0.

    Parameters
    ----------
    keys
        (E,) uint64, one stream of SplitMix64 each.
    limits
        (E,) int32; a unit is kept if its 16 bits, as a signed number, are not below.
    scales
        (E,) float32 of kept units.
    """
    rows, units = x.shape
    draws = np.empty(DRAWS, np.uint64)
    bits = draws.view(np.int16)
    for row in range(rows):
        limit, scale = limits[row], scales[row]
        for start in range(0, units, UNITS):
            first = keys[row] + STEP * np.uint64(start // UNITS_PER_DRAW + 1)
            for place in range(DRAWS):
                z = first + STEP * np.uint64(place)
                z = (z ^ (z >> FIRST_SHIFT)) * FIRST_FACTOR
                z = (z ^ (z >> SECOND_SHIFT)) * SECOND_FACTOR
                draws[place] = z ^ (z >> THIRD_SHIFT)
            part, out = x[row, start : start + UNITS], y[row, start : start + UNITS]
            for unit in range(min(UNITS, units - start)):
                out[unit] = part[unit] * (scale if bits[unit] >= limit else np.float32(0))
