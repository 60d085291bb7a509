"""Ways to estimate a share of variance from cells that a policy chose."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.bias.random_effects import VarianceDraws, draw_variances
from dashsearch.analysis.bias.surrogate import Surrogate, bootstrap_shares
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP, AnalysisSettings
from dashsearch.analysis.variance.contrasts import Term, main_effects
from dashsearch.analysis.variance.one_way import OneWay, one_way
from dashsearch.analysis.variance.shares import PUBLISHED_PAIR, distinct_cells, group_codes
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

UNIFORM_SOURCES = ("start", "audit")
DRAWS = 1000
LEAST_SEEDS = 3
POSTERIOR = f"{CONFIDENCE:.0%} posterior"


@dataclass(frozen=True)
class Quantity:
    """A share that is asked for.

    Attributes
    ----------
    name
        Its name; of the terms in the exact analysis, too.
    factors
        Factors that a one-way analysis groups by; empty where no grouping gives this share.
    terms
        Main effects and pairs that belong to it. Terms of three and more factors are left to the
        residual by the models, and belong to it in the exact share of a closed group.
    """

    name: str
    factors: tuple[str, ...]
    terms: frozenset[Term]


@dataclass(frozen=True)
class Estimate:
    """A share of the variance of single experiments; None where refused, with the reason.

    Attributes
    ----------
    method
        How it was estimated.
    value, interval, n
        The share, its interval (None: there is none, `reason` may say why) and number of scores.
    chance_level
        What noise alone gives the method on average, where that is known.
    reason
        Why there is no value or no interval, else "".
    """

    method: str
    value: float | None
    interval: Interval | None
    n: int
    chance_level: float | None = None
    reason: str = ""


def quantities(space: Space) -> tuple[Quantity, ...]:
    """Return the shares that are compared: single, as published, by group, and across groups."""
    singles = main_effects(space)
    varied = [name for (name,) in singles]
    groups = {factor.name: factor.group for factor in space.factors}

    def closed(names: Sequence[str]) -> frozenset[Term]:
        mine = [name for name in varied if name in names]
        return frozenset([*((name,) for name in mine), *combinations(mine, 2)])

    found = [Quantity(name, (name,), closed([name])) for name in PUBLISHED_PAIR if name in varied]
    if set(PUBLISHED_PAIR) <= set(varied):
        found.append(Quantity(" × ".join(PUBLISHED_PAIR), PUBLISHED_PAIR, closed(PUBLISHED_PAIR)))
    architecture = tuple(name for name in varied if groups[name] == "architecture")
    training = tuple(name for name in varied if groups[name] == "training")
    if architecture and architecture != PUBLISHED_PAIR:
        found.append(Quantity("architecture", architecture, closed(architecture)))
    if training:
        found.append(Quantity("training", (), closed(training)))
    across = frozenset(p for p in combinations(varied, 2) if groups[p[0]] != groups[p[1]])
    if across:
        found.append(Quantity("architecture × training pairs", (), across))
    return tuple(found)


def uniform_cells(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the scored distinct cells among start and audits, which were drawn uniformly.

    An audit of a cell that the policy had tried before is a duplicate without a score of its own.
    It takes that of the same experiment: left out, the sample would avoid what the policy liked.
    """
    drawn = rows[rows["source"].isin(UNIFORM_SOURCES)].copy()
    scored = rows[np.isfinite(rows[score].to_numpy(dtype=np.float64))]
    known = scored.drop_duplicates("experiment_id").set_index("experiment_id")[score]
    drawn[score] = drawn[score].fillna(drawn["experiment_id"].map(known))
    return distinct_cells(drawn, score)


def positions_of(rows: pd.DataFrame, space: Space) -> NDArray[np.int64]:
    """Places of the levels of every row's cell, shape (rows, factors)."""
    return space.positions(rows["cell"].to_numpy(dtype=np.int64))


def _one_way(
    rows: pd.DataFrame, space: Space, score: str, factors: Sequence[str], least: int
) -> OneWay:
    codes = group_codes(rows["cell"].to_numpy(dtype=np.int64), space, factors)
    values = rows[score].to_numpy(dtype=np.float64)
    groups = [values[codes == code] for code in np.unique(codes)]
    return one_way([group for group in groups if group.size >= least])


def grouped_estimate(
    rows: pd.DataFrame,
    space: Space,
    quantity: Quantity,
    *,
    score: str,
    method: str,
    least: int = 1,
) -> Estimate:
    """Omega squared between the quantity's groups of at least `least` scores."""
    if not quantity.factors:
        reason = "no grouping of experiments gives this share."
        return Estimate(method, None, None, len(rows), reason=reason)
    try:
        found = _one_way(rows, space, score, quantity.factors, least)
    except TooFewScores as refusal:
        return Estimate(method, None, None, len(rows), reason=str(refusal))
    return Estimate(method, found.omega_squared, found.interval, found.n, 0.0)


