"""Seed noise: how much of the variance of scores another training seed makes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE


@dataclass(frozen=True)
class NoiseShare:
    """Share of the variance of scores that repeating an experiment with another seed makes.

    Attributes
    ----------
    share, interval
        Variance within cells over variance between single experiments, and its 95 % interval.
        Neither is cut at 1: few replicates can vary more than single experiments of all cells do.
    sd
        Standard deviation within a cell, in units of the score.
    cells, replicates
        Number of replicated cells and of experiments in them.
    n
        Number of distinct cells that the total variance is taken over.
    """

    share: float
    interval: Interval
    sd: float
    cells: int
    replicates: int
    n: int


def replicated_cells(rows: pd.DataFrame, score: str) -> list[NDArray[np.float64]]:
    """Return the scores of each cell that was trained with several seeds, one score per seed.

    A cell counts as replicated by its seeds: the same seed again is the same experiment.
    """
    scored = rows.loc[np.isfinite(rows[score].to_numpy(dtype=np.float64)), ["cell", "seed", score]]
    by_seed = scored.drop_duplicates(["cell", "seed"])
    repeated = by_seed[by_seed.duplicated("cell", keep=False)].sort_values("cell", kind="stable")
    begins = np.flatnonzero(np.diff(repeated["cell"].to_numpy())) + 1
    values = repeated[score].to_numpy(dtype=np.float64)
    return np.split(values, begins) if values.size else []


def squares_within(
    cells: Sequence[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return each cell's sum of squares about its mean and degrees of freedom; none is empty."""
    sizes, scores = np.array([cell.size for cell in cells], dtype=np.int64), np.concatenate(cells)
    begins = np.cumsum(sizes) - sizes
    means = np.add.reduceat(scores, begins) / sizes
    sums = np.add.reduceat((scores - np.repeat(means, sizes)) ** 2, begins)
    return sums, sizes - 1


def noise_share(first: ArrayLike, replicated: Sequence[ArrayLike]) -> NoiseShare:
    """Share of variance that is seed noise, from cells that were trained with several seeds.

    Parameters
    ----------
    first
        One score for every distinct cell: their variance is the variance of a single experiment.
    replicated
        All scores of each cell that has at least two.

    Returns
    -------
    NoiseShare
        The interval takes the ratio of the two variances as F distributed. It is approximate: the
        first replicates enter both, and scores are not normal.

    Raises
    ------
    TooFewScores
        If no cell has two scores, fewer than two cells are distinct, they do not vary, or a score
        is not finite.
    """
    firsts = np.asarray(first, dtype=np.float64)
    cells = [np.asarray(cell, dtype=np.float64) for cell in replicated]
    cells = [cell for cell in cells if cell.size > 1]
    if not cells or firsts.size < 2:
        raise TooFewScores(
            "no cell has two successful experiments with different seeds, so seed noise cannot be "
            "estimated; raise replicates or replicated_share of the designed arm."
        )
    sums, freedom = squares_within(cells)
    if not (np.isfinite(firsts).all() and np.isfinite(sums).all()):
        raise TooFewScores("a score is not finite; leave failed experiments out.")
    df_within = int(freedom.sum())
    within = float(sums.sum()) / df_within
    total = float(firsts.var(ddof=1))
    if total <= 0:
        raise TooFewScores(f"the {firsts.size} scores are all equal; there is nothing to share.")
    share = within / total
    tail = (1 - CONFIDENCE) / 2
    low = float(stats.f.ppf(1 - tail, df_within, firsts.size - 1))
    high = float(stats.f.ppf(tail, df_within, firsts.size - 1))
    return NoiseShare(
        share=share,
        interval=Interval(share / low, share / high, "F ratio"),
        sd=math.sqrt(within),
        cells=len(cells),
        replicates=df_within + len(cells),
        n=firsts.size,
    )
