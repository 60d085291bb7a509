"""A data set of the user's own: one CSV or Parquet table."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dashsearch.clips.adapters.rows import binary_of, check_times, read_rows, seconds_of, text_of
from dashsearch.clips.records import COLLISION, SPLITS, ClipRecord, DataSet
from dashsearch.clips.settings import TaskSettings
from dashsearch.errors import InputError

COLUMNS = ("label", "event_time_s", "alert_time_s")


class CsvTask(TaskSettings):
    """A CSV file with the columns clip_id, path, label, event_time_s and alert_time_s."""

    source: Literal["csv"]
    file: Annotated[str, Field(min_length=1)]


def read(task: CsvTask) -> DataSet:
    """Read the table; paths are relative to its folder.

    Raises
    ------
    InputError
        With file and line, if the table is wrong.
    """
    table = Path(task.file)
    required = ("clip_id", "path", *COLUMNS)
    records = [_record(row, where, table.parent) for where, row in read_rows(table, required)]
    return DataSet(table.parent, COLLISION, tuple(records), (table,))


def _record(row: dict[str, str], where: str, folder: Path) -> ClipRecord:
    place = str(folder / where)
    label = binary_of(row, "label", place)
    event, alert = (seconds_of(row, name, place) for name in COLUMNS[1:])
    check_times(label, event, alert, COLUMNS, place)
    split = row.get("split", "")
    if split and split not in SPLITS:
        raise InputError(f"{place}: split is {split!r}; write {', '.join(SPLITS)} or nothing.")
    clip_id, path = text_of(row, "clip_id", place), text_of(row, "path", place)
    return ClipRecord(clip_id, path, label, event, alert, split, where, row.get("group", ""))
