"""Do policies alternate between exploring and exploiting architectures? Tests against a null."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.dynamics.entropy import entropies_of_rows
from dashsearch.analysis.dynamics.phases import (
    RegularityTest,
    SwitchTest,
    regularity_test,
    switch_test,
)
from dashsearch.analysis.dynamics.proposals import Run, runs_of
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.variance.shares import group_codes
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

# The first test is the primary one; the others only say more about the same run.
PRIMARY = "periodogram"
BLOCK = 5  # proposals that a block has at least, in the median
BLOCKS = 16
TREND = 3  # degree of the polynomial that is taken for drift
CYCLES = 3  # cycles that a run has to show: fewer look like drift
HIGHEST = 0.95
PERIODOGRAM_NULL = "cubic trend and Gaussian AR(1), refitted to every surrogate"


@dataclass(frozen=True)
class CyclesTest:
    """The primary test of cycles of one run, or of one agent's proposals in it, and two others.

    Attributes
    ----------
    arm, arm_seed, agent
        Whose proposals; agent "" is all of the run.
    n
        Proposals that enter the primary test.
    blocks, block_size, rounds_per_block
        Blocks of whole rounds, the proposals taken of each, and its rounds. Blocks do not overlap,
        and a pattern within rounds cannot pass for a cycle.
    dropped_blocks
        Blocks with fewer proposals, left out.
    entropy_bits
        Plug-in entropy of each block's architectures; the blocks are equally large.
    autocorrelation
        Of the series after its trend, corrected for bias and within 0 to 0.95.
    periods
        Periods in rounds that were looked at: from three cycles in the run to just above two
        blocks.
    spectrum
        Periodogram over the fitted AR(1) spectrum, as shares of their sum.
    statistic
        The largest of the spectrum.
    period
        Its period in rounds: a finding only if p is small.
    critical
        The 95 % quantile of the statistic under the null.
    p
        (1 + #{T* ≥ T}) / (1 + B) over B surrogates: the primary result.
    null
        What a run without cycles may do: iid proposals, and drift that changes slowly.
    switches, regularity
        Secondary tests, or None with the reason in `switches_reason` and `regularity_reason`.
    """

    arm: str
    arm_seed: int
    agent: str
    n: int
    blocks: int
    block_size: int
    rounds_per_block: int
    dropped_blocks: int
    entropy_bits: NDArray[np.float64]
    autocorrelation: float
    periods: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    statistic: float
    period: float
    critical: float
    p: float
    null: str
    switches: SwitchTest | None
    switches_reason: str
    regularity: RegularityTest | None
    regularity_reason: str


@dataclass(frozen=True)
class RunCycles:
    """The test of one run or agent, or the reason why there is none."""

    arm: str
    arm_seed: int
    agent: str
    test: CyclesTest | None
    reason: str


def cycles_of_runs(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[RunCycles, ...]:
    """Test every run's own proposals for cycles, and every agent's where there are several."""
    result = []
    for run in runs_of(ledger):
        test, reason = None, ""
        try:
            test = cycles_test(run, space, settings)
        except TooFewScores as refusal:
            reason = str(refusal)
        result.append(RunCycles(run.arm, run.arm_seed, run.agent, test, reason))
    return tuple(result)


def cycles_test(run: Run, space: Space, settings: AnalysisSettings) -> CyclesTest:
    """Test one run for cycles of exploration and exploitation of architectures.

    The entropy of the architectures in non-overlapping blocks of whole rounds is a series. Its
    largest periodogram ordinate, relative to the spectrum of an AR(1) fitted after a cubic trend,
    is compared with the same of Gaussian AR(1) surrogates that are treated alike. The level holds
    for iid proposals, and about for drifts without a period (see the null campaigns).

    Raises
    ------
    TooFewScores
        If the space has no architecture factor, there are fewer than 16 blocks, or the entropy
        never varies.

    References
    ----------
    Fisher (1929), Proc. R. Soc. A 125; Allen & Smith (1996), J. Climate 9; Schulz & Mudelsee
    (2002), Comput. Geosci. 28, for the red-noise null.
    """
    names = [factor.name for factor in space.group("architecture")]
    if not names:
        raise TooFewScores(
            f"space {space.name} has no architecture factor, so there is nothing to explore; use a "
            "space with one."
        )
    codes = group_codes(run.cells, space, names).astype(np.int64)
    blocks, per_block, dropped = round_blocks(codes, run.rounds)
    entropy = entropies_of_rows(np.sort(blocks, axis=1))[0]
    if np.ptp(entropy) < 1e-12:
        raise TooFewScores(
            f"the entropy of the architectures is {entropy[0]:.2f} bits in all {entropy.size} "
            f"blocks of {run.arm}/{run.arm_seed}, so nothing alternates; no test is needed."
        )
    what = (settings.seed, "cycles", run.arm, run.arm_seed, run.agent)
    spectrum, coefficient = whitened_spectrum(entropy[None, :])
    rng = np.random.default_rng(derive_seed(*what, PRIMARY))
    noise = rng.standard_normal((settings.permutations, entropy.size))
    surrogates = whitened_spectrum(_ar1(float(coefficient[0]), noise))[0].max(axis=1)
    statistic = float(spectrum.max())
    reached = int((surrogates >= statistic - 1e-12).sum())
    periods = entropy.size / np.arange(CYCLES, (entropy.size - 1) // 2 + 1) * per_block
    seed = derive_seed(*what, "phases")
    switches, no_switches = None, ""
    try:
        switches = switch_test(codes, settings.permutations, seed)
    except TooFewScores as refusal:
        no_switches = str(refusal)
    regularity, no_regularity = None, ""
    try:
        regularity = regularity_test(codes[1:] != codes[:-1], settings.permutations, seed)
    except TooFewScores as refusal:
        no_regularity = str(refusal)
    return CyclesTest(
        arm=run.arm,
        arm_seed=run.arm_seed,
        agent=run.agent,
        n=blocks.size,
        blocks=len(blocks),
        block_size=blocks.shape[1],
        rounds_per_block=per_block,
        dropped_blocks=dropped,
        entropy_bits=entropy,
        autocorrelation=float(coefficient[0]),
        periods=periods,
        spectrum=spectrum[0],
        statistic=statistic,
        period=float(periods[int(spectrum[0].argmax())]),
        critical=float(np.quantile(surrogates, CONFIDENCE)),
        p=(1 + reached) / (1 + settings.permutations),
        null=PERIODOGRAM_NULL,
        switches=switches,
        switches_reason=no_switches,
        regularity=regularity,
        regularity_reason=no_regularity,
    )


def round_blocks(
    codes: NDArray[np.int64], rounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int, int]:
    """Cut proposals into equally large blocks of whole rounds.

    Blocks have as many rounds as give five proposals in the median. Of each the first proposals
    are taken, as many as nine blocks of ten hold; smaller blocks are dropped.

    Returns
    -------
    blocks
        int64 (blocks, proposals).
    rounds_per_block, dropped

    Raises
    ------
    TooFewScores
        If fewer than 16 blocks are left.
    """
    sizes = np.unique(rounds, return_counts=True)[1]
    per_block = math.ceil(BLOCK / float(np.median(sizes))) if sizes.size else 1
    number = np.unique(rounds, return_inverse=True)[1] // per_block
    counts = np.bincount(number)
    if counts.size and sizes.size % per_block:
        counts = counts[:-1]
    if counts.size < BLOCKS:
        raise TooFewScores(
            f"column round: {sizes.size} rounds make {counts.size} blocks of {BLOCK} proposals or "
            f"more, too few to see a cycle; run at least {BLOCKS * per_block} rounds."
        )
    size = max(2, int(np.quantile(counts, 0.1, method="lower")))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])[counts >= size]
    if starts.size < BLOCKS:
        raise TooFewScores(
            f"{starts.size} blocks of {sizes.size} rounds hold {size} proposals or more, too few "
            f"to see a cycle; run until {BLOCKS} do."
        )
    blocks = codes[starts[:, None] + np.arange(size)]
    return blocks, per_block, int(counts.size - starts.size)


def whitened_spectrum(
    series: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each series' periodogram over its AR(1) spectrum, in shares, and its coefficient.

    A cubic trend is taken out first. The lag-one autocorrelation r is corrected to first order for
    the fitted trend, (m r + 4)/(m − 4), and kept within 0 to 0.95.

    Parameters
    ----------
    series
        float64 (series, m).
    """
    m = series.shape[1]
    trend, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, m), TREND))
    rest = series - (series @ trend) @ trend.T
    raw = (rest[:, 1:] * rest[:, :-1]).sum(axis=1) / (rest**2).sum(axis=1)
    coefficient = np.clip((m * raw + TREND + 1) / (m - 4), 0, HIGHEST)
    places = np.arange(CYCLES, (m - 1) // 2 + 1)
    power = np.abs(np.fft.rfft(rest, axis=1)[:, places]) ** 2
    cosine = np.cos(2 * np.pi * places / m)
    white = power * (1 - 2 * np.multiply.outer(coefficient, cosine) + coefficient[:, None] ** 2)
    return white / white.sum(axis=1, keepdims=True), coefficient


def _ar1(coefficient: float, noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn each row of standard noise into a stationary AR(1) series."""
    series = noise.copy()
    series[:, 0] /= math.sqrt(1 - coefficient**2)
    for place in range(1, noise.shape[1]):
        series[:, place] += coefficient * series[:, place - 1]
    return series
