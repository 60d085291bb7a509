"""Arms side by side: tables of what they ran, their curves, and their best at equal budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.convergence.curves import (
    BestSoFar,
    SeedMean,
    best_quantile,
    best_so_far,
    expected_best,
    expected_selected,
    expected_selected_band,
    interval_at,
    mean_over_seeds,
)
from dashsearch.analysis.convergence.power_law import (
    PowerLawFit,
    fit_power_law,
)
from dashsearch.analysis.convergence.power_law_null import PowerLawNull, power_law_null
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings, Sampling
from dashsearch.ledger.schema import STATUSES
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space

BUDGETS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
CURVE_POINTS = 200
SINGLE_RUNS = "middle 90 % of single runs"
OVER_POOL = "95 % bootstrap over the pool"


@dataclass(frozen=True)
class Exchangeable:
    """What random draws from the experiments of an arm name reach, exactly, without simulation.

    Both bands are NaN where n is more than half of the pool. There a draw holds most of the pool:
    the bands narrow towards the pool's own best, whatever another pool would have held.

    Attributes
    ----------
    pool
        Number of experiments that are drawn from.
    n
        Budgets up to the pool, log-spaced where it is large.
    selection, reported
        Expected best validation score, and expected test score of its holder.
    low, high
        Middle 90 % of single runs' best validation score.
    reported_low, reported_high
        95 % bootstrap over the pool of `reported`.
    """

    pool: int
    n: NDArray[np.int64]
    selection: NDArray[np.float64]
    reported: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reported_low: NDArray[np.float64]
    reported_high: NDArray[np.float64]


@dataclass(frozen=True)
class ArmConvergence:
    """The convergence of one arm name.

    Attributes
    ----------
    selection, reported
        Best validation score so far, and test score of its holder: means over the seeds.
    power_law, null, power_law_reason
        Fit to `selection`, R squared under shuffled orders, and why either is missing.
    exchangeable
        For designed and uniform sampling, whose order carries no information; else None.
    """

    arm: str
    sampling: Sampling
    seeds: tuple[int, ...]
    selection: SeedMean
    reported: SeedMean
    power_law: PowerLawFit | None
    null: PowerLawNull | None
    power_law_reason: str
    exchangeable: Exchangeable | None


@dataclass(frozen=True)
class BestAt:
    """Best of one arm name at one budget.

    `method` says where it comes from: ``"runs"`` (mean over seeds, NaN unless all `seeds` have
    `succeeded` once) or ``"expectation"`` (exact, over draws from the pool of all seeds).
    """

    arm: str
    sampling: Sampling
    n: int
    method: str
    selection: float
    selection_interval: Interval | None
    reported: float
    reported_interval: Interval | None
    seeds: int
    succeeded: int
    pool: int


@dataclass(frozen=True)
class EqualBudget:
    """All arm names at equal budgets; `n` is the largest that every seed has spent."""

    n: int
    budgets: tuple[int, ...]
    rows: tuple[BestAt, ...]


def common_budgets(ledger: pd.DataFrame) -> tuple[int, ...]:
    """Return the usual budgets that every run has spent, and the largest such."""
    largest = int(ledger.groupby(["arm", "arm_seed"]).size().min())
    return (*(n for n in BUDGETS if n < largest), largest)


def arm_convergence(
    rows: pd.DataFrame, budgets: Sequence[int], settings: AnalysisSettings
) -> ArmConvergence:
    """Follow the best so far of an arm name, over its seeds; `budgets` are certain to be read."""
    arm = str(rows["arm"].iloc[0])
    sampling = settings.sampling(arm)
    runs = [(int(str(seed)), run) for seed, run in rows.groupby("arm_seed", sort=True)]
    curves = [_incumbents(run, settings) for _, run in runs]
    seed = derive_seed(settings.seed, "bootstrap over seeds", arm)
    selection = mean_over_seeds([c.selection for c in curves], settings.bootstraps, seed)
    reported = mean_over_seeds([c.reported for c in curves], settings.bootstraps, seed)
    fit, null, reason = None, None, ""
    try:
        fit = fit_power_law(selection.n, selection.mean)
        null = power_law_null(
            [run[settings.selection].to_numpy(dtype=np.float64) for _, run in runs],
            settings.permutations,
            derive_seed(settings.seed, "shuffled orders", arm),
        )
    except TooFewScores as refusal:
        reason = str(refusal)
    return ArmConvergence(
        arm=arm,
        sampling=sampling,
        seeds=tuple(name for name, _ in runs),
        selection=selection,
        reported=reported,
        power_law=fit,
        null=null,
        power_law_reason=reason,
        exchangeable=None if sampling == "adaptive" else _exchangeable(rows, budgets, settings),
    )


def compare_at_equal_n(curves: Sequence[ArmConvergence], budgets: Sequence[int]) -> EqualBudget:
    """Read every arm name at the same budgets."""
    rows = []
    for curve in curves:
        for n in budgets:
            rows.append(
                BestAt(
                    arm=curve.arm,
                    sampling=curve.sampling,
                    n=n,
                    method="runs",
                    selection=float(curve.selection.mean[n - 1]),
                    selection_interval=interval_at(curve.selection, n),
                    reported=float(curve.reported.mean[n - 1]),
                    reported_interval=interval_at(curve.reported, n),
                    seeds=curve.selection.seeds,
                    succeeded=int(curve.selection.succeeded[n - 1]),
                    pool=n,
                )
            )
            pool = curve.exchangeable
            if pool is not None and n <= pool.pool:
                at = int(np.searchsorted(pool.n, n))
                rows.append(
                    BestAt(
                        arm=curve.arm,
                        sampling=curve.sampling,
                        n=n,
                        method="expectation",
                        selection=float(pool.selection[at]),
                        selection_interval=_band_at(pool.low, pool.high, at, SINGLE_RUNS),
                        reported=float(pool.reported[at]),
                        reported_interval=_band_at(
                            pool.reported_low, pool.reported_high, at, OVER_POOL
                        ),
                        seeds=curve.selection.seeds,
                        succeeded=int(curve.selection.succeeded[n - 1]),
                        pool=pool.pool,
                    )
                )
    return EqualBudget(n=max(budgets), budgets=tuple(budgets), rows=tuple(rows))


def arms_table(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> pd.DataFrame:
    """One row per arm, by name and seed: what it spent, what failed, what it would deploy."""
    table = []
    for (arm, arm_seed), run in ledger.groupby(["arm", "arm_seed"], sort=False):
        incumbents = _incumbents(run, settings)
        holder = int(incumbents.incumbent[-1])
        statuses = run["status"].value_counts()
        row: dict[str, Any] = {
            "arm": arm,
            "arm_seed": arm_seed,
            "sampling": settings.sampling(str(arm)),
            "n": len(run),
            "partial": int((run["fidelity"] < 1).sum()),
            **{status: int(statuses.get(status, 0)) for status in STATUSES},
            f"best_{settings.selection}": incumbents.selection[-1],
            f"{settings.score}_of_best": incumbents.reported[-1],
            "best_after_n": holder + 1 if holder >= 0 else None,
            "best_experiment_id": run["experiment_id"].iloc[holder] if holder >= 0 else "",
        }
        for name in space.names:
            row[name] = run[name].iloc[holder] if holder >= 0 else None
        table.append(row)
    return pd.DataFrame(table)


def best_so_far_table(ledger: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """One row per experiment: the best so far of its run, and the test score of its holder."""
    tables = []
    for (arm, arm_seed), run in ledger.groupby(["arm", "arm_seed"], sort=False):
        curve = _incumbents(run, settings)
        identities = run["experiment_id"].to_numpy()
        tables.append(
            pd.DataFrame(
                {
                    "arm": arm,
                    "arm_seed": arm_seed,
                    "n": curve.n,
                    f"best_{settings.selection}": curve.selection,
                    f"{settings.score}_of_best": curve.reported,
                    "best_experiment_id": np.where(
                        curve.incumbent >= 0, identities[curve.incumbent], ""
                    ),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def failures_table(ledger: pd.DataFrame) -> pd.DataFrame:
    """Count the experiments that did not end well, by arm, status and reason, the most first."""
    failed = ledger[ledger["status"] != "ok"]
    # A duplicate's reason names one experiment; grouped by it, every row would stand alone.
    reasons = failed["reason"].where(failed["status"] != "duplicate", "this arm proposed it before")
    counts = (
        pd.DataFrame({"arm": failed["arm"], "status": failed["status"], "reason": reasons})
        .value_counts(sort=False)
        .reset_index(name="n")
    )
    return counts.sort_values(
        ["n", "arm", "status", "reason"], ascending=[False, True, True, True], ignore_index=True
    )


def _incumbents(run: pd.DataFrame, settings: AnalysisSettings) -> BestSoFar:
    return best_so_far(
        run[settings.selection].to_numpy(dtype=np.float64),
        run[settings.score].to_numpy(dtype=np.float64),
    )


def _band_at(
    low: NDArray[np.float64], high: NDArray[np.float64], at: int, kind: str
) -> Interval | None:
    if not np.isfinite(low[at]):
        return None
    return Interval(float(low[at]), float(high[at]), kind)


def _exchangeable(
    rows: pd.DataFrame, budgets: Sequence[int], settings: AnalysisSettings
) -> Exchangeable | None:
    # A replicate is no new draw from the space, so only the first experiment of a cell is kept.
    pool = rows.drop_duplicates("cell")
    selection = pool[settings.selection].to_numpy(dtype=np.float64)
    if not np.isfinite(selection).any():
        return None
    reported = pool[settings.score].to_numpy(dtype=np.float64)
    spaced = np.round(np.geomspace(1, len(pool), CURVE_POINTS)).astype(np.int64)
    n = np.unique([*spaced, *(budget for budget in budgets if budget <= len(pool))])
    seed = derive_seed(settings.seed, "bootstrap over the pool", str(rows["arm"].iloc[0]))
    band = expected_selected_band(selection, reported, n, settings.bootstraps, seed)
    low, high, reported_low, reported_high = (
        np.where(2 * n <= len(pool), limits, np.nan)
        for limits in (best_quantile(selection, n, 0.05), best_quantile(selection, n, 0.95), *band)
    )
    return Exchangeable(
        pool=len(pool),
        n=n,
        selection=expected_best(selection, n),
        reported=expected_selected(selection, reported, n),
        low=low,
        high=high,
        reported_low=reported_low,
        reported_high=reported_high,
    )
