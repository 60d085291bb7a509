"""DADA-2000 (Driver Attention in Driving Accidents, Fang et al.), all 2,000 videos.

https://github.com/JWFangit/LOTVS-DADA; the whole set and the table of its annotations are published
as part of MM-AU, https://huggingface.co/datasets/JeffreyChou/MM-AU. The names of the columns are
those of the sheet "Sheet1" of dada_text_annotations.xlsx, which has to be saved as CSV.

Categories carry the numbers of the paper. In 1 to 18 and 61 to 63 the camera's own car takes part,
as the loaders of DRIVE (https://github.com/Cogito2012/DRIVE) and of
https://github.com/tue-mps/simple-tad read them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dashsearch.clips.adapters.rows import NOTHING, binary_of, read_rows
from dashsearch.clips.records import ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings, Folder
from dashsearch.errors import InputError
from dashsearch.strict import StrictModel

PICTURES_HZ = 30.0
PICTURES = "DADA2000"
OCCURRED = "whether an accident occurred (1/0)"
FRAMES = {"accident": "accident frame", "abnormal": "abnormal start frame"}
COLUMNS = ("video", "type", OCCURRED, *FRAMES.values())
ALL_CATEGORIES = range(1, 64)
EGO_CATEGORIES = frozenset((*range(1, 19), *range(61, 64)))
CLASSES = {
    "ego": ("accident of others", "accident of the camera's car"),
    "accident": ("no accident", "accident"),
}


class Lists(StrictModel):
    """Files that list the videos of a split: <category>/<video> first on every line."""

    train: Annotated[str, Field(description="a file in the folder")]
    validation: Annotated[
        str | None, Field(description="a file in the folder; null: cut from the training videos")
    ] = None
    test: Annotated[str, Field(description="a file in the folder")]


class DadaTask(DataSetSettings):
    """A folder with DADA2000/<category>/<video>/images/ and the table of annotations as CSV."""

    source: Literal["dada"]
    folder: Folder
    table: Annotated[str, Field(min_length=1, description="CSV, in the folder")] = (
        "dada_text_annotations.csv"
    )
    question: Annotated[
        Literal["ego", "accident", "category"],
        Field(
            description="ego: is the camera's own car involved; accident: does one follow at all; "
            "category: which kind of accident"
        ),
    ] = "ego"
    event: Annotated[
        Literal["accident", "abnormal"],
        Field(description="windows end before the accident, or before the abnormal begins"),
    ] = "accident"
    categories: Annotated[
        list[Annotated[int, Field(ge=1, le=63)]] | None,
        Field(min_length=2, description="classes of the question category; null: all in the table"),
    ] = None
    lists: Annotated[
        Lists | None, Field(description="lists of the splits, in the folder; null: drawn here")
    ] = None

    @model_validator(mode="after")
    def _categories_fit(self) -> Self:
        if self.categories is None:
            return self
        if self.question != "category":
            raise ValueError(
                f"categories have no place in the question {self.question}; remove them"
            )
        if len(set(self.categories)) < len(self.categories):
            raise ValueError("categories holds a number twice; remove one")
        return self


@dataclass(frozen=True)
class _Row:
    """A row of the table; a frame that does not exist (-1 or empty) is None."""

    category: int
    video: int
    occurred: int
    frame: int | None
    where: str
    place: str

    @property
    def clip_id(self) -> str:
        return _clip_id(self.category, self.video)


def read(task: DadaTask) -> DataSet:
    """Read the table and, if the task names them, the lists.

    In the questions "ego" and "category" a video without accident and without the frame of the
    event is left out (it has nothing to ask about), in "category" also one of another category
    than the task's. In "accident" all videos stay.

    Raises
    ------
    InputError
        With file and line, if the folder, the table or a list is not laid out as documented.
    """
    root = Path(task.folder)
    if not (root / PICTURES).is_dir():
        raise InputError(
            f"there is no folder {root / PICTURES}; let the task's folder name the one that "
            f"{PICTURES} was unpacked in."
        )
    table = root / task.table
    rows = [_row(row, where, table, task) for where, row in read_rows(table, COLUMNS)]
    splits = _splits(task, root, rows, table)
    asked, labels, classes = _ask(task, rows, table)
    records = tuple(
        ClipRecord(
            clip_id=row.clip_id,
            path=f"{PICTURES}/{row.category}/{row.video:03d}/images",
            label=label,
            # The first picture is 0001.png, and it is shown at 0 s.
            event_time_s=None if row.frame is None else max(row.frame - 1, 0) / PICTURES_HZ,
            alert_time_s=None,
            split=splits.get(row.clip_id, ""),
            where=row.where,
            picture_rate_hz=PICTURES_HZ,
            first_picture=1,
        )
        for row, label in zip(asked, labels, strict=True)
    )
    return DataSet(root, classes, records, (table, *_lists(task, root).values()))


def _ask(
    task: DadaTask, rows: Sequence[_Row], table: Path
) -> tuple[Sequence[_Row], list[int], tuple[str, ...]]:
    """Return the rows that the question is about, their labels, and the names of the classes."""
    if task.question == "accident":
        return rows, [row.occurred for row in rows], CLASSES["accident"]
    rows = [row for row in rows if row.frame is not None]
    if task.question == "ego":
        return rows, [int(row.category in EGO_CATEGORIES) for row in rows], CLASSES["ego"]
    categories = task.categories or sorted({row.category for row in rows})
    if len(categories) < 2:
        raise InputError(
            f"{table}: the accidents are of fewer than two categories; use the whole table or "
            "another question."
        )
    rows = [row for row in rows if row.category in categories]
    labels = [categories.index(row.category) for row in rows]
    return rows, labels, tuple(f"category {number}" for number in categories)


def _row(row: Mapping[str, str], where: str, table: Path, task: DadaTask) -> _Row:
    place = str(table.parent / where)
    category, video = (_number_of(row, name, place) for name in ("type", "video"))
    if category is None or category not in ALL_CATEGORIES or video is None:
        raise InputError(
            f"{place}: type {row['type']!r} and video {row['video']!r} name no video; write the "
            "number of the category, 1 to 63, and that of the video."
        )
    occurred = binary_of(row, OCCURRED, place)
    column = FRAMES[task.event]
    frame = _number_of(row, column, place)
    if occurred and frame is None:
        raise InputError(
            f"{place}: an accident occurred but {column} is {row[column]!r}; write the frame's "
            "number or remove the row."
        )
    if not occurred and task.event == "accident":
        frame = None
    return _Row(category, video, occurred, frame, where, place)


def _number_of(row: Mapping[str, str], column: str, place: str) -> int | None:
    """Return a whole number; None where the field is empty or -1, the table's "there is none"."""
    text = row[column].removesuffix(".0")  # spreadsheets and pandas write numbers as decimals
    if text in ("-1", *NOTHING):
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise InputError(f"{place}: {column} is {row[column]!r}; write a whole number, or -1.")
    return int(text)


