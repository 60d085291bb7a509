"""How far proposals step: from the agent's last one, and from all that the arm had tried."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.moves import changed_factors
from dashsearch.analysis.dynamics.proposals import (
    agents_of,
    mean_intervals,
    own_proposals,
    seeds_and_rounds,
    share_intervals,
    with_cell,
)
from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import AnalysisSettings, Sampling
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

NONE = -1
# Cells times proposals whose distances are taken: all of 7,700 proposals, a sample of longer runs.
PAIRS = 60_000_000
CHUNK = 1_000_000
# Levels of the factors that share one table of distances.
TABLE = 512
# Cells and times over which a uniform policy's expected nearest distance is averaged.
UNIFORM_CELLS = 256
UNIFORM_TIMES = 200


@dataclass(frozen=True)
class Distance:
    """One mean over proposals, beside what uniform proposals give.

    Attributes
    ----------
    n
        Proposals that it is a mean of.
    mean
        The mean; NaN if n is 0.
    interval
        Over seeds or rounds, or None below five rounds and where all values are equal.
    uniform
        Its expectation for independent uniform proposals, in closed form.
    """

    n: int
    mean: float
    interval: Interval | None
    uniform: float


@dataclass(frozen=True)
class StepLengths:
    """How far the proposals of an arm name, or of one of its agents, step.

    Attributes
    ----------
    arm, sampling
        The arm name, and how its cells were chosen.
    agent
        The agent whose proposals these are, or "" for all of the arm name.
    seeds
        Number of runs.
    step
        Gower distance to the same agent's previous proposal, in [0, 1].
    nearest
        Gower distance to the nearest of all earlier cells of the run, whoever proposed them; 0 for
        a repeated cell. Over an even sample of the proposals where a run is too long for all pairs.
    factors_changed
        Number of factors that differ from the same agent's previous proposal (Hamming).
    one_factor
        Share of proposals that differ from it in exactly one factor.
    """

    arm: str
    sampling: Sampling
    agent: str
    seeds: int
    step: Distance
    nearest: Distance
    factors_changed: Distance
    one_factor: Distance


def step_lengths(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[StepLengths, ...]:
    """Measure the steps of every arm name, and of each of its agents where there are several.

    Only a policy's own proposals are judged; the shared start and audits count among the earlier
    cells that a proposal may be near.
    """
    result = []
    tables = GowerTables(space)
    for arm, rows in ledger.reset_index(drop=True).groupby("arm", sort=False):
        measured = pd.concat([_measured(run, space, tables) for _, run in rows.groupby("arm_seed")])
        for agent in ("", *agents_of(measured)):
            own = measured if not agent else measured[(measured["agent"] == agent).to_numpy()]
            result.append(_step_lengths(own, space, settings, arm=str(arm), agent=agent))
    return tuple(result)


class GowerTables:
    """Gower's distances of a space by lookup: `Space.gower` of a few factors at a time, summed.

    `Space.gower` of all pairs of a long run takes ten times as long.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._parts: list[tuple[list[int], NDArray[np.float64]]] = []
        counted = sum(levels > 1 for levels in space.shape)
        places: list[int] = []
        for place in range(len(space.shape)):
            places.append(place)
            following = space.shape[place + 1] if place + 1 < len(space.shape) else TABLE
            if math.prod(space.shape[each] for each in places) * following > TABLE:
                part = Space(space.name, tuple(space.factors[each] for each in places))
                cells = np.arange(part.size)
                weight = sum(levels > 1 for levels in part.shape) / max(1, counted)
                self._parts.append((places, part.gower(cells, cells) * weight))
                places = []

    def between(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distance of each cell of `first` to the same place of `second`."""
        total = np.zeros(first.size)
        for places, table in self._parts:
            total += table[self._codes(places, first), self._codes(places, second)]
        return total

    def matrix(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distance of every cell of `first` to every cell of `second`."""
        total = np.zeros((first.size, second.size))
        for places, table in self._parts:
            total += table[self._codes(places, first)][:, self._codes(places, second)]
        return total

    def _codes(self, places: list[int], cells: NDArray[np.int64]) -> NDArray[np.intp]:
        positions = np.unravel_index(cells, self._space.shape)
        shape = [self._space.shape[place] for place in places]
        return np.asarray(np.ravel_multi_index([positions[place] for place in places], shape))


def nearest_past(
    tables: GowerTables, cells: NDArray[np.int64], judged: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return Gower's distance of each judged proposal to the nearest cell before it.

    Parameters
    ----------
    tables
        Of the space.
    cells
        Cell of every proposal of a run, in order.
    judged
        Places of the proposals to judge, ascending.

    Returns
    -------
    float64 array, like `judged`
        NaN for the first proposal of the run, which has no past.
    """
    distinct, first = np.unique(cells, return_index=True)
    order = np.argsort(first)
    distinct, first = distinct[order], first[order]
    is_new = np.zeros(cells.size, dtype=bool)
    is_new[first] = True
    # A repeated cell is at distance 0 of itself.
    result = np.where(is_new[judged], np.nan, 0.0)
    places = np.flatnonzero(is_new[judged] & (judged > 0))
    size = max(1, CHUNK // distinct.size)
    for start in range(0, places.size, size):
        some = places[start : start + size]
        past = int(np.searchsorted(first, judged[some[-1]]))
        away = tables.matrix(cells[judged[some]], distinct[:past])
        away[first[:past] >= judged[some][:, None]] = np.inf
        result[some] = away.min(axis=1)
    return result


def uniform_step(space: Space) -> dict[str, float]:
    """Return what two independent uniform cells give: Gower distance, Hamming, one-factor share.

    Levels i, j of a factor with k levels differ with probability 1 − 1/k, and
    E|i − j|/(k − 1) = (k + 1)/(3k).
    """
    counted = [factor for factor in space.factors if len(factor.levels) > 1]
    sizes = np.array([len(factor.levels) for factor in counted], dtype=np.float64)
    ordered = np.array([factor.ordered for factor in counted], dtype=bool)
    away = np.where(ordered, (sizes + 1) / (3 * sizes), 1 - 1 / sizes)
    return {
        "step": float(away.mean()) if sizes.size else 0.0,
        "factors_changed": float((1 - 1 / sizes).sum()),
        "one_factor": float((sizes - 1).sum() / sizes.prod()),
    }


def uniform_nearest(space: Space, pasts: NDArray[np.int64], seed: int) -> float:
    """Return a uniform proposal's expected distance to the nearest of t uniform cells before it.

    E[min] is the sum over the lattice of possible distances of P(D > d)^t, with the distribution of
    D from each kind of cell to a uniform one by convolution over the factors.

    Parameters
    ----------
    pasts
        The number t of earlier proposals of each judged one; all at least 1.
    seed
        For the kinds of cells, where they are too many to take all.
    """
    counted = [place for place, levels in enumerate(space.shape) if levels > 1]
    ranked = [place for place in counted if space.factors[place].ordered]
    unit = math.lcm(1, *(space.shape[place] - 1 for place in ranked))
    sizes = [space.shape[place] for place in ranked]
    kinds: NDArray[np.int64] = (
        # One kind, of no columns, where no factor is ordered.
        np.indices(sizes).reshape(len(ranked), math.prod(sizes)).T
        if math.prod(sizes) <= UNIFORM_CELLS
        else np.random.default_rng(seed).integers(sizes, size=(UNIFORM_CELLS, len(ranked)))
    )
    times = np.quantile(pasts, np.linspace(0, 1, min(UNIFORM_TIMES, pasts.size)), method="nearest")
    total = 0.0
    for kind in kinds:
        away = np.ones(1)
        for place in counted:
            rank = int(kind[ranked.index(place)]) if place in ranked else None
            away = np.convolve(away, _from_level(space.shape[place], rank, unit))
        beyond = np.clip(1 - np.cumsum(away)[:-1], 0, 1)
        total += float((beyond[None, :] ** times[:, None]).sum(axis=1).mean())
    return total / len(kinds) / (unit * max(1, len(counted)))


def _from_level(levels: int, rank: int | None, unit: int) -> NDArray[np.float64]:
    """Return the distribution of one factor's distance, in units of 1/unit, to a uniform level."""
    away = np.zeros(unit + 1)
    if rank is None:
        away[0], away[unit] = 1 / levels, 1 - 1 / levels
    else:
        steps = np.abs(np.arange(levels) - rank) * (unit // (levels - 1))
        np.add.at(away, steps, 1 / levels)
    return away


def _measured(run: pd.DataFrame, space: Space, tables: GowerTables) -> pd.DataFrame:
    """Own proposals of one run with their distances; NaN where there is nothing before."""
    run = with_cell(run)
    own = own_proposals(run)[["arm_seed", "round", "agent", "cell"]].copy()
    places = np.flatnonzero(run.index.isin(own.index))
    previous = own.groupby("agent", sort=False, dropna=False)["cell"].shift(fill_value=NONE)
    known = (previous != NONE).to_numpy()
    cells = own["cell"].to_numpy(dtype=np.int64)
    before = np.where(known, previous.to_numpy(dtype=np.int64), cells)
    own["step"] = np.where(known, tables.between(cells, before), np.nan)
    changed = changed_factors(space, cells, before).sum(axis=1)
    own["factors_changed"] = np.where(known, changed, np.nan)
    own["past"] = places
    every = run["cell"].to_numpy(dtype=np.int64)
    limit = max(1, PAIRS // max(1, np.unique(every).size))
    chosen = np.unique(np.linspace(0, len(own) - 1, min(limit, len(own))).astype(np.intp))
    nearest = np.full(len(own), np.nan)
    nearest[chosen] = nearest_past(tables, every, places[chosen])
    own["nearest"] = nearest
    return own


def _step_lengths(
    own: pd.DataFrame, space: Space, settings: AnalysisSettings, *, arm: str, agent: str
) -> StepLengths:
    seed = derive_seed(settings.seed, "step lengths", arm, agent)
    stepped = own[own["step"].notna().to_numpy()]
    judged = own[own["nearest"].notna().to_numpy()]
    changed = stepped["factors_changed"].to_numpy(dtype=np.float64)
    columns = np.stack([stepped["step"].to_numpy(dtype=np.float64), changed], axis=1)
    intervals = mean_intervals(columns, *seeds_and_rounds(stepped), settings.bootstraps, seed)
    single = changed == 1
    shares = share_intervals(single[:, None], *seeds_and_rounds(stepped), settings.bootstraps, seed)
    near = judged["nearest"].to_numpy(dtype=np.float64)
    nearest = mean_intervals(near[:, None], *seeds_and_rounds(judged), settings.bootstraps, seed)
    uniform = uniform_step(space)
    pasts = judged["past"].to_numpy(dtype=np.int64)
    expected = uniform_nearest(space, pasts, seed) if pasts.size else math.nan
    return StepLengths(
        arm=arm,
        sampling=settings.sampling(arm),
        agent=agent,
        seeds=int(own["arm_seed"].nunique()),
        step=_distance(columns[:, 0], intervals[0], uniform["step"]),
        nearest=_distance(near, nearest[0], expected),
        factors_changed=_distance(changed, intervals[1], uniform["factors_changed"]),
        one_factor=_distance(single.astype(np.float64), shares[0], uniform["one_factor"]),
    )


def _distance(values: NDArray[np.float64], interval: Interval | None, uniform: float) -> Distance:
    mean = float(values.mean()) if values.size else math.nan
    return Distance(n=values.size, mean=mean, interval=interval, uniform=uniform)
