"""Does the winning backbone stay the winner when everything else is equal?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.inputs.clip_scores import ClipScores, mean_average_precisions
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.ranking import draw_clips
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

BACKBONE = "backbone"
CLIP_SCORE = "test_map"
# Difference between a recorded score and that of the clips that rounding can make.
ROUNDING = 1e-6
BLOCK = 500


@dataclass(frozen=True)
class GapTest:
    """A gap's interval with its t test against 0; `p_holm` is adjusted over all backbones."""

    interval: Interval
    standard_error: float
    df: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Gap:
    """How far a backbone stays behind the reference at equal configuration and seed.

    Attributes
    ----------
    gap
        Mean over configurations of the mean over seeds of reference minus backbone; chance level 0,
        NaN without a pair.
    n_configurations, n_pairs
        Configurations, and pairs of experiments of one configuration and seed, that both scored.
    over_seeds
        What other training seeds would change: t with Welch and Satterthwaite's degrees of freedom.
    over_clips
        What other test clips would change, for these trained models: percentile bootstrap.
    over_both
        Both: the two variances add up.
    reason
        Why something is missing.
    """

    backbone: str
    gap: float
    n_configurations: int
    n_pairs: int
    over_seeds: GapTest | None
    over_clips: Interval | None
    over_both: GapTest | None
    reason: str


@dataclass(frozen=True)
class Stays:
    """Share of bootstraps in which no backbone is ahead of the reference; None: not resampled."""

    seeds: float | None
    clips: float | None
    both: float | None
    chance_level: float
    draws: int
    n_configurations: int
    n_clips: int


@dataclass(frozen=True)
class Transfer:
    """Gaps of all backbones to the reference, which `chosen_by` says the origin of."""

    reference: str
    chosen_by: str
    gaps: tuple[Gap, ...]
    stays: Stays


@dataclass(frozen=True)
class Grid:
    """Places of the experiments: row of each (configuration, backbone, seed), -1 for none."""

    configurations: tuple[int, ...]
    backbones: tuple[str, ...]
    rows: NDArray[np.int64]


def grid_of(results: pd.DataFrame, space: Space, score: str) -> Grid:
    """Arrange scored experiments by configuration, backbone and seed.

    Raises
    ------
    InputError
        If there is no factor backbone, or an experiment stands twice.
    """
    if BACKBONE not in space.names:
        raise InputError("the table has no factor backbone; name it among the factors.")
    keys = configuration_of(results, space)
    configurations = tuple(int(key) for key in pd.unique(keys))
    backbones = tuple(map(str, space.factor(BACKBONE).levels))
    seeds = [tuple(pd.unique(results.loc[keys == key, "seed"])) for key in configurations]
    rows = np.full((len(configurations), len(backbones), max(map(len, seeds))), -1)
    scored = results[score].notna().to_numpy()
    for row in np.flatnonzero(scored):
        place = configurations.index(int(keys[row]))
        seed = seeds[place].index(results["seed"].iloc[row])
        backbone = backbones.index(str(results[BACKBONE].iloc[row]))
        if rows[place, backbone, seed] >= 0:
            raise InputError(
                f"{len(results)} rows: backbone {backbones[backbone]} has two experiments of one "
                "configuration and seed; keep one."
            )
        rows[place, backbone, seed] = row
    return Grid(configurations, backbones, rows)


def configuration_of(results: pd.DataFrame, space: Space) -> NDArray[np.int64]:
    """Return each row's cell with the first backbone: equal for what differs in it alone."""
    positions = space.positions(results["cell"].to_numpy(dtype=np.int64))
    positions[:, space.names.index(BACKBONE)] = 0
    return np.asarray(np.ravel_multi_index(tuple(positions.T), space.shape), dtype=np.int64)


