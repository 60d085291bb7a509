"""Which factors does the variance of scores belong to?"""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.questions.variance_tables import (
    SHARE_COLUMNS,
    TWO_WAY_COLUMNS,
    Record,
    component_rows,
    read_together,
    table,
    two_way_record,
    two_way_rows,
)
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.decomposition import decompose
from dashsearch.analysis.variance.shares import (
    PUBLISHED_PAIR,
    ArmShares,
    distinct_cells,
    independent_scores,
    primary_arm,
    variance_shares,
)
from dashsearch.analysis.variance.two_way import two_way
from dashsearch.space.space import Space


def variance_findings(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Shares of variance of every arm name, on the reported and on the selecting score."""
    shares = {
        score: variance_shares(ledger, space, score, settings)
        for score in (settings.score, settings.selection)
    }
    arms = [str(arm) for arm in pd.unique(ledger["arm"])]
    primary = primary_arm(arms, settings)
    two_ways = {score: _two_ways(ledger, space, score, settings) for score in shares}
    decompositions = {
        score: _decomposition(ledger, space, score, settings, primary) for score in shares
    }
    document = {
        "schema": "variance/2",
        "task": str(ledger["task"].iloc[0]),
        "primary_arm": primary,
        "score": settings.score,
        "one_way": _headline(shares[settings.score]),
        "scores": {
            score: [_with_families(plain(arm)) for arm in arms] for score, arms in shares.items()
        },
        "two_way": two_ways,
        "decomposition": decompositions,
    }
    components = [
        row for score, record in decompositions.items() for row in component_rows(record, score)
    ]
    effects = [
        row
        for score, records in two_ways.items()
        for record in records
        for row in two_way_rows(record, record["arm"], score)
    ]
    return Findings(
        {"variance.json": document},
        {
            "pair_means.csv": pair_means(ledger, space, settings),
            "variance_shares.csv": table(components, SHARE_COLUMNS),
            "two_way.csv": table(effects, TWO_WAY_COLUMNS),
        },
    )


def refuse_nothing(findings: Findings, rows: int) -> None:
    """Refuse a ledger of `rows` rows that carries not a single share.

    Raises
    ------
    TooFewScores
        With the reason of the first share.
    """
    document = findings.documents["variance.json"]
    shares = [s for arms in document["scores"].values() for arm in arms for s in arm["shares"]]
    if not any(share["estimate"] for share in shares):
        raise TooFewScores(
            f"column {document['score']}: its {rows} rows carry no share of variance, since "
            f"{shares[0]['reason']}"
        )


def _with_families(arm: Record) -> Record:
    single = [share for share in arm["shares"] if share["role"] == "factor"]
    others = [share for share in arm["shares"] if share["role"] != "factor"]
    return {**arm, "shares": others + read_together(single, f"single factors of {arm['arm']}")}


def _two_ways(
    ledger: pd.DataFrame, space: Space, score: str, settings: AnalysisSettings
) -> list[Record]:
    """Split by backbone, encoder and their interaction, for every arm that is unbiased."""
    if not set(PUBLISHED_PAIR) <= set(space.names):
        return []
    records = []
    for arm, rows in ledger.groupby("arm", sort=False):
        sampling = settings.sampling(str(arm))
        if sampling == "adaptive":
            continue
        scored = independent_scores(rows, space, PUBLISHED_PAIR, score)
        one, other = (scored[name].to_numpy() for name in PUBLISHED_PAIR)
        analyse = partial(two_way, one, other, scored[score], names=PUBLISHED_PAIR)
        record = two_way_record(analyse, f"{arm}, {score}")
        records.append({"arm": str(arm), "sampling": sampling, **record})
    return records


def _decomposition(
    ledger: pd.DataFrame, space: Space, score: str, settings: AnalysisSettings, arm: str | None
) -> Record:
    if arm is None:
        reason = "no arm drew its cells without looking at scores; add a designed or a uniform arm."
        return {"arm": None, "estimate": None, "reason": reason}
    try:
        found = plain(decompose(ledger[ledger["arm"] == arm], space, score, settings))
    except TooFewScores as refusal:
        return {"arm": arm, "estimate": None, "reason": str(refusal)}
    family = f"components of the decomposition of {arm}, {score}"
    found["components"] = read_together(found["components"], family)
    return {"arm": arm, "estimate": found, "reason": ""}


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
    """Return the published measure on the primary arm, or on the only one; `sampling` says which.

    Of several arms that all chose their cells by scores, none speaks for the task.
    """
    arm = next((arm for arm in shares if arm.primary or len(shares) == 1), None)
    if arm is None:
        return None
    return next(
        (
            {"name": share.name, "arm": arm.arm, "sampling": arm.sampling, **plain(share.estimate)}
            for share in arm.shares
            if share.role == "pairs" and share.estimate is not None
        ),
        None,
    )
