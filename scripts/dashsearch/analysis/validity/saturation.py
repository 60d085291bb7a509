"""How far the validation score is from its ceiling, and whether its top is more than seed noise."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.inference.intervals import proportion_interval
from dashsearch.analysis.inference.rank_bootstrap import percentile_interval
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.validity.rank_agreement import scopes
from dashsearch.analysis.variance.noise import replicated_cells, squares_within
from dashsearch.analysis.variance.shares import distinct_cells
from dashsearch.seeds import derive_seed

CEILING = 1.0
TOP = 0.1
FEWEST_ON_TOP = 5
FEWEST_REPLICATED = 5
CHUNK = 1_000_000


@dataclass(frozen=True)
class Ceiling:
    """How many scores of a column are as high as a score can be.

    Attributes
    ----------
    n, at_ceiling
        Number of scores, and of those at 1.
    share, interval
        Their share. Scores without a ceiling have none there: chance level 0.
    largest, at_largest
        The largest score, and how many share it.
    """

    score: str
    n: int
    at_ceiling: int
    share: float
    interval: Interval
    largest: float
    at_largest: int


@dataclass(frozen=True)
class TopSpread:
    """Spread of the top tenth of the validation scores beside that of replicates.

    Attributes
    ----------
    size, sd, interval
        Number of scores in the top tenth, and their standard deviation.
    noise_sd, noise_interval, noise_cells
        Standard deviation between seeds of one cell, and the number of replicated cells.
    ratio, ratio_interval
        `sd` over `noise_sd`, and its interval.
    chance_level
        The ratio for cells that differ by normal seed noise alone: about 0.41. Where the interval
        of the ratio holds it, the order at the top may be nothing but seeds.
    """

    size: int
    sd: float
    interval: Interval | None
    noise_sd: float | None
    noise_interval: Interval | None
    noise_cells: int
    ratio: float | None
    ratio_interval: Interval | None
    chance_level: float
    noise_reason: str


@dataclass(frozen=True)
class Saturation:
    """The ceiling of both scores in one scope, and the spread of its top by validation."""

    arm: str
    ceilings: tuple[Ceiling, ...]
    top: TopSpread | None
    reason: str


def saturation(ledger: pd.DataFrame, settings: AnalysisSettings) -> tuple[Saturation, ...]:
    """Look at the validation scores of every scope; scopes without a score are left out."""
    found = []
    for arm, rows in scopes(ledger, settings):
        distinct = distinct_cells(rows, settings.selection)
        if distinct.empty:
            continue
        ceilings = tuple(
            ceiling(name, distinct[name].to_numpy(dtype=np.float64))
            for name in (settings.selection, settings.score)
        )
        top, reason = None, ""
        try:
            top = top_spread(
                distinct[settings.selection].to_numpy(dtype=np.float64),
                replicated_cells(rows, settings.selection),
                settings.bootstraps,
                derive_seed(settings.seed, "saturation", arm),
            )
        except TooFewScores as refusal:
            reason = str(refusal)
        found.append(Saturation(arm, ceilings, top, reason))
    return tuple(found)


def ceiling(name: str, scores: NDArray[np.float64]) -> Ceiling:
    """Count the scores at 1."""
    at = int((scores >= CEILING).sum())
    largest = float(scores.max())
    return Ceiling(
        score=name,
        n=scores.size,
        at_ceiling=at,
        share=at / scores.size,
        interval=proportion_interval(at, scores.size),
        largest=largest,
        at_largest=int((scores == largest).sum()),
    )


def top_spread(
    scores: NDArray[np.float64],
    replicated: list[NDArray[np.float64]],
    resamples: int,
    seed: int,
) -> TopSpread:
    """Compare the spread of the top tenth of `scores` with that of replicates.

    Raises
    ------
    TooFewScores
        If the top tenth holds fewer than five scores.
    """
    n = scores.size
    size = round(TOP * n)
    if size < FEWEST_ON_TOP:
        raise TooFewScores(
            f"the top tenth of {n} scores holds {size}; at least {FEWEST_ON_TOP} are needed."
        )
    ordered = np.sort(scores)
    spread = float(ordered[-size:].std(ddof=1))
    draws = _top_draws(ordered, size, resamples, seed)
    found = TopSpread(
        size=size,
        sd=spread,
        interval=percentile_interval(draws, "95 % bootstrap over cells"),
        noise_sd=None,
        noise_interval=None,
        noise_cells=len(replicated),
        ratio=None,
        ratio_interval=None,
        chance_level=_spread_of_normal_top(n, size),
        noise_reason=(
            f"{len(replicated)} cells were trained with several seeds; at least "
            f"{FEWEST_REPLICATED} are needed to tell seed noise."
        ),
    )
    if len(replicated) < FEWEST_REPLICATED:
        return found
    sums, freedom = squares_within(replicated)
    noise = float(np.sqrt(sums.sum() / freedom.sum()))
    if not noise:
        return dataclasses.replace(
            found, noise_reason="replicates of a cell are all equal: there is no seed noise."
        )
    rng = np.random.default_rng(seed + 1)
    drawn = rng.integers(len(sums), size=(resamples, len(sums)))
    noises = np.sqrt(sums[drawn].sum(axis=1) / freedom[drawn].sum(axis=1))
    kind = "95 % bootstrap over replicated cells"
    with_both = "95 % bootstrap over cells and over replicated cells"
    return dataclasses.replace(
        found,
        noise_sd=noise,
        noise_interval=percentile_interval(noises, kind),
        ratio=spread / noise,
        ratio_interval=percentile_interval(
            np.divide(draws, noises, out=np.full(resamples, np.nan), where=noises > 0), with_both
        ),
        noise_reason="",
    )


def _top_draws(
    ordered: NDArray[np.float64], size: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return the standard deviation of the `size` largest values of each resample of sorted values.

    A resample's largest places are the largest of n uniform numbers, which are made from the top by
    exponential spacings; the rest of the resample is never drawn.
    """
    rng = np.random.default_rng(seed)
    n = ordered.size
    found = []
    chunk = max(1, CHUNK // size)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        gaps = rng.standard_exponential((rows, size)).cumsum(axis=1)
        total = gaps[:, -1] + rng.standard_gamma(n + 1 - size, size=rows)
        places = (n * (1 - gaps / total[:, None])).astype(np.int64)
        found.append(ordered[np.maximum(places, 0)].std(axis=1, ddof=1))
    return np.concatenate(found)


def _spread_of_normal_top(n: int, size: int) -> float:
    """Return the standard deviation of the upper size/n of a standard normal distribution."""
    cut = float(stats.norm.isf(size / n))
    hazard = float(stats.norm.pdf(cut)) * n / size
    return float(np.sqrt(1 + cut * hazard - hazard**2))