def transfer_gaps(
    results: pd.DataFrame, space: Space, settings: AnalysisSettings, clips: ClipScores | None
) -> Transfer:
    """Compare all backbones with the reference at equal configuration and seed.

    The reference is the backbone of the best configuration that the search found; in a table that
    does not say it, the one with the best mean validation score.

    Raises
    ------
    TooFewScores
        If fewer than two backbones have a score.
    InputError
        If the clips' scores are not those of the results.
    """
    grid = grid_of(results, space, settings.score)
    scored = [b for i, b in enumerate(grid.backbones) if (grid.rows[:, i] >= 0).any()]
    if len(scored) < 2:
        raise TooFewScores(
            f"{len(scored)} of {len(grid.backbones)} backbones have a score, so there is nothing "
            "to compare; look at the reasons of the failures."
        )
    reference, chosen_by = _reference(results, settings, scored)
    place = grid.backbones.index(reference)
    others = [i for i, name in enumerate(grid.backbones) if i != place]
    values = _arranged(grid, results[settings.score].to_numpy(dtype=np.float64)[:, None])
    draws = settings.bootstraps
    seed_counts = _draw_seeds(grid, draws, derive_seed(settings.seed, "transfer seeds"))
    ones = np.ones((1, *seed_counts.shape[1:]), dtype=np.int64)
    point = _gaps(values, place, ones)[0]
    of_seeds = _gaps(values, place, seed_counts)
    of_clips = of_both = None
    if clips is not None:
        resampled = _arranged(grid, _resampled(results, grid, settings, clips))
        of_clips = _gaps(resampled, place, ones)
        of_both = _gaps(resampled, place, seed_counts)
    gaps = [
        _gap(grid.backbones[i], values[:, place, :, 0] - values[:, i, :, 0], point[i],
             None if of_clips is None else of_clips[:, i], clips)
        for i in others
    ]  # fmt: skip
    repeated = bool(((grid.rows >= 0).any(axis=1).sum(axis=1) > 1).all())
    stays = Stays(
        seeds=_share(of_seeds[:, others]) if repeated else None,
        clips=None if of_clips is None else _share(of_clips[:, others]),
        both=None if of_both is None or not repeated else _share(of_both[:, others]),
        chance_level=1 / len(scored),
        draws=draws,
        n_configurations=len(grid.configurations),
        n_clips=0 if clips is None else clips.clips,
    )
    return Transfer(reference, chosen_by, tuple(_adjusted(gaps)), stays)


def _reference(
    results: pd.DataFrame, settings: AnalysisSettings, scored: Sequence[str]
) -> tuple[str, str]:
    transferred = (results["source"] == "transfer") & (results["kind"] == "base")
    found = results.loc[transferred, BACKBONE].astype(str)
    if len(found) and found.iloc[0] in scored:
        return str(found.iloc[0]), "the search"
    means = results.groupby(results[BACKBONE].astype(str))[settings.selection].mean()
    return str(means[list(scored)].idxmax()), "mean validation score"


