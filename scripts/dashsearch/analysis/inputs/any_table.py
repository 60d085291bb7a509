"""Reads tables of anybody's: Parquet or CSV, by their ending."""

from pathlib import Path

import pandas as pd

from dashsearch.errors import InputError


def read_any_table(path: str | Path, what: str) -> pd.DataFrame:
    """Read a table with at least one row.

    Parameters
    ----------
    what
        What its rows are, for the sentence of an error.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, or has no row.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; name a Parquet or CSV table of {what}.")
    try:
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0][:200]
        raise InputError(f"{path} cannot be read as a table: {reason}.") from None
    if frame.empty:
        raise InputError(f"{path} has no rows; give a table of {what}.")
    return frame
