"""UCF-101 (Soomro et al.): actions of people, in short clips, with official lists in three folds.

https://www.crcv.ucf.edu/data/UCF101.php; UCF-101.rar holds the videos, and
UCF101TrainTestSplits-RecognitionTask.zip the lists. Lines of a list of training clips are
"ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1", those of a list of test clips lack the number.

The clips of one class and group (g01 to g25) come from one video: they share actor and background.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dashsearch.clips.records import ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings, Folder
from dashsearch.errors import InputError

VIDEOS = "UCF-101"
LISTS = "ucfTrainTestlist"
LINE = re.compile(r"(\w+)/(v_(\w+)_g(\d+)_c\d+)\.avi(?:\s+(\d+))?")
NAMES_SHOWN = 3


class Ucf101Task(DataSetSettings):
    """A folder with UCF-101/ (the videos) and ucfTrainTestlist/ (the lists)."""

    source: Literal["ucf101"]
    folder: Folder
    fold: Annotated[Literal[1, 2, 3], Field(description="which of the three pairs of lists")] = 1
    classes: Annotated[
        list[str] | None,
        Field(min_length=2, description="the classes of the task; null: all 101"),
    ] = None
    positive: Annotated[
        list[str] | None,
        Field(
            min_length=1,
            description="a binary task: these classes against the task's others; null: every class "
            "is one of its own",
        ),
    ] = None

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for key, names in (("classes", self.classes), ("positive", self.positive)):
            if names is not None and len(set(names)) < len(names):
                raise ValueError(f"{key} holds a name twice; remove one")
        if self.classes is not None and self.positive is not None:
            foreign = sorted(set(self.positive) - set(self.classes))
            if foreign:
                raise ValueError(f"positive holds {foreign[0]}, which is not among classes; add it")
            if set(self.positive) == set(self.classes):
                raise ValueError("positive holds all of the classes; leave one out")
        return self


def read(task: Ucf101Task) -> DataSet:
    """Read the classes and the two lists of the fold; no folder is searched.

    No clip has an event.

    Raises
    ------
    InputError
        With file and line, if the folder or a list is not laid out as documented, or a group
        stands in both lists.
    """
    root = Path(task.folder)
    if not (root / VIDEOS).is_dir():
        raise InputError(
            f"there is no folder {root / VIDEOS}; let the task's folder name the one that holds "
            f"{VIDEOS} and {LISTS}."
        )
    index = root / LISTS / "classInd.txt"
    numbers = _read_classes(index)
    names = _chosen(task, numbers, index)
    lists = {
        split: root / LISTS / f"{kind}list{task.fold:02d}.txt"
        for split, kind in (("train", "train"), ("test", "test"))
    }
    listed = [
        record for split, path in lists.items() for record in _read_list(path, split, numbers)
    ]
    _check_groups(listed, root / LISTS)
    labels, classes = _labels_of(task, names)
    records = tuple(
        replace(record, label=labels[name]) for name, record in listed if name in labels
    )
    return DataSet(root, classes, records, (*lists.values(), index))


def _read_classes(path: Path) -> dict[str, int]:
    """Read the classes with their numbers, in the order of the file."""
    numbers: dict[str, int] = {}
    for where, line in _lines(path):
        number, _, name = line.partition(" ")
        if not (number.isascii() and number.isdigit() and re.fullmatch(r"\w+", name)):
            raise InputError(
                f"{path.parent / where}: {line[:40]!r} is no class; write a number and a name."
            )
        if name in numbers or int(number) in numbers.values():
            raise InputError(f"{path.parent / where}: number or name stands twice; remove one.")
        numbers[name] = int(number)
    return numbers


def _chosen(task: Ucf101Task, numbers: Mapping[str, int], index: Path) -> list[str]:
    """Return the task's classes, in its order or in that of the file."""
    for name in (*(task.classes or ()), *(task.positive or ())):
        if name not in numbers:
            raise InputError(f"{index}: there is no class {name!r}; use a name of this file.")
    return task.classes or list(numbers)


def _labels_of(task: Ucf101Task, names: Sequence[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the label of every class of the task, and what the labels are called."""
    if task.positive is None:
        return {name: label for label, name in enumerate(names)}, tuple(names)
    others = [name for name in names if name not in task.positive]
    labels = {name: int(name in task.positive) for name in names}
    return labels, (_called(others), _called(task.positive))


def _called(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _read_list(
    path: Path, split: str, numbers: Mapping[str, int]
) -> Iterator[tuple[str, ClipRecord]]:
    """Yield every line's class and its clip, whose label is still to be set."""
    for where, line in _lines(path):
        place = path.parent / where
        found = LINE.fullmatch(line)
        # HandstandPushups holds files named v_HandStandPushups_….
        if found is None or found[1].lower() != found[3].lower():
            raise InputError(
                f"{place}: {line[:60]!r} is no clip; write <class>/v_<class>_gNN_cNN.avi."
            )
        name, clip_id, _, group, number = found.groups()
        if name not in numbers or (number and int(number) != numbers[name]):
            raise InputError(
                f"{place}: class {name} with the number {number or 'none'} does not fit "
                "classInd.txt; use the lists of one release."
            )
        yield (
            name,
            ClipRecord(
                clip_id=clip_id,
                path=f"{VIDEOS}/{name}/{clip_id}.avi",
                label=0,
                event_time_s=None,
                alert_time_s=None,
                split=split,
                where=where,
                group=f"{name} g{group}",
            ),
        )


def _check_groups(listed: Sequence[tuple[str, ClipRecord]], folder: Path) -> None:
    """Refuse lists that divide a group: test clips would be known from training."""
    splits: dict[str, str] = {}
    for _, record in listed:
        if splits.setdefault(record.group, record.split) != record.split:
            raise InputError(
                f"{folder / record.where}: clips of the group {record.group} stand in the list of "
                "training clips too; keep every group in one list."
            )


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield place (without the folder) and text of every line that is not empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"there is no list {path}; unpack the published lists there.") from None
    full = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not full:
        raise InputError(f"{path}: the file is empty; unpack the published lists there.")
    for number, line in full:
        yield f"{path.name} line {number}", line
