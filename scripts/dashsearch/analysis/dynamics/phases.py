"""How long policies keep an architecture, and how evenly they alternate: tests of phases."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE

PHASES = 6  # complete cycles that an evenness is told from
CHUNK = 4_000_000
SWITCH_NULL = "exchangeable proposals"
REGULARITY_NULL = "first-order Markov phases"


@dataclass(frozen=True)
class SwitchTest:
    """How often a run switches between changing the architecture and keeping it.

    Attributes
    ----------
    n
        Pairs of consecutive proposals.
    changes
        Share of them whose architecture differs: the explore phases.
    switches
        Number of times that a change follows a keep or a keep follows a change.
    null_mean, band
        Mean and 95 % band of the switches when the same proposals come in random order.
    p
        Two-sided. A small one says that the order matters, in phases or in drift; no period.
    null
        What is permuted.
    """

    n: int
    changes: float
    switches: int
    null_mean: float
    band: Interval
    p: float
    null: str


@dataclass(frozen=True)
class RegularityTest:
    """Whether explore and exploit phases together last more evenly than a Markov chain's.

    Attributes
    ----------
    n
        Complete cycles: an explore phase with the exploit phase after it.
    mean_length
        Their mean length in proposals.
    variation
        Their coefficient of variation.
    null_median
        The median of that coefficient if phases end at a constant chance.
    p
        One-sided: the share of such chains that are as even.
    null
        The null's name.
    """

    n: int
    mean_length: float
    variation: float
    null_median: float
    p: float
    null: str


def switch_test(codes: NDArray[np.integer[Any]], permutations: int, seed: int) -> SwitchTest:
    """Compare the switches between change and keep with those of shuffled proposals.

    A runs test (Wald & Wolfowitz 1940) on the change indicator, but the proposals are shuffled and
    not the indicator: indicators of neighbouring pairs share a proposal.

    Raises
    ------
    TooFewScores
        If every pair changes, or none does.
    """
    changes = codes[1:] != codes[:-1]
    if changes.size == 0 or changes.all() or not changes.any():
        raise TooFewScores(
            f"all {changes.size} pairs of consecutive proposals are of one kind (change or keep), "
            "so there is no switch to count; no test is needed."
        )
    rng = np.random.default_rng(seed)
    # Small numbers for the combinations: shuffling moves less memory.
    kinds, numbers = np.unique(codes, return_inverse=True)
    codes = numbers.astype(np.min_scalar_type(kinds.size))
    chunk = max(1, CHUNK // codes.size)
    parts = []
    for start in range(0, permutations, chunk):
        copies = np.broadcast_to(codes, (min(chunk, permutations - start), codes.size))
        shuffled = rng.permuted(copies, axis=1)
        parts.append(_switches(shuffled[:, 1:] != shuffled[:, :-1]))
    null = np.concatenate(parts)
    observed = int(_switches(changes[None, :])[0])
    few = (1 + int((null <= observed).sum())) / (1 + permutations)
    many = (1 + int((null >= observed).sum())) / (1 + permutations)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(null, [tail, 1 - tail]).tolist()
    return SwitchTest(
        n=changes.size,
        changes=float(changes.mean()),
        switches=observed,
        null_mean=float(null.mean()),
        band=Interval(low, high, f"95 % of {permutations} shuffled orders"),
        p=min(1.0, 2 * min(few, many)),
        null=SWITCH_NULL,
    )


def regularity_test(changes: NDArray[np.bool_], draws: int, seed: int) -> RegularityTest:
    """Compare the evenness of explore-exploit cycles with that of a first-order Markov chain.

    In such a chain phases have geometric lengths; their parameters are set to the observed means.

    Raises
    ------
    TooFewScores
        If there are fewer than six complete cycles.
    """
    bounds = np.flatnonzero(np.diff(changes.astype(np.int8))) + 1
    lengths, kinds = np.diff(bounds), changes[bounds[:-1]]
    start = int(np.argmax(kinds)) if kinds.size else 0
    cycles = (lengths.size - start) // 2
    if cycles < PHASES:
        raise TooFewScores(
            f"{changes.size} pairs of consecutive proposals make {cycles} complete explore-exploit "
            f"cycles, too few to be even; {PHASES} are needed, so run longer."
        )
    explore, exploit = lengths[start : start + 2 * cycles].reshape(cycles, 2).T
    rng = np.random.default_rng(seed)
    null = _variation(
        rng.geometric(1 / explore.mean(), size=(draws, cycles))
        + rng.geometric(1 / exploit.mean(), size=(draws, cycles))
    )
    observed = float(_variation((explore + exploit)[None, :])[0])
    return RegularityTest(
        n=cycles,
        mean_length=float((explore + exploit).mean()),
        variation=observed,
        null_median=float(np.median(null)),
        p=(1 + int((null <= observed + 1e-12).sum())) / (1 + draws),
        null=REGULARITY_NULL,
    )


def _switches(changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray((changes[:, 1:] != changes[:, :-1]).sum(axis=1), dtype=np.int64)


def _variation(lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(lengths.std(axis=1, ddof=1) / lengths.mean(axis=1))
