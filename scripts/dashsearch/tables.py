"""Writing and reading Parquet tables with declared columns and a note of what made them."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashsearch.errors import InputError
from dashsearch.files import canonical_json, reading, replacing

# "Int64" is an integer that a row may lack, under the name that pandas gives it.
ARROW_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "float64": pa.float64(),
}
PROVENANCE_KEY = b"dashsearch"


def write_table(
    target: str | os.PathLike[str],
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    note: Mapping[str, Any],
) -> None:
    """Write `frame` with exactly these columns, in this order, and `note` in the file's metadata.

    Parameters
    ----------
    columns
        Type by name: ``"string"``, ``"int64"``, ``"Int64"`` (may be missing) or ``"float64"``.
    note
        What made the file, from `dashsearch.provenance.provenance`.

    Raises
    ------
    InputError
        If the frame lacks a column or has another one.
    """
    _check_columns(list(frame.columns), columns, target)
    arrays = [
        pa.array(frame[name].to_list(), type=ARROW_TYPES[kind], from_pandas=True)
        if kind in ("string", "Int64")
        else pa.array(frame[name].to_numpy(dtype=kind), type=ARROW_TYPES[kind])
        for name, kind in columns.items()
    ]
    table = pa.Table.from_arrays(arrays, names=list(columns))
    table = table.replace_schema_metadata({PROVENANCE_KEY: canonical_json(note).encode()})
    with replacing(target) as path:
        pq.write_table(table, path, compression="zstd")


def read_table(path: str | os.PathLike[str], columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a table that must have exactly these columns; InputError if it has not or is damaged."""
    with reading(path, pa.ArrowInvalid):
        table = pq.read_table(path)
    _check_columns(table.column_names, columns, path)
    frame: pd.DataFrame = table.to_pandas()
    for name, kind in columns.items():
        if kind == "Int64" and table[name].null_count:
            frame[name] = pd.array(table[name].to_pylist(), dtype="Int64")
    return frame


def read_note(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what made the file, as `write_table` noted it; InputError if it says nothing."""
    with reading(path, pa.ArrowInvalid):
        metadata = pq.read_schema(path).metadata or {}
    if PROVENANCE_KEY not in metadata:
        raise InputError(f"{path} does not say what made it; make it again with dashsearch.")
    note: dict[str, Any] = json.loads(metadata[PROVENANCE_KEY])
    return note


def frame_of(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """Build a frame with these columns from rows; a score that a row lacks becomes NaN."""
    data = {
        name: pd.Series(
            [_value(row, name, kind) for row in rows], dtype="str" if kind == "string" else kind
        )
        for name, kind in columns.items()
    }
    return pd.DataFrame(data)


def _value(row: Mapping[str, Any], name: str, kind: str) -> Any:
    value = row.get(name, float("nan")) if kind == "float64" else row[name]
    return float("nan") if kind == "float64" and value is None else value


def _check_columns(
    found: list[str], expected: Mapping[str, str], where: str | os.PathLike[str]
) -> None:
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    if missing or unknown:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has the unknown {', '.join(unknown)}"] if unknown else []
        raise InputError(
            f"{Path(where)} {' and '.join(parts)}; make it again with this version of dashsearch."
        )
