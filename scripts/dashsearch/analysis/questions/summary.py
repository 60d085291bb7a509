"""What did every arm spend, what failed, and what would it deploy?"""

from typing import Any

import pandas as pd

from dashsearch.analysis.convergence.arms import arms_table, failures_table
from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.shares import primary_arm
from dashsearch.space.space import Space


def summary_findings(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Arms side by side: what they spent, what failed, what they would deploy."""
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    arm_rows = arms_table(ledger, space, settings)
    document = {
        "schema": "summary/1",
        "task": str(ledger["task"].iloc[0]),
        "score": settings.score,
        "selection": settings.selection,
        "n_experiments": len(ledger),
        "n_partial": int((ledger["fidelity"] < 1).sum()),
        "primary_arm": primary_arm(arms, settings),
        "space": {"name": space.name, "digest": space.digest, "cells": space.size},
        "arms": plain(_records(arm_rows)),
        "failures": plain(_records(failures_table(ledger))),
        "settings": plain(settings),
    }
    return Findings({"summary.json": document}, {"arms.csv": arm_rows})


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
