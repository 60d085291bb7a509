"""Whether and where the scores of a run changed level: a system that was mended or broken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.convergence.segmentation import (
    SEGMENT,
    SHORTEST_BLOCK,
    block_length,
    block_means,
    segment,
    smallest_penalty,
    split_gains,
)
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.variance.shares import group_codes
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

FALSE_ALARMS = 0.05
FEWEST_BLOCKS = 10
# Enough for the 95th percentile; each costs a segmentation.
MOST_PERMUTATIONS = 399


@dataclass(frozen=True)
class Residuals:
    """Scores without the level of their group, in proposal order.

    Attributes
    ----------
    values
        Score minus the mean of its group, times sqrt(m/(m-1)) in a group of m: all have the
        variance of a score within its group. Shape (n,).
    scores, groups
        The scores themselves, and the number of each one's group.
    positions
        0-based position of each in its run.
    dropped
        Scored experiments that are alone in their group and therefore have no residual.
    """

    values: NDArray[np.float64]
    scores: NDArray[np.float64]
    groups: NDArray[np.intp]
    positions: NDArray[np.intp]
    dropped: int


@dataclass(frozen=True)
class Change:
    """One change of level.

    Attributes
    ----------
    n
        Number of experiments of the run before the change.
    interval
        Bootstrap interval of `n` where the position was searched, None where it was declared.
    shift
        Score after minus before, within groups, between the neighbouring changes: least squares
        with one level per group. NaN if no group has scores on both sides.
    shift_interval
        Of `shift`, its errors clustered by block; None if it has no value. Where the position was
        searched for, it holds for that position and is too far from 0 on average.
    p
        Block permutation p of a declared position; NaN where the position was searched for.
    n_before, n_after
        Residuals on either side.
    reason
        Why a declared change has no shift and no p, else "".
    """

    n: int
    interval: Interval | None
    shift: float
    shift_interval: Interval | None
    p: float
    n_before: int
    n_after: int
    reason: str


@dataclass(frozen=True)
class ChangePoints:
    """Changes of level of one run.

    Attributes
    ----------
    by
        The group whose mean is taken out of every score.
    n, dropped
        Residuals, and scores without one.
    block
        Length of the blocks that are permuted; changes are sought at their borders.
    autocorrelation
        Of neighbouring residuals; it sets the block's length.
    penalty
        Cost of a change, in units of the variance of ranks: the 95th percentile of the smallest
        penalty that leaves a block-permuted sequence without any change.
    p
        Share of permuted sequences that need a penalty as large as this one.
    found
        Changes at that penalty; in 5 % of sequences without change there is one or more.
    declared
        Changes at the declared positions.
    """

    arm: str
    arm_seed: int
    by: Literal["architecture"]
    n: int
    dropped: int
    block: int
    autocorrelation: float
    penalty: float
    p: float
    permutations: int
    found: tuple[Change, ...]
    declared: tuple[Change, ...]


def change_points(
    run: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    *,
    positions: Sequence[int] = (),
    regimes: Sequence[str] = (),
) -> ChangePoints:
    """Look for changes of level in one run, and measure those at declared positions.

    Scores are taken less the mean of their architecture.

    Never on the best-so-far, which has a change at every improvement.

    Parameters
    ----------
    run
        Experiments of one arm name and seed, in proposal order.
    positions
        Declared numbers of experiments before a change, fixed before looking at scores.
    regimes
        Columns whose values change where the system did (a commit, a version, a date).

    Raises
    ------
    TooFewScores
        If residuals fill fewer than ten blocks, or are all equal.
    InputError
        If a declared position is not within the run, or a column is missing.
    """
    residuals = score_residuals(run, space, settings)
    declared = declared_positions(run, positions, regimes)
    name = (str(run["arm"].iloc[0]), int(run["arm_seed"].iloc[0]))
    where = f"arm {name[0]}, seed {name[1]}"
    if residuals.values.size < FEWEST_BLOCKS * SHORTEST_BLOCK or np.ptp(residuals.values) <= 0:
        raise TooFewScores(
            f"{where} has {residuals.values.size} residuals of {settings.selection} within "
            f"architectures, {residuals.dropped} scores being alone in theirs; a change "
            f"point needs {FEWEST_BLOCKS * SHORTEST_BLOCK} that differ, so run more experiments or "
            "group more coarsely."
        )
    ranks = stats.zscore(stats.rankdata(residuals.values))
    correlation = float(np.mean(ranks[1:] * ranks[:-1]))
    length = block_length(residuals.values.size, correlation)
    rng = np.random.default_rng(derive_seed(settings.seed, "change point", *name))
    series = block_means(ranks, length)
    if series.size < FEWEST_BLOCKS:
        raise TooFewScores(
            f"{where} has {series.size} blocks of {length} residuals; a change point needs "
            f"{FEWEST_BLOCKS}, so run more experiments."
        )
    permutations = min(settings.permutations, MOST_PERMUTATIONS)
    null = smallest_penalty(rng.permuted(np.tile(series, (permutations, 1)), axis=1))
    penalty = float(np.quantile(null, 1 - FALSE_ALARMS, method="higher"))
    observed = float(smallest_penalty(series[np.newaxis])[0])
    borders = [border * length for border in segment(series, penalty)]
    blocks = _Blocks(residuals, ranks, length)
    return ChangePoints(
        arm=name[0],
        arm_seed=name[1],
        by="architecture",
        n=residuals.values.size,
        dropped=residuals.dropped,
        block=length,
        autocorrelation=correlation,
        penalty=penalty * length,
        p=(1 + int((null >= observed * (1 - 1e-9)).sum())) / (1 + null.size),
        permutations=permutations,
        found=_found(blocks, borders, settings, rng),
        declared=_declared(blocks, declared, settings, rng),
    )


def score_residuals(run: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Residuals:
    """Take the mean of its architecture out of every score of one run."""
    scores = run[settings.selection].to_numpy(dtype=np.float64)
    places = np.flatnonzero(np.isfinite(scores))
    cells = run["cell"].to_numpy(dtype=np.int64)[places]
    names = [factor.name for factor in space.group("architecture")]
    groups = group_codes(cells, space, names).astype(np.int64)
    values = scores[places]
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=values) / counts
    kept = counts[inverse] > 1
    own = inverse[kept]
    scale = np.sqrt(counts[own] / (counts[own] - 1))
    return Residuals(
        values=(values[kept] - means[own]) * scale,
        scores=values[kept],
        groups=own,
        positions=places[kept],
        dropped=int((~kept).sum()),
    )


def declared_positions(
    run: pd.DataFrame, positions: Sequence[int], regimes: Sequence[str]
) -> list[int]:
    """Join declared positions with those at which a column of regimes changes."""
    if any(not 0 < position < len(run) for position in positions):
        raise InputError(
            f"a declared change after {max(positions)} experiments is not within a run of "
            f"{len(run)}; give 1 to {len(run) - 1}."
        )
    declared = set(positions)
    for name in regimes:
        if name not in run.columns:
            raise InputError(f"the ledger has no column {name!r} of regimes; name one it has.")
        column = run[name].astype(str).to_numpy()
        declared |= {int(place) for place in np.flatnonzero(column[1:] != column[:-1]) + 1}
    return sorted(declared)


@dataclass(frozen=True)
class _Blocks:
    """Residuals, their standardised ranks, and the length of a block."""

    residuals: Residuals
    ranks: NDArray[np.float64]
    length: int


def _found(
    blocks: _Blocks,
    borders: Sequence[int],
    settings: AnalysisSettings,
    rng: np.random.Generator,
) -> tuple[Change, ...]:
    """Measure each change that was searched for between its neighbours."""
    ranks, length, positions = blocks.ranks, blocks.length, blocks.residuals.positions
    edges = [0, *borders, ranks.size]
    changes = []
    for left, at, right in zip(edges, edges[1:], edges[2:], strict=False):
        before, after = block_means(ranks[left:at], length), block_means(ranks[at:right], length)
        low, high = (
            int(positions[left + border * length])
            for border in _borders(before, after, settings.bootstraps, rng)
        )
        shift, shift_interval = _shift(blocks, left, at, right)
        changes.append(
            Change(
                n=int(positions[at]),
                interval=Interval(low, high, "95 % bootstrap of blocks, and one block either way"),
                shift=shift,
                shift_interval=shift_interval,
                p=float("nan"),
                n_before=at - left,
                n_after=right - at,
                reason="",
            )
        )
    return tuple(changes)


def _declared(
    blocks: _Blocks,
    declared: Sequence[int],
    settings: AnalysisSettings,
    rng: np.random.Generator,
) -> tuple[Change, ...]:
    """Measure each declared change between its neighbours, or say why that cannot be done."""
    ranks, length = blocks.ranks, blocks.length
    known = np.searchsorted(blocks.residuals.positions, declared)
    edges = [0, *(int(place) for place in known), ranks.size]
    changes = []
    for n, left, at, right in zip(declared, edges, edges[1:], edges[2:], strict=False):
        change = Change(n, None, float("nan"), None, float("nan"), at - left, right - at, "")
        before, after = block_means(ranks[left:at], length), block_means(ranks[at:right], length)
        if min(before.size, after.size) == 0:
            reason = (
                f"{at - left} residuals before it and {right - at} after, up to its neighbours; "
                f"either side needs {length}."
            )
            changes.append(replace(change, reason=reason))
            continue
        shift, interval = _shift(blocks, left, at, right)
        p = _permuted(before, after, settings.permutations, rng)
        changes.append(replace(change, shift=shift, shift_interval=interval, p=p))
    return tuple(changes)


def _borders(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    bootstraps: int,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Resample the blocks of each side and search the border again."""
    drawn = np.concatenate(
        [side[rng.integers(side.size, size=(bootstraps, side.size))] for side in (before, after)],
        axis=1,
    )
    sums = np.concatenate([np.zeros((bootstraps, 1)), np.cumsum(drawn, axis=1)], axis=1)
    found = SEGMENT + split_gains(sums).argmax(axis=1)
    tail = (1 - CONFIDENCE) / 2
    # Whole positions: the next lower and the next higher border.
    low, high = (
        np.quantile(found, tail, method="lower"),
        np.quantile(found, 1 - tail, method="higher"),
    )
    # A change within a block is found at one of its borders.
    return int(low) - 1, int(high) + 1


