"""Correction of p values that are read together."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Adjust p values for their number, step down; None stays None and does not count.

    statsmodels' `multipletests` gives the same, but collects garbage at every call, which takes
    longer than a whole table of tests.

    References
    ----------
    Holm (1979), Scand. J. Stat. 6.
    """
    known = np.array([value for value in p if value is not None], dtype=np.float64)
    order = np.argsort(known)
    adjusted = np.empty_like(known)
    factors = np.arange(known.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(known[order] * factors), 1.0)
    values = iter(adjusted.tolist())
    return [None if value is None else next(values) for value in p]