def _clip_id(category: int, video: int) -> str:
    return f"{category}_{video:03d}"


def _lists(task: DadaTask, root: Path) -> dict[str, Path]:
    names = task.lists.model_dump(exclude_none=True) if task.lists else {}
    return {split: root / name for split, name in names.items()}


def _splits(task: DadaTask, root: Path, rows: Sequence[_Row], table: Path) -> dict[str, str]:
    """Return the split of every video of the lists, by clip id; empty if there are no lists."""
    splits: dict[str, str] = {}
    for split, path in _lists(task, root).items():
        for place, clip_id in _read_list(path):
            if splits.setdefault(clip_id, split) != split:
                raise InputError(
                    f"{place}: the video stands in the {splits[clip_id]} list too; "
                    "leave it in one of them."
                )
    known = {row.clip_id for row in rows}
    unknown = next((clip_id for clip_id in splits if clip_id not in known), None)
    if unknown is not None:
        raise InputError(
            f"{table}: no row is video {unknown}, which the lists hold; use lists of the same "
            "release as the table."
        )
    unlisted = next((row for row in rows if splits and row.clip_id not in splits), None)
    if unlisted is not None:
        raise InputError(
            f"{unlisted.place}: video {unlisted.clip_id} stands in no list; add it to one or "
            "remove the row."
        )
    return splits


def _read_list(path: Path) -> Iterator[tuple[str, str]]:
    """Yield place and clip id of every line; what follows the video's name is not read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"there is no list of videos {path}; correct the task's lists.") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        video = re.match(r"\s*([0-9]{1,2})/([0-9]{1,6})(?![^\s,])", line)
        if video is None:
            raise InputError(
                f"{path} line {number}: {line[:40]!r} is no video; begin it like 1/001."
            )
        yield f"{path} line {number}", _clip_id(int(video[1]), int(video[2]))
