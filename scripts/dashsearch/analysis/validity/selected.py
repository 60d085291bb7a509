"""What is lost by choosing on validation: the selected configuration of every run, on test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.convergence.curves import best_so_far
from dashsearch.analysis.inference.seed_intervals import interval_of_mean
from dashsearch.analysis.results import Interval
from dashsearch.analysis.settings import AnalysisSettings, Sampling
from dashsearch.seeds import derive_seed

MEASURES = ("optimism", "offset", "excess", "regret", "random_regret")


@dataclass(frozen=True)
class Selected:
    """The configuration that a run would deploy: the first with the best validation score.

    Attributes
    ----------
    n, n_scored
        Experiments of the run, and those with scores.
    selection, score
        Its validation and its test score.
    optimism
        Validation minus test score of the selected.
    offset
        Mean of the same difference over all experiments of the run: how much harder test is.
    excess
        Optimism beyond the offset: what choosing the largest of noisy scores adds.
    oracle
        Best test score of the run. It is the largest of noisy scores itself.
    regret, random_regret
        Oracle minus the selected's test score; and its chance level, the same of an experiment that
        is drawn at random.
    rank
        Place of the selected among the test scores of its run, 1 is the best; ties share the mean.
    """

    arm: str
    arm_seed: int
    sampling: Sampling
    n: int
    n_scored: int
    experiment_id: str
    selection: float
    score: float
    optimism: float
    offset: float
    excess: float
    oracle: float
    regret: float
    random_regret: float
    rank: float


@dataclass(frozen=True)
class Mean:
    """Mean of a measure over the seeds of an arm name; one seed has no interval."""

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class ArmSelected:
    """The selected of all runs of an arm name.

    Attributes
    ----------
    seeds, succeeded
        Runs, and those with a scored experiment; means are over the latter.
    measures
        Mean of each of `MEASURES`, by its name; empty without a scored experiment.
    reason
        Why intervals, or all of it, are missing; else "".
    """

    arm: str
    sampling: Sampling
    seeds: int
    succeeded: int
    measures: dict[str, Mean]
    reason: str


def selected_of_runs(ledger: pd.DataFrame, settings: AnalysisSettings) -> tuple[Selected, ...]:
    """Find what every run would deploy; runs without a scored experiment have nothing to."""
    found = []
    for (arm, arm_seed), run in ledger.groupby(["arm", "arm_seed"], sort=False):
        selection = run[settings.selection].to_numpy(dtype=np.float64)
        score = run[settings.score].to_numpy(dtype=np.float64)
        holder = int(best_so_far(selection, score).incumbent[-1])
        if holder < 0:
            continue
        found.append(_selected(str(arm), int(str(arm_seed)), run, holder, settings))
    return tuple(found)


def selected_of_arms(
    runs: tuple[Selected, ...], ledger: pd.DataFrame, settings: AnalysisSettings
) -> tuple[ArmSelected, ...]:
    """Mean of every measure over the seeds of each arm name."""
    found = []
    for arm, rows in ledger.groupby("arm", sort=False):
        mine = [run for run in runs if run.arm == arm]
        measures = {
            name: _mean(np.array([getattr(run, name) for run in mine]), str(arm), name, settings)
            for name in MEASURES
            if mine
        }
        reason = ""
        if not mine:
            reason = "no run has a scored experiment, so there is nothing to select."
        elif len(mine) == 1:
            reason = "one run has no interval over seeds; run more seeds."
        found.append(
            ArmSelected(
                arm=str(arm),
                sampling=settings.sampling(str(arm)),
                seeds=int(rows["arm_seed"].nunique()),
                succeeded=len(mine),
                measures=measures,
                reason=reason,
            )
        )
    return tuple(found)


def _mean(values: NDArray[np.float64], arm: str, name: str, settings: AnalysisSettings) -> Mean:
    root = derive_seed(settings.seed, "selected", arm, name)
    return Mean(float(values.mean()), interval_of_mean(values, settings.bootstraps, root))


def _selected(
    arm: str, arm_seed: int, run: pd.DataFrame, holder: int, settings: AnalysisSettings
) -> Selected:
    selection = run[settings.selection].to_numpy(dtype=np.float64)
    score = run[settings.score].to_numpy(dtype=np.float64)
    scored = np.isfinite(selection) & np.isfinite(score)
    oracle = float(score[scored].max())
    optimism = float(selection[holder] - score[holder])
    offset = float((selection[scored] - score[scored]).mean())
    better = int((score[scored] > score[holder]).sum())
    tied = int((score[scored] == score[holder]).sum())
    return Selected(
        arm=arm,
        arm_seed=arm_seed,
        sampling=settings.sampling(arm),
        n=len(run),
        n_scored=int(scored.sum()),
        experiment_id=str(run["experiment_id"].iloc[holder]),
        selection=float(selection[holder]),
        score=float(score[holder]),
        optimism=optimism,
        offset=offset,
        excess=optimism - offset,
        oracle=oracle,
        regret=oracle - float(score[holder]),
        random_regret=oracle - float(score[scored].mean()),
        rank=better + (tied + 1) / 2,
    )
