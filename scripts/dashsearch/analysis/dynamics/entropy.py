"""How broadly an arm proposes over time: windowed entropy against a uniform policy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dashsearch.analysis.dynamics.proposals import runs_of
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.variance.shares import group_codes
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.space.space import GROUPS, Space

CONDITIONAL = "training | architecture"
# Values of a window that are held in memory at once, over all windows of a chunk.
CHUNK = 4_000_000
Estimates = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class UniformBand:
    """Entropy that a uniform policy shows in a window of the same size, in bits.

    `median` and the 95 % band `low` … `high` hold for the plug-in estimate, `corrected_*` for the
    Miller-Madow one and `chao_shen_*` for Chao and Shen's, all from `draws` simulated windows. A
    window without a repeat has no Chao-Shen estimate and counts as above every number: such a
    limit is infinite.
    """

    low: float
    median: float
    high: float
    corrected_low: float
    corrected_median: float
    corrected_high: float
    chao_shen_low: float
    chao_shen_median: float
    chao_shen_high: float
    draws: int


@dataclass(frozen=True)
class EntropySeries:
    """Entropy of the proposals of one run in sliding windows of constant length.

    Attributes
    ----------
    group
        ``"architecture"``, ``"training"``, ``"all"``, the name of a factor, or
        ``"training | architecture"``: what is left of the training factors' entropy once the
        architecture is known, H(all) - H(architecture).
    support
        Number of combinations of levels that the group has.
    window
        Proposals per window.
    ends
        Number of proposals before the end of each window.
    entropy_bits, corrected_bits, chao_shen_bits
        Plug-in, Miller-Madow and Chao-Shen estimates; the last is NaN where no proposal of the
        window repeats another. Conditional ones are differences, and may be negative where
        corrected.
    normalised
        Corrected entropy over log2(support); NaN if the support is one.
    effective, chao_shen_effective
        2 to the entropy: how many combinations share the window evenly. The first is at most the
        window's length.
    uniform
        The same for a uniform policy: what an entropy has to be below to mean anything.
    """

    group: str
    support: int
    window: int
    ends: NDArray[np.int64]
    entropy_bits: NDArray[np.float64]
    corrected_bits: NDArray[np.float64]
    chao_shen_bits: NDArray[np.float64]
    normalised: NDArray[np.float64]
    effective: NDArray[np.float64]
    chao_shen_effective: NDArray[np.float64]
    uniform: UniformBand


@dataclass(frozen=True)
class ProposalEntropy:
    """Entropy of what one run, or one agent of it, proposed.

    Attributes
    ----------
    arm, arm_seed
        The run.
    agent
        The agent whose own proposals these are, or "" for all proposals of the run's policy.
    n
        Proposals of the policy with a cell; the shared start and audits are left out.
    series
        As of `entropy_of_proposals`.
    """

    arm: str
    arm_seed: int
    agent: str
    n: int
    series: tuple[EntropySeries, ...]


def entropy_bits(counts: ArrayLike) -> float:
    """Plug-in (maximum likelihood) entropy of counts, in bits; biased down for few counts."""
    values = np.asarray(counts, dtype=np.float64)
    values = values[values > 0]
    if values.size == 0:
        raise TooFewScores("an empty window has no entropy; give at least one proposal.")
    shares = values / values.sum()
    return abs(float(-(shares * np.log2(shares)).sum()))


def miller_madow_bits(counts: ArrayLike) -> float:
    """Entropy in bits with Miller and Madow's first-order bias correction, (m - 1) / (2 N ln 2).

    m is the number of combinations seen and N the number of proposals. It can exceed the logarithm
    of the support, and corrects too little where most combinations are unseen.

    References
    ----------
    Miller (1955), in *Information Theory in Psychology*; Paninski (2003), Neural Comput. 15.
    """
    values = np.asarray(counts, dtype=np.float64)
    seen = int((values > 0).sum())
    return entropy_bits(values) + (seen - 1) / (2 * float(values.sum()) * math.log(2))


def chao_shen_bits(counts: ArrayLike) -> float:
    """Entropy in bits after Chao and Shen, for samples that missed much of the support.

    Good's estimate of the coverage, C = 1 - f1/N with f1 the combinations seen once, shrinks the
    shares to C n_i/N, and each term is weighted by the chance 1 - (1 - C n_i/N)^N that the
    combination was seen at all (Horvitz and Thompson).

    Raises
    ------
    TooFewScores
        If every proposal is of another combination: the estimated coverage is zero.

    References
    ----------
    Chao & Shen (2003), Environ. Ecol. Stat. 10, eqs. 2.8 to 2.11.
    """
    values = np.asarray(counts, dtype=np.int64)
    codes = np.repeat(np.arange(values.size), values)
    if codes.size == 0:
        raise TooFewScores("an empty window has no entropy; give at least one proposal.")
    estimate = float(entropies_of_rows(codes[None, :])[2][0])
    if math.isnan(estimate):
        raise TooFewScores(
            f"all {codes.size} proposals are of different combinations, so nothing says how many "
            "were missed; take a longer window or fewer factors."
        )
    return estimate


@lru_cache(maxsize=256)
def uniform_band(support: int, window: int, draws: int, seed: int) -> UniformBand:
    """Simulate the windows of a policy that draws combinations uniformly and independently."""
    rng = np.random.default_rng(seed)
    return _band(
        entropies_of_rows(np.sort(rng.integers(support, size=(draws, window)), axis=1)), draws
    )


@lru_cache(maxsize=64)
def conditional_band(given: int, support: int, window: int, draws: int, seed: int) -> UniformBand:
    """Simulate the conditional entropy of `support` combinations given one of `given` others."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(given * support, size=(draws, window))
    whole = entropies_of_rows(np.sort(codes, axis=1))
    condition = entropies_of_rows(np.sort(codes // support, axis=1))
    return _band(_differences(whole, condition), draws)


def windowed_entropy(
    codes: ArrayLike, *, group: str, support: int, window: int, step: int, uniform: UniformBand
) -> EntropySeries:
    """Entropy of every full window of `window` proposals, one every `step` proposals.

    Parameters
    ----------
    codes
        The combination of each proposal as an integer below `support`, in proposal order. Fewer
        proposals than a window give an empty series: a shorter window would not compare.
    """
    values = np.asarray(codes, dtype=np.int64)
    if values.size and not (values.min() >= 0 and values.max() < support):
        raise InputError(f"a combination of {group} is outside 0 to {support - 1}; correct it.")
    ends = np.arange(window, values.size + 1, step)
    parts = (
        [
            entropies_of_rows(
                np.sort(
                    np.lib.stride_tricks.sliding_window_view(values, window)[some - window], axis=1
                )
            )
            for some in np.array_split(ends, math.ceil(ends.size * window / CHUNK))
        ]
        if ends.size
        else [(np.empty(0), np.empty(0), np.empty(0))]
    )
    plug_in, corrected, chao_shen = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _series(
        group, support, window, ends, estimates=(plug_in, corrected, chao_shen), uniform=uniform
    )


def entropy_of_proposals(
    cells: ArrayLike, space: Space, *, window: int, step: int, draws: int, seed: int
) -> tuple[EntropySeries, ...]:
    """Windowed entropy of one run's proposals, per factor group and per factor.

    Where the space has both groups the last series is the conditional one: the chain rule splits
    H(all) into H(architecture) and H(training | architecture), while the two marginal entropies add
    up to more.

    Parameters
    ----------
    cells
        Cell index of every proposal in order, failed and duplicate ones included.
    seed
        Root seed; the band of a group depends on its support and the window only.
    """
    indices = np.asarray(cells, dtype=np.int64)
    series = []
    for group, factors in _factor_groups(space):
        support = math.prod(len(space.factor(name).levels) for name in factors)
        band = uniform_band(
            support, window, draws, derive_seed(seed, "uniform entropy", support, window)
        )
        codes = group_codes(indices, space, factors)
        series.append(
            windowed_entropy(
                codes, group=group, support=support, window=window, step=step, uniform=band
            )
        )
    by_group = {each.group: each for each in series}
    if all(group in by_group for group in GROUPS):
        architecture, training = by_group["architecture"], by_group["training"]
        name = derive_seed(seed, "uniform conditional entropy", space.digest, window)
        band = conditional_band(architecture.support, training.support, window, draws, name)
        left = _differences(_estimates(by_group["all"]), _estimates(architecture))
        series.append(
            _series(
                CONDITIONAL,
                training.support,
                window,
                architecture.ends,
                estimates=left,
                uniform=band,
            )
        )
    return tuple(series)


def entropy_by_agent(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[ProposalEntropy, ...]:
    """Windowed entropy of every run's own proposals, and of each agent's where several propose.

    A window of an agent holds its own proposals only, so the agents of a run compare with each
    other and with the same band. The start that all arms share and audits are not the policy's
    choice and are left out.
    """
    return tuple(
        ProposalEntropy(
            run.arm,
            run.arm_seed,
            run.agent,
            run.cells.size,
            entropy_of_proposals(
                run.cells,
                space,
                window=settings.window,
                step=settings.step,
                draws=settings.bootstraps,
                seed=settings.seed,
            ),
        )
        for run in runs_of(ledger)
    )


def _factor_groups(space: Space) -> list[tuple[str, Sequence[str]]]:
    groups: list[tuple[str, Sequence[str]]] = []
    for group in GROUPS:
        names = [factor.name for factor in space.factors if factor.group == group]
        if names:
            groups.append((group, names))
    return [*groups, ("all", space.names), *((name, [name]) for name in space.names)]


def _series(
    group: str,
    support: int,
    window: int,
    ends: NDArray[np.int64],
    *,
    estimates: Estimates,
    uniform: UniformBand,
) -> EntropySeries:
    plug_in, corrected, chao_shen = estimates
    full = math.log2(support)
    return EntropySeries(
        group=group,
        support=support,
        window=window,
        ends=ends,
        entropy_bits=plug_in,
        corrected_bits=corrected,
        chao_shen_bits=chao_shen,
        normalised=corrected / full if full > 0 else np.full(ends.size, np.nan),
        effective=2.0**plug_in,
        chao_shen_effective=2.0**chao_shen,
        uniform=uniform,
    )


def _estimates(series: EntropySeries) -> Estimates:
    return series.entropy_bits, series.corrected_bits, series.chao_shen_bits


def _differences(whole: Estimates, part: Estimates) -> Estimates:
    return whole[0] - part[0], whole[1] - part[1], whole[2] - part[2]


def _band(estimates: Estimates, draws: int) -> UniformBand:
    plug_in, corrected, chao_shen = map(_limits, estimates)
    return UniformBand(*plug_in, *corrected, *chao_shen, draws)


def _limits(values: NDArray[np.float64]) -> tuple[float, float, float]:
    tail = (1 - CONFIDENCE) / 2
    undefined = np.isnan(values)
    ranked = np.where(undefined, np.inf, values)
    # Interpolating between a number and infinity would give neither.
    method: Literal["lower", "linear"] = "lower" if undefined.any() else "linear"
    low, median, high = np.quantile(ranked, [tail, 0.5, 1 - tail], method=method).tolist()
    return low, median, high


def entropies_of_rows(ordered: NDArray[np.int64]) -> Estimates:
    """Return plug-in, Miller-Madow and Chao-Shen entropy of each row of sorted codes, in bits."""
    rows, window = ordered.shape
    starts = np.ones(ordered.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    flat = np.flatnonzero(starts)
    counts = np.diff(np.append(flat, ordered.size)).astype(np.float64)
    row = flat // window
    terms = counts / window * np.log2(window / counts)
    plug_in = np.bincount(row, weights=terms, minlength=rows).astype(np.float64)
    seen = np.bincount(row, minlength=rows).astype(np.float64)
    corrected: NDArray[np.float64] = plug_in + (seen - 1) / (2 * window * math.log(2))
    singles = np.bincount(row, weights=counts == 1, minlength=rows)
    coverage = np.where(singles < window, 1 - singles / window, np.nan)
    shares = coverage[row] * counts / window
    terms = -shares * np.log2(shares) / (1 - (1 - shares) ** window)
    chao_shen = (np.bincount(row, weights=terms, minlength=rows) + 0.0).astype(np.float64)
    return plug_in, corrected, chao_shen
