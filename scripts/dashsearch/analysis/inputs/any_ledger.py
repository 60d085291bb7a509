"""Reads the ledger of any campaign: ours, or a table with columns of factors and scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.analysis.inputs.any_table import read_any_table
from dashsearch.errors import InputError
from dashsearch.ledger.schema import IDENTITY_COLUMNS, NO_CELL, OUTCOME_COLUMNS
from dashsearch.space.space import Factor, Group, Level, Space

PUBLISHED_FACTORS = ("backbone", "encoder")
ARCHITECTURE = ("backbone", "encoder", "pooling")
# What a column says if a table lacks it; `cell` and `experiment_id` follow from the rows.
DEFAULTS: dict[str, Any] = {
    "task": "",
    "arm": "all",
    "arm_seed": 1,
    "round": 0,
    "slot": 0,
    "agent": "",
    "model": "",
    "source": "policy",
    "kind": "base",
    "parent": "",
    "replicate": 0,
    "fidelity": 1.0,
    "reason": "",
}
LABELS = ("task", "arm", "agent", "model", "source", "kind", "status")


def read_any_ledger(
    path: str | Path,
    *,
    scores: Sequence[str],
    factors: Sequence[str] | None = None,
    architecture: Sequence[str] = ARCHITECTURE,
) -> tuple[pd.DataFrame, Space]:
    """Read a Parquet or CSV table of experiments, and the space that its levels span.

    Parameters
    ----------
    path
        One row an experiment, in the order in which they were run. Needed are the factors and the
        scores. `status` may be missing if every row has a score; what else a ledger has may be
        missing, too: one arm of one seed is taken then.
    scores
        Columns of scores between 0 and 1.
    factors
        Columns that are factors; those of a ledger of ours if not given, else backbone and encoder.
    architecture
        Which of them are architecture factors.

    Returns
    -------
    ledger
        With all columns that the analyses read.
    space
        Factors with the levels that occur, sorted.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, lacks a column, holds an empty level or score, a
        score outside [0, 1], or a factor of one level; names file, column and row count.
    """
    frame = read_any_table(path, "experiments")
    names = tuple(factors) if factors else _factors_of(frame)
    rows = f"{path} ({len(frame)} rows)"
    for column in (*names, *scores):
        if column not in frame.columns:
            raise InputError(
                f"{rows} has no column {column!r}; its columns are "
                f"{', '.join(map(str, frame.columns[:20]))}."
            )
    for column, value in DEFAULTS.items():
        if column not in frame.columns:
            frame[column] = Path(path).stem if column == "task" else value
    _check_scores(frame, scores, rows)
    # Few distinct texts: a million rows are cut and compared as whole numbers.
    for column in dict.fromkeys((*names, *LABELS)):
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype("category")
    space = _space(frame, names, architecture, rows, Path(path).stem, is_named=factors is not None)
    frame["cell"] = _cells(frame, space)
    if "experiment_id" not in frame.columns:
        frame["experiment_id"] = [f"row {number}" for number in range(1, len(frame) + 1)]
    if "seed" not in frame.columns:
        frame["seed"] = frame.groupby("cell", sort=False).cumcount()
    return frame, space


def _factors_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the factors of a ledger of ours, which stand between its seed and its status."""
    columns = [str(column) for column in frame.columns]
    if set(IDENTITY_COLUMNS) | set(OUTCOME_COLUMNS) <= set(columns):
        return tuple(columns[columns.index("seed") + 1 : columns.index("status")])
    return PUBLISHED_FACTORS


def _check_scores(frame: pd.DataFrame, scores: Sequence[str], rows: str) -> None:
    has_status = "status" in frame.columns
    for column in scores:
        values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
        succeeded = (
            (frame["status"] == "ok").to_numpy() if has_status else np.full(len(frame), True)
        )
        empty = int((~np.isfinite(values) & succeeded).sum())
        if empty:
            hint = "" if has_status else ", or add a column status that says which ones failed"
            raise InputError(
                f"{rows}: column {column} holds no number in {empty} of them; fill it{hint}."
            )
        outside = int(((values < 0) | (values > 1)).sum())
        if outside:
            raise InputError(
                f"{rows}: column {column} is outside 0 to 1 in {outside} of them; give average "
                "precisions."
            )
        frame[column] = values
    if not has_status:
        frame["status"] = "ok"


def _space(
    frame: pd.DataFrame,
    names: Sequence[str],
    architecture: Sequence[str],
    rows: str,
    title: str,
    *,
    is_named: bool,
) -> Space:
    runnable = frame[frame["status"] != "invalid"]
    factors = []
    for name in names:
        empty = int(runnable[name].isna().sum())
        if empty:
            raise InputError(
                f"{rows}: column {name} is empty in {empty} of them; fill in its level."
            )
        levels = _levels(runnable[name])
        if len(levels) < 2 and is_named:
            raise InputError(
                f"{rows}: column {name} has the one level {levels[0]!r}; leave it out of the "
                "factors."
            )
        group: Group = "architecture" if name in architecture else "training"
        factors.append(Factor(name, group, levels))
    return Space(title, tuple(factors))


def _levels(column: "pd.Series[Any]") -> tuple[Level, ...]:
    if pd.api.types.is_numeric_dtype(column):
        values = column.astype("float64")
        whole = bool((values == values.round()).all())
        return tuple(int(v) if whole else float(v) for v in np.unique(values))
    return tuple(sorted(map(str, column.unique())))


def _cells(frame: pd.DataFrame, space: Space) -> "pd.Series[int]":
    runnable = (frame["status"] != "invalid").to_numpy()
    cells = pd.Series(NO_CELL, index=frame.index, dtype="int64")
    positions = []
    for factor in space.factors:
        column = frame.loc[runnable, factor.name]
        places = {level: place for place, level in enumerate(factor.levels)}
        if isinstance(factor.levels[0], str):
            codes, texts = pd.factorize(column)
            positions.append(np.array([places[str(text)] for text in texts])[codes])
        else:
            positions.append(np.searchsorted(factor.levels, column.to_numpy(dtype=np.float64)))
    cells[runnable] = np.ravel_multi_index(positions, space.shape)
    return cells
