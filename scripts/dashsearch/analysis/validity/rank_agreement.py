"""Does the validation score rank experiments as the test score does: overall, between, within?"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.inference.intervals import share_interval
from dashsearch.analysis.inference.rank_bootstrap import (
    draw_rank_correlations,
    draw_within_correlations,
    percentile_interval,
    top_weights,
)
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, AnalysisSettings
from dashsearch.analysis.validity.rank_correlation import (
    Kendall,
    LabelTest,
    RankSplit,
    kendall,
    label_test,
    spearman,
    split_ranks,
)
from dashsearch.analysis.variance.shares import (
    PUBLISHED_PAIR,
    distinct_cells,
    group_codes,
    primary_arm,
)
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

ALL_ARMS = "all arms"
# A bootstrap of fewer experiments says little but which of them are there.
FEWEST = 10
TOPS = (0.01, 0.1)
FEWEST_ON_TOP = 5


@dataclass(frozen=True)
class Overlap:
    """How many of the top scores of validation are among those of test.

    Attributes
    ----------
    top, size
        Share of the experiments that is the top, and their number.
    overlap, interval
        Share of the top of validation that is in the top of test; of tied scores at the border the
        share that a random order of them gives. None if `size` is below five, with the reason.
    chance_level
        What unrelated scores give: size / n.
    """

    top: float
    size: int
    overlap: float | None
    interval: Interval | None
    chance_level: float
    reason: str


@dataclass(frozen=True)
class Agreement:
    """Validation against test over all experiments of a scope; chance level of rho and tau is 0.

    Attributes
    ----------
    n
        Distinct cells, the first experiment of each.
    spearman, spearman_interval
        Spearman's rho with midranks.
    kendall
        Kendall's tau-b.
    top_decile
        Kendall's tau-b among the top tenth by validation (ties at its border are all in), or None
        with the reason.
    overlaps
        Of the top 1 % and the top 10 %.
    """

    n: int
    spearman: float
    spearman_interval: Interval | None
    kendall: Kendall
    top_decile: Kendall | None
    top_decile_reason: str
    overlaps: tuple[Overlap, ...]


@dataclass(frozen=True)
class FactorSplit:
    """The agreement split by the levels of one factor.

    Attributes
    ----------
    factor
        Its levels are the groups.
    split
        Spearman's rho as its two parts; `first` is validation, `second` test.
    within_interval
        Of `split.within`, by a bootstrap within groups; None if a resample has no variance.
    share_intervals
        Of the population's share of rank variance between groups: validation, then test.
    between_test, p_holm
        Exact permutation test of `split.between`, adjusted over the factors of the scope; None for
        two groups, with the reason. Few groups have no interval.
    reversal
        Simpson's paradox: `split.total` and `split.within` have different signs, and neither's
        interval holds 0. None where an interval is missing.
    opposed
        `split.between` and `split.within` have different signs, `p_holm` is below 0.05 and the
        interval within does not hold 0. None where either is missing.
    """

    factor: str
    split: RankSplit | None
    within_interval: Interval | None
    share_intervals: tuple[Interval, Interval] | None
    between_test: LabelTest | None
    between_reason: str
    p_holm: float | None
    reversal: bool | None
    opposed: bool | None
    reason: str


@dataclass(frozen=True)
class Scope:
    """The experiments that a correlation is over.

    Attributes
    ----------
    arm, sampling, primary
        An arm name, how its cells were chosen, and whether it is the answer; or all arm names
        together, whose cells were chosen in several ways (``"mixed"``).
    n_experiments, n_cells
        Rows, and distinct cells with both scores.
    agreement, reason
        None if there are too few experiments, with the reason.
    """

    arm: str
    sampling: str
    primary: bool
    n_experiments: int
    n_cells: int
    agreement: Agreement | None
    reason: str
    splits: tuple[FactorSplit, ...]


def scopes(ledger: pd.DataFrame, settings: AnalysisSettings) -> list[tuple[str, pd.DataFrame]]:
    """All arm names one by one, the primary first; then together, if there are several."""
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    primary = primary_arm(arms, settings)
    arms.sort(key=lambda arm: arm != primary)
    found = [(arm, ledger[ledger["arm"] == arm]) for arm in arms]
    return found if len(arms) == 1 else [*found, (ALL_ARMS, ledger)]


def validity(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> tuple[Scope, ...]:
    """Correlate validation and test in every scope.

    Replicates of a cell are left out: they would count its place several times.
    """
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    primary = primary_arm(arms, settings)
    found = []
    for arm, rows in scopes(ledger, settings):
        distinct = distinct_cells(rows, settings.score)
        agreement, reason = None, ""
        splits: tuple[FactorSplit, ...] = ()
        try:
            agreement = _agreement(distinct, settings, arm)
            splits = _splits(distinct, space, settings, agreement, arm)
        except TooFewScores as refusal:
            reason = str(refusal)
        found.append(
            Scope(
                arm=arm,
                sampling="mixed" if arm == ALL_ARMS else settings.sampling(arm),
                primary=arm == primary,
                n_experiments=len(rows),
                n_cells=len(distinct),
                agreement=agreement,
                reason=reason,
                splits=splits,
            )
        )
    return tuple(found)


def _agreement(distinct: pd.DataFrame, settings: AnalysisSettings, arm: str) -> Agreement:
    first, second = _scores(distinct, settings)
    n = first.size
    if n < FEWEST:
        raise TooFewScores(
            f"{n} distinct cells with both scores; at least {FEWEST} are needed to correlate them."
        )
    rho = spearman(first, second)
    sizes = [round(top * n) for top in TOPS]
    draws = draw_rank_correlations(
        first,
        second,
        [max(size, 1) for size in sizes],
        settings.bootstraps,
        derive_seed(settings.seed, "validity", arm),
    )
    top, reason = _top_decile(first, second)
    return Agreement(
        n=n,
        spearman=rho,
        spearman_interval=percentile_interval(draws.spearman, "95 % bootstrap over cells"),
        kendall=kendall(first, second),
        top_decile=top,
        top_decile_reason=reason,
        overlaps=tuple(
            _overlap(first, second, share, size, draws.overlaps[:, place])
            for place, (share, size) in enumerate(zip(TOPS, sizes, strict=True))
        ),
    )


def _top_decile(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[Kendall | None, str]:
    size = round(0.1 * first.size)
    top = first >= np.sort(first)[-max(size, 1)]
    if int(top.sum()) < FEWEST:
        return None, (
            f"the top tenth of {first.size} cells holds {int(top.sum())}; "
            f"at least {FEWEST} are needed."
        )
    try:
        return kendall(first[top], second[top]), ""
    except TooFewScores as refusal:
        return None, str(refusal)


def _overlap(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    top: float,
    size: int,
    draws: NDArray[np.float64],
) -> Overlap:
    n = first.size
    if size < FEWEST_ON_TOP:
        reason = (
            f"the top {top:.0%} of {n} cells holds {size}; at least {FEWEST_ON_TOP} are needed."
        )
        return Overlap(top, size, None, None, size / n, reason)
    weights = np.ones(n)
    for values in (first, second):
        ordered = np.sort(values)
        below = np.searchsorted(ordered, values)
        upto = np.searchsorted(ordered, values, side="right")
        weights *= top_weights(below, upto, n, size)
    interval = percentile_interval(draws, "95 % bootstrap over cells")
    return Overlap(top, size, float(weights.sum()) / size, interval, size / n, "")


def _splits(
    distinct: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    agreement: Agreement,
    arm: str,
) -> tuple[FactorSplit, ...]:
    factors = [name for name in PUBLISHED_PAIR if name in space.names]
    found = [_split(distinct, space, settings, arm, factor) for factor in factors]
    adjusted = holm([each.between_test.p if each.between_test else None for each in found])
    return tuple(
        replace(
            each,
            p_holm=p,
            reversal=_reversal(agreement, each),
            opposed=_opposed(each, p),
        )
        for each, p in zip(found, adjusted, strict=True)
    )


def _split(
    distinct: pd.DataFrame, space: Space, settings: AnalysisSettings, arm: str, factor: str
) -> FactorSplit:
    first, second = _scores(distinct, settings)
    codes = group_codes(distinct["cell"].to_numpy(dtype=np.int64), space, [factor])
    split, within, shares, test = None, None, None, None
    reason = between_reason = ""
    try:
        split = split_ranks(first, second, codes)
        if split.groups == split.n:
            raise TooFewScores(f"every one of {split.n} levels has one cell; none lie within.")
        root = derive_seed(settings.seed, "validity", arm, factor)
        draws = draw_within_correlations(first, second, codes, settings.bootstraps, root)
        within = percentile_interval(draws, f"95 % bootstrap of cells within {factor}")
        shares = (_share(split.share_first, split), _share(split.share_second, split))
    except TooFewScores as refusal:
        split, reason = None, str(refusal)
    try:
        root = derive_seed(settings.seed, "validity between", arm, factor)
        test = label_test(first, second, codes, settings.permutations, root)
    except TooFewScores as refusal:
        between_reason = str(refusal)
    return FactorSplit(
        factor=factor,
        split=split,
        within_interval=within,
        share_intervals=shares,
        between_test=test,
        between_reason=between_reason,
        p_holm=None,
        reversal=None,
        opposed=None,
        reason=reason,
    )


def _share(eta_squared: float, split: RankSplit) -> Interval:
    between, within = split.groups - 1, split.n - split.groups
    return share_interval(eta_squared / between / ((1 - eta_squared) / within), between, within)


def _reversal(agreement: Agreement, split: FactorSplit) -> bool | None:
    if agreement.spearman_interval is None or split.within_interval is None:
        return None
    return _sign(agreement.spearman_interval) * _sign(split.within_interval) < 0


def _opposed(split: FactorSplit, p: float | None) -> bool | None:
    if split.split is None or split.within_interval is None or p is None:
        return None
    opposite = _sign(split.within_interval) * np.sign(split.split.between) < 0
    return bool(opposite and p < 1 - CONFIDENCE)


def _sign(interval: Interval) -> int:
    """Sign of what an interval says; 0 if it holds 0."""
    return int(interval.low > 0) - int(interval.high < 0)


def _scores(
    distinct: pd.DataFrame, settings: AnalysisSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = (
        distinct[name].to_numpy(dtype=np.float64) for name in (settings.selection, settings.score)
    )
    return first, second
