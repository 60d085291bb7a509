"""What a policy and its agents proposed, run by run, and intervals that respect the rounds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from dashsearch.analysis.inference.seed_intervals import expanded_tail
from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP

# Fewer rounds give a percentile bootstrap little but their extremes.
ROUNDS_FOR_BOOTSTRAP = 5
# Indices that a bootstrap holds in memory at once.
CHUNK = 4_000_000


@dataclass(frozen=True)
class Run:
    """The proposals of one run, or of one agent of it, that have a cell.

    Attributes
    ----------
    arm, arm_seed
        The run.
    agent
        Whose proposals, "" for all of the policy's.
    rows
        Their rows in the ledger, in proposal order.
    """

    arm: str
    arm_seed: int
    agent: str
    rows: pd.DataFrame

    @property
    def cells(self) -> NDArray[np.int64]:
        """Cell of each proposal."""
        return self.rows["cell"].to_numpy(dtype=np.int64)

    @property
    def rounds(self) -> NDArray[np.int64]:
        """Round of each proposal."""
        return self.rows["round"].to_numpy(dtype=np.int64)


def with_cell(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a cell: all but invalid proposals."""
    return ledger[ledger["cell"].to_numpy(dtype=np.int64) >= 0]


def own_proposals(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that a policy chose itself: no shared start, no audit, nothing invalid."""
    rows = with_cell(ledger)
    return rows[(rows["source"] == "policy").to_numpy(dtype=bool)]


def agents_of(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the agents that proposed, sorted; none unless there are at least two."""
    agents = tuple(sorted(str(each) for each in rows["agent"].unique() if each))
    return agents if len(agents) > 1 else ()


def runs_of(ledger: pd.DataFrame) -> Iterator[Run]:
    """Yield every run's own proposals, then those of each of its agents where there are several."""
    for (arm, seed), rows in own_proposals(ledger).groupby(["arm", "arm_seed"], sort=False):
        yield Run(str(arm), int(str(seed)), "", rows)
        for agent in agents_of(rows):
            yield Run(str(arm), int(str(seed)), agent, rows[(rows["agent"] == agent).to_numpy()])


def seeds_and_rounds(rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the run's seed and the round of each proposal: what intervals respect."""
    return rows["arm_seed"].to_numpy(dtype=np.int64), rows["round"].to_numpy(dtype=np.int64)


def mean_intervals(
    values: NDArray[np.float64],
    seeds: NDArray[np.int64],
    rounds: NDArray[np.int64],
    bootstraps: int,
    seed: int,
) -> list[Interval | None]:
    """95 % percentile bootstrap of means over proposals that depend on each other.

    From five seeds on the seed is resampled. Below that, circular blocks of R^(1/3) of a seed's R
    rounds are: proposals of one round, and of neighbouring rounds, are no independent draws. The
    percentiles are Hesterberg's expanded ones, since plain ones are too narrow for few draws.

    Parameters
    ----------
    values
        One column a mean: float64 (proposals, means).
    seeds, rounds
        Seed of the run and round of each proposal.

    Returns
    -------
    list of Interval or None
        One a column. None below five rounds, and where all values are equal: resampling those
        says nothing.

    References
    ----------
    Künsch (1989), Ann. Stat. 17; Politis & Romano (1992), in *Exploring the Limits of Bootstrap*;
    Hesterberg (2015), Am. Stat. 69(4), section 4.2, for the expanded percentiles.
    """
    none: list[Interval | None] = [None] * values.shape[1]
    if len(values) == 0:
        return none
    clusters, owners = _clusters(values, seeds, rounds)
    runs = [np.flatnonzero(owners == each) for each in np.unique(owners)]
    if len(runs) >= SEEDS_FOR_BOOTSTRAP:
        clusters = np.stack([clusters[run].sum(axis=0) for run in runs])
        kind = f"95 % bootstrap over {len(runs)} seeds"
        runs, lengths = [np.arange(len(runs))], [1]
    elif len(clusters) < ROUNDS_FOR_BOOTSTRAP:
        return none
    else:
        lengths = [math.ceil(run.size ** (1 / 3)) for run in runs]
        kind = f"95 % bootstrap over blocks of {max(lengths)} of {len(clusters)} rounds"
    rng = np.random.default_rng(seed)
    means = _resampled_means(clusters, runs, lengths, bootstraps, rng)
    blocks = sum(run.size / length for run, length in zip(runs, lengths, strict=True))
    tail = expanded_tail(blocks)
    lows, highs = np.quantile(means, [tail, 1 - tail], axis=0).tolist()
    flat = np.ptp(values, axis=0) == 0
    return [
        None if equal else Interval(low, high, kind)
        for low, high, equal in zip(lows, highs, flat, strict=True)
    ]


def share_intervals(
    hits: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    rounds: NDArray[np.int64],
    bootstraps: int,
    seed: int,
) -> list[Interval | None]:
    """95 % intervals of shares of proposals: `mean_intervals`, exact where none or all are hits.

    Resampling a share of 0 or 1 would give an interval of no width. There each round counts as one
    trial, and Clopper and Pearson's limits hold.
    """
    intervals = mean_intervals(hits.astype(np.float64), seeds, rounds, bootstraps, seed)
    certain = np.flatnonzero(hits.all(axis=0) | ~hits.any(axis=0))
    if len(hits) == 0 or certain.size == 0:
        return intervals
    n = len(numbered_rounds(seeds, rounds)[0])
    for place in certain:
        successes = n if hits[0, place] else 0
        exact = binomtest(successes, n).proportion_ci(CONFIDENCE, method="exact")
        intervals[place] = Interval(
            float(exact.low), float(exact.high), f"95 % exact over {n} rounds"
        )
    return intervals


def _clusters(
    values: NDArray[np.float64], seeds: NDArray[np.int64], rounds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return each round's sums of values and number of proposals (last column), and its seed."""
    first, numbers = numbered_rounds(seeds, rounds)
    columns = [*values.T, np.ones(len(values))]
    sums = [np.bincount(numbers, weights=each, minlength=len(first)) for each in columns]
    return np.stack(sums, axis=1).astype(np.float64), seeds[first]


def numbered_rounds(
    seeds: NDArray[np.int64], rounds: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return a place of each distinct pair of seed and round, and every place's pair's number.

    Pairs are numbered by seed, then round. One whole number a pair: unique rows take ten times as
    long; and in a ledger's own order there is nothing to sort.
    """
    span = int(rounds.max() - rounds.min()) + 1
    pairs = (seeds - seeds.min()) * span + (rounds - rounds.min())
    steps = np.diff(pairs)
    if (steps >= 0).all():
        begins = np.append(True, steps > 0)
        return np.flatnonzero(begins), np.cumsum(begins) - 1
    _, first, numbers = np.unique(pairs, return_index=True, return_inverse=True)
    return first, numbers


def _resampled_means(
    clusters: NDArray[np.float64],
    runs: list[NDArray[np.int64]],
    lengths: list[int],
    bootstraps: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Means of circular block resamples of each run's clusters: float64 (bootstraps, means)."""
    means = np.empty((bootstraps, clusters.shape[1] - 1))
    chunk = max(1, CHUNK // len(clusters))
    for start in range(0, bootstraps, chunk):
        count = min(chunk, bootstraps - start)
        sums = np.zeros((count, clusters.shape[1]))
        for run, length in zip(runs, lengths, strict=True):
            first = rng.integers(run.size, size=(count, math.ceil(run.size / length)))
            places = ((first[:, :, None] + np.arange(length)) % run.size).reshape(count, -1)
            places = places[:, : run.size] + run.size * np.arange(count)[:, None]
            times = np.bincount(places.ravel(), minlength=count * run.size)
            sums += times.reshape(count, run.size) @ clusters[run]
        means[start : start + count] = sums[:, :-1] / sums[:, -1:]
    return means
