"""Do agents grow alike? Divergence in windows of rounds, and its decay where there is one."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.divergence import (
    BY_ROUND,
    LEVEL,
    Divergence,
    block_divergence,
    groupings,
)
from dashsearch.analysis.dynamics.jensen_shannon import (
    jensen_shannon_bits,
    null_bits,
    permuted_tables,
    unit_blocks,
)
from dashsearch.analysis.dynamics.proposals import agents_of, own_proposals
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP, AnalysisSettings
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

UNITS_PER_WINDOW = 5  # rounds, over all seeds: fewer and permutations shrink the excess
UNITS_AT_START = 6  # rounds that a test at 5 % needs
WINDOWS = (4, 10)  # fewest for a fit, most
RATES = np.linspace(-5, 20, 501)  # per run: growth by e^5 to gone within a window
# A resample's null needs its mean only, and averages over windows.
NULL_DRAWS = 16
RESAMPLES = 500


@dataclass(frozen=True)
class WindowedDivergence:
    """Divergence between agents in consecutive windows of rounds, in bits.

    Attributes
    ----------
    rounds
        Middle of each window, in rounds from 0.
    n
        Proposals of each window.
    jsd_bits, null_mean, low, high
        Plug-in divergence, and mean and 95 % band with labels permuted by round. NaN where an agent
        is missing from the window.
    excess_bits
        `jsd_bits` minus `null_mean`: comparable between windows of equally many rounds, as the
        plug-in is not. Of few rounds some permutations nearly restore the agents, so it is too
        small rather than too large.
    """

    rounds: NDArray[np.float64]
    n: NDArray[np.int64]
    jsd_bits: NDArray[np.float64]
    null_mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    excess_bits: NDArray[np.float64]


@dataclass(frozen=True)
class Decay:
    """An exponential a exp(−rate · round) of the windowed excess divergence.

    Attributes
    ----------
    initial_bits
        a, the excess at round 0.
    rate
        Per round; negative if the divergence grows.
    interval
        Of the rate.
    half_life_rounds
        ln 2 / rate, NaN unless the rate is positive.
    at_bound
        Whether the rate ends on a bound of the search, and is not identified.
    found
        Whether the divergence decays: the interval is above 0 and the rate is not at a bound.
    """

    initial_bits: float
    rate: float
    interval: Interval
    half_life_rounds: float
    at_bound: bool
    found: bool


@dataclass(frozen=True)
class DivergenceOverTime:
    """How the divergence between the agents of an arm name develops, over all its seeds.

    Attributes
    ----------
    name, factors
        The grouping of factors.
    arm, labels
        The arm name and its agents.
    windows
        Divergence in windows, or None if there are too few rounds.
    start
        Divergence in the first third of the rounds: no decay is fitted unless its p is below 0.05.
    decay
        The fit, or None.
    reason
        Why there is no fit, else "".
    """

    name: str
    factors: tuple[str, ...]
    arm: str
    labels: tuple[str, ...]
    windows: WindowedDivergence | None
    start: Divergence | None
    decay: Decay | None
    reason: str


def divergence_over_time(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[DivergenceOverTime, ...]:
    """Follow the divergence between the agents of every arm name that has several.

    A decay is fitted by a declared rule: only if the divergence of the first third of the rounds,
    and of at least six, is significant at 5 %. What never was cannot decay, and a fit to noise
    always finds some rate.
    """
    result = []
    for arm, rows in own_proposals(ledger).groupby("arm", sort=False):
        agents = agents_of(rows)
        proposed = rows[rows["agent"].isin(agents).to_numpy()]
        for name, factors in groupings(space) if agents else []:
            result.append(
                _over_time(proposed, space, settings, arm=str(arm), name=name, factors=factors)
            )
    return tuple(result)


def window_edges(rounds: int, seeds: int) -> NDArray[np.int64]:
    """Return the first round of each window, and the end of the last.

    Raises
    ------
    TooFewScores
        If there are too few rounds for four windows.
    """
    count = min(WINDOWS[1], rounds * seeds // UNITS_PER_WINDOW, rounds)
    if count < WINDOWS[0]:
        raise TooFewScores(
            f"column round: {rounds} rounds of {seeds} seeds make {count} windows of "
            f"{UNITS_PER_WINDOW} rounds, too few to follow a divergence; run "
            f"{WINDOWS[0] * UNITS_PER_WINDOW} rounds."
        )
    return np.linspace(0, rounds, count + 1).astype(np.int64)


def fit_decay(
    rounds: NDArray[np.float64], excess: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit a exp(−rate · round) to each row by least squares, with a ≥ 0.

    For each rate of a grid the best a has a closed form.

    Parameters
    ----------
    rounds, weights
        Middle and weight of each window: float64 (windows,).
    excess
        float64 (fits, windows).

    Returns
    -------
    initial, rate
        float64 (fits,). The lowest rate where a is 0 at every rate: nothing decays there.
    """
    span = float(np.ptp(rounds)) or 1.0
    shapes = np.exp(-np.multiply.outer(RATES / span, rounds))
    initial = np.maximum((excess * weights) @ shapes.T / (shapes**2 @ weights), 0)
    gained = initial**2 * (shapes**2 @ weights)
    best = gained.argmax(axis=1)
    return initial[np.arange(len(excess)), best], RATES[best] / span


