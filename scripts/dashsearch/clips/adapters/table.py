"""A data set of the user's own: one CSV or Parquet table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dashsearch.clips.adapters.rows import (
    NOTHING,
    binary_of,
    check_times,
    read_rows,
    seconds_of,
    text_of,
)
from dashsearch.clips.records import COLLISION, SPLITS, ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings
from dashsearch.errors import InputError

COLUMNS = ("label", "event_time_s", "alert_time_s")


class CsvTask(DataSetSettings):
    """A table with the columns clip_id, path, label, event_time_s and alert_time_s.

    Optional columns are split, group and picture_rate_hz (of folders of numbered pictures).
    """

    source: Literal["csv"]
    file: Annotated[str, Field(min_length=1, description="a .csv in UTF-8, or a .parquet")]
    classes: Annotated[
        list[Annotated[str, Field(min_length=1)]] | None,
        Field(
            min_length=2,
            description="names of the classes that labels may be; null: 0 and 1, a collision",
        ),
    ] = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if self.classes is not None and len(set(self.classes)) < len(self.classes):
            raise ValueError("classes holds a name twice; remove one")
        return self


def read(task: CsvTask) -> DataSet:
    """Read the table; paths are relative to its folder.

    Labels are 0 and 1, and clips labelled 1, and only they, have an event. With `classes` a label
    is one of those names, and any clip may have an event.

    Raises
    ------
    InputError
        With file and line, if the table is wrong.
    """
    table = Path(task.file)
    required = ("clip_id", "path", *COLUMNS)
    records = [
        _record(row, where, table.parent, task.classes) for where, row in read_rows(table, required)
    ]
    return DataSet(table.parent, tuple(task.classes or COLLISION), tuple(records), (table,))


def _record(
    row: dict[str, str], where: str, folder: Path, classes: Sequence[str] | None
) -> ClipRecord:
    place = str(folder / where)
    event, alert = (seconds_of(row, name, place) for name in COLUMNS[1:])
    if classes is None:
        label = binary_of(row, "label", place)
        check_times(label, event, alert, COLUMNS, place)
    else:
        label = _label_of(row, classes, place)
    split = row.get("split", "")
    if split and split not in SPLITS:
        raise InputError(f"{place}: split is {split!r}; write {', '.join(SPLITS)} or nothing.")
    return ClipRecord(
        clip_id=text_of(row, "clip_id", place),
        path=text_of(row, "path", place),
        label=label,
        event_time_s=event,
        alert_time_s=alert,
        split=split,
        where=where,
        group=_text_or_nothing(row.get("group", "")),
        picture_rate_hz=_rate_of(row, place),
    )


def _text_or_nothing(text: str) -> str:
    """Return a text, "" if it is a spelling of none: a group must not gather what has none."""
    return "" if text.lower() in NOTHING else text


def _label_of(row: dict[str, str], classes: Sequence[str], place: str) -> int:
    if row["label"] not in classes:
        raise InputError(f"{place}: label is {row['label']!r}; write one of {', '.join(classes)}.")
    return list(classes).index(row["label"])


def _rate_of(row: dict[str, str], place: str) -> float | None:
    text = row.get("picture_rate_hz", "")
    if text.lower() in NOTHING:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise InputError(f"{place}: picture_rate_hz is {text!r}; write pictures a second.")
    return rate
