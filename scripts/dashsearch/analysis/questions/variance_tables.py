"""Shares of variance as records of variance.json and rows of its tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from dashsearch.analysis.inference.family import holm
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.variance.two_way import SumsOfSquares, TwoWay

Record = dict[str, Any]
SHARE_COLUMNS = (
    *("arm", "score", "component", "role", "n", "df", "eta_squared", "partial_eta_squared"),
    *("omega_squared", "epsilon_squared", "share", "low", "high", "interval", "chance_level"),
    *("p", "p_holm", "permutation_p", "reason"),
)
TWO_WAY_COLUMNS = (
    *("arm", "score", "sums_of_squares", "effect", "n", "cells", "empty_cells", "ss", "df"),
    *("ss_error", "df_error", "f", "eta_squared", "partial_eta_squared", "omega_squared"),
    *("partial_omega_squared", "epsilon_squared", "low", "high", "interval", "chance_level"),
    *("p", "p_holm", "reason"),
)
TYPES: dict[str, SumsOfSquares] = {"type_ii": 2, "type_iii": 3}


def read_together(records: Sequence[Record], name: str) -> list[Record]:
    """Return records of one family of tests with Holm's p beside the raw one, and the family.

    `p` and `permutation_p` of a record, or of its `estimate`, are two families of equal name.
    """
    raw = {
        key: [(record["estimate"] or {}).get(key, record.get(key)) for record in records]
        for key in ("p", "permutation_p")
    }
    size = sum(p is not None for p in raw["p"])
    return [
        {
            **record,
            "p_holm": p,
            "permutation_p_holm": permuted,
            "family": {"name": name, "size": size},
        }
        for record, p, permuted in zip(
            records, holm(raw["p"]), holm(raw["permutation_p"]), strict=True
        )
    ]


def two_way_record(analyse: Callable[[SumsOfSquares], TwoWay], name: str) -> Record:
    """Return the analyses of type II and III, or why there is none, with their families."""
    record: Record = {}
    for key, typ in TYPES.items():
        record[key], record[f"{key}_reason"] = None, ""
        try:
            found = plain(analyse(typ))
        except TooFewScores as refusal:
            record[f"{key}_reason"] = str(refusal)
            continue
        family = f"effects of the two-way analysis of type {'I' * typ} of {name}"
        record[key] = {**found, "effects": read_together(found["effects"], family)}
    return record


def two_way_rows(record: Record, arm: str, score: str) -> list[Record]:
    """Return a row for every effect of either type, or one that says why there is none."""
    rows = []
    for key, typ in TYPES.items():
        found = record[key]
        common = {"arm": arm, "score": score, "sums_of_squares": typ}
        if found is None:
            rows.append({**common, "reason": record[f"{key}_reason"]})
            continue
        common |= {"cells": found["cells"], "empty_cells": found["empty_cells"]}
        rows += [
            {**common, "effect": effect["name"], **_flat(effect), "p_holm": effect["p_holm"]}
            for effect in found["effects"]
        ]
    return rows


def component_rows(record: Record, score: str) -> list[Record]:
    """Return a row for every component of a decomposition, lack of fit and seed noise last."""
    found, common = record["estimate"], {"arm": record["arm"], "score": score}
    if found is None:
        return [{**common, "component": "all", "role": "refused", "reason": record["reason"]}]
    rows = [
        {
            **common,
            "component": component["name"],
            "role": component["role"],
            **_flat(component),
            "p_holm": component["p_holm"],
            "permutation_p": component["permutation_p"],
            "reason": component["reason"],
        }
        for component in found["components"]
    ]
    for key, name in (("lack_of_fit", "lack of fit"), ("noise", "seed noise")):
        rest = found[key]
        row = {**common, "component": name, "role": "rest", "reason": found[f"{key}_reason"]}
        if rest is not None:
            row |= {"n": rest["n"], "share": rest["share"], "p": rest.get("p")}
            row |= _limits(rest["interval"])
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows with exactly these columns."""
    return pd.DataFrame(list(rows), columns=list(columns))


def _flat(record: Record) -> Record:
    estimate = record["estimate"]
    return {} if estimate is None else {**estimate, **_limits(estimate["interval"])}


def _limits(interval: Record) -> Record:
    return {"low": interval["low"], "high": interval["high"], "interval": interval["kind"]}