def _over_time(
    rows: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    *,
    arm: str,
    name: str,
    factors: tuple[str, ...],
) -> DivergenceOverTime:
    agents = agents_of(rows)
    seed = derive_seed(settings.seed, "divergence over time", arm, name)
    windows, start, decay, reason = None, None, None, ""
    # Rounds without a proposal of an agent are no time for it.
    clock = np.unique(rows["round"].to_numpy(dtype=np.int64), return_inverse=True)[1].reshape(-1)
    seeds = rows["arm_seed"].nunique()
    try:
        edges = window_edges(int(clock.max()) + 1, seeds)
        tables = [
            (rows[(clock >= low) & (clock < high)], (low + high - 1) / 2)
            for low, high in pairwise(edges)
        ]
        blocks = [unit_blocks(some, space, factors, agents) for some, _ in tables]
        windows = _windowed(blocks, np.array([at for _, at in tables]), settings, seed)
        length = max(math.ceil((int(clock.max()) + 1) / 3), math.ceil(UNITS_AT_START / seeds))
        start = block_divergence(
            unit_blocks(rows[clock < length], space, factors, agents),
            factors=factors,
            labels=agents,
            permutations=settings.permutations,
            seed=derive_seed(seed, "start"),
            null=BY_ROUND,
        )
        if start.p >= LEVEL:
            raise TooFewScores(
                f"the agents of arm {arm} do not differ in the first {length} rounds "
                f"(p = {start.p:.2f}, {sum(start.n)} proposals), so there is no decay to fit; "
                "read the divergence over all rounds."
            )
        decay = _decay(tables, blocks, windows, settings, seed)
    except TooFewScores as refusal:
        reason = str(refusal)
    return DivergenceOverTime(name, factors, arm, agents, windows, start, decay, reason)


def _windowed(
    blocks: list[NDArray[np.float64]],
    rounds: NDArray[np.float64],
    settings: AnalysisSettings,
    seed: int,
) -> WindowedDivergence:
    rng = np.random.default_rng(seed)
    tail = (1 - CONFIDENCE) / 2
    rows = []
    for each in blocks:
        observed = float(jensen_shannon_bits(each.sum(axis=0)))
        null = np.full(1, np.nan)
        if not math.isnan(observed):
            null = null_bits(each, settings.permutations, rng)
        low, high = np.quantile(null, [tail, 1 - tail]).tolist()
        rows.append((observed, float(null.mean()), low, high))
    jsd, mean, low, high = np.array(rows, dtype=np.float64).T
    n = np.array([each.sum() for each in blocks]).astype(np.int64)
    return WindowedDivergence(rounds, n, jsd, mean, low, high, jsd - mean)


