"""Which law the mean best-so-far curve follows, by errors on held-out experiments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.convergence.curves import best_so_far
from dashsearch.analysis.convergence.fitted_laws import (
    FORMULAS,
    LAWS,
    Law,
    fit_law,
    power_exponents,
)
from dashsearch.analysis.convergence.power_law import (
    CEILING,
    POINTS,
    TOUCHING,
    fit_power_law,
    log_spaced,
)
from dashsearch.analysis.inference.seed_intervals import expanded_interval, seed_draws
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import SEEDS_FOR_BOOTSTRAP, AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed

SHORTEST = 16
START_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class LawFit:
    """One law of the mean curve of an arm name.

    Attributes
    ----------
    law, formula, parameters
        The law, with parameters fitted to the whole curve.
    at_bound, identified
        Bounds that a parameter lies on; if there is any, the parameters are not findings.
    r_squared
        Of the whole curve; high for any rising curve.
    aicc
        n ln(mean squared residual) + 2k + 2k(k+1)/(n-k-1), n the number of improvements over all
        seeds and k the parameters with the error's variance. NaN unless n > k + 1.
    tail_error, tail_interval
        Root mean squared error on the held-out budgets of the mean curve, fitted before them, and
        its spread over resampled seeds.
    wins
        Share of resampled sets of seeds in which this law has the smallest tail error, below that
        of standing still; NaN below five seeds.
    """

    law: Law
    formula: str
    parameters: dict[str, float]
    at_bound: tuple[str, ...]
    identified: bool
    r_squared: float
    aicc: float
    tail_error: float
    tail_interval: Interval | None
    wins: float


@dataclass(frozen=True)
class GrowthLaws:
    """All laws of one arm name.

    Attributes
    ----------
    seeds
        Number of runs in the mean curve.
    n_first, n_fitted, n_max
        First budget at which every run has a success, last budget before the tail, and last budget
        of the tail; the whole curve ends at `n_max` too.
    improvements
        Number of improvements over all runs: the n of `aicc`.
    constant_error
        Tail error of "no further progress", the value before the tail: the level to beat. Laws
        with a ceiling can do as well as that by standing still (``a = best score``).
    constant_wins
        Share of resampled sets of seeds in which no law has a smaller tail error than standing
        still; with the laws' `wins` it adds up to 1. NaN below five seeds.
    laws
        One entry a law, smallest tail error first.
    c, c_interval
        Exponent of the power law on the whole curve. The interval is the seeds' where there are
        five or more, else the profile of residuals, which is descriptive.
    c_identified
        Whether neither the fit nor its profile touches a bound.
    c_on_bound
        Share of resampled sets of seeds whose power law lies on a bound; NaN below five seeds.
    """

    arm: str
    seeds: int
    n_first: int
    n_fitted: int
    n_max: int
    improvements: int
    constant_error: float
    constant_wins: float
    laws: tuple[LawFit, ...]
    c: float
    c_interval: Interval
    c_identified: bool
    c_on_bound: float


@dataclass(frozen=True)
class StartRow:
    """The power law of the mean best-so-far curve that begins after `start` experiments."""

    start: int
    n: int
    a: float
    c: float
    c_interval: Interval
    r_squared: float
    at_bound: tuple[str, ...]
    identified: bool


def growth_laws(rows: pd.DataFrame, settings: AnalysisSettings) -> GrowthLaws:
    """Compare the laws of the mean best-so-far curve of one arm name.

    Parameters
    ----------
    rows
        Experiments of one arm name, all seeds, in proposal order.

    Raises
    ------
    TooFewScores
        If the runs share fewer than 16 budgets with a success, or the first half never rises.
    """
    arm = str(rows["arm"].iloc[0])
    scores = rows[settings.selection].to_numpy(dtype=np.float64)
    runs = [
        best_so_far(scores[np.sort(places)]).selection
        for _, places in sorted(rows.groupby("arm_seed").indices.items())
    ]
    length = min(run.size for run in runs)
    curves = np.stack([run[:length] for run in runs])
    return compare_laws(arm, curves, settings)


def compare_laws(arm: str, curves: NDArray[np.float64], settings: AnalysisSettings) -> GrowthLaws:
    """Compare the laws on best-so-far curves of shape (seeds, budgets); NaN before a success."""
    seeds, length = curves.shape
    reached = np.isfinite(curves).all(axis=0)
    first = int(reached.argmax())
    half = length // 2
    if not reached.any() or half - first < SHORTEST // 2:
        raise TooFewScores(
            f"arm {arm} has {int(reached.sum())} of {length} budgets at which all of its {seeds} "
            f"seeds have a success; growth laws need {SHORTEST}, half of them held out."
        )
    if curves[:, reached].max() > CEILING:
        raise InputError(f"arm {arm} has a score above 1; give scores in [0, 1].")
    if np.ptp(curves[:, first:half].mean(axis=0)) <= TOUCHING:
        raise TooFewScores(
            f"the mean best-so-far curve of arm {arm} does not rise over its first {half} "
            "experiments, so no law can be fitted; run more experiments."
        )
    places = _Places.of(first, half, length)
    draws = np.empty((0, seeds))
    if seeds >= SEEDS_FOR_BOOTSTRAP:
        root = derive_seed(settings.seed, "growth laws", arm)
        draws = seed_draws(seeds, settings.bootstraps, root)
    weights = np.vstack([np.full((1, seeds), 1 / seeds), draws])
    errors = np.stack([_tail_errors(law, weights, curves, places) for law in LAWS])
    constant = _constant_errors(weights, curves, places, half)
    won, stalled = _wins(errors[:, 1:], constant[1:])
    mean = curves.mean(axis=0)
    improvements = int((np.diff(curves[:, first:], axis=1) > 0).sum()) + seeds
    laws = [
        LawFit(
            **_law_fit(law, mean, places, improvements),
            tail_error=float(errors[row, 0]),
            tail_interval=_spread(law, curves, places, errors[row, 1:]),
            wins=float(won[row]),
        )
        for row, law in enumerate(LAWS)
    ]
    exponent = _exponent(curves, draws, places)
    return GrowthLaws(
        arm=arm,
        seeds=seeds,
        n_first=first + 1,
        n_fitted=half,
        n_max=2 * half,
        improvements=improvements,
        constant_error=float(constant[0]),
        constant_wins=stalled,
        laws=tuple(sorted(laws, key=lambda fit: fit.tail_error)),
        c_identified=next(fit.identified for fit in laws if fit.law == "power"),
        **exponent,
    )


def start_sensitivity(
    rows: pd.DataFrame, settings: AnalysisSettings, starts: Sequence[int] = ()
) -> tuple[StartRow, ...]:
    """Fit the power law of the mean curve that begins after 0, 10, …, 50 % of the shortest run.

    A law that is a finding has the same c whichever start was chosen; one whose c moves with the
    start is a choice of the analyst.

    Parameters
    ----------
    rows
        Experiments of one arm name, all seeds, in proposal order.
    starts
        More starts, such as declared changes: experiments left out at the beginning of every run.

    Raises
    ------
    TooFewScores
        If no start leaves four budgets at which every seed has a success.
    """
    scores = rows[settings.selection].to_numpy(dtype=np.float64)
    runs = [scores[np.sort(places)] for places in rows.groupby("arm_seed").indices.values()]
    length = min(run.size for run in runs)
    if any(not 0 <= start < length for start in starts):
        raise InputError(
            f"a start of {max(starts)} does not lie in runs of {length} experiments; use 0 to "
            f"{length - 1}."
        )
    found = []
    for start in sorted({round(share * length) for share in START_SHARES} | set(starts)):
        curves = [best_so_far(run[start:length]).selection for run in runs]
        mean = np.mean(curves, axis=0)
        if np.isfinite(mean).sum() < 4:
            continue
        fit = fit_power_law(np.arange(1, mean.size + 1), mean)
        found.append(
            StartRow(
                start=start,
                n=length - start,
                a=fit.a,
                c=fit.c,
                c_interval=fit.c_interval,
                r_squared=fit.r_squared,
                at_bound=fit.at_bound,
                identified=fit.identified,
            )
        )
    if not found:
        raise TooFewScores(
            f"arm {rows['arm'].iloc[0]} has no four budgets at which every seed has a value of "
            f"{settings.selection}; run more experiments."
        )
    return tuple(found)


@dataclass(frozen=True)
class _Places:
    """Positions in the curves: log-spaced before the tail and on the whole, even on the tail."""

    fitted: NDArray[np.intp]
    tail: NDArray[np.intp]
    whole: NDArray[np.intp]

    @classmethod
    def of(cls, first: int, half: int, length: int) -> "_Places":
        return cls(
            first + log_spaced(half - first),
            np.unique(np.round(np.linspace(half, 2 * half - 1, POINTS)).astype(np.intp)),
            first + log_spaced(length - first),
        )


def _budgets(places: NDArray[np.intp]) -> NDArray[np.float64]:
    return (places + 1).astype(np.float64)


def _means(
    weights: NDArray[Any], curves: NDArray[np.float64], places: NDArray[np.intp]
) -> NDArray[np.float64]:
    return np.asarray(weights @ curves[:, places], dtype=np.float64)


def _tail_errors(
    law: Law, weights: NDArray[Any], curves: NDArray[np.float64], places: _Places
) -> NDArray[np.float64]:
    """Fit every weighted mean before the tail; root mean squared error on its tail."""
    n = _budgets(places.fitted)
    found = fit_law(law, n, _means(weights, curves, places.fitted))
    missed = found.predict(_budgets(places.tail), float(n[-1])) - _means(
        weights, curves, places.tail
    )
    return np.asarray(np.sqrt((missed**2).mean(axis=1)))


def _spread(
    law: Law, curves: NDArray[np.float64], places: _Places, resampled: NDArray[np.float64]
) -> Interval | None:
    seeds = len(curves)
    if seeds == 1:
        return None
    if resampled.size:
        return expanded_interval(resampled, seeds)
    single = _tail_errors(law, np.eye(seeds), curves, places)
    return Interval(float(single.min()), float(single.max()), f"range of {seeds} seeds, each alone")


def _constant_errors(
    weights: NDArray[np.float64], curves: NDArray[np.float64], places: _Places, half: int
) -> NDArray[np.float64]:
    missed = weights @ (curves[:, places.tail] - curves[:, half - 1 : half])
    return np.asarray(np.sqrt((missed**2).mean(axis=1)))


def _wins(
    errors: NDArray[np.float64], constant: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Share of columns in which each row is smallest, ties shared, and below the constant."""
    if not constant.size:
        return np.full(len(errors), np.nan), float("nan")
    best = errors.min(axis=0)
    beaten = best < constant * (1 - 1e-9)
    smallest = (errors <= best * (1 + 1e-9)) & beaten
    shares = smallest / np.maximum(smallest.sum(axis=0), 1)
    return np.asarray(shares.mean(axis=1)), float((~beaten).mean())


