"""DAD, the Dashcam Accident Dataset (Chan et al., 2016).

https://github.com/smallcorgi/Anticipating-Accidents: videos/{training,testing}/{positive,negative}
with clips of 100 frames at 20 Hz; in positives the accident begins with the 91st, so that it fills
the last ten.
"""

from pathlib import Path
from typing import Literal

from dashsearch.clips.adapters.rows import list_videos
from dashsearch.clips.records import COLLISION, ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings, Folder
from dashsearch.errors import InputError

SPLITS = {"training": "train", "testing": "test"}
LABELS = {"positive": 1, "negative": 0}
# Frames count from 0: frames 90 to 99 show the accident.
EVENT_S = 90 / 20


class DadTask(DataSetSettings):
    """A folder that holds videos/training and videos/testing."""

    source: Literal["dad"]
    folder: Folder


def read(task: DadTask) -> DataSet:
    """List the clips; the set has no table, its folders say everything.

    Raises
    ------
    InputError
        If a folder is missing or holds no video.
    """
    root = Path(task.folder)
    records = [
        ClipRecord(
            clip_id=f"{part}/{kind}/{video.stem}",
            path=video.relative_to(root).as_posix(),
            label=label,
            event_time_s=EVENT_S if label else None,
            alert_time_s=None,
            split=split,
            where=f"videos/{part}/{kind}",
        )
        for part, split in SPLITS.items()
        for kind, label in LABELS.items()
        for video in _videos(root / "videos" / part / kind)
    ]
    return DataSet(root, COLLISION, tuple(records), ())


def _videos(folder: Path) -> list[Path]:
    videos = list_videos(folder)
    if not videos:
        raise InputError(
            f"{folder} holds no .mp4 file; unpack the videos so that videos/training/positive and "
            "its three sisters lie in the task's folder."
        )
    return videos
