"""Which factors the variance of a ledger's scores belongs to, arm by arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings, Sampling
from dashsearch.analysis.variance.noise import NoiseShare, noise_share, replicated_cells
from dashsearch.analysis.variance.one_way import LinearShare, OneWay, linear_share, one_way
from dashsearch.seeds import derive_seed
from dashsearch.space.space import GROUPS, Group, Space

Role = Literal["pairs", "architecture", "factor"]
PUBLISHED_PAIR = ("backbone", "encoder")


@dataclass(frozen=True)
class Share:
    """The one-way share of one grouping.

    Attributes
    ----------
    name, factors, role
        The grouping: ``"pairs"`` is backbone x encoder, as published; ``"architecture"`` all
        architecture factors together; ``"factor"`` a single factor.
    group
        The factors' group in the space.
    estimate
        The analysis of variance, or None if it was refused.
    reason
        Why there is no estimate, else "".
    dropped_groups, dropped_scores
        Groups smaller than `min_per_group`, and the scores in them.
    """

    name: str
    factors: tuple[str, ...]
    role: Role
    group: str
    estimate: OneWay | None
    reason: str
    dropped_groups: int
    dropped_scores: int


@dataclass(frozen=True)
class GroupShare:
    """The share of all factors of one group together, by an additive model of `terms`.

    Main effects of every factor, and the interaction of backbone and encoder. `estimate` is None
    where it was refused, with the reason.
    """

    group: str
    terms: tuple[tuple[str, ...], ...]
    estimate: LinearShare | None
    reason: str


@dataclass(frozen=True)
class ArmShares:
    """All shares of one arm name, its seeds pooled.

    Attributes
    ----------
    arm, sampling
        The arm name, and how its cells were chosen.
    primary
        Whether these shares are the answer; all others stand beside it.
    note
        How to read the shares.
    n_experiments, n_scored, n_cells
        Rows of all its seeds, rows with a score, and distinct cells among those. Shares use the
        first scored experiment of every distinct cell, since replicates would pass for independent
        configurations.
    groups
        Architecture factors together, and training factors together.
    shares
        One-way shares, one entry per grouping.
    noise
        Seed noise, or None; then `noise_reason` says why.
    """

    arm: str
    sampling: Sampling
    primary: bool
    note: str
    n_experiments: int
    n_scored: int
    n_cells: int
    groups: tuple[GroupShare, ...]
    shares: tuple[Share, ...]
    noise: NoiseShare | None
    noise_reason: str


NOTES: dict[Sampling, str] = {
    "designed": "Balanced over architectures, no score influenced the choice of cells: unbiased.",
    "uniform": "Cells drawn uniformly at random: unbiased, but not balanced.",
    "adaptive": (
        "The policy chose these cells by earlier scores: biased, for comparison with the paper."
    ),
}


def variance_shares(
    ledger: pd.DataFrame, space: Space, score: str, settings: AnalysisSettings
) -> tuple[ArmShares, ...]:
    """Estimate one-way shares on every arm name, the primary one first.

    The primary one is the first designed arm name that ran, or else the first uniform one; without
    either there is none, because an adaptive arm cannot tell the shares of the space.

    Parameters
    ----------
    ledger
        Experiments of one task, all arms, in proposal order.
    score
        Column of the score.
    """
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    primary = primary_arm(arms, settings)
    arms.sort(key=lambda arm: arm != primary)
    return tuple(
        _arm_shares(
            ledger[ledger["arm"] == arm], space, score, settings, arm=arm, primary=arm == primary
        )
        for arm in arms
    )


def primary_arm(arms: Sequence[str], settings: AnalysisSettings) -> str | None:
    """Return the arm name with unbiased shares: a designed one, else a uniform one, else None."""
    for candidates in (settings.designed_arms, settings.uniform_arms):
        present = [arm for arm in candidates if arm in arms]
        if present:
            return present[0]
    return None


def distinct_cells(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the first scored experiment of every cell, in proposal order."""
    scored: pd.DataFrame = rows[np.isfinite(rows[score].to_numpy(dtype=np.float64))]
    return scored.drop_duplicates("cell", keep="first")


def independent_scores(
    rows: pd.DataFrame, space: Space, factors: Sequence[str], score: str
) -> pd.DataFrame:
    """Return the experiments that a grouping by `factors` is judged by: one of every cell.

    Where the groups name all factors of the space, a group is a cell and nothing but its repeats
    vary within it: these are returned, one a seed.
    """
    if set(factors) != set(space.names):
        return distinct_cells(rows, score)
    scored: pd.DataFrame = rows[np.isfinite(rows[score].to_numpy(dtype=np.float64))]
    return scored.drop_duplicates(["cell", "seed"], keep="first")


