"""Closing an arm: its validation rows, with the sealed test scores joined at the very end."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dashsearch.errors import InputError
from dashsearch.ledger.schema import COST_COLUMNS, sealed_columns, validation_columns
from dashsearch.space.space import Space
from dashsearch.tables import frame_of, read_table


def read_history(
    validation: Sequence[str | Path], space: Space, tte_s: tuple[float, ...]
) -> pd.DataFrame:
    """Join the validation tables of an arm's rounds, in the order given (none: an empty table)."""
    columns = validation_columns(space, tte_s)
    frames = [read_table(path, columns) for path in validation]
    if not frames:
        return frame_of([], columns)
    return pd.concat(frames, ignore_index=True)


def join_shards(
    validation: Sequence[str | Path],
    test: Sequence[str | Path],
    costs: Sequence[str | Path],
    space: Space,
    tte_s: tuple[float, ...],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Join the three tables of a round's shards, rows in slot order.

    Raises
    ------
    InputError
        If a shard's tables do not hold the same experiments in the same order.
    """
    tables = []
    for paths in zip(validation, test, costs, strict=True):
        columns = (validation_columns(space, tte_s), sealed_columns(tte_s), COST_COLUMNS)
        shard = [read_table(path, own) for path, own in zip(paths, columns, strict=True)]
        ids = [table["experiment_id"].to_list() for table in shard]
        if ids[1] != ids[0] or ids[2] != ids[0]:
            raise InputError(
                f"{', '.join(map(str, paths))} hold different experiments; delete them and train "
                "the shard again."
            )
        tables.append(shard)
    joined = [pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True)]
    order = joined[0]["slot"].argsort(kind="stable")
    rows, sealed, spent = (table.iloc[order].reset_index(drop=True) for table in joined)
    return rows, sealed, spent


def close_arm(
    validation: Sequence[str | Path],
    test: Sequence[str | Path],
    space: Space,
    tte_s: tuple[float, ...],
) -> pd.DataFrame:
    """Join validation and test scores of all rounds into the arm's ledger, in proposal order.

    Raises
    ------
    InputError
        If a round's two tables do not hold the same experiments in the same order.
    """
    ledgers = []
    for validation_path, test_path in zip(validation, test, strict=True):
        rows = read_table(validation_path, validation_columns(space, tte_s))
        sealed = read_table(test_path, sealed_columns(tte_s))
        if rows["experiment_id"].to_list() != sealed["experiment_id"].to_list():
            raise InputError(
                f"{validation_path} and {test_path} hold different experiments; "
                "delete both and train the round again."
            )
        ledgers.append(pd.concat([rows, sealed.drop(columns="experiment_id")], axis=1))
    return pd.concat(ledgers, ignore_index=True)


def join_costs(costs: Sequence[str | Path]) -> pd.DataFrame:
    """Join the cost tables of an arm's rounds, in the order given (none: an empty table)."""
    frames = [read_table(path, COST_COLUMNS) for path in costs]
    return pd.concat(frames, ignore_index=True) if frames else frame_of([], COST_COLUMNS)
