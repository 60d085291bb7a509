"""Adapters: from a data set's own table to one list of clips.

An adapter only reads a table. Whether a clip's file is usable is found by `manifest.index_clips`.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashsearch.errors import InputError
from dashsearch.files import digest

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class ClipRecord:
    """What a data set says of one clip.

    Attributes
    ----------
    path
        Path of the video, relative to the folder of the table (or absolute).
    label
        1 if a collision or near miss follows, else 0.
    event_time_s, alert_time_s
        Seconds from the start of the video; None for a negative, the alert also if not given.
    split
        The official split, or "".
    where
        Name of the table and line that said so; without the folder, since sentences about marked
        clips end up in files that must not depend on where a task lies.
    """

    clip_id: str
    path: str
    label: int
    event_time_s: float | None
    alert_time_s: float | None
    split: str
    where: str


@dataclass(frozen=True)
class _Columns:
    """How a table calls what we need; `path` and `split` may be absent."""

    clip_id: str
    label: str
    event_time: str
    alert_time: str
    path: str | None = None
    split: str | None = None

    def required(self) -> list[str]:
        names = [self.clip_id, self.path, self.label, self.event_time, self.alert_time]
        return [name for name in names if name]


NEXAR = _Columns("id", "target", "time_of_event", "time_of_alert")
GENERIC = _Columns("clip_id", "label", "event_time_s", "alert_time_s", "path", "split")


def read_clips(adapter: str, table: str | Path) -> list[ClipRecord]:
    """Read a data set's table.

    Parameters
    ----------
    adapter
        ``"nexar"`` (train.csv beside train/<id>.mp4) or ``"csv"`` (a generic manifest).
    table
        The CSV file.

    Raises
    ------
    InputError
        With file and line: the adapter is unknown, the table is missing, empty, lacks a column or
        repeats an id, a label is not 0 or 1, a number cannot be read, a positive has no event time
        or a negative has one, or all clips are of one class.
    """
    if adapter not in ADAPTERS:
        raise InputError(f"the adapter {adapter!r} is unknown; use {' or '.join(ADAPTERS)}.")
    clips = ADAPTERS[adapter](Path(table))
    _check_distinct(clips, Path(table))
    check_classes([clip.label for clip in clips], str(table))
    return clips


def read_nexar(table: Path) -> list[ClipRecord]:
    """Read Nexar's train.csv; the video of a clip is train/<id>.mp4, its id padded if needed."""
    return [
        _record(row, NEXAR, where, _nexar_path(table.parent, row["id"], where))
        for where, row in _rows(table, NEXAR)
    ]


def read_generic(table: Path) -> list[ClipRecord]:
    """Read a CSV with the columns clip_id, path, label, event_time_s, alert_time_s [, split]."""
    return [_record(row, GENERIC, where, row["path"]) for where, row in _rows(table, GENERIC)]


ADAPTERS: Mapping[str, Callable[[Path], list[ClipRecord]]] = {
    "nexar": read_nexar,
    "csv": read_generic,
}


def check_classes(labels: Sequence[int], where: str) -> None:
    """Raise InputError unless both labels occur."""
    for label in (0, 1):
        if label not in labels:
            raise InputError(
                f"{where}: none of the {len(labels)} usable clips has label {label}; "
                "a task needs both classes, so add some."
            )


def videos_state(adapter: str, table: str | Path) -> str:
    """Digest of name, size and time of change of every listed video: it changes if one does."""
    table = Path(table)
    state = []
    for clip in read_clips(adapter, table):
        path = table.parent / clip.path
        found = path.stat() if path.is_file() else None
        state.append([clip.path, found and found.st_size, found and found.st_mtime_ns])
    return digest(state)


def _nexar_path(folder: Path, clip_id: str, where: str) -> str:
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


def _rows(table: Path, columns: _Columns) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield place and row of a CSV, its columns checked first."""
    if not table.is_file():
        raise InputError(f"there is no file {table}; correct the task's path in the config.")
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            yield from _checked_rows(csv.DictReader(stream, restval=""), table, columns)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{table} is not a CSV in UTF-8 ({error}); save it again as one."
        ) from None


def _checked_rows(
    reader: "csv.DictReader[str]", table: Path, columns: _Columns
) -> Iterator[tuple[str, dict[str, str]]]:
    found = list(reader.fieldnames or [])
    missing = [name for name in columns.required() if name not in found]
    if missing:
        raise InputError(
            f"{table}: the column {missing[0]} is missing; "
            f"the header has to hold {', '.join(columns.required())}."
        )
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise InputError(f"{table}: the column {twice[0]} stands twice; remove one.")
    empty = True
    for row in reader:
        empty = False
        where = f"{table} line {reader.line_num}"
        if None in row:
            raise InputError(f"{where}: the row has more fields than the header; correct it.")
        yield where, {name: value.strip() for name, value in row.items()}
    if empty:
        raise InputError(f"{table}: the table has no row; add the clips.")


def _record(row: Mapping[str, str], columns: _Columns, where: str, path: str) -> ClipRecord:
    clip_id, label = row[columns.clip_id], row[columns.label]
    if not clip_id:
        raise InputError(f"{where}: {columns.clip_id} is empty; give the clip an id.")
    if not clip_id.isprintable():
        raise InputError(
            f"{where}: {columns.clip_id} {clip_id!r} holds a control character; remove it."
        )
    if not path:
        raise InputError(f"{where}: {columns.path} is empty; give the clip's video.")
    if label not in ("0", "1", "0.0", "1.0"):
        raise InputError(f"{where}: {columns.label} is {label!r}; write 0 or 1.")
    event = _seconds(row, columns.event_time, where)
    alert = _seconds(row, columns.alert_time, where)
    positive = label.startswith("1")
    if positive and event is None:
        raise InputError(
            f"{where}: {columns.event_time} is empty but {columns.label} is 1; "
            "give the time of the event or correct the label."
        )
    if not positive and (event is not None or alert is not None):
        raise InputError(
            f"{where}: a clip with {columns.label} 0 has an event or alert time; "
            "clear the times or correct the label."
        )
    split = row.get(columns.split, "") if columns.split else ""
    if split and split not in SPLITS:
        raise InputError(f"{where}: split is {split!r}; write {', '.join(SPLITS)} or nothing.")
    return ClipRecord(clip_id, path, int(positive), event, alert, split, Path(where).name)


def _seconds(row: Mapping[str, str], column: str, where: str) -> float | None:
    text = row[column]
    if text.lower() in ("", "nan", "na", "none"):
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{where}: {column} is {text!r}; write seconds from the video's start.")
    return value


def _check_distinct(clips: Sequence[ClipRecord], table: Path) -> None:
    """Refuse an id or a video that stands twice: one clip must not be in two splits."""
    for what, values in (
        ("id", [clip.clip_id for clip in clips]),
        ("video", [clip.path for clip in clips]),
    ):
        counts = Counter(values)
        for clip, value in zip(reversed(clips), reversed(values), strict=True):
            if counts[value] > 1:
                where = table.parent / clip.where
                raise InputError(
                    f"{where}: the {what} {value} stands {counts[value]} times; "
                    "give every clip its own."
                )
