"""What do shares of variance say on the cells that each arm chose, and what are they?"""

from typing import Any

import pandas as pd

from dashsearch.analysis.bias.adaptive_bias import (
    ArmBias,
    arm_bias,
    exact_references,
    sample_references,
)
from dashsearch.analysis.bias.share_estimates import Estimate, quantities, uniform_cells
from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import interval_columns, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.functional_anova import FunctionalAnova
from dashsearch.analysis.variance.shares import distinct_cells, primary_arm
from dashsearch.space.space import Space

COLUMNS = [
    "arm", "quantity", "method", "share", "low", "high", "interval_kind", "n", "chance_level",
    "reference", "reference_low", "reference_high", "reference_method", "reference_n",
    "difference", "difference_low", "difference_high", "difference_kind", "reason",
]  # fmt: skip


def bias_findings(
    ledger: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    truth: FunctionalAnova | None = None,
    truth_reason: str = "there is no table of all cells.",
) -> Findings:
    """Shares of every adaptive arm by every method, beside their reference.

    Parameters
    ----------
    truth
        Exact analysis of the table that the arms looked their experiments up in. Without it, the
        designed or uniform arm is the reference; without that, all starts and audits are.
    truth_reason
        Why there is no exact analysis.
    """
    wanted = quantities(space)
    if truth is not None:
        references, truth_reason = exact_references(truth, wanted, space), ""
    else:
        references = _references(ledger, space, settings)
    arms = [
        arm_bias(rows, space, settings, references)
        for arm, rows in ledger[ledger["status"] != "invalid"].groupby("arm", sort=False)
        if settings.sampling(str(arm)) == "adaptive"
    ]
    document = {
        "schema": "bias/1",
        "task": str(ledger["task"].iloc[0]),
        "score": settings.score,
        "references": plain(references),
        "truth_reason": truth_reason,
        "arms": plain(arms),
        "reason": "" if arms else "no arm chose its cells by earlier scores.",
    }
    return Findings({"bias.json": document}, {"bias.csv": _table(arms)})


def _references(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> dict[str, Estimate]:
    primary = primary_arm([str(arm) for arm in pd.unique(ledger["arm"])], settings)
    if primary is not None:
        rows = distinct_cells(ledger[ledger["arm"] == primary], settings.score)
        return sample_references(rows, space, settings, name=f"arm {primary}")
    rows = uniform_cells(ledger, settings.score)
    return sample_references(rows, space, settings, name="starts and audits of all arms")


def _table(arms: list[ArmBias]) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for arm in arms:
        for row in arm.rows:
            mine, other = row.estimate, row.reference
            rows.append(
                (
                    arm.arm, row.quantity, mine.method, mine.value,
                    *interval_columns(mine.interval),
                    mine.n, mine.chance_level, other.value, *interval_columns(other.interval)[:2],
                    other.method, other.n, row.difference,
                    *interval_columns(row.difference_interval),
                    mine.reason or other.reason,
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
