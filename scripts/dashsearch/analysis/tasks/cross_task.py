"""Two or more tasks side by side: shares of variance, winners, and how far their ranks agree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.inference.intervals import difference_limits
from dashsearch.analysis.inference.label_permutation import label_permutation
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.tasks.group_means import (
    MeanCorrelation,
    Winner,
    means_agreement,
    winner,
)
from dashsearch.analysis.variance.one_way import OneWay, one_way
from dashsearch.analysis.variance.shares import PUBLISHED_PAIR, distinct_cells, primary_arm
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

Factors = tuple[str, ...]


@dataclass(frozen=True)
class TaskShare:
    """The share of variance between the levels of some factors; None with the reason."""

    factors: Factors
    estimate: OneWay | None
    reason: str


@dataclass(frozen=True)
class TaskWinner:
    """The combination of the factors' levels with the best mean; None with the reason."""

    factors: Factors
    winner: Winner | None
    reason: str


@dataclass(frozen=True)
class TaskAnswers:
    """What one task says by itself, from its primary arm.

    Attributes
    ----------
    arm, sampling
        The designed arm, else the uniform one; None if there is neither: adaptive arms cannot tell
        the shares of a space.
    n_cells
        Distinct cells with a score, the first experiment of each.
    """

    task: str
    arm: str | None
    sampling: str | None
    n_cells: int
    shares: tuple[TaskShare, ...]
    winners: tuple[TaskWinner, ...]
    reason: str


@dataclass(frozen=True)
class ShareDifference:
    """Omega squared of the first task minus that of the second; chance level 0.

    `interval` joins both tasks' noncentral F intervals, as of independent samples.
    """

    factors: Factors
    n: tuple[int, int]
    difference: float | None
    interval: Interval | None
    reason: str


@dataclass(frozen=True)
class RankAgreement:
    """How the means of the same groups rank on two tasks.

    Attributes
    ----------
    groups, n
        Common groups with two scores or more on both tasks, and the scores in them on each.
    p, p_holm, smallest_p, test
        Two-sided permutation p of Spearman's rho: the labels of each factor are dealt out anew on
        one task, since groups that share a level are not independent. Adjusted over all pairs of
        tasks and groupings; the smallest p that the number of levels can give.
    """

    factors: Factors
    groups: int
    n: tuple[int, int]
    spearman: MeanCorrelation | None = None
    kendall: MeanCorrelation | None = None
    noise_ceiling: float | None = None
    p: float | None = None
    p_holm: float | None = None
    smallest_p: float | None = None
    test: str = ""
    reason: str = ""


@dataclass(frozen=True)
class TaskPair:
    """Two tasks against each other."""

    first: str
    second: str
    differences: tuple[ShareDifference, ...]
    agreements: tuple[RankAgreement, ...]


@dataclass(frozen=True)
class CrossTask:
    """All tasks, and all pairs of them."""

    tasks: tuple[TaskAnswers, ...]
    pairs: tuple[TaskPair, ...]


def compare_tasks(
    ledgers: Sequence[tuple[pd.DataFrame, Space]], settings: AnalysisSettings
) -> CrossTask:
    """Put tasks side by side, each by its primary arm.

    Parameters
    ----------
    ledgers
        Checked ledger and space of each task; factors are compared by their names, levels as text.

    Raises
    ------
    InputError
        If there are fewer than two tasks, two have one name, or two have no backbone × encoder
        pair (or no factor) in common.
    """
    names = [str(ledger["task"].iloc[0]) for ledger, _ in ledgers]
    if len(names) < 2:
        raise InputError(f"{len(names)} task cannot be compared; give the ledgers of two or more.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two ledgers are of the task {twice[0]!r}; give one ledger a task.")
    factors = _common_factors(names, [space for _, space in ledgers])
    samples = [_sample(ledger, space, settings) for ledger, space in ledgers]
    groupings = _groupings(factors)
    answers = tuple(
        _answers(name, sample, groupings, settings)
        for name, sample in zip(names, samples, strict=True)
    )
    pairs = [
        TaskPair(
            answers[a].task,
            answers[b].task,
            tuple(
                _difference(one, other)
                for one, other in zip(answers[a].shares, answers[b].shares, strict=True)
            ),
            tuple(
                _agreement(samples[a], samples[b], each, settings, f"{names[a]} {names[b]}")
                for each in _ranked(groupings)
            ),
        )
        for a, b in combinations(range(len(names)), 2)
    ]
    return CrossTask(answers, _adjusted(pairs))


@dataclass(frozen=True)
class _Sample:
    """Scores of the primary arm's distinct cells, with the levels of every factor as text."""

    arm: str | None
    sampling: str | None
    scores: NDArray[np.float64]
    levels: dict[str, NDArray[np.str_]]

    def groups(self, factors: Factors, least: int) -> dict[tuple[str, ...], NDArray[np.float64]]:
        """Scores by combination of levels, of combinations with `least` scores or more."""
        labels = list(zip(*(self.levels[name].tolist() for name in factors), strict=True))
        found: dict[tuple[str, ...], list[float]] = {}
        for label, score in zip(labels, self.scores.tolist(), strict=True):
            found.setdefault(label, []).append(score)
        return {
            label: np.array(found[label]) for label in sorted(found) if len(found[label]) >= least
        }


