"""Where the variance of single experiments comes from: factors, interactions, the rest, seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.inference.intervals import difference_interval, log10_f_sf
from dashsearch.analysis.inference.one_way_tests import ROUNDING
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings, Sampling
from dashsearch.analysis.variance.contrasts import Term
from dashsearch.analysis.variance.effects import Effect, effect_of_sums
from dashsearch.analysis.variance.nested_models import NestedModels, Terms, choose_terms
from dashsearch.analysis.variance.noise import NoiseShare, noise_share, replicated_cells
from dashsearch.analysis.variance.shares import distinct_cells
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Group, Space

Role = Literal["group", "main effects", "interactions", "factor", "interaction"]
PERMUTED: tuple[Role, ...] = ("group", "main effects", "interactions", "factor")


@dataclass(frozen=True)
class Component:
    """The share of one term, or of several together.

    Attributes
    ----------
    name
        Name of the component.
    role
        ``"group"``: all factors of a group, with the interactions among them. ``"main effects"``
        and ``"interactions"``: the blocks that, with lack of fit and seed noise, make up the whole.
        ``"factor"`` and ``"interaction"``: single terms.
    terms
        The terms that the estimate holds.
    left_out
        Terms that belong here, but that the sample cannot carry: lack of fit holds them.
    estimate
        The share, or None if the sample carries none of the terms.
    permutation_p
        Ter Braak's permutation p value of the comparison; None for single interactions,
        whose block is permuted.
    reason
        Why there is no estimate, or why a term was left out; else "".
    """

    name: str
    role: Role
    terms: tuple[Term, ...]
    left_out: tuple[Term, ...]
    estimate: Effect | None
    permutation_p: float | None
    reason: str


@dataclass(frozen=True)
class LackOfFit:
    """What the model leaves between cells: the residual less seed noise.

    Attributes
    ----------
    share, interval
        Share of the total variance, and its 95 % interval; the share may be negative where the
        residual is smaller than seed noise by luck, the interval starts at 0 or above.
    f, df_residual, df_noise, p, log10_p
        The residual's mean square over that within replicated cells, and its upper tail of F.
    n
        Number of cells that the model was fitted to.
    """

    share: float
    interval: Interval
    f: float
    df_residual: int
    df_noise: int
    p: float
    log10_p: float
    n: int


@dataclass(frozen=True)
class Decomposition:
    """Shares of the variance of single experiments of one designed or uniform sample.

    Attributes
    ----------
    arm, sampling, score
        Arm name, how its cells were chosen, and the column of the score.
    n_experiments, n_scored, n
        Rows, rows with a score, and distinct cells: the first scored experiment of each is what the
        shares are of.
    parameters, df_residual
        Of the model of all kept terms.
    ss_total
        Sum of squares around the mean.
    components
        Groups, blocks, factors and interactions.
    residual_share
        Bias-corrected share of the model's residual: lack of fit and seed noise together.
    unassigned_share
        What the type II sums of squares of the five blocks and the residual leave of the total.
    lack_of_fit, lack_of_fit_reason
        The residual without seed noise, or None and why.
    noise, noise_reason
        Seed noise from replicated cells (pure error), or None and why.
    permutations
        Number of permutations drawn.
    """

    arm: str
    sampling: Sampling
    score: str
    n_experiments: int
    n_scored: int
    n: int
    parameters: int
    df_residual: int
    ss_total: float
    components: tuple[Component, ...]
    residual_share: float
    unassigned_share: float
    lack_of_fit: LackOfFit | None
    lack_of_fit_reason: str
    noise: NoiseShare | None
    noise_reason: str
    permutations: int


def decompose(
    rows: pd.DataFrame, space: Space, score: str, settings: AnalysisSettings
) -> Decomposition:
    """Split the variance of single experiments by factors, interactions, lack of fit and seeds.

    Each component is a comparison of two nested models by type II: both hold every term that does
    not contain one of the component's. It is tested against the residual of the larger of the two,
    which holds the interactions that the component is part of. That is the right error for cells
    drawn from the space: a few training settings at each architecture make the means of
    architectures differ by the interactions as well, and the residual of a model with all
    interactions would not know it.

    Parameters
    ----------
    rows
        Experiments of one arm name, all its seeds, in proposal order.
    score
        Column of the score.

    Raises
    ------
    TooFewScores
        If `rows` hold several arm names or an adaptive one, the sample carries no main effect, or
        the model leaves no variance.
    """
    arm, sampling = _arm(rows, settings)
    distinct = distinct_cells(rows, score)
    positions = space.positions(distinct["cell"].to_numpy(dtype=np.int64))
    values = distinct[score].to_numpy(dtype=np.float64)
    terms = choose_terms(space, positions)
    if not terms.kept:
        raise TooFewScores(
            f"column {score}: {len(values)} scored cells of arm {arm} carry no main effect; "
            "run more experiments."
        )
    models = NestedModels(space, positions, terms.kept, values)
    ss_residual, df_residual = models.residual(terms.kept)
    if ss_residual <= ROUNDING * models.ss_total:
        raise TooFewScores(
            f"column {score}: {len(values)} scored cells of arm {arm} leave no variance to tell "
            "shares from chance; run more experiments."
        )
    seed = derive_seed(settings.seed, "decomposition", arm, score)
    components = _components(space, terms, models, settings.permutations, seed)
    mean_square = ss_residual / df_residual
    total = (models.ss_total + mean_square) / models.n
    cells = replicated_cells(rows, score)
    noise, noise_reason = _noise(values, cells)
    lack, lack_reason = None, noise_reason
    if noise is not None:
        lack, lack_reason = _lack_of_fit(mean_square, df_residual, noise, models)
    blocks = [c.estimate for c in components if c.role in ("main effects", "interactions")]
    assigned = sum(each.ss for each in blocks if each is not None)
    return Decomposition(
        arm=arm,
        sampling=sampling,
        score=score,
        n_experiments=len(rows),
        n_scored=int(np.isfinite(rows[score].to_numpy(dtype=np.float64)).sum()),
        n=models.n,
        parameters=models.n - df_residual,
        df_residual=df_residual,
        ss_total=models.ss_total,
        components=components,
        residual_share=mean_square / total,
        unassigned_share=(models.ss_total - assigned - ss_residual) / models.ss_total,
        lack_of_fit=lack,
        lack_of_fit_reason=lack_reason,
        noise=noise,
        noise_reason=noise_reason,
        permutations=settings.permutations,
    )


def _arm(rows: pd.DataFrame, settings: AnalysisSettings) -> tuple[str, Sampling]:
    arms = [str(arm) for arm in pd.unique(rows["arm"])]
    if len(arms) != 1:
        raise TooFewScores(
            f"column arm: {len(rows)} rows of {len(arms)} arm names; decompose one at a time."
        )
    sampling = settings.sampling(arms[0])
    if sampling == "adaptive":
        raise TooFewScores(
            f"column arm: the {len(rows)} cells of arm {arms[0]} were chosen by earlier scores, "
            "which biases every share; decompose a designed or uniform arm."
        )
    return arms[0], sampling


Plan = tuple[str, Role, tuple[Term, ...]]


def _plans(space: Space, terms: Sequence[Term]) -> list[Plan]:
    """Return name, role and terms of every component of the space."""
    groups: dict[str, Group] = {factor.name: factor.group for factor in space.factors}

    def of(*wanted: Group) -> tuple[Term, ...]:
        return tuple(t for t in terms if tuple(groups[name] for name in t) == wanted)

    plans: list[Plan] = []
    sides: tuple[Group, Group] = ("architecture", "training")
    plans += [(side, "group", of(side) + of(side, side)) for side in sides]
    plans += [(f"{side} main effects", "main effects", of(side)) for side in sides]
    for pair in ((sides[0], sides[0]), sides, (sides[1], sides[1])):
        both = of(*pair) + (of(*pair[::-1]) if pair[0] != pair[1] else ())
        plans.append((" × ".join(pair), "interactions", both))
    plans += [(term[0], "factor", (term,)) for term in terms if len(term) == 1]
    plans += [(" × ".join(term), "interaction", (term,)) for term in terms if len(term) > 1]
    return [plan for plan in plans if plan[2]]


def _components(
    space: Space, terms: Terms, models: NestedModels, permutations: int, seed: int
) -> tuple[Component, ...]:
    plans = _plans(space, [*terms.kept, *terms.refused])
    comparisons = {
        name: _comparison([t for t in wanted if t in terms.kept], terms.kept)
        for name, _, wanted in plans
        if any(term in terms.kept for term in wanted)
    }
    permuted = [name for name, role, _ in plans if role in PERMUTED and name in comparisons]
    rng = np.random.default_rng(seed)
    found = models.permutation_p([comparisons[name] for name in permuted], permutations, rng)
    p_values = dict(zip(permuted, found, strict=True))
    components = []
    for name, role, wanted in plans:
        left_out = tuple(term for term in wanted if term in terms.refused)
        kept = tuple(term for term in wanted if term in terms.kept)
        estimate, reason = None, terms.refused[left_out[0]] if left_out else ""
        if kept:
            estimate = _effect(models, *comparisons[name])
            if estimate is None:
                reason = f"{name}: no two of its combinations can be told apart in this sample."
        p = p_values.get(name) if estimate is not None else None
        components.append(Component(name, role, kept, left_out, estimate, p, reason))
    return tuple(components)


def _comparison(
    component: Sequence[Term], kept: Sequence[Term]
) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Return the larger and the smaller model: neither holds terms that contain the component's."""
    smaller = tuple(
        term
        for term in kept
        if term not in component and not any(set(part) <= set(term) for part in component)
    )
    return smaller + tuple(component), smaller


