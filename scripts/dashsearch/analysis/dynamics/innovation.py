"""How often a run still finds something new: new bests and never-seen cells, window by window."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.proposals import with_cell
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.variance.shares import group_codes
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

NEW_BEST = "new best"
# Successes of a window that its band is computed for at first; more are unlikely late in a run.
FEW = 31


@dataclass(frozen=True)
class Rate:
    """Windowed rate of something new, beside what chance gives.

    Attributes
    ----------
    what
        ``"new best"``, ``"new cell"`` or ``"new architecture"``.
    n
        Proposals that it is counted over: the scored ones for new bests, else all with a cell.
    total, expected_total
        How many were new in the whole run, and how many chance gives.
    window
        Proposals per window.
    ends
        Number of proposals before the end of each window.
    rate
        Share of the window's proposals that are new.
    expected
        For a new best the mean of 1/t, the rate of an exchangeable sequence; else the rate of a
        uniform policy, (1 − 1/K)^(t − 1) for K combinations, in closed form.
    low, high
        95 % band of chance: of the sum of independent Bernoulli(1/t), exactly; else simulated.
    null
        What chance is, in words.
    """

    what: str
    n: int
    total: int
    expected_total: float
    window: int
    ends: NDArray[np.int64]
    rate: NDArray[np.float64]
    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    null: str


@dataclass(frozen=True)
class AgentInnovation:
    """What one agent of a run found: new bests of the run, of its scored proposals.

    `expected` is the sum of 1/t at the places of its own scored proposals.
    """

    agent: str
    n: int
    new_bests: int
    expected: float


@dataclass(frozen=True)
class Innovation:
    """What one run found over time.

    Attributes
    ----------
    arm, arm_seed
        The run.
    rates
        New bests, new cells, and new architectures where the space has architecture factors.
    agents
        Each name in the column `agent`; the shared start and audits are under their policy's name.
    """

    arm: str
    arm_seed: int
    rates: tuple[Rate, ...]
    agents: tuple[AgentInnovation, ...]


def innovation_of_runs(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[Innovation, ...]:
    """Follow new bests and new cells of every run, start and audits included.

    A new best is a selection score above all before it: t counts scored proposals of the run, so
    failures neither set nor delay one. Scores that tie make new bests rarer than 1/t.
    """
    names = [factor.name for factor in space.group("architecture")]
    result = []
    for (arm, seed), rows in ledger.groupby(["arm", "arm_seed"], sort=False):
        run = with_cell(rows)
        scores = run[settings.selection].to_numpy(dtype=np.float64)
        scored = np.isfinite(scores)
        cells = run["cell"].to_numpy(dtype=np.int64)
        rates = [
            new_best_rate(scores[scored], settings.window, settings.step),
            novelty_rate(cells, space.size, "new cell", settings),
        ]
        if names:
            support = math.prod(len(space.factor(name).levels) for name in names)
            codes = group_codes(cells, space, names).astype(np.int64)
            rates.append(novelty_rate(codes, support, "new architecture", settings))
        agents = _agents(run["agent"].to_numpy(dtype=object)[scored], scores[scored])
        result.append(Innovation(str(arm), int(str(seed)), tuple(rates), agents))
    return tuple(result)


def new_best_rate(scores: NDArray[np.float64], window: int, step: int) -> Rate:
    """Compare the rate of new bests with 1/t of an exchangeable sequence.

    Under exchangeability without ties the indicators of a record are independent Bernoulli(1/t)
    (Rényi 1962), so the count in a window is Poisson-binomial.

    Parameters
    ----------
    scores
        Scores of the scored proposals of a run, in order.

    Raises
    ------
    TooFewScores
        If a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise TooFewScores(
            f"{int((~np.isfinite(scores)).sum())} of {scores.size} scores are not finite, so they "
            "have no rank; give the scored proposals only."
        )
    is_new = new_bests(scores)
    chance = 1 / np.arange(1, scores.size + 1)
    ends = np.arange(window, scores.size + 1, step)
    band = _poisson_binomial_band(chance, ends, window)
    null = "exchangeable order: 1/t"
    return _rate(NEW_BEST, is_new, chance, ends=ends, window=window, band=band, null=null)


