"""What a data set says of its clips: the one form that every adapter ends in."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dashsearch.errors import InputError
from dashsearch.files import digest

SPLITS = ("train", "validation", "test")
COLLISION = ("no collision", "collision")


@dataclass(frozen=True)
class ClipRecord:
    """What a data set says of one clip.

    Attributes
    ----------
    path
        A video file, or a folder of numbered pictures; relative to the data set's root, or
        absolute.
    label
        Index of the class; in a binary task 1 means that the event follows.
    event_time_s, alert_time_s
        Seconds from the start of the video; None where the data set gives none. A clip with label
        0 has an event only where something happens that the question is not about.
    split
        The official split, or "".
    where
        Name of the table and line (or key) that said so; without the folder, since sentences about
        marked clips end up in files that must not depend on where a task lies.
    group
        Clips of one group stay in one split; "" is a group of its own.
    cut_tte_s
        The file ends this long before the event: it holds one window, at this time to event.
    picture_rate_hz
        Pictures a second, of a folder of pictures.
    first_picture
        The number of the first of them, if the data set says so; the index marks a clip whose
        folder begins elsewhere.
    """

    clip_id: str
    path: str
    label: int
    event_time_s: float | None
    alert_time_s: float | None
    split: str
    where: str
    group: str = ""
    cut_tte_s: float | None = None
    picture_rate_hz: float | None = None
    first_picture: int | None = None


@dataclass(frozen=True)
class DataSet:
    """A task's clips, as an adapter read them; checked on the way in.

    Attributes
    ----------
    root
        The folder that the records' paths start from.
    classes
        Names of the classes by label; two for a binary question, the event's class second.
    tables
        The annotation files that were read.

    Raises
    ------
    InputError
        If an id or a video stands twice, a label has no class, or a class has no clip.
    """

    root: Path
    classes: tuple[str, ...]
    records: tuple[ClipRecord, ...]
    tables: tuple[Path, ...]

    def __post_init__(self) -> None:
        """Check what every consumer relies on."""
        _check_distinct(self)
        check_classes([record.label for record in self.records], self.classes, str(self.place))

    @property
    def place(self) -> Path:
        """The table that sentences about the whole set name, or the folder if there is none."""
        return self.tables[0] if self.tables else self.root

    def state(self) -> str:
        """Digest of the records and of every video's size and time of change.

        It changes if a video is replaced or added, or if an annotation that matters changes.
        """
        return digest([[vars(record), _state(self.root / record.path)] for record in self.records])


def check_classes(labels: Sequence[int], classes: Sequence[str], where: str) -> None:
    """Raise InputError unless every class occurs."""
    counts = Counter(labels)
    unknown = sorted(set(counts) - set(range(len(classes))))
    if unknown:
        raise InputError(
            f"{where}: label {unknown[0]} has no class; there are {len(classes)}, from 0."
        )
    for label, name in enumerate(classes):
        if not counts[label]:
            raise InputError(
                f"{where}: none of the {len(labels)} usable clips has label {label} ({name}); "
                "a task needs clips of every class, so add some."
            )


def check_inside(data: DataSet) -> None:
    """Check that every clip lies in the data set's folder, whatever its path and links say.

    A table from elsewhere must not choose which other files of this machine are read.

    Raises
    ------
    InputError
        With file and line, if a path is absolute, or if it or a link leads out of the folder.
    """
    root = os.path.realpath(data.root)
    for record in data.records:
        if os.path.isabs(record.path):
            fault = "is absolute; write it relative to"
        elif any(not _is_in(root, place) for place in _places(os.path.join(root, record.path))):
            fault = "leads out of the folder; move the clip into"
        else:
            continue
        raise InputError(
            f"{data.place.parent / record.where}: the path {record.path} {fault} {data.root}, or "
            "write allow_outside: true in the task if it is meant."
        )


def _places(path: str) -> Iterator[str]:
    """Yield a clip's path and, of a folder of pictures, those of the links in it."""
    yield path
    with suppress(OSError, ValueError):  # what is not there, or no folder, is marked later
        yield from (each.path for each in os.scandir(path) if each.is_symlink())


def _is_in(root: str, path: str) -> bool:
    try:
        return os.path.commonpath([root, os.path.realpath(path)]) == root
    except ValueError:  # no name that a file can have
        return True


def _state(path: Path) -> list[list[str | int]] | None:
    """Name, size and time of change of a file, or of every file in a folder of pictures."""
    try:
        files = sorted(os.scandir(path), key=lambda each: each.name) if path.is_dir() else [path]
        found = [(each.name, each.stat()) for each in files]
    except (OSError, ValueError):
        return None
    return [[name, facts.st_size, facts.st_mtime_ns] for name, facts in found]


def _check_distinct(data: DataSet) -> None:
    """Refuse an id or a video that stands twice: one clip must not be in two splits."""
    for what, values in (
        ("id", [record.clip_id for record in data.records]),
        ("video", [os.path.abspath(data.root / record.path) for record in data.records]),
    ):
        counts = Counter(values)
        for record, value in zip(reversed(data.records), reversed(values), strict=True):
            if counts[value] > 1:
                raise InputError(
                    f"{data.place.parent / record.where}: the {what} "
                    f"{record.clip_id if what == 'id' else record.path} stands "
                    f"{counts[value]} times; give every clip its own."
                )
