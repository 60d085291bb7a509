"""Which factors does the variance of scores belong to?"""

from typing import Any

import numpy as np
import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.shares import (
    PUBLISHED_PAIR,
    ArmShares,
    distinct_cells,
    primary_arm,
    variance_shares,
)
from dashsearch.space.space import Space


def variance_findings(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Shares of variance of every arm name, on the reported and on the selecting score."""
    shares = {
        score: variance_shares(ledger, space, score, settings)
        for score in (settings.score, settings.selection)
    }
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    document = {
        "schema": "variance/1",
        "task": str(ledger["task"].iloc[0]),
        "primary_arm": primary_arm(arms, settings),
        "score": settings.score,
        "one_way": _headline(shares[settings.score]),
        "scores": plain({score: list(arms) for score, arms in shares.items()}),
    }
    return Findings(
        {"variance.json": document}, {"pair_means.csv": pair_means(ledger, space, settings)}
    )


def pair_means(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> pd.DataFrame:
    """Mean, standard deviation and n of the distinct cells of each backbone x encoder pair.

    Every pair of the space has a row for every arm name; one that was never scored has n = 0.
    """
    if not set(PUBLISHED_PAIR) <= set(space.names):
        return pd.DataFrame(columns=["arm", "sampling", "n"])
    backbone, encoder = PUBLISHED_PAIR
    rows = []
    for arm, proposed in ledger.groupby("arm", sort=False):
        scored = distinct_cells(proposed, settings.score)
        by_pair = dict(list(scored.groupby([backbone, encoder], sort=False)))
        for one in space.factor(backbone).levels:
            for other in space.factor(encoder).levels:
                pair = by_pair.get((one, other), scored.iloc[:0])
                row: dict[str, Any] = {
                    "arm": arm,
                    "sampling": settings.sampling(str(arm)),
                    backbone: one,
                    encoder: other,
                    "n": len(pair),
                }
                for score in (settings.score, settings.selection):
                    values = pair[score].to_numpy(dtype=np.float64)
                    row[f"mean_{score}"] = values.mean() if values.size else np.nan
                    row[f"sd_{score}"] = values.std(ddof=1) if values.size > 1 else np.nan
                rows.append(row)
    return pd.DataFrame(rows)


def _headline(shares: tuple[ArmShares, ...]) -> dict[str, Any] | None:
    return next(
        (
            {"name": share.name, "arm": arm.arm, **plain(share.estimate)}
            for arm in shares
            if arm.primary
            for share in arm.shares
            if share.role == "pairs" and share.estimate is not None
        ),
        None,
    )
