"""Which factors does the variance behind a published table of groups belong to?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.questions.variance_tables import (
    TWO_WAY_COLUMNS,
    Record,
    read_together,
    table,
    two_way_record,
    two_way_rows,
)
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.variance.group_table import (
    Deviation,
    GroupTable,
    collapse,
    one_way_of_groups,
    read_group_table,
)
from dashsearch.analysis.variance.two_way import two_way_of_groups

ONE_WAY_COLUMNS = (
    *("name", "groups", "n", "df_between", "df_within", "f", "p", "p_holm", "log10_p"),
    *("eta_squared", "chance_level", "omega_squared", "epsilon_squared", "low", "high"),
    *("interval", "welch_f", "welch_p", "reason"),
)


def group_findings(
    path: str | Path, factors: Sequence[str], std: Deviation, min_n: int
) -> Findings:
    """Shares of variance from the groups' sizes, means and deviations alone.

    The groups as they are named, each factor by itself, and both with their interaction where two
    factors name the groups.
    """
    groups = read_group_table(path, factors, std, min_n)
    name = Path(path).stem
    whole = _share(groups)
    single = [_share(collapse(groups, factor)) for factor in factors] if len(factors) > 1 else []
    single = read_together(single, f"single factors of {name}")
    document = {
        "schema": "variance/2",
        "task": name,
        "factors": list(factors),
        "std": std,
        "min_n": min_n,
        "dropped_groups": groups.dropped_groups,
        "dropped_scores": groups.dropped_scores,
        "one_way": {"name": whole["name"], **whole["estimate"]},
        "shares": single,
        "two_way": None,
    }
    tables = {
        "groups.csv": _groups(groups),
        "one_way.csv": table([_row(share) for share in (whole, *single)], ONE_WAY_COLUMNS),
    }
    if len(factors) == 2:
        record = two_way_record(lambda typ: two_way_of_groups(groups, typ), name)
        document["two_way"] = record
        tables["two_way.csv"] = table(two_way_rows(record, "", "mean_ap"), TWO_WAY_COLUMNS)
    return Findings({"variance.json": document}, tables)


def _share(groups: GroupTable) -> Record:
    name = " × ".join(groups.factors)
    try:
        return {"name": name, "estimate": plain(one_way_of_groups(groups)), "reason": ""}
    except TooFewScores as refusal:
        if len(groups.factors) > 1:
            raise
        return {"name": name, "estimate": None, "reason": str(refusal)}


def _row(share: Record) -> Record:
    estimate = share["estimate"] or {}
    interval = estimate.get("interval") or {}
    return {
        **estimate,
        "name": share["name"],
        "p_holm": share.get("p_holm"),
        "low": interval.get("low"),
        "high": interval.get("high"),
        "interval": interval.get("kind"),
        "reason": share["reason"],
    }


def _groups(groups: GroupTable) -> pd.DataFrame:
    frame = pd.DataFrame(list(groups.labels), columns=list(groups.factors))
    free = np.where(groups.n > 1, groups.n - 1, np.nan)
    return frame.assign(n=groups.n, mean_ap=groups.mean, sample_sd=np.sqrt(groups.ss / free))