def naive_estimates(
    rows: pd.DataFrame,
    distinct: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    wanted: Sequence[Quantity],
) -> tuple[list[Estimate], list[Estimate]]:
    """Eta squared and omega squared of every quantity, as published: no account of the policy."""
    etas, omegas = [], []
    least = settings.min_per_group
    for quantity in wanted:
        omega = grouped_estimate(
            distinct, space, quantity, score=settings.score, method="omega_squared", least=least
        )
        omegas.append(omega)
        if omega.value is None:
            etas.append(Estimate("eta_squared", None, None, omega.n, reason=omega.reason))
            continue
        found = _one_way(distinct, space, settings.score, quantity.factors, least)
        interval, reason = _jackknife(rows, space, settings, quantity, found.eta_squared)
        etas.append(
            Estimate(
                "eta_squared", found.eta_squared, interval, found.n, found.chance_level, reason
            )
        )
    return etas, omegas


def _jackknife(
    rows: pd.DataFrame, space: Space, settings: AnalysisSettings, quantity: Quantity, whole: float
) -> tuple[Interval | None, str]:
    """Interval of the pooled eta squared over independent seeds, leaving one out at a time."""
    seeds = pd.unique(rows["arm_seed"])
    count = len(seeds)
    if count < LEAST_SEEDS:
        return None, f"{count} seeds give no interval; run at least {LEAST_SEEDS}."
    try:
        left = np.array([
            _one_way(distinct_cells(rows[rows["arm_seed"] != seed], settings.score), space,
                     settings.score, quantity.factors, settings.min_per_group).eta_squared
            for seed in seeds
        ])  # fmt: skip
    except TooFewScores as refusal:
        return None, str(refusal)
    error = np.sqrt((count - 1) * ((left - left.mean()) ** 2).mean())
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * error)
    kind = f"{CONFIDENCE:.0%} jackknife over {count} seeds"
    return Interval(whole - half, whole + half, kind), ""


def ridge_estimates(
    distinct: pd.DataFrame,
    surrogate: Surrogate | None,
    reason: str,
    settings: AnalysisSettings,
    wanted: Sequence[Quantity],
) -> list[Estimate]:
    """Shares of the predictions of the whole space; all refused, with `reason`, without them."""
    if surrogate is None:
        return [Estimate("ridge", None, None, len(distinct), reason=reason) for _ in wanted]
    seeds, by_seed = np.unique(distinct["arm_seed"].to_numpy(), return_inverse=True)
    kind = "seeds"
    blocks: NDArray[np.intp] = np.asarray(by_seed, dtype=np.intp)
    if seeds.size < SEEDS_FOR_BOOTSTRAP:
        kind = "rounds"
        numbers = distinct.groupby(["arm_seed", "round"], sort=True).ngroup()
        blocks = np.asarray(numbers, dtype=np.intp)
    intervals = bootstrap_shares(
        surrogate,
        distinct[settings.score].to_numpy(dtype=np.float64),
        blocks,
        [quantity.terms for quantity in wanted],
        kind=kind,
        bootstraps=settings.bootstraps,
        seed=derive_seed(settings.seed, "bias", str(distinct["arm"].iloc[0]), "bootstrap"),
    )
    return [
        Estimate("ridge", surrogate.share(quantity.terms), interval, surrogate.n,
                 reason="" if interval else f"fewer than five {kind} give no interval.")
        for quantity, interval in zip(wanted, intervals, strict=True)
    ]  # fmt: skip


def draw_of(
    rows: pd.DataFrame, space: Space, settings: AnalysisSettings, name: str
) -> VarianceDraws:
    """Draw from the posterior of the random-effects model; `name` seeds the draws."""
    return draw_variances(
        positions_of(rows, space),
        rows[settings.score].to_numpy(dtype=np.float64),
        space,
        draws=DRAWS,
        seed=derive_seed(settings.seed, "bias", name, "draws"),
    )


def random_effects_estimates(
    distinct: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    wanted: Sequence[Quantity],
    *,
    arm: str,
) -> list[Estimate]:
    """Posterior means and intervals of the random-effects model."""
    try:
        draws = draw_of(distinct, space, settings, arm)
    except TooFewScores as refusal:
        reason = str(refusal)
        return [
            Estimate("random_effects", None, None, len(distinct), reason=reason) for _ in wanted
        ]
    return [estimate_of_draws(draws, quantity, "random_effects") for quantity in wanted]


def estimate_of_draws(draws: VarianceDraws, quantity: Quantity, method: str) -> Estimate:
    """Posterior mean and equal-tailed interval of a quantity."""
    shares = draws.shares(quantity.terms)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(limit) for limit in np.quantile(shares, [tail, 1 - tail]))
    return Estimate(method, float(shares.mean()), Interval(low, high, POSTERIOR), draws.n)
