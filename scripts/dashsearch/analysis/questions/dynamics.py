"""What do arms and agents propose over time?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashsearch.analysis.dynamics import EntropySeries, entropy_of_proposals
from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Space


def dynamics_findings(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Entropy of the proposals of every run."""
    runs = _entropy_of_runs(ledger, space, settings)
    document = {
        "schema": "dynamics/1",
        "task": str(ledger["task"].iloc[0]),
        "window": settings.window,
        "step": settings.step,
        "runs": plain(list(runs)),
    }
    return Findings({"dynamics.json": document}, {"entropy.csv": _entropy_table(runs)})


@dataclass(frozen=True)
class _Run:
    arm: str
    arm_seed: int
    n: int
    series: tuple[EntropySeries, ...]


def _entropy_of_runs(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[_Run, ...]:
    # A rejected proposal with an impossible level has no cell; every other proposal counts.
    proposals = ledger[ledger["status"] != "invalid"]
    return tuple(
        _Run(
            str(arm),
            int(str(seed)),
            len(rows),
            entropy_of_proposals(
                rows["cell"].to_numpy(dtype=np.int64),
                space,
                window=settings.window,
                step=settings.step,
                draws=settings.bootstraps,
                seed=settings.seed,
            ),
        )
        for (arm, seed), rows in proposals.groupby(["arm", "arm_seed"], sort=False)
    )


def _entropy_table(runs: tuple[_Run, ...]) -> pd.DataFrame:
    columns = [
        "arm", "arm_seed", "group", "support", "window", "end", "entropy_bits", "corrected_bits",
        "normalised", "effective", "uniform_low", "uniform_median", "uniform_high",
    ]  # fmt: skip
    rows = [
        (
            run.arm, run.arm_seed, series.group, series.support, series.window,
            int(series.ends[i]), series.entropy_bits[i], series.corrected_bits[i],
            series.normalised[i], series.effective[i],
            series.uniform.low, series.uniform.median, series.uniform.high,
        )
        for run in runs
        for series in run.series
        for i in range(series.ends.size)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
