"""Nexar's collision prediction data set, as Kaggle lays it out."""

from pathlib import Path
from typing import Literal

from dashsearch.clips.adapters.rows import binary_of, check_times, read_rows, seconds_of, text_of
from dashsearch.clips.records import COLLISION, ClipRecord, DataSet
from dashsearch.clips.settings import TaskSettings
from dashsearch.errors import InputError

COLUMNS = ("target", "time_of_event", "time_of_alert")


class NexarTask(TaskSettings):
    """A folder in the layout of Nexar's data set: train.csv and train/<id>.mp4."""

    source: Literal["nexar"]
    folder: str


def read(task: NexarTask) -> DataSet:
    """Read train.csv; the video of a clip is train/<id>.mp4, its id padded if needed.

    Raises
    ------
    InputError
        With file and line, if the table is wrong.
    """
    folder = Path(task.folder)
    table = folder / "train.csv"
    records = [_record(row, where, folder) for where, row in read_rows(table, ("id", *COLUMNS))]
    return DataSet(folder, COLLISION, tuple(records), (table,))


def _record(row: dict[str, str], where: str, folder: Path) -> ClipRecord:
    place = str(folder / where)
    clip_id = text_of(row, "id", place)
    label = binary_of(row, "target", place)
    event, alert = (seconds_of(row, name, place) for name in COLUMNS[1:])
    check_times(label, event, alert, COLUMNS, place)
    return ClipRecord(clip_id, _path(folder, clip_id, place), label, event, alert, "", where)


def _path(folder: Path, clip_id: str, where: str) -> str:
    """Path of a clip; tables that went through a spreadsheet have lost the zeros of their ids."""
    try:
        for name in (clip_id, clip_id.zfill(5)):
            if (folder / "train" / f"{name}.mp4").exists():
                return f"train/{name}.mp4"
    except (OSError, ValueError):
        raise InputError(
            f"{where}: the id {clip_id[:20]!r}… cannot be the name of a file; correct it."
        ) from None
    return f"train/{clip_id}.mp4"
