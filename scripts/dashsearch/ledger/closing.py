"""Closing an arm: its validation rows, with the sealed test scores joined at the very end."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dashsearch.errors import InputError
from dashsearch.ledger.schema import COST_COLUMNS, sealed_columns, validation_columns
from dashsearch.space.space import Space
from dashsearch.tables import read_table


def read_history(
    validation: Sequence[str | Path], space: Space, tte_s: tuple[float, ...]
) -> pd.DataFrame:
    """Join the validation tables of an arm's rounds, in the order given (none: an empty table)."""
    columns = validation_columns(space, tte_s)
    frames = [read_table(path, columns) for path in validation]
    if not frames:
        return pd.DataFrame({name: [] for name in columns})
    return pd.concat(frames, ignore_index=True)


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
    """Join the cost tables of an arm's rounds, in the order given."""
    return pd.concat([read_table(path, COST_COLUMNS) for path in costs], ignore_index=True)
