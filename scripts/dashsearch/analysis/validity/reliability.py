"""The noise ceiling: how well any two trainings of the same cells could agree in rank."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.inference.rank_bootstrap import draw_rank_correlations, percentile_interval
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.validity.rank_correlation import spearman
from dashsearch.analysis.variance.shares import distinct_cells
from dashsearch.seeds import derive_seed

FEWEST_REPLICATED = 5
CHUNK = 2_000_000


@dataclass(frozen=True)
class NoiseCeiling:
    """What the rank correlation of two trainings could be if only seeds stood between them.

    Attributes
    ----------
    arm
        Where the cells and their replicates are from.
    n, cells, replicates
        Distinct cells, replicated cells, and experiments in the latter.
    reliability_selection, reliability_score
        1 - variance of ranks between the seeds of a cell / variance of ranks between single
        experiments, of validation and of test; chance level 0. Below 0 where replicates happen to
        vary more than all cells do.
    ceiling
        Square root of the product: the largest rank correlation to be expected between the
        validation score of one training and the test score of **another** of the same cells. One
        training's own two scores share its seed, and may agree better than that. None where a
        reliability is not above 0.
    across_seeds
        The same correlation as measured: Spearman's rho of the first seed's validation and the
        second's test score over replicated cells, and the other way round, averaged.
    """

    arm: str
    n: int
    cells: int
    replicates: int
    reliability_selection: float
    reliability_selection_interval: Interval | None
    reliability_score: float
    reliability_score_interval: Interval | None
    ceiling: float | None
    ceiling_interval: Interval | None
    across_seeds: float | None
    across_seeds_interval: Interval | None


def noise_ceiling(arm: str, rows: pd.DataFrame, settings: AnalysisSettings) -> NoiseCeiling:
    """Estimate the ceiling from the replicates among `rows`.

    Raises
    ------
    TooFewScores
        If fewer than five cells were trained with several seeds, or scores do not vary.

    References
    ----------
    Spearman (1904), Am. J. Psychol. 15(1) (attenuation); Nili et al. (2014), PLoS Comput. Biol.
    10(4) (the name).
    """
    names = (settings.selection, settings.score)
    distinct = distinct_cells(rows, settings.score)
    scored = rows[np.isfinite(rows[settings.score].to_numpy(dtype=np.float64))]
    by_seed = scored.drop_duplicates(["cell", "seed"])
    several = by_seed[by_seed.duplicated("cell", keep=False)]
    _, cell, counts = np.unique(several["cell"].to_numpy(), return_inverse=True, return_counts=True)
    if counts.size < FEWEST_REPLICATED:
        raise TooFewScores(
            f"{counts.size} cells were trained with several seeds; at least {FEWEST_REPLICATED} "
            "are needed, so raise replicates or replicated_share of the designed arm."
        )
    firsts, within = [], []
    for name in names:
        reference = np.sort(distinct[name].to_numpy(dtype=np.float64))
        if not np.ptp(reference):
            raise TooFewScores(f"the {reference.size} scores of {name} are all equal.")
        firsts.append(_places(reference, reference))
        ranks = _places(several[name].to_numpy(dtype=np.float64), reference)
        means = np.bincount(cell, ranks) / counts
        within.append(np.bincount(cell, (ranks - means[cell]) ** 2).astype(np.float64))
    freedom = (counts - 1).astype(np.int64)
    values = [
        1 - float(inner.sum() / freedom.sum()) / float(first.var(ddof=1))
        for first, inner in zip(firsts, within, strict=True)
    ]
    seed = derive_seed(settings.seed, "noise ceiling", arm)
    draws = _draws(firsts, within, freedom, settings.bootstraps, seed)
    kind = "95 % bootstrap over cells and over replicated cells"
    ceiling, interval = None, None
    if min(values) > 0:
        ceiling = math.sqrt(values[0] * values[1])
        both = np.sqrt(np.maximum(draws[0], 0) * np.maximum(draws[1], 0))
        interval = percentile_interval(both, kind)
    across, across_interval = _across(several, names, settings.bootstraps, seed + 1)
    return NoiseCeiling(
        arm=arm,
        n=len(distinct),
        cells=counts.size,
        replicates=len(several),
        reliability_selection=values[0],
        reliability_selection_interval=percentile_interval(draws[0], kind),
        reliability_score=values[1],
        reliability_score_interval=percentile_interval(draws[1], kind),
        ceiling=ceiling,
        ceiling_interval=interval,
        across_seeds=across,
        across_seeds_interval=across_interval,
    )


def _places(values: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Midranks of values among sorted reference scores."""
    below = np.searchsorted(reference, values)
    upto = np.searchsorted(reference, values, side="right")
    return np.asarray((below + upto) / 2)


def _draws(
    firsts: Sequence[NDArray[np.float64]],
    within: Sequence[NDArray[np.float64]],
    freedom: NDArray[np.int64],
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Reliabilities of both scores under resampled cells and replicated cells, (2, resamples)."""
    rng = np.random.default_rng(seed)
    n, cells = firsts[0].size, freedom.size
    found = []
    chunk = max(1, CHUNK // n)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        drawn = rng.integers(n, size=(rows, n), dtype=np.int32)
        repeated = rng.integers(cells, size=(rows, cells))
        noise_freedom = freedom[repeated].sum(axis=1)
        found.append(
            [
                1 - inner[repeated].sum(axis=1) / noise_freedom / first[drawn].var(axis=1, ddof=1)
                for first, inner in zip(firsts, within, strict=True)
            ]
        )
    return np.concatenate(found, axis=1)


def _across(
    several: pd.DataFrame, names: Sequence[str], resamples: int, seed: int
) -> tuple[float | None, Interval | None]:
    by_cell = several.sort_values("cell", kind="stable").groupby("cell")
    one, other = by_cell.nth(0), by_cell.nth(1)
    columns = [
        (one[names[0]].to_numpy(dtype=np.float64), other[names[1]].to_numpy(dtype=np.float64)),
        (other[names[0]].to_numpy(dtype=np.float64), one[names[1]].to_numpy(dtype=np.float64)),
    ]
    try:
        value = float(np.mean([spearman(*each) for each in columns]))
    except TooFewScores:
        return None, None
    # Both directions see the same resampled cells.
    draws = [draw_rank_correlations(*each, [], resamples, seed).spearman for each in columns]
    return value, percentile_interval(
        np.mean(draws, axis=0), "95 % bootstrap over replicated cells"
    )
