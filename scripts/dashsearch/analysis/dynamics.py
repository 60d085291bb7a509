"""How broadly an arm proposes over time: windowed entropy against a uniform policy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import CONFIDENCE
from dashsearch.analysis.shares import group_codes
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space


@dataclass(frozen=True)
class UniformBand:
    """Entropy that a uniform policy shows in a window of the same size, in bits.

    `median` and the 95 % band `low` … `high` hold for the plug-in estimate, `corrected_*` for the
    Miller-Madow one; both from `draws` simulated windows.
    """

    low: float
    median: float
    high: float
    corrected_low: float
    corrected_median: float
    corrected_high: float
    draws: int


@dataclass(frozen=True)
class EntropySeries:
    """Entropy of the proposals of one run in sliding windows of constant length.

    Attributes
    ----------
    group
        ``"architecture"``, ``"training"``, ``"all"`` or the name of a factor.
    support
        Number of combinations of levels that the group has.
    window
        Proposals per window.
    ends
        Number of proposals before the end of each window.
    entropy_bits, corrected_bits
        Plug-in and Miller-Madow estimates.
    normalised
        Corrected entropy over log2(support); NaN if the support is one.
    effective
        2 to the plug-in entropy: how many combinations share the window evenly.
    uniform
        The same for a uniform policy: what an entropy has to be below to mean anything.
    """

    group: str
    support: int
    window: int
    ends: NDArray[np.int64]
    entropy_bits: NDArray[np.float64]
    corrected_bits: NDArray[np.float64]
    normalised: NDArray[np.float64]
    effective: NDArray[np.float64]
    uniform: UniformBand


def entropy_bits(counts: ArrayLike) -> float:
    """Plug-in (maximum likelihood) entropy of counts, in bits; biased down for few counts."""
    values = np.asarray(counts, dtype=np.float64)
    values = values[values > 0]
    if values.size == 0:
        raise TooFewScores("an empty window has no entropy; give at least one proposal.")
    shares = values / values.sum()
    return abs(float(-(shares * np.log2(shares)).sum()))


def miller_madow_bits(counts: ArrayLike) -> float:
    """Entropy in bits with Miller and Madow's first-order bias correction, (m - 1) / (2 N ln 2).

    m is the number of combinations seen and N the number of proposals. It can exceed the logarithm
    of the support, and corrects too little where most combinations are unseen.

    References
    ----------
    Miller (1955), in *Information Theory in Psychology*; Paninski (2003), Neural Comput. 15.
    """
    values = np.asarray(counts, dtype=np.float64)
    seen = int((values > 0).sum())
    return entropy_bits(values) + (seen - 1) / (2 * float(values.sum()) * math.log(2))


def uniform_band(support: int, window: int, draws: int, seed: int) -> UniformBand:
    """Simulate the windows of a policy that draws combinations uniformly and independently."""
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.integers(support, size=(draws, window)), axis=1)
    plug_in, corrected = _entropies(codes)
    tail = (1 - CONFIDENCE) / 2
    quantiles = [tail, 0.5, 1 - tail]
    low, median, high = (float(q) for q in np.quantile(plug_in, quantiles))
    c_low, c_median, c_high = (float(q) for q in np.quantile(corrected, quantiles))
    return UniformBand(low, median, high, c_low, c_median, c_high, draws)


def windowed_entropy(
    codes: ArrayLike, *, group: str, support: int, window: int, step: int, uniform: UniformBand
) -> EntropySeries:
    """Entropy of every full window of `window` proposals, one every `step` proposals.

    Parameters
    ----------
    codes
        The combination of each proposal as an integer below `support`, in proposal order. Fewer
        proposals than a window give an empty series: a shorter window would not compare.
    """
    values = np.asarray(codes, dtype=np.int64)
    if values.size and not (values.min() >= 0 and values.max() < support):
        raise InputError(f"a combination of {group} is outside 0 to {support - 1}; correct it.")
    ends = np.arange(window, values.size + 1, step)
    if ends.size:
        windows = np.lib.stride_tricks.sliding_window_view(values, window)[ends - window]
        plug_in, corrected = _entropies(np.sort(windows, axis=1))
    else:
        plug_in = corrected = np.empty(0)
    full = math.log2(support)
    return EntropySeries(
        group=group,
        support=support,
        window=window,
        ends=ends,
        entropy_bits=plug_in,
        corrected_bits=corrected,
        normalised=corrected / full if full > 0 else np.full(ends.size, np.nan),
        effective=2.0**plug_in,
        uniform=uniform,
    )


def entropy_of_proposals(
    cells: ArrayLike, space: Space, *, window: int, step: int, draws: int, seed: int
) -> tuple[EntropySeries, ...]:
    """Windowed entropy of one run's proposals, per factor group and per factor.

    Parameters
    ----------
    cells
        Cell index of every proposal in order, failed and duplicate ones included.
    seed
        Root seed; the band of a group depends on its support and the window only.
    """
    indices = np.asarray(cells, dtype=np.int64)
    series = []
    for group, factors in _factor_groups(space):
        support = math.prod(len(space.factor(name).levels) for name in factors)
        band = uniform_band(
            support, window, draws, derive_seed(seed, "uniform entropy", support, window)
        )
        codes = group_codes(indices, space, factors)
        series.append(
            windowed_entropy(
                codes, group=group, support=support, window=window, step=step, uniform=band
            )
        )
    return tuple(series)


def _factor_groups(space: Space) -> list[tuple[str, Sequence[str]]]:
    groups: list[tuple[str, Sequence[str]]] = []
    for group in ("architecture", "training"):
        names = [factor.name for factor in space.factors if factor.group == group]
        if names:
            groups.append((group, names))
    return [*groups, ("all", space.names), *((name, [name]) for name in space.names)]


def _entropies(ordered: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Plug-in and Miller-Madow entropy of each row of sorted codes."""
    rows, window = ordered.shape
    starts = np.ones(ordered.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    flat = np.flatnonzero(starts)
    counts = np.diff(np.append(flat, ordered.size)).astype(np.float64)
    row = flat // window
    terms = counts / window * np.log2(window / counts)
    plug_in = np.bincount(row, weights=terms, minlength=rows).astype(np.float64)
    seen = np.bincount(row, minlength=rows).astype(np.float64)
    corrected: NDArray[np.float64] = plug_in + (seen - 1) / (2 * window * math.log(2))
    return plug_in, corrected