def group_codes(cells: NDArray[np.int64], space: Space, factors: Sequence[str]) -> NDArray[np.intp]:
    """Return the number of each cell's combination of the `factors`' levels, in mixed radix."""
    axes = [space.names.index(name) for name in factors]
    positions = np.unravel_index(cells, space.shape)
    shape = [space.shape[axis] for axis in axes]
    return np.asarray(np.ravel_multi_index([positions[axis] for axis in axes], shape))


def _arm_shares(
    rows: pd.DataFrame,
    space: Space,
    score: str,
    settings: AnalysisSettings,
    *,
    arm: str,
    primary: bool,
) -> ArmShares:
    sampling = settings.sampling(arm)
    distinct = distinct_cells(rows, score)
    scored = rows[np.isfinite(rows[score].to_numpy(dtype=np.float64))]
    noise, noise_reason = _noise(scored, distinct, score)
    return ArmShares(
        arm=arm,
        sampling=sampling,
        primary=primary,
        note=NOTES[sampling],
        n_experiments=len(rows),
        n_scored=len(scored),
        n_cells=len(distinct),
        groups=tuple(
            _group_share(distinct, space, score, group) for group in GROUPS if space.group(group)
        ),
        shares=tuple(
            _share(
                distinct
                if set(grouping[1]) != set(space.names)
                else independent_scores(rows, space, grouping[1], score),
                space,
                score,
                settings,
                arm=arm,
                grouping=grouping,
            )
            for grouping in _groupings(space)
        ),
        noise=noise,
        noise_reason=noise_reason,
    )


Grouping = tuple[str, tuple[str, ...], Role]


def _groupings(space: Space) -> list[Grouping]:
    groupings: list[Grouping] = []
    if set(PUBLISHED_PAIR) <= set(space.names):
        groupings.append((" × ".join(PUBLISHED_PAIR), PUBLISHED_PAIR, "pairs"))
    architecture = tuple(factor.name for factor in space.group("architecture"))
    if len(architecture) > 1 and architecture != PUBLISHED_PAIR:
        groupings.append((" × ".join(architecture), architecture, "architecture"))
    groupings += [(factor.name, (factor.name,), "factor") for factor in space.factors]
    return groupings


def _share(
    distinct: pd.DataFrame,
    space: Space,
    score: str,
    settings: AnalysisSettings,
    *,
    arm: str,
    grouping: Grouping,
) -> Share:
    name, factors, role = grouping
    codes = group_codes(distinct["cell"].to_numpy(dtype=np.int64), space, factors)
    values = distinct[score].to_numpy(dtype=np.float64)
    levels, inverse, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    kept = sizes >= settings.min_per_group
    groups = [values[inverse == place] for place in np.flatnonzero(kept)]
    # Permuting scores is a test only where the labels did not depend on the scores.
    permutations = 0 if settings.sampling(arm) == "adaptive" else settings.permutations
    estimate, reason = None, ""
    try:
        if len(groups) < 2:
            raise TooFewScores(
                f"{len(groups)} of {levels.size} groups hold {settings.min_per_group} or more of "
                f"the {values.size} scores; at least two must, so run more experiments."
            )
        estimate = one_way(
            groups,
            permutations=permutations,
            seed=derive_seed(settings.seed, "variance", arm, name, score),
        )
    except TooFewScores as refusal:
        reason = str(refusal)
    return Share(
        name=name,
        factors=factors,
        role=role,
        group=space.factor(factors[0]).group,
        estimate=estimate,
        reason=reason,
        dropped_groups=int((~kept).sum()),
        dropped_scores=int(sizes[~kept].sum()),
    )


def _group_share(distinct: pd.DataFrame, space: Space, score: str, group: Group) -> GroupShare:
    names = [factor.name for factor in space.group(group)]
    terms: list[tuple[str, ...]] = [(name,) for name in names]
    if set(PUBLISHED_PAIR) <= set(names):
        terms = [PUBLISHED_PAIR, *(term for term in terms if term[0] not in PUBLISHED_PAIR)]
    cells = distinct["cell"].to_numpy(dtype=np.int64)
    try:
        codes = [group_codes(cells, space, term) for term in terms]
        estimate = linear_share(codes, distinct[score].to_numpy(dtype=np.float64))
        return GroupShare(group, tuple(terms), estimate, "")
    except TooFewScores as refusal:
        return GroupShare(group, tuple(terms), None, str(refusal))


def _noise(
    scored: pd.DataFrame, distinct: pd.DataFrame, score: str
) -> tuple[NoiseShare | None, str]:
    cells = replicated_cells(scored, score)
    try:
        return noise_share(distinct[score].to_numpy(dtype=np.float64), cells), ""
    except TooFewScores as refusal:
        return None, str(refusal)