def _sample(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> _Sample:
    arm = primary_arm([str(name) for name in pd.unique(ledger["arm"])], settings)
    if arm is None:
        nothing = {name: np.array([], dtype=np.str_) for name in space.names}
        return _Sample(None, None, np.array([]), nothing)
    distinct = distinct_cells(ledger[ledger["arm"] == arm], settings.score)
    return _Sample(
        arm,
        settings.sampling(arm),
        distinct[settings.score].to_numpy(dtype=np.float64),
        {name: distinct[name].astype(str).to_numpy(dtype=np.str_) for name in space.names},
    )


def _common_factors(names: Sequence[str], spaces: Sequence[Space]) -> list[str]:
    common = [name for name in spaces[0].names if all(name in space.names for space in spaces)]
    if not common:
        raise InputError(
            f"the tasks {', '.join(names)} have no factor in common; name their columns alike."
        )
    for a, b in combinations(range(len(names)), 2):
        for factor in [name for name in PUBLISHED_PAIR if name in common]:
            one, other = (set(map(str, spaces[i].factor(factor).levels)) for i in (a, b))
            if not one & other:
                raise InputError(
                    f"the tasks {names[a]} and {names[b]} have no {factor} in common "
                    f"({len(one)} and {len(other)} levels), so no pair of backbone and encoder can "
                    "be compared; name equal levels alike."
                )
    return common


def _groupings(factors: Sequence[str]) -> list[Factors]:
    pair = [PUBLISHED_PAIR] if set(PUBLISHED_PAIR) <= set(factors) else []
    return [*pair, *((name,) for name in factors)]


def _ranked(groupings: Sequence[Factors]) -> list[Factors]:
    """Return the groupings with a winner and a rank: pairs, and backbones."""
    return [each for each in groupings if each in (PUBLISHED_PAIR, PUBLISHED_PAIR[:1])]


def _answers(
    task: str, sample: _Sample, groupings: Sequence[Factors], settings: AnalysisSettings
) -> TaskAnswers:
    reason = ""
    if sample.arm is None:
        reason = f"task {task} has no designed or random arm, so no unbiased sample of its space."
    return TaskAnswers(
        task=task,
        arm=sample.arm,
        sampling=sample.sampling,
        n_cells=sample.scores.size,
        shares=tuple(_share(sample, each, settings, reason) for each in groupings),
        winners=tuple(_winner(task, sample, each, settings, reason) for each in _ranked(groupings)),
        reason=reason,
    )


def _share(sample: _Sample, factors: Factors, settings: AnalysisSettings, reason: str) -> TaskShare:
    groups = list(sample.groups(factors, settings.min_per_group).values())
    try:
        return TaskShare(factors, one_way(groups), "")
    except TooFewScores as refusal:
        return TaskShare(factors, None, reason or str(refusal))


def _winner(
    task: str, sample: _Sample, factors: Factors, settings: AnalysisSettings, reason: str
) -> TaskWinner:
    groups = sample.groups(factors, 2)
    try:
        root = derive_seed(settings.seed, "winner", task, *factors)
        found = winner(list(groups), list(groups.values()), settings.bootstraps, root)
        return TaskWinner(factors, found, "")
    except TooFewScores as refusal:
        return TaskWinner(factors, None, reason or str(refusal))


def _difference(first: TaskShare, second: TaskShare) -> ShareDifference:
    """Difference of two shares with the interval that both intervals give."""
    one, other = first.estimate, second.estimate
    if one is None or other is None:
        reason = first.reason or second.reason
        return ShareDifference(first.factors, (0, 0), None, None, reason)
    difference = one.omega_squared - other.omega_squared
    low, high = difference_limits(
        (one.omega_squared, one.interval), (other.omega_squared, other.interval)
    )
    interval = Interval(low, high, "95 % of two noncentral F (MOVER)")
    return ShareDifference(first.factors, (one.n, other.n), difference, interval, "")


def _agreement(
    first: _Sample, second: _Sample, factors: Factors, settings: AnalysisSettings, tasks: str
) -> RankAgreement:
    both = [sample.groups(factors, 2) for sample in (first, second)]
    common = [label for label in both[0] if label in both[1]]
    one, other = ([groups[label] for label in common] for groups in both)
    n = (sum(each.size for each in one), sum(each.size for each in other))
    empty = RankAgreement(factors, len(common), n)
    if len(common) < 3:
        reason = (
            f"{len(common)} common groups have two scores or more on both tasks; three are needed."
        )
        return replace(empty, reason=reason)
    root = derive_seed(settings.seed, "agreement", tasks, *factors)
    try:
        found = means_agreement(one, other, settings.bootstraps, root)
    except TooFewScores as refusal:
        return replace(empty, reason=str(refusal))
    means = [np.array([each.mean() for each in groups]) for groups in (one, other)]
    p, smallest, test = label_permutation(
        common, means[0], means[1], settings.permutations, root + 1
    )
    reason = ""
    if found.noise_ceiling is None:
        reason = "the means differ by little but noise, so their correlation has no interval."
    return replace(
        empty,
        spearman=found.spearman,
        kendall=found.kendall,
        noise_ceiling=found.noise_ceiling,
        p=p,
        smallest_p=smallest,
        test=test,
        reason=reason,
    )


def _adjusted(pairs: Sequence[TaskPair]) -> tuple[TaskPair, ...]:
    adjusted = iter(holm([each.p for pair in pairs for each in pair.agreements]))
    return tuple(
        replace(
            pair,
            agreements=tuple(replace(each, p_holm=next(adjusted)) for each in pair.agreements),
        )
        for pair in pairs
    )