def _decay(
    tables: list[tuple[pd.DataFrame, float]],
    blocks: list[NDArray[np.float64]],
    windows: WindowedDivergence,
    settings: AnalysisSettings,
    seed: int,
) -> Decay:
    known = np.flatnonzero(np.isfinite(windows.excess_bits))
    if known.size < WINDOWS[0]:
        raise TooFewScores(
            f"{known.size} of {windows.rounds.size} windows hold proposals of all agents, too few "
            f"to fit a decay; {WINDOWS[0]} are needed."
        )
    rounds, weights = windows.rounds[known], windows.n[known].astype(np.float64)
    initial, rate = fit_decay(rounds, windows.excess_bits[known][None, :], weights)
    resampled, kind = _resampled_excess(
        [tables[place][0] for place in known], [blocks[place] for place in known], settings, seed
    )
    # A resample without one of the agents in a window has no excess there.
    whole = np.isfinite(resampled).all(axis=1)
    if whole.mean() < CONFIDENCE:
        raise TooFewScores(
            f"{int((~whole).sum())} of {whole.size} resamples lack an agent in some window, so the "
            "decay has no interval; run more rounds."
        )
    rates = fit_decay(rounds, resampled[whole], weights)[1]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(rates, [tail, 1 - tail]).tolist()
    value = float(rate[0])
    span = float(np.ptp(rounds))
    at_bound = bool(np.isclose(abs(value * span - RATES.mean()), np.ptp(RATES) / 2))
    return Decay(
        initial_bits=float(initial[0]),
        rate=value,
        interval=Interval(low, high, kind),
        half_life_rounds=math.log(2) / value if value > 0 else math.nan,
        at_bound=at_bound,
        found=low > 0 and not at_bound,
    )


def _resampled_excess(
    rows: list[pd.DataFrame],
    blocks: list[NDArray[np.float64]],
    settings: AnalysisSettings,
    seed: int,
) -> tuple[NDArray[np.float64], str]:
    """Excess divergence of each window in resamples of seeds, or of rounds within the windows.

    A round that is drawn twice moves twice, to the same agent, in its null as well: otherwise
    resampling would pass its own noise for divergence.
    """
    rng = np.random.default_rng(derive_seed(seed, "resamples"))
    count = min(settings.bootstraps, RESAMPLES)
    seeds = np.unique(np.concatenate([each["arm_seed"].unique() for each in rows]))
    keys = [
        np.unique(each[["arm_seed", "round"]].to_numpy(dtype=np.int64), axis=0) for each in rows
    ]
    # Joined rounds of very long runs have no single seed.
    alone = all(len(key) == len(each) for key, each in zip(keys, blocks, strict=True))
    by_seed = seeds.size >= SEEDS_FOR_BOOTSTRAP and alone
    drawn = rng.multinomial(seeds.size, np.full(seeds.size, 1 / seeds.size), size=count)
    result = np.empty((count, len(blocks)))
    for place, (each, key) in enumerate(zip(blocks, keys, strict=True)):
        units = len(each)
        if by_seed:
            times = drawn[:, np.searchsorted(seeds, key[:, 0])]
        else:
            times = rng.multinomial(units, np.full(units, 1 / units), size=count)
        for at in range(count):
            weighted = each * times[at][:, None, None]
            null = jensen_shannon_bits(permuted_tables(weighted, NULL_DRAWS, rng))
            result[at, place] = float(jensen_shannon_bits(weighted.sum(axis=0))) - null.mean()
    return result, (
        f"95 % bootstrap over {seeds.size} seeds"
        if by_seed
        else f"95 % bootstrap over {sum(map(len, blocks))} rounds within windows"
    )