def _arranged(grid: Grid, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Arrange (rows, draws) as (configuration, backbone, seed, draws), NaN where none scored."""
    found = scores[grid.rows]
    found[grid.rows < 0] = np.nan
    return found


def _resampled(
    results: pd.DataFrame, grid: Grid, settings: AnalysisSettings, clips: ClipScores
) -> NDArray[np.float64]:
    """Score of every row in every replicate of the clips, (rows, draws)."""
    if settings.score != CLIP_SCORE:
        raise InputError(
            f"scores by clip give intervals of {CLIP_SCORE}, not of {settings.score}; leave the "
            "clips out."
        )
    rows = np.sort(grid.rows[grid.rows >= 0])
    names = results["experiment_id"].iloc[rows].astype(str).to_list()
    missing = sorted(set(names) - set(clips.experiments))
    if missing:
        raise InputError(
            f"{clips.source} lacks {len(missing)} of {len(names)} experiments, first {missing[0]}; "
            "give the two files of one run."
        )
    whole = mean_average_precisions(clips, names, np.ones((1, clips.label.size), dtype=np.int64))
    recorded = results[CLIP_SCORE].to_numpy(dtype=np.float64)[rows]
    wrong = np.flatnonzero(~(np.abs(whole[:, 0] - recorded) < ROUNDING))
    if wrong.size:
        first = int(wrong[0])
        raise InputError(
            f"{clips.source}: experiment {names[first]} has {CLIP_SCORE} {whole[first, 0]:.6f} by "
            f"its clips but {recorded[first]:.6f} in the table; give the two files of one run."
        )
    rng = np.random.default_rng(derive_seed(settings.seed, "transfer clips"))
    # All experiments share the draws: that is what pairs them.
    counts = draw_clips(clips.label, clips.clip_id, settings.bootstraps, rng)
    found = np.full((len(results), len(counts)), np.nan)
    found[rows] = mean_average_precisions(clips, names, counts)
    return found


def _draw_seeds(grid: Grid, draws: int, seed: int) -> NDArray[np.int64]:
    """How often each seed of a configuration counts, (draws, C, R); all backbones share it."""
    rng = np.random.default_rng(seed)
    exists: NDArray[np.bool_] = np.any(grid.rows >= 0, axis=1)
    counts = np.zeros((draws, *exists.shape), dtype=np.int64)
    for place, own in enumerate(exists):
        if own.any():
            even = np.full(int(own.sum()), 1 / own.sum())
            counts[:, place, own] = rng.multinomial(even.size, even, size=draws)
    return counts


def _gaps(
    scores: NDArray[np.float64], reference: int, counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Gap of every backbone in every draw, (draws, backbones); NaN where nothing is paired.

    Parameters
    ----------
    scores
        (C, B, R, draws or 1).
    counts
        (draws or 1, C, R).
    """
    draws = max(scores.shape[3], len(counts))
    found = np.full((draws, scores.shape[1]), np.nan)
    for start in range(0, draws, BLOCK):
        part = slice(start, start + BLOCK)
        own = scores if scores.shape[3] == 1 else scores[..., part]
        weights = (counts if len(counts) == 1 else counts[part]).transpose(1, 2, 0)[:, None]
        difference = own[:, reference : reference + 1] - own
        valid = np.isfinite(difference)
        total = (weights * valid).sum(axis=2)
        summed = (weights * np.where(valid, difference, 0.0)).sum(axis=2)
        filled = total > 0
        means = np.divide(summed, total, out=np.zeros(total.shape), where=filled)
        n = filled.sum(axis=0)
        gap = np.divide(means.sum(axis=0), n, out=np.full(n.shape, np.nan), where=n > 0)
        found[part] = gap.T
    return found


def _share(gaps: NDArray[np.float64]) -> float:
    known = np.isfinite(gaps)
    ahead = np.all(np.where(known, gaps, np.inf) >= 0, axis=1, keepdims=True)
    return float(np.mean(ahead, where=np.any(known, axis=1, keepdims=True)))


def _gap(
    backbone: str,
    differences: NDArray[np.float64],
    point: float,
    of_clips: NDArray[np.float64] | None,
    clips: ClipScores | None,
) -> Gap:
    pairs = [row[np.isfinite(row)] for row in differences]
    pairs = [row for row in pairs if row.size]
    n = sum(row.size for row in pairs)
    gap = Gap(backbone, float(point), len(pairs), n, None, None, None, "")
    if not pairs:
        return replace(gap, reason="no pair of experiments with the reference has scores")
    variance = 0.0
    if of_clips is not None and clips is not None:
        tail = (1 - CONFIDENCE) / 2
        low, high = np.nanquantile(of_clips, [tail, 1 - tail])
        kind = f"95 % percentile bootstrap over {clips.clips} clips"
        gap = replace(gap, over_clips=Interval(float(low), float(high), kind))
        variance = float(np.nanvar(of_clips, ddof=1))
    if min(row.size for row in pairs) < 2:
        return replace(gap, reason="a configuration has fewer than two seeds with both backbones")
    parts = np.array([row.var(ddof=1) / row.size for row in pairs]) / len(pairs) ** 2
    if parts.sum() <= 0:
        return replace(gap, reason="all seeds give the same difference; its spread is unknown")
    freedom = float(sum(p**2 / (row.size - 1) for p, row in zip(parts, pairs, strict=True)))
    kind = f"95 % t over {n} paired seeds of {len(pairs)} configurations"
    gap = replace(gap, over_seeds=_test(gap.gap, float(parts.sum()), freedom, kind, parts.sum()))
    if of_clips is None or clips is None:
        return gap
    total = float(parts.sum()) + variance
    kind = f"95 % t over {n} paired seeds and {clips.clips} clips"
    return replace(gap, over_both=_test(gap.gap, total, freedom, kind, total))


def _test(gap: float, variance: float, freedom: float, kind: str, total: float) -> GapTest:
    """Satterthwaite: squared variance over the seeds' part of its uncertainty (`freedom`)."""
    df = total**2 / freedom
    error = math.sqrt(variance)
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * error
    p = float(2 * stats.t.sf(abs(gap) / error, df))
    return GapTest(Interval(gap - width, gap + width, kind), error, df, p, math.nan)


def _adjusted(gaps: Sequence[Gap]) -> list[Gap]:
    found = list(gaps)
    seeds = holm([g.over_seeds.p if g.over_seeds else None for g in gaps])
    both = holm([g.over_both.p if g.over_both else None for g in gaps])
    for place, gap in enumerate(gaps):
        one, two = gap.over_seeds, gap.over_both
        found[place] = replace(
            gap,
            over_seeds=one and replace(one, p_holm=seeds[place] or 0.0),
            over_both=two and replace(two, p_holm=both[place] or 0.0),
        )
    return found