def _effect(
    models: NestedModels, larger: tuple[Term, ...], smaller: tuple[Term, ...]
) -> Effect | None:
    ss_error, df_error = models.residual(larger)
    ss_before, df_before = models.residual(smaller)
    if df_before == df_error:
        return None
    spread = models.spread(larger, smaller)
    return effect_of_sums(
        # Rounding alone can take the difference of two nested models below 0.
        max(ss_before - ss_error, 0.0),
        df_before - df_error,
        ss_error,
        df_error,
        ss_total=models.ss_total,
        n=models.n,
        n_effective=spread.n_effective,
        others=spread.others,
    )


def _noise(
    values: NDArray[np.float64], cells: list[NDArray[np.float64]]
) -> tuple[NoiseShare | None, str]:
    try:
        return noise_share(values, cells), ""
    except TooFewScores as refusal:
        return None, str(refusal)


def _lack_of_fit(
    mean_square: float, df_residual: int, noise: NoiseShare, models: NestedModels
) -> tuple[LackOfFit | None, str]:
    df_noise = noise.replicates - noise.cells
    pure = noise.sd**2
    if pure <= 0:
        return None, (
            f"the {noise.replicates} scores of {noise.cells} replicated cells do not vary within "
            "any cell, so lack of fit cannot be tested against seed noise."
        )
    f = mean_square / pure
    total = (models.ss_total + mean_square) / models.n
    low, high = difference_interval(mean_square, df_residual, pure, df_noise)
    return LackOfFit(
        share=(mean_square - pure) / total,
        # The population's share is never negative.
        interval=Interval(max(low, 0.0) / total, max(high, 0.0) / total, "modified large sample"),
        f=f,
        df_residual=df_residual,
        df_noise=df_noise,
        p=float(stats.f.sf(f, df_residual, df_noise)),
        log10_p=log10_f_sf(f, df_residual, df_noise),
        n=models.n,
    ), ""
