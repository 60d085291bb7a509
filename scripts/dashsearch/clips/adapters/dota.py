"""DoTA (Detection of Traffic Anomaly, Yao et al.), as its repository lays it out.

https://github.com/MoonBlvd/Detection-of-Traffic-Anomaly: its README describes the metadata, its
video2frames.py cuts the clips at 10 pictures a second and numbers them from 000000.jpg.

Something happens in every clip, so no clip is a negative for want of an event. The default
question is therefore whom the anomaly befalls: windows of both classes end equally long before an
anomaly, and neither "something is about to happen" nor the place in the clip tells the answer.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from dashsearch.clips.records import ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings, Folder
from dashsearch.errors import InputError

PICTURES_HZ = 10.0
METADATA = {"train": "metadata_train.json", "test": "metadata_val.json"}
INVOLVED = ("anomaly of other cars", "anomaly of the camera's car")
CATEGORIES = (
    "start_stop_or_stationary",
    "moving_ahead_or_waiting",
    "lateral",
    "oncoming",
    "turning",
    "pedestrian",
    "obstacle",
    "leave_to_left",
    "leave_to_right",
)
UNKNOWN = "unknown"


class DotaTask(DataSetSettings):
    """A folder in the layout of DoTA: dataset/metadata_*.json and frames/<clip>/."""

    source: Literal["dota"]
    folder: Folder
    question: Annotated[
        Literal["ego", "category"],
        Field(description="ego: is the camera's own car involved; category: what kind of anomaly"),
    ] = "ego"
    split: Annotated[
        Literal["video", "official"],
        Field(
            description="video: drawn here, clips of one YouTube video together; official: DoTA's "
            "own, whose train and val share YouTube videos"
        ),
    ] = "video"


def read(task: DotaTask) -> DataSet:
    """Read the two files of metadata; pictures are looked at later.

    The event is `anomaly_start`; it is given for both classes of the question "ego".

    Raises
    ------
    InputError
        With file and key, if a file is missing or not laid out as documented.
    """
    root = Path(task.folder)
    frames = root / "frames"
    if not frames.is_dir():
        raise InputError(
            f"there is no folder {frames}; let the task's folder name DoTA's, which holds dataset "
            "and frames."
        )
    tables = {split: root / "dataset" / name for split, name in METADATA.items()}
    records = tuple(
        record for split, table in tables.items() for record in _records(task, table, split, frames)
    )
    classes = INVOLVED if task.question == "ego" else CATEGORIES
    return DataSet(root, classes, records, tuple(tables.values()))


def _records(task: DotaTask, table: Path, split: str, frames: Path) -> Iterator[ClipRecord]:
    for clip, facts in _read_metadata(table).items():
        where = f"{table.name} key {clip}"
        place = str(table.parent / where)
        # <YouTube's id>_<number of the first frame>; ids may hold _ themselves.
        name = re.fullmatch(r"([\w-]+)_\d{6}", clip)
        if name is None or not isinstance(facts, dict):
            raise InputError(f"{place}: this is no clip of DoTA's; put the published file back.")
        involved, category = _class_of(facts, place)
        if task.question == "category" and category == UNKNOWN:
            continue
        yield ClipRecord(
            clip_id=clip,
            path=_pictures(frames, clip),
            label=involved if task.question == "ego" else CATEGORIES.index(category),
            event_time_s=_frame_of(facts, "anomaly_start", place) / PICTURES_HZ,
            alert_time_s=None,
            split=split if task.split == "official" else "",
            where=where,
            # The official split divides YouTube videos; there they keep together inside a part.
            group=name[1] if task.split == "video" else f"{name[1]} {split}",
            picture_rate_hz=PICTURES_HZ,
            first_picture=0,
        )


def _read_metadata(table: Path) -> dict[str, Any]:
    if not table.is_file():
        raise InputError(f"there is no file {table}; copy the one of DoTA's repository there.")
    try:
        content = json.loads(table.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{table} is not JSON ({error}); copy it again.") from None
    if not isinstance(content, dict) or not content:
        raise InputError(f"{table}: the file holds no clip by its name; copy it again.")
    return content


def _class_of(facts: dict[str, Any], place: str) -> tuple[int, str]:
    """Return whether the camera's car is involved (0 or 1), and the category."""
    given = facts.get("anomaly_class")
    who, _, category = str(given).partition(": ")
    if who not in ("ego", "other") or category not in (*CATEGORIES, UNKNOWN):
        raise InputError(
            f"{place}: anomaly_class is {given!r}; write ego or other, a colon, a blank and one of "
            f"{', '.join((*CATEGORIES, UNKNOWN))}."
        )
    return int(who == "ego"), category


def _frame_of(facts: dict[str, Any], key: str, place: str) -> int:
    frame = facts.get(key)
    if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
        raise InputError(f"{place}: {key} is {frame!r}; write a frame's number, from 0.")
    return frame


def _pictures(frames: Path, clip: str) -> str:
    """Folder of a clip's pictures: the ready-made download has one level more than the script."""
    deeper = f"{clip}/images"
    return f"frames/{deeper if (frames / deeper).is_dir() else clip}"
