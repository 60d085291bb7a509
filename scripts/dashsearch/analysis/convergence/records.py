"""Whether the order of an arm carries information: its improvements against a shuffled order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dashsearch.analysis.convergence.power_law import log_spaced
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP, AnalysisSettings
from dashsearch.seeds import derive_seed

# Scores that are permuted at once, to bound the memory of long runs.
CHUNK = 4_000_000
# Probabilities whose distribution is built in one go, before blocks are convolved.
BLOCK = 1000


@dataclass(frozen=True)
class RecordCount:
    """Improvements of one sequence, and their exact distribution under exchangeability.

    Attributes
    ----------
    positions
        Positions (0-based, failures included) of the improvements, the first success among them.
    probabilities
        One per distinct score, best first: the chance that this score becomes an improvement.
    n, scored, tied, at_best
        Experiments, experiments with a score, those that share their score with another one, and
        those that hold the best score.
    """

    positions: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    n: int
    scored: int
    tied: int
    at_best: int


@dataclass(frozen=True)
class RecordsCurve:
    """Improvements up to each budget, summed over seeds, beside the shuffled orders.

    Attributes
    ----------
    n
        Budgets, log-spaced, counted from the end of the start, up to the shortest run.
    records, expected
        Improvements, and their mean in shuffled orders.
    low, high
        Middle 95 % of the shuffled orders.
    """

    n: NDArray[np.int64]
    records: NDArray[np.int64]
    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class RecordsTest:
    """Number of improvements of the best score of an arm name against an uninformative order.

    Attributes
    ----------
    seeds
        Seeds with a sequence that was tested.
    n, scored, failed, start
        Experiments in the tested sequences, those with a score and without, and the experiments
        of the fixed start, which are kept out.
    tied, at_best
        Scored experiments that share their score with another one of their run, and those that
        hold their run's best score.
    per_seed, expected_per_seed
        Improvements of each seed, and their expectation.
    records, expected, variance
        Sum over seeds, with expectation and variance if the order carries no information.
    null_interval
        Middle 95 % of the exact null distribution of `records`: its chance level.
    p_upper, p_two_sided
        Exact Poisson-binomial probabilities of as many improvements or more, and twice the
        smaller tail, at most 1.
    permutation_p
        Upper p of the count from shuffles of whole sequences, failures included: the reference.
    ratio, ratio_interval
        `records` over `expected`, chance level 1; the interval resamples seeds.
    late, late_expected
        Sum of log t over the improvements, t the experiment's number, and its mean when shuffled.
    late_p_upper, late_p_two_sided
        Permutation p of `late`: large if improvements come late.
    permutations
        Number of shuffles.
    curve
        Improvements by budget.
    note
        What ties, ceilings, failures and the start did to the null.
    """

    arm: str
    seeds: tuple[int, ...]
    n: int
    scored: int
    failed: int
    start: int
    tied: int
    at_best: int
    per_seed: tuple[int, ...]
    expected_per_seed: tuple[float, ...]
    records: int
    expected: float
    variance: float
    null_interval: Interval
    p_upper: float
    p_two_sided: float
    permutation_p: float
    ratio: float
    ratio_interval: Interval | None
    late: float
    late_expected: float
    late_p_upper: float
    late_p_two_sided: float
    permutations: int
    curve: RecordsCurve
    note: str


def records_test(rows: pd.DataFrame, settings: AnalysisSettings) -> RecordsTest:
    """Test whether the order of the experiments of one arm name carries information.

    Each seed is one sequence, without the fixed start; sums of counts meet sums of nulls.

    Parameters
    ----------
    rows
        Experiments of one arm name, all seeds, in proposal order.

    Raises
    ------
    TooFewScores
        If no seed has two different scores after its start.
    """
    arm = str(rows["arm"].iloc[0])
    begun = rows["source"].to_numpy() == "start"
    scores = rows[settings.selection].to_numpy(dtype=np.float64)
    runs: dict[int, NDArray[np.float64]] = {}
    for seed, places in rows.groupby("arm_seed", sort=True).indices.items():
        own = np.sort(places)
        run = scores[own[~begun[own]]]
        finite = run[np.isfinite(run)]
        if finite.size > 1 and np.ptp(finite) > 0:
            runs[int(str(seed))] = run
    if not runs:
        raise TooFewScores(
            f"arm {arm} has no seed with two different values of {settings.selection} among its "
            f"{int((~begun).sum())} experiments after the start; run more experiments."
        )
    seed = derive_seed(settings.seed, "records", arm)
    return _tested(arm, runs, int(begun.sum()), settings, seed)


def count_records(scores: ArrayLike) -> RecordCount:
    """Count the improvements of one sequence and find their chances in a random order.

    An improvement is a score strictly above all before it; the first success is one. In a random
    order of the same values the score v improves exactly if the first of all experiments with a
    score of v or more has the score v: probability (number at v)/(number at v or above),
    independently of the other values. Without ties these are 1, 1/2, 1/3, …; ties and ceilings
    need no correction, and neither do failures, which stand below every score. The expectation is
    thus H_m of the m scored experiments, not H_N.

    References
    ----------
    Rényi (1962), Ann. Fac. Sci. Clermont 8; Arnold, Balakrishnan & Nagaraja (1998), *Records*.
    """
    values = np.asarray(scores, dtype=np.float64)
    finite = np.isfinite(values)
    _, sizes = np.unique(values[finite], return_counts=True)
    sizes = sizes[::-1]
    return RecordCount(
        positions=np.flatnonzero(_improvements(values[np.newaxis])[0]),
        probabilities=sizes / np.cumsum(sizes),
        n=values.size,
        scored=int(finite.sum()),
        tied=int(sizes[sizes > 1].sum()),
        at_best=int(sizes[0]) if sizes.size else 0,
    )


def poisson_binomial(probabilities: ArrayLike, at_least: int = 0) -> NDArray[np.float64]:
    """Return the probabilities of 0, 1, … successes of independent trials.

    By the recursion over trials, in blocks that are convolved: only additions of positive numbers,
    so small probabilities keep their digits, which `scipy.stats.poisson_binom` loses below about
    1e-9 in ten thousand trials.

    Parameters
    ----------
    at_least
        The largest count that is certain to be included. Counts whose joint probability is below
        1e-40 (Bernstein's inequality) are left out otherwise.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    mean, sd = float(chances.sum()), float(np.sqrt((chances * (1 - chances)).sum()))
    size = min(chances.size, max(at_least + 60, int(np.ceil(mean + 40 * sd + 80)))) + 1
    blocks = max(chances.size // BLOCK, 1)
    padded = np.zeros(blocks * -(-chances.size // blocks))
    padded[: chances.size] = chances
    # Dealing the trials out in turn gives every block about the same number of likely ones.
    dealt = padded.reshape(-1, blocks).T
    partial = np.zeros((blocks, size))
    partial[:, 0] = 1
    for step in range(dealt.shape[1]):
        chance = dealt[:, step, np.newaxis]
        shifted = partial[:, :-1] * chance
        partial *= 1 - chance
        partial[:, 1:] += shifted
    total = partial[0]
    for block in partial[1:]:
        total = np.convolve(total, block)[:size]
    return np.asarray(total, dtype=np.float64)


def _tested(
    arm: str,
    runs: dict[int, NDArray[np.float64]],
    start: int,
    settings: AnalysisSettings,
    seed: int,
) -> RecordsTest:
    counts = [count_records(run) for run in runs.values()]
    chances = np.concatenate([count.probabilities for count in counts])
    observed = sum(count.positions.size for count in counts)
    pmf = poisson_binomial(chances, at_least=observed)
    upper, lower = float(pmf[observed:].sum()), float(pmf[: observed + 1].sum())
    expected = [float(count.probabilities.sum()) for count in counts]
    rng = np.random.default_rng(seed)
    null = _shuffled(list(runs.values()), settings.permutations, rng)
    n, budgets = sum(count.n for count in counts), null.budgets
    late = float(sum(np.log(count.positions + 1.0).sum() for count in counts))
    at_budget = [np.searchsorted(count.positions, budgets, side="left") for count in counts]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(null.curves, [tail, 1 - tail], axis=0)
    late_upper, late_lower = _shares(null.late, late)
    scored = sum(count.scored for count in counts)
    tied, best = sum(count.tied for count in counts), sum(count.at_best for count in counts)
    return RecordsTest(
        arm=arm,
        seeds=tuple(runs),
        n=n,
        scored=scored,
        failed=n - scored,
        start=start,
        tied=tied,
        at_best=best,
        per_seed=tuple(count.positions.size for count in counts),
        expected_per_seed=tuple(expected),
        records=observed,
        expected=float(chances.sum()),
        variance=float((chances * (1 - chances)).sum()),
        null_interval=_central(pmf),
        p_upper=min(1.0, upper),
        p_two_sided=min(1.0, 2 * min(upper, lower)),
        permutation_p=_shares(null.counts, observed)[0],
        ratio=observed / float(chances.sum()),
        ratio_interval=_ratio_interval(
            np.array([count.positions.size for count in counts]), np.array(expected), settings, rng
        ),
        late=late,
        late_expected=float(null.late.mean()),
        late_p_upper=late_upper,
        late_p_two_sided=min(1.0, 2 * min(late_upper, late_lower)),
        permutations=settings.permutations,
        curve=RecordsCurve(
            n=budgets,
            records=np.sum(at_budget, axis=0),
            expected=null.curves.mean(axis=0),
            low=low,
            high=high,
        ),
        note=_note(n - scored, start, tied, best, len(runs)),
    )


@dataclass(frozen=True)
class _Shuffled:
    """Statistics of shuffled orders, one row a shuffle: counts, late sums, and the curve."""

    counts: NDArray[np.int64]
    late: NDArray[np.float64]
    budgets: NDArray[np.int64]
    curves: NDArray[np.float64]


def _shuffled(
    runs: Sequence[NDArray[np.float64]], permutations: int, rng: np.random.Generator
) -> _Shuffled:
    """Shuffle every run as a whole, failures included, and sum its statistics over the runs."""
    budgets = log_spaced(min(run.size for run in runs)).astype(np.int64) + 1
    counts = np.zeros(permutations, dtype=np.int64)
    late = np.zeros(permutations)
    curves = np.zeros((permutations, budgets.size))
    for run in runs:
        # Ranks order as scores do, in half the memory.
        ranks = np.full(run.size, -np.inf, dtype=np.float32)
        finite = np.isfinite(run)
        ranks[finite] = np.unique(run[finite], return_inverse=True)[1]
        step = max(1, CHUNK // run.size)
        logs = np.log(np.arange(1, run.size + 1))
        for first in range(0, permutations, step):
            chunk = slice(first, min(first + step, permutations))
            tiled = np.tile(ranks, (chunk.stop - chunk.start, 1))
            improved = _improvements(rng.permuted(tiled, axis=1, out=tiled))
            shuffles, places = np.nonzero(improved)
            size = improved.shape[0]
            counts[chunk] += np.bincount(shuffles, minlength=size)
            late[chunk] += np.bincount(shuffles, weights=logs[places], minlength=size)
            reached = np.searchsorted(budgets, places + 1)
            inside = reached < budgets.size
            cells = shuffles[inside] * budgets.size + reached[inside]
            made = np.bincount(cells, minlength=size * budgets.size)
            curves[chunk] += np.cumsum(made.reshape(size, -1), axis=1)
    return _Shuffled(counts, late, budgets, curves)


def _improvements(
    sequences: NDArray[np.float64] | NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Mark the scores that are strictly above all before them, row by row; never a failure."""
    comparable = np.where(np.isfinite(sequences), sequences, sequences.dtype.type(-np.inf))
    best = np.maximum.accumulate(comparable, axis=1)
    improved = np.empty(sequences.shape, dtype=np.bool_)
    improved[:, 0] = np.isfinite(comparable[:, 0])
    improved[:, 1:] = comparable[:, 1:] > best[:, :-1]
    return improved


def _shares(null: NDArray[np.float64] | NDArray[np.int64], observed: float) -> tuple[float, float]:
    """Upper and lower permutation p; sums in another order may differ in the last digit."""
    near = 1e-9 * max(1.0, abs(observed))
    upper = (1 + int((null >= observed - near).sum())) / (1 + null.size)
    lower = (1 + int((null <= observed + near).sum())) / (1 + null.size)
    return upper, lower


def _central(pmf: NDArray[np.float64]) -> Interval:
    below = np.cumsum(pmf)
    tail = (1 - CONFIDENCE) / 2
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1 - tail))
    return Interval(low, high, "middle 95 % of the exact null")


def _ratio_interval(
    counts: NDArray[np.int64],
    expected: NDArray[np.float64],
    settings: AnalysisSettings,
    rng: np.random.Generator,
) -> Interval | None:
    size = counts.size
    if size < 2:
        return None
    if size < SEEDS_FOR_BOOTSTRAP:
        ratios = counts / expected
        return Interval(float(ratios.min()), float(ratios.max()), f"range of {size} seeds")
    draws = rng.integers(size, size=(settings.bootstraps, size))
    ratios = counts[draws].sum(axis=1) / expected[draws].sum(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(limit) for limit in np.quantile(ratios, [tail, 1 - tail]))
    return Interval(low, high, f"95 % bootstrap over {size} seeds")


def _note(failed: int, start: int, tied: int, best: int, seeds: int) -> str:
    parts = []
    if start:
        parts.append(f"the {start} experiments of the fixed start are left out")
    if failed:
        parts.append(
            f"{failed} experiments have no score: they spend a step and never improve, so the null "
            "is that of the scored ones, and shuffles move failures too"
        )
    if tied:
        parts.append(
            f"{tied} scores are tied and {best} hold the best of {seeds} runs: an equal score is "
            "no improvement, and the null has the same ties"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""
