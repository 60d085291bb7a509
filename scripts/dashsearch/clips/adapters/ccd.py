"""CCD, the Car Crash Dataset (Bao et al., 2020).

https://github.com/Cogito2012/CarCrashDataset: 1,500 crash clips from YouTube and 3,000 normal ones
from BDD100K, all of 50 frames at 10 Hz. Lines of videos/Crash-1500.txt are
"000001,[0, 0, …, 1, 1],285,<YouTube id>,Day,Normal,Yes": a label a frame, 1 from the accident on.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dashsearch.clips.adapters.rows import list_videos
from dashsearch.clips.records import COLLISION, ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings, Folder
from dashsearch.errors import InputError

ANNOTATIONS = "Crash-1500.txt"
FRAMES, RATE_HZ = 50, 10
LINE = re.compile(r"(\w+),\s*\[([01,\s]+)\],\s*(\d+),\s*([^,]+),([^,]*),([^,]*),([^,]*)")
# The published list of a split: "positive/000123.npz 1".
LIST_LINE = re.compile(r"(positive|negative)/(\w+)\.npz\s+[01]")


class CcdTask(DataSetSettings):
    """A folder that holds videos/Normal, videos/Crash-1500 and videos/Crash-1500.txt."""

    source: Literal["ccd"]
    folder: Folder
    split: Annotated[
        Literal["video", "official"],
        Field(
            description="video: drawn here, crashes of one YouTube video together; official: "
            "vgg16_features/train.txt and test.txt, which divide such videos"
        ),
    ] = "video"


def read(task: CcdTask) -> DataSet:
    """Read the annotations of the crashes, and list the normal clips.

    Raises
    ------
    InputError
        With file and line, if a file or folder is missing or a line is not as published.
    """
    root = Path(task.folder)
    table = root / "videos" / ANNOTATIONS
    tables = [table]
    splits: dict[str, str] = {}
    if task.split == "official":
        lists = {name: root / "vgg16_features" / f"{name}.txt" for name in ("train", "test")}
        splits = {clip: name for name, path in lists.items() for clip in _listed(path)}
        twice = set(_listed(lists["train"])) & set(_listed(lists["test"]))
        if twice:
            raise InputError(
                f"{root / 'vgg16_features'}: {min(twice)} is in train.txt and in test.txt; "
                "download the lists again or use split: video."
            )
        tables += lists.values()
    records = [*_crashes(table, splits), *_normal(root / "videos" / "Normal", splits)]
    if splits:
        lost = next((record for record in records if not record.split), None)
        if lost is not None:
            raise InputError(
                f"{root / 'vgg16_features'}: {lost.clip_id} is in neither train.txt nor test.txt; "
                "download the lists again or use split: video."
            )
    return DataSet(root, COLLISION, tuple(records), tuple(tables))


def _crashes(table: Path, splits: dict[str, str]) -> Iterator[ClipRecord]:
    for number, line in _lines(table):
        found = LINE.fullmatch(line)
        labels = [] if found is None else [int(label) for label in re.findall(r"[01]", found[2])]
        if found is None or len(labels) != FRAMES or 1 not in labels:
            raise InputError(
                f"{table} line {number}: it is not `name,[{FRAMES} labels with a 1],start,video,…`;"
                " download the file again."
            )
        clip_id = f"crash/{found[1]}"
        yield ClipRecord(
            clip_id=clip_id,
            path=f"videos/Crash-1500/{found[1]}.mp4",
            label=1,
            event_time_s=labels.index(1) / RATE_HZ,
            alert_time_s=None,
            split=splits.get(clip_id, ""),
            where=f"{table.name} line {number}",
            # The official lists divide the clips of a video, so a group would refuse them.
            group="" if splits else f"YouTube {found[4].strip()}",
        )


def _normal(folder: Path, splits: dict[str, str]) -> Iterator[ClipRecord]:
    videos = list_videos(folder)
    if not videos:
        raise InputError(f"{folder} holds no .mp4 file; unpack the normal videos there.")
    for video in videos:
        clip_id = f"normal/{video.stem}"
        yield ClipRecord(
            clip_id=clip_id,
            path=f"videos/Normal/{video.name}",
            label=0,
            event_time_s=None,
            alert_time_s=None,
            split=splits.get(clip_id, ""),
            where="videos/Normal",
        )


def _listed(path: Path) -> Iterator[str]:
    for number, line in _lines(path):
        found = LIST_LINE.match(line)
        if found is None:
            raise InputError(
                f"{path} line {number}: it is not `positive/000001.npz 1`; download the file again."
            )
        yield f"{'crash' if found[1] == 'positive' else 'normal'}/{found[2]}"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise InputError(f"there is no file {path}; correct the task's folder in the config.")
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.strip() and not line.startswith("vidname"):
            yield number, line.strip()