def _law_fit(law: Law, mean: NDArray[Any], places: _Places, improvements: int) -> dict[str, Any]:
    """Fit the whole curve: everything of a law but its tail."""
    n, y = _budgets(places.whole), np.asarray(mean[places.whole], dtype=np.float64)
    fit = fit_law(law, n, y[np.newaxis])
    parameters = {name: float(values[0]) for name, values in fit.parameters.items()}
    touched = tuple(name for name, at in fit.at_bound.items() if at[0])
    error = float(fit.errors[0])
    if law == "power":
        exact = fit_power_law(n, y, spacing="all")
        parameters, touched = {"a": exact.a, "b": exact.b, "c": exact.c}, exact.at_bound
        error = (1 - exact.r_squared) * float(((y - y.mean()) ** 2).sum())
    k = len(parameters) + 1
    spare = improvements - k - 1
    aicc = float("nan")
    if spare > 0 and error > 0:
        aicc = improvements * np.log(error / y.size) + 2 * k + 2 * k * (k + 1) / spare
    return {
        "law": law,
        "formula": FORMULAS[law],
        "parameters": parameters,
        "at_bound": touched,
        "identified": not touched,
        "r_squared": 1 - error / float(((y - y.mean()) ** 2).sum()),
        "aicc": float(aicc),
    }


def _exponent(
    curves: NDArray[np.float64], draws: NDArray[np.float64], places: _Places
) -> dict[str, Any]:
    n = _budgets(places.whole)
    fit = fit_power_law(n, curves[:, places.whole].mean(axis=0), spacing="all")
    if not len(draws):
        return {"c": fit.c, "c_interval": fit.c_interval, "c_on_bound": float("nan")}
    resampled = _means(draws, curves, places.whole)
    bounds = fit_law("power", n, resampled).at_bound
    return {
        "c": fit.c,
        "c_interval": expanded_interval(power_exponents(n, resampled), len(curves)),
        "c_on_bound": float(np.any(list(bounds.values()), axis=0).mean()),
    }
