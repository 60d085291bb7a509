"""How does the best score grow with the number of experiments?"""

import pandas as pd

from dashsearch.analysis.arms import (
    arm_convergence,
    best_so_far_table,
    common_budgets,
    compare_at_equal_n,
)
from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Space


def convergence_findings(
    ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> Findings:
    """Best-so-far of every arm name with its power law, and all arm names at equal budgets."""
    budgets = common_budgets(ledger)
    curves = [
        arm_convergence(ledger[ledger["arm"] == arm], budgets, settings)
        for arm in pd.unique(ledger["arm"])
    ]
    document = {
        "schema": "convergence/1",
        "task": str(ledger["task"].iloc[0]),
        "score": settings.score,
        "selection": settings.selection,
        "arms": plain(curves),
        "equal_n": plain(compare_at_equal_n(curves, budgets)),
    }
    return Findings(
        {"convergence.json": document}, {"best_so_far.csv": best_so_far_table(ledger, settings)}
    )
