"""Tests that are read together: p values adjusted for their number."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p values of one family by Holm's step-down method.

    Parameters
    ----------
    p_values
        One a test; None or NaN where a test was refused: it is no member of the family.

    Returns
    -------
    list of float or None
        Adjusted p values, at most 1, in the same order; None where there was none.

    References
    ----------
    Holm (1979), Scand. J. Stat. 6(2).

    Notes
    -----
    statsmodels' `multipletests` gives the same numbers, and walks the whole heap after each call
    (`gc.collect`): most of the time of a simulation of thousands of families.
    """
    values = np.array([np.nan if p is None else p for p in p_values], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values))
    adjusted: list[float | None] = [None] * values.size
    order = known[np.argsort(values[known], kind="stable")]
    raw = values[order] * np.arange(order.size, 0, -1)
    for place, p in zip(order, np.minimum(np.maximum.accumulate(raw), 1.0), strict=True):
        adjusted[int(place)] = float(p)
    return adjusted
