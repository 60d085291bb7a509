"""What shares of variance say on cells that a policy chose, and what they are in the space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashsearch.analysis.bias.random_effects import VarianceDraws
from dashsearch.analysis.bias.share_estimates import (
    Estimate,
    Quantity,
    draw_of,
    estimate_of_draws,
    grouped_estimate,
    naive_estimates,
    positions_of,
    quantities,
    random_effects_estimates,
    ridge_estimates,
    uniform_cells,
)
from dashsearch.analysis.bias.surrogate import Surrogate, fit_surrogate
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.functional_anova import FunctionalAnova
from dashsearch.analysis.variance.shares import distinct_cells
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space


@dataclass(frozen=True)
class Compared:
    """An estimate beside the reference of the same share.

    `difference` is the estimate less the reference. Its interval is None where neither has one.
    """

    quantity: str
    estimate: Estimate
    reference: Estimate
    difference: float | None
    difference_interval: Interval | None


@dataclass(frozen=True)
class Quality:
    """How well the ridge surrogate predicts what it has not seen; fields as of `Surrogate`."""

    strength: float
    r2_cells: float
    r2_architectures: float | None
    r2_uniform: float | None
    carries: bool
    note: str


@dataclass(frozen=True)
class ArmBias:
    """All estimates of one adaptive arm name, its seeds pooled.

    Attributes
    ----------
    arm, seeds, n_experiments
        Arm name, number of its seeds, and rows.
    n_cells
        Distinct scored cells: the n of all methods but the uniform cells'.
    n_uniform
        Distinct scored cells among its start and audits.
    surrogate, surrogate_reason
        Quality of the ridge surrogate, or why there is none.
    rows
        Every quantity by every method.
    """

    arm: str
    seeds: int
    n_experiments: int
    n_cells: int
    n_uniform: int
    surrogate: Quality | None
    surrogate_reason: str
    rows: tuple[Compared, ...]


def exact_references(
    truth: FunctionalAnova, wanted: Sequence[Quantity], space: Space
) -> dict[str, Estimate]:
    """Read the exact shares of the variance of single experiments from a full table."""
    pairs = {tuple(t.name.split(" × ")) for t in truth.shares if t.role == "pair"}
    references = {}
    for quantity in wanted:
        if len(quantity.factors) == 1:
            value = truth.share_of_experiments(quantity.factors[0], "factor")
        elif all(len(term) == 2 for term in quantity.terms):
            value = sum(
                truth.share_of_experiments(" × ".join(term), "pair")
                for term in quantity.terms & pairs
            )
        else:
            value = truth.share_of_experiments(quantity.name, "closed")
        references[quantity.name] = Estimate("exact table", value, None, space.size)
    return references


def sample_references(
    rows: pd.DataFrame, space: Space, settings: AnalysisSettings, *, name: str
) -> dict[str, Estimate]:
    """Estimate the shares from cells that no score had a part in choosing.

    Omega squared of the grouping where the sample carries it, and else the random-effects model.

    Parameters
    ----------
    rows
        Scored experiments of distinct cells.
    name
        What the sample is.
    """
    draws: VarianceDraws | None = None
    references = {}
    for quantity in quantities(space):
        estimate = grouped_estimate(
            rows, space, quantity, score=settings.score, method=f"{name}, omega squared"
        )
        if estimate.value is None:
            try:
                draws = draws or draw_of(rows, space, settings, name)
                method = f"{name}, random effects"
                estimate = estimate_of_draws(draws, quantity, method)
            except TooFewScores as refusal:
                estimate = Estimate(name, None, None, len(rows), reason=str(refusal))
        references[quantity.name] = estimate
    return references


def arm_bias(
    rows: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    references: Mapping[str, Estimate],
) -> ArmBias:
    """Estimate every share from one adaptive arm name by every method, beside its reference.

    Parameters
    ----------
    rows
        Experiments of one arm name, all its seeds, in proposal order.
    references
        By the quantity's name, from `exact_references` or `sample_references`.
    """
    arm, score = str(rows["arm"].iloc[0]), settings.score
    distinct = distinct_cells(rows, score)
    uniform = uniform_cells(rows, score)
    surrogate, reason = None, ""
    try:
        surrogate = fit_surrogate(
            positions_of(distinct, space),
            distinct[score].to_numpy(dtype=np.float64),
            space,
            is_uniform=distinct["cell"].isin(uniform["cell"]).to_numpy(),
            seed=derive_seed(settings.seed, "bias", arm, "folds"),
        )
    except TooFewScores as refusal:
        reason = str(refusal)
    wanted = quantities(space)
    estimates = [
        *naive_estimates(rows, distinct, space, settings, wanted),
        [grouped_estimate(uniform, space, q, score=score, method="uniform_cells") for q in wanted],
        ridge_estimates(distinct, surrogate, reason, settings, wanted),
        random_effects_estimates(distinct, space, settings, wanted, arm=arm),
    ]
    return ArmBias(
        arm=arm,
        seeds=int(rows["arm_seed"].nunique()),
        n_experiments=len(rows),
        n_cells=len(distinct),
        n_uniform=len(uniform),
        surrogate=None if surrogate is None else _quality(surrogate),
        surrogate_reason=reason,
        rows=tuple(
            compare(quantity.name, estimate, references[quantity.name])
            for quantity, *found in zip(wanted, *estimates, strict=True)
            for estimate in found
        ),
    )


def compare(quantity: str, estimate: Estimate, reference: Estimate) -> Compared:
    """Put an estimate beside its reference.

    The limits of the difference come from the two intervals (MOVER): exact references have none,
    and neither has an estimate without one, so that the other's remains.

    References
    ----------
    Zou & Donner (2008), Stat. Med. 27(10).
    """
    if estimate.value is None or reference.value is None:
        return Compared(quantity, estimate, reference, None, None)
    difference = estimate.value - reference.value
    mine, other = estimate.interval, reference.interval
    if mine is None and other is None:
        return Compared(quantity, estimate, reference, difference, None)
    (down, up), (below, above) = (
        (0.0, 0.0) if each.interval is None or each.value is None
        else (max(each.value - each.interval.low, 0.0), max(each.interval.high - each.value, 0.0))
        for each in (estimate, reference)
    )  # fmt: skip
    kinds = " and ".join(each.kind for each in (mine, other) if each is not None)
    interval = Interval(
        float(difference - np.hypot(down, above)), float(difference + np.hypot(up, below)), kinds
    )
    return Compared(quantity, estimate, reference, difference, interval)


def _quality(surrogate: Surrogate) -> Quality:
    held = {
        "the architectures it has not seen": surrogate.r2_architectures,
        "the uniformly drawn cells": surrogate.r2_uniform,
    }
    failed = [name for name, r2 in held.items() if r2 is not None and r2 <= 0]
    return Quality(
        strength=surrogate.strength,
        r2_cells=surrogate.r2_cells,
        r2_architectures=surrogate.r2_architectures,
        r2_uniform=surrogate.r2_uniform,
        carries=not failed,
        note=f"it predicts {' and '.join(failed)} no better than a mean: models extrapolate there."
        if failed
        else "",
    )