def novelty_rate(
    codes: NDArray[np.int64], support: int, what: str, settings: AnalysisSettings
) -> Rate:
    """Compare the rate of never-seen combinations with a uniform policy's.

    Parameters
    ----------
    codes
        The combination of each proposal as an integer below `support`, in proposal order.
    """
    is_new = np.zeros(codes.size, dtype=bool)
    is_new[np.unique(codes, return_index=True)[1]] = True
    chance = np.power(1 - 1 / support, np.arange(codes.size, dtype=np.float64))
    window, step = settings.window, settings.step
    ends = np.arange(window, codes.size + 1, step)
    seed = derive_seed(settings.seed, "uniform novelty", support, window)
    low, high = _uniform_new(
        support, codes.size, window=window, step=step, draws=settings.bootstraps, seed=seed
    )
    band = low / window, high / window
    return _rate(what, is_new, chance, ends=ends, window=window, band=band, null="uniform policy")


def new_bests(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which scores are above all before them; the first one is."""
    best = np.maximum.accumulate(scores)
    return np.append(np.ones(min(1, scores.size), dtype=bool), best[1:] > best[:-1])


def _rate(
    what: str,
    is_new: NDArray[np.bool_],
    chance: NDArray[np.float64],
    *,
    ends: NDArray[np.int64],
    window: int,
    band: tuple[NDArray[np.float64], NDArray[np.float64]],
    null: str,
) -> Rate:
    return Rate(
        what=what,
        n=is_new.size,
        total=int(is_new.sum()),
        expected_total=float(chance.sum()),
        window=window,
        ends=ends,
        rate=_windowed(is_new.astype(np.float64), ends, window),
        expected=_windowed(chance, ends, window),
        low=band[0],
        high=band[1],
        null=null,
    )


def _windowed(
    values: NDArray[np.float64], ends: NDArray[np.int64], window: int
) -> NDArray[np.float64]:
    total = np.append(0.0, np.cumsum(values))
    return np.asarray((total[ends] - total[ends - window]) / window)


def _poisson_binomial_band(
    chance: NDArray[np.float64], ends: NDArray[np.int64], window: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % band of the share of successes in each window, by convolution."""
    tail = (1 - CONFIDENCE) / 2
    size = min(window, FEW)
    below = _poisson_binomials(chance, ends, window, size)
    if size < window and (below[:, -1] < 1 - tail).any():
        below = _poisson_binomials(chance, ends, window, window)
    low = (below < tail).sum(axis=1) / window
    high = (below < 1 - tail).sum(axis=1) / window
    return low, high


def _poisson_binomials(
    chance: NDArray[np.float64], ends: NDArray[np.int64], window: int, most: int
) -> NDArray[np.float64]:
    """Chances of at most 0, 1, … `most` successes in each window: (windows, most + 1)."""
    mass = np.zeros((ends.size, most + 1))
    mass[:, 0] = 1
    for place in range(window):
        p = chance[ends - window + place][:, None]
        mass[:, 1:] = mass[:, 1:] * (1 - p) + mass[:, :-1] * p
        mass[:, :1] *= 1 - p
    return np.cumsum(mass, axis=1)


@lru_cache(maxsize=64)
def _uniform_new(
    support: int, n: int, *, window: int, step: int, draws: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % band of new combinations per window of a uniform policy.

    Seen combinations form a Markov chain: the next proposal is new with chance 1 − seen/support.
    It is stopped where a combination is still unseen with a chance below e^-12.
    """
    rng = np.random.default_rng(seed)
    ends = np.arange(window, n + 1, step)
    seen = np.zeros(draws)
    recent = np.zeros((window + 1, draws))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.zeros(ends.size), np.zeros(ends.size)
    last = math.ceil(support * (math.log(support) + 12)) + window
    for place in range(1, min(n, last) + 1):
        seen = seen + (rng.random(draws) * support >= seen)
        recent[place % (window + 1)] = seen
        if place >= window and (place - window) % step == 0:
            counts = seen - recent[(place - window) % (window + 1)]
            at = (place - window) // step
            low[at], high[at] = np.quantile(counts, [tail, 1 - tail])
    return low, high


def _agents(
    agents: NDArray[np.object_], scores: NDArray[np.float64]
) -> tuple[AgentInnovation, ...]:
    is_new = new_bests(scores)
    chance = 1 / np.arange(1, scores.size + 1)
    return tuple(
        AgentInnovation(
            agent=name,
            n=int((agents == name).sum()),
            new_bests=int(is_new[agents == name].sum()),
            expected=float(chance[agents == name].sum()),
        )
        for name in sorted({str(each) for each in agents})
    )
