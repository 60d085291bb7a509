"""Does the winning backbone stay ahead at equal configuration?"""

from typing import Any

import numpy as np
import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.inputs.clip_scores import ClipScores
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.transfer import BACKBONE, configuration_of, grid_of, transfer_gaps
from dashsearch.space.space import Space


def transfer_findings(
    results: pd.DataFrame, space: Space, settings: AnalysisSettings, clips: ClipScores | None
) -> Findings:
    """Gaps of all backbones to the reference, and the table configuration x backbone."""
    cells = _cells(results, space, settings)
    document: dict[str, Any] = {
        "schema": "transfer/1",
        "task": str(results["task"].iloc[0]),
        "score": settings.score,
        "selection": settings.selection,
        "n_experiments": len(results),
        "n_scored": int(results[settings.score].notna().sum()),
        "n_failed": int((results["status"] != "ok").sum()),
        "cells": plain(cells.to_dict("records")),
        "transfer": None,
        "reason": "",
    }
    try:
        document["transfer"] = plain(transfer_gaps(results, space, settings, clips))
    except TooFewScores as error:
        document["reason"] = str(error)
    return Findings({"transfer.json": document}, {"transfer.csv": cells})


def _cells(results: pd.DataFrame, space: Space, settings: AnalysisSettings) -> pd.DataFrame:
    """One row per configuration and backbone, means over seeds."""
    order = grid_of(results, space, settings.score).configurations
    keys = configuration_of(results, space)
    rows = []
    for number, key in enumerate(order, start=1):
        for backbone in space.factor(BACKBONE).levels:
            own = results[(keys == key) & (results[BACKBONE] == backbone).to_numpy()]
            levels = space.cell(key)
            row: dict[str, Any] = {"configuration": number, **levels, BACKBONE: backbone}
            row["n"] = int(own[settings.score].notna().sum())
            row["failed"] = int((own["status"] != "ok").sum())
            row["found"] = int(((own["source"] == "transfer") & (own["kind"] == "base")).any())
            for score in (settings.score, settings.selection):
                values = own[score].dropna().to_numpy(dtype=np.float64)
                row[f"mean_{score}"] = values.mean() if values.size else np.nan
                row[f"sd_{score}"] = values.std(ddof=1) if values.size > 1 else np.nan
            rows.append(row)
    return pd.DataFrame(rows)
