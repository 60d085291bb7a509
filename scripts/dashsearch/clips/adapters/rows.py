"""Reading the tables that data sets come with: rows with their place, fields checked."""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dashsearch.errors import InputError

NOTHING = ("", "nan", "na", "none", "null")


def read_rows(table: Path, required: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the place ("train.csv line 7", without the folder) and the fields of every row.

    Parameters
    ----------
    table
        A CSV in UTF-8, or a Parquet file, by its suffix.
    required
        Columns that it has to hold.

    Raises
    ------
    InputError
        With file and line: the table is missing or of another kind, lacks a column or has it
        twice, has a row with more fields than the header, or has no row.
    """
    if not table.is_file():
        raise InputError(f"there is no file {table}; correct the task's path in the config.")
    read = _parquet_rows if table.suffix == ".parquet" else _csv_rows
    empty = True
    for row in read(table, required):
        empty = False
        yield row
    if empty:
        raise InputError(f"{table}: the table has no row; add the clips.")


def list_videos(folder: Path) -> list[Path]:
    """List a folder's .mp4 files, in any case, without those that a file system hides."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(
        path for path in found if path.suffix.lower() == ".mp4" and not path.name.startswith(".")
    )


def text_of(row: Mapping[str, str], column: str, where: str) -> str:
    """Return a field that must not be empty and can stand in a message.

    Raises
    ------
    InputError
        If it is empty or holds a control character.
    """
    value = row[column]
    if not value:
        raise InputError(f"{where}: {column} is empty; fill it in.")
    if not value.isprintable():
        raise InputError(f"{where}: {column} {value!r} holds a control character; remove it.")
    return value


def seconds_of(row: Mapping[str, str], column: str, where: str) -> float | None:
    """Return a field as seconds from the video's start; None if it is empty or NaN.

    Raises
    ------
    InputError
        If it is no finite number from 0 on.
    """
    text = row[column]
    if text.lower() in NOTHING:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{where}: {column} is {text!r}; write seconds from the video's start.")
    return value


def binary_of(row: Mapping[str, str], column: str, where: str) -> int:
    """Return a field as a label; InputError unless it is 0 or 1."""
    if row[column] not in ("0", "1", "0.0", "1.0"):
        raise InputError(f"{where}: {column} is {row[column]!r}; write 0 or 1.")
    return int(row[column][0])


def check_times(
    label: int, event: float | None, alert: float | None, columns: Sequence[str], where: str
) -> None:
    """Check that positives, and only they, have an event; `columns` are label, event and alert.

    Raises
    ------
    InputError
        If a positive has no event time, or a negative has a time.
    """
    name, event_column, _ = columns
    if label == 1 and event is None:
        raise InputError(
            f"{where}: {event_column} is empty but {name} is 1; "
            "give the time of the event or correct the label."
        )
    if label == 0 and (event is not None or alert is not None):
        raise InputError(
            f"{where}: a clip with {name} 0 has an event or alert time; "
            "clear the times or correct the label."
        )


def _csv_rows(table: Path, required: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            _check_header(list(reader.fieldnames or []), required, table)
            for row in reader:
                where = f"{table.name} line {reader.line_num}"
                if None in row:
                    raise InputError(
                        f"{table.parent / where}: the row has more fields than the header; "
                        "correct it."
                    )
                yield where, {name: value.strip() for name, value in row.items()}
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} is not a CSV in UTF-8 ({error}); save it again as one."
        ) from None


def _parquet_rows(table: Path, required: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        content = pq.read_table(table)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{table} is not a Parquet file ({error}); write it again.") from None
    _check_header(content.column_names, required, table)
    for number, row in enumerate(content.to_pylist(), start=1):
        yield (
            f"{table.name} row {number}",
            {name: "" if value is None else str(value).strip() for name, value in row.items()},
        )


def _check_header(found: Sequence[str], required: Sequence[str], table: Path) -> None:
    missing = [name for name in required if name not in found]
    if missing:
        raise InputError(
            f"{table}: the column {missing[0]} is missing; "
            f"the header has to hold {', '.join(required)}."
        )
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise InputError(f"{table}: the column {twice[0]} stands twice; remove one.")
