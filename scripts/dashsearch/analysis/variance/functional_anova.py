"""Exact functional ANOVA of a full factorial: every share of variance, and what seeds add to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE
from dashsearch.analysis.variance.contrasts import term_variances
from dashsearch.space.space import GROUPS, Space

INTERVAL = f"{CONFIDENCE:.0%} normal, noise of the scores and of its own estimate"
# A pool of terms of this order and above stands in one line.
POOLED_ORDER = 4
TOP_SHARE = 0.1
Role = Literal["closed", "main effects", "total", "interaction", "factor", "pair", "order"]


@dataclass(frozen=True)
class SeedNoise:
    """Variance between seeds of one cell, from cells that were measured several times.

    Attributes
    ----------
    variance, interval
        Pooled variance within cells, and its chi-squared interval.
    df
        Its degrees of freedom: measurements less cells.
    cells
        Number of cells with at least two measurements.
    """

    variance: float
    interval: Interval
    df: int
    cells: int


@dataclass(frozen=True)
class TermShare:
    """The share of one term, or of several together.

    Attributes
    ----------
    name, role
        ``"closed"``: all terms inside a group of factors. ``"main effects"``: of a group.
        ``"total"``: all terms with at least one factor of the group. ``"interaction"``: all terms
        with factors of both groups. ``"factor"`` and ``"pair"``: single terms. ``"order"``: all
        terms of so many factors.
    terms, df
        How many terms, and their degrees of freedom: the product of (levels - 1), summed.
    variance, share
        Sum of V_S, and its part of the variance between cells; seed noise is in both.
    noise_variance, noise_share
        What seed noise alone adds to `variance` on average, and its part of it; None without
        replicates.
    corrected_share, interval
        Share of the variance between cells without seed noise; negative where the term is smaller
        than noise makes it by luck. None without replicates.
    """

    name: str
    role: Role
    terms: int
    df: int
    variance: float
    share: float
    noise_variance: float | None = None
    noise_share: float | None = None
    corrected_share: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class FunctionalAnova:
    """Shares of the variance between the cells of a full factorial.

    Attributes
    ----------
    cells, factors
        Number of cells and of factors.
    variance
        Of the cells' scores, seed noise included; the V_S of all terms add up to it.
    replicates
        Harmonic mean of the number of measurements of a cell.
    noise, noise_reason
        Seed noise, or None and why.
    corrected_variance
        `variance` without what seed noise adds, or None.
    shares
        Groups, factors, pairs and orders.
    """

    cells: int
    factors: int
    variance: float
    replicates: float
    noise: SeedNoise | None
    noise_reason: str
    corrected_variance: float | None
    shares: tuple[TermShare, ...]

    def share_of_experiments(self, name: str, role: Role) -> float:
        """Share of the variance of **single experiments**, seed noise in the whole.

        That is what a one-way analysis of uniformly drawn experiments estimates. Without replicates
        nothing is corrected: scores of one seed are single experiments as they are.
        """
        term = next(each for each in self.shares if (each.name, each.role) == (name, role))
        if self.noise is None or self.corrected_variance is None or term.noise_variance is None:
            return term.share
        return (term.variance - term.noise_variance) / (
            self.corrected_variance + self.noise.variance
        )


def seed_noise(replicated: Iterable[ArrayLike]) -> SeedNoise:
    """Estimate seed noise from the scores of each cell that was measured at least twice.

    Raises
    ------
    TooFewScores
        If there is no such cell, or no cell's scores differ.
    """
    cells = [np.asarray(cell, dtype=np.float64) for cell in replicated]
    df = sum(cell.size - 1 for cell in cells)
    if df < 1:
        raise TooFewScores(
            "no cell was measured with two seeds, so seed noise is not known and is part of every "
            "share; measure some cells again."
        )
    squares = sum(float(((cell - cell.mean()) ** 2).sum()) for cell in cells)
    if squares <= 0:
        raise TooFewScores(
            f"the scores of {len(cells)} replicated cells do not differ between seeds, so seed "
            "noise cannot be estimated; measure them with different seeds."
        )
    tail = (1 - CONFIDENCE) / 2
    low, high = (squares / float(stats.chi2.ppf(p, df)) for p in (1 - tail, tail))
    return SeedNoise(squares / df, Interval(low, high, f"{CONFIDENCE:.0%} chi-squared"), df,
                     len(cells))  # fmt: skip


def functional_anova(
    scores: ArrayLike,
    space: Space,
    *,
    counts: ArrayLike | None = None,
    noise: SeedNoise | None = None,
    noise_reason: str = "",
) -> FunctionalAnova:
    """Split the variance between all cells of a space exactly, by groups, factors and pairs.

    It is a population: there is no test, and the only uncertainty is seed noise. A term of d
    degrees of freedom holds sigma2 / r * d / cells of it on average, which is subtracted. The
    interval takes in that noise moves the V_S, and that sigma2 is an estimate itself.

    Parameters
    ----------
    scores
        Mean score of every cell, in the order of the space's index, shape (size,).
    counts
        Number of measurements behind each of them; 1 if not given.
    noise, noise_reason
        From `seed_noise`, or why there is none.

    Raises
    ------
    TooFewScores
        If a cell has no score, or the scores do not vary.
    """
    values = np.asarray(scores, dtype=np.float64).ravel()
    _refuse(values, space)
    measured = np.ones(space.size) if counts is None else np.asarray(counts, dtype=np.float64)
    per_cell = float((1 / measured).mean())
    variances = term_variances(values.reshape(space.shape))
    degrees = np.array([
        prod(levels - 1 for axis, levels in enumerate(space.shape) if mask >> axis & 1)
        for mask in range(variances.size)
    ])  # fmt: skip
    degrees[0] = 0
    total = float(variances.sum())
    plans = [(name, role, masks) for name, role, masks in _plans(space) if masks]
    shares = []
    for name, role, masks in plans:
        chosen = np.array(masks)
        variance, df = float(variances[chosen].sum()), int(degrees[chosen].sum())
        term = TermShare(name, role, int((degrees[chosen] > 0).sum()), df, variance,
                         variance / total)  # fmt: skip
        if noise is not None:
            term = _corrected(term, total, space.size, per_cell, noise)
        shares.append(term)
    return FunctionalAnova(
        cells=space.size,
        factors=len(space.factors),
        variance=total,
        replicates=1 / per_cell,
        noise=noise,
        noise_reason=noise_reason,
        corrected_variance=None
        if noise is None
        else total - _noise_of(noise.variance, space.size - 1, space.size, per_cell),
        shares=tuple(shares),
    )


def top_scores(scores: ArrayLike, share: float = TOP_SHARE) -> NDArray[np.float64]:
    """Clip scores below their upper quantile: what is left varies within the best cells only."""
    values = np.asarray(scores, dtype=np.float64)
    return np.maximum(values, np.quantile(values, 1 - share))


def _refuse(values: NDArray[np.float64], space: Space) -> None:
    if values.size != space.size:
        raise TooFewScores(
            f"{values.size} scores for the {space.size} cells of space {space.name}; an exact "
            "analysis needs every cell."
        )
    missing = int((~np.isfinite(values)).sum())
    if missing:
        raise TooFewScores(
            f"{missing} of the {space.size} cells have no score, and an exact analysis needs every "
            "cell; measure them, or set what stands for a failed cell (failed_cells)."
        )
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        raise TooFewScores(f"the {values.size} scores are all equal; there is nothing to share.")


def _plans(space: Space) -> list[tuple[str, Role, list[int]]]:
    """Return name, role and the bit masks of the terms of every share."""
    bits = {name: 1 << axis for axis, name in enumerate(space.names)}
    every = range(1, 1 << len(bits))
    groups = {group: sum(bits[f.name] for f in space.group(group)) for group in GROUPS}
    plans: list[tuple[str, Role, list[int]]] = []
    for group, inside in groups.items():
        plans.append((group, "closed", [m for m in every if m & ~inside == 0]))
        plans.append((group, "main effects", [bits[f.name] for f in space.group(group)]))
        plans.append((group, "total", [m for m in every if m & inside]))
    both = [m for m in every if all(m & inside for inside in groups.values())]
    plans.append((" × ".join(GROUPS), "interaction", both))
    plans += [(_name(term), "closed", _inside(term, bits)) for term in _published(space)]
    plans += [(name, "factor", [bit]) for name, bit in bits.items()]
    plans += [(_name(pair), "pair", [bits[pair[0]] | bits[pair[1]]])
              for pair in combinations(space.names, 2)]  # fmt: skip
    for order in range(1, min(POOLED_ORDER, len(bits) + 1)):
        plans.append((str(order), "order", [m for m in every if m.bit_count() == order]))
    pooled = [m for m in every if m.bit_count() >= POOLED_ORDER]
    plans.append((f"{POOLED_ORDER} and above", "order", pooled))
    return plans


def _published(space: Space) -> list[tuple[str, ...]]:
    pair = ("backbone", "encoder")
    return [pair] if set(pair) <= set(space.names) else []


def _inside(term: Sequence[str], bits: dict[str, int]) -> list[int]:
    whole = sum(bits[name] for name in term)
    return [mask for mask in range(1, whole + 1) if mask & ~whole == 0]


def _name(term: Sequence[str]) -> str:
    return " × ".join(term)


def _noise_of(variance: float, df: int, size: int, per_cell: float) -> float:
    """Return what noise adds to a term: exact for unequal counts too, as every cell is alike."""
    return variance * per_cell * df / size


def _corrected(
    term: TermShare, total: float, size: int, per_cell: float, noise: SeedNoise
) -> TermShare:
    def share(variance: float) -> float:
        left = total - _noise_of(variance, size - 1, size, per_cell)
        mine = term.variance - _noise_of(variance, term.df, size, per_cell)
        return mine / left if left > 0 else float("nan")

    added = _noise_of(noise.variance, term.df, size, per_cell)
    estimate = share(noise.variance)
    ends = [share(noise.interval.low), share(noise.interval.high)]
    spread = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * _spread(
        term, total, size, noise.variance * per_cell / size, estimate
    )
    below, above = (np.hypot(estimate - end, spread) for end in (min(ends), max(ends)))
    interval = Interval(float(estimate - below), float(estimate + above), INTERVAL)
    is_known = all(np.isfinite([estimate, *ends]))
    return TermShare(
        **{**term.__dict__, "noise_variance": added, "noise_share": added / term.variance
           if term.variance > 0 else None,
           "corrected_share": estimate if is_known else None,
           "interval": interval if is_known else None}
    )  # fmt: skip


def _spread(term: TermShare, total: float, size: int, unit: float, share: float) -> float:
    """Return the standard deviation that noise gives to a share, `unit` of it a coefficient.

    The variance of a sum of d squares around means with the sum of squares V is
    2 unit (d unit + 2 V); the term and the rest of the table are independent.
    """
    rest_df = size - 1 - term.df
    mine = max(term.variance - unit * term.df, 0.0)
    rest = max(total - term.variance - unit * rest_df, 0.0)
    of_mine = 2 * unit * (unit * term.df + 2 * mine)
    of_rest = 2 * unit * (unit * rest_df + 2 * rest)
    whole = mine + rest
    if whole <= 0:
        return float("nan")
    return float(np.sqrt((1 - share) ** 2 * of_mine + share**2 * of_rest) / whole)