def _permuted(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    permutations: int,
    rng: np.random.Generator,
) -> float:
    blocks = np.concatenate([before, after])
    shuffled = rng.permuted(np.tile(blocks, (permutations, 1)), axis=1)
    # The total is fixed, so the difference of the two means rises with the mean before.
    null = np.abs(shuffled[:, : before.size].mean(axis=1) - blocks.mean())
    observed = abs(float(before.mean() - blocks.mean()))
    return (1 + int((null >= observed - 1e-12).sum())) / (1 + permutations)


def _shift(blocks: _Blocks, left: int, at: int, right: int) -> tuple[float, Interval | None]:
    """Difference within groups by least squares, with errors that blocks share."""
    residuals, length = blocks.residuals, blocks.length
    _, own = np.unique(residuals.groups[left:right], return_inverse=True)
    sizes = np.bincount(own)
    scores = residuals.scores[left:right]
    later = (np.arange(left, right) >= at).astype(np.float64)
    y = scores - (np.bincount(own, weights=scores) / sizes)[own]
    z = later - (np.bincount(own, weights=later) / sizes)[own]
    weight = float((z**2).sum())
    clusters = np.arange(right - left) // length
    count = int(clusters[-1]) + 1
    if weight <= 0 or count < 3:
        return float("nan"), None
    shift = float((z * y).sum()) / weight
    parts = np.bincount(clusters, weights=z * (y - shift * z))
    error = float(np.sqrt(count / (count - 1) * (parts**2).sum())) / weight
    width = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1))
    kind = f"95 % t, errors clustered in {count} blocks"
    return shift, Interval(shift - width, shift + width, kind)
