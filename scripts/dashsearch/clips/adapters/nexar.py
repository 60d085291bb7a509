"""Nexar's collision prediction data set (Moura et al., 2025), from Kaggle or Hugging Face.

https://www.kaggle.com/competitions/nexar-collision-prediction: train.csv and train/<id>.mp4,
test.csv and test/<id>.mp4. https://huggingface.co/datasets/nexar-ai/nexar_collision_prediction:
{train,test-public,test-private}/{positive,negative}/<id>.mp4 with a metadata.csv in each folder,
and solution.csv and time_to_accident_test_map.csv at the top.

A test clip ends 0.5, 1.0 or 1.5 s before the event, so it holds one window. The map names the clips
that were cut from one event, a column a time; solution.csv gives label and group of every test
clip. A negative has no event: its time is that of the positives of its group, which is how the
organisers' evaluate_submission.py scores it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dashsearch.clips.adapters.rows import (
    NOTHING,
    binary_of,
    check_times,
    read_rows,
    seconds_of,
    text_of,
)
from dashsearch.clips.records import COLLISION, ClipRecord, DataSet
from dashsearch.clips.settings import DataSetSettings, Download, Folder
from dashsearch.errors import InputError

COLUMNS = ("target", "time_of_event", "time_of_alert")
FOLDERS = {"positive": 1, "negative": 0}
TEST_FOLDERS = ("test-public", "test-private")
CUTS_S = ("0.5", "1.0", "1.5")


class NexarTask(DataSetSettings):
    """A folder in the layout of Nexar's data set, Kaggle's or Hugging Face's."""

    source: Literal["nexar"]
    folder: Folder
    test: Annotated[
        Literal["none", "official"],
        Field(
            description="official: the competition's test clips are the test split, with the "
            "labels of solution.csv; none: the test split is cut from the training clips"
        ),
    ] = "none"
    download: Annotated[
        Download | None, Field(description="fetched by `snakemake download`; null: it is there")
    ] = None


def read(task: NexarTask) -> DataSet:
    """Read the training clips and, if asked for, the official test clips.

    Raises
    ------
    InputError
        With file and line, if the folder has neither layout or both, or a table is wrong.
    """
    folder = Path(task.folder)
    kaggle, hub = folder / "train.csv", folder / "train" / "positive" / "metadata.csv"
    if kaggle.is_file() and hub.is_file():
        raise InputError(
            f"{folder} holds train.csv (Kaggle) and train/positive/metadata.csv (Hugging Face); "
            "keep one layout a folder."
        )
    official = task.test == "official"
    if hub.is_file():
        tables = _metadata_files(folder, ("train", *(TEST_FOLDERS if official else ())))
        records = [record for table in tables for record in _hub_records(table, folder)]
    else:
        # Also where nothing is there: the sentence names the file that most people have.
        tables = [kaggle]
        records = [_kaggle_record(row, where, folder) for where, row in _training_rows(kaggle)]
    if official:
        solution, times = folder / "solution.csv", folder / "time_to_accident_test_map.csv"
        known = {record.clip_id: record for record in records if record.split == "test"}
        training = [replace(record, split="train") for record in records if not record.split]
        found = known if hub.is_file() else None
        records = [*training, *_test_records(solution, times, folder, found)]
        tables += [solution, times]
    return DataSet(folder, COLLISION, tuple(records), tuple(tables))


def _training_rows(table: Path) -> Iterator[tuple[str, dict[str, str]]]:
    return read_rows(table, ("id", *COLUMNS))


def _kaggle_record(row: dict[str, str], where: str, folder: Path) -> ClipRecord:
    place = str(folder / where)
    clip_id = text_of(row, "id", place)
    label = binary_of(row, "target", place)
    event, alert = (seconds_of(row, name, place) for name in COLUMNS[1:])
    check_times(label, event, alert, COLUMNS, place)
    path = _path(folder, "train", clip_id, place)
    return ClipRecord(clip_id, path, label, event, alert, "", where)


def _path(folder: Path, part: str, clip_id: str, where: str) -> str:
    """Path of a clip; tables that went through a spreadsheet have lost the zeros of their ids."""
    try:
        for name in (clip_id, clip_id.zfill(5)):
            if (folder / part / f"{name}.mp4").exists():
                return f"{part}/{name}.mp4"
    except (OSError, ValueError):
        raise InputError(
            f"{where}: the id {clip_id[:20]!r}… cannot be the name of a file; correct it."
        ) from None
    return f"{part}/{clip_id}.mp4"


def _metadata_files(folder: Path, parts: tuple[str, ...]) -> list[Path]:
    return [folder / part / label / "metadata.csv" for part in parts for label in FOLDERS]


def _hub_records(table: Path, folder: Path) -> Iterator[ClipRecord]:
    """Read the metadata of one folder, train/positive for example; the folder is the label."""
    label, part = FOLDERS[table.parent.name], table.parent.parent.name
    for line, row in read_rows(table, ("file_name", *COLUMNS[1:])):
        place = f"{table.parent / line}"
        name = text_of(row, "file_name", place)
        event, alert = (seconds_of(row, column, place) for column in COLUMNS[1:])
        check_times(label, event, alert, ("the folder's label", *COLUMNS[1:]), place)
        if Path(name).is_absolute():
            raise InputError(f"{place}: file_name {name!r} is absolute; write the file's name.")
        path = (table.parent / name).relative_to(folder).as_posix()
        where = (table.parent / line).relative_to(folder).as_posix()
        # Where the file was cut, the event lies behind its end; its time is of no use here.
        test = part in TEST_FOLDERS
        yield ClipRecord(
            clip_id=_canonical(Path(name).stem),
            path=path,
            label=label,
            event_time_s=None if test else event,
            alert_time_s=None if test else alert,
            split="test" if test else "",
            where=where,
        )


def _canonical(clip_id: str) -> str:
    """Ids of the test tables, which may have lost their zeros."""
    return clip_id.zfill(5) if clip_id.isdecimal() else clip_id


def _test_records(
    solution: Path, times: Path, folder: Path, known: Mapping[str, ClipRecord] | None
) -> list[ClipRecord]:
    """Read the official test clips: label and group from the solution, the cut from the map.

    `known` are the clips by id that Hugging Face's folders hold; None in Kaggle's layout.
    """
    cuts, events = _read_cuts(times)
    rows = []
    for where, row in read_rows(solution, ("id", "target", "group")):
        place = str(folder / where)
        clip_id = _canonical(text_of(row, "id", place))
        label, group = binary_of(row, "target", place), text_of(row, "group", place)
        rows.append((clip_id, label, group, where))
    of_group = _cuts_of_groups(rows, cuts, solution)
    records = []
    for clip_id, label, group, where in rows:
        path = _test_path(clip_id, label, folder, str(folder / where), known)
        records.append(
            ClipRecord(
                clip_id=clip_id,
                path=path,
                label=label,
                event_time_s=None,
                alert_time_s=None,
                split="test",
                where=where,
                group=events.get(clip_id, ""),
                cut_tte_s=of_group[group],
            )
        )
    return records


def _test_path(
    clip_id: str, label: int, folder: Path, where: str, known: Mapping[str, ClipRecord] | None
) -> str:
    if known is None:
        return _path(folder, "test", clip_id, where)
    if clip_id not in known:
        raise InputError(
            f"{where}: the clip {clip_id} is in no metadata.csv of {' or '.join(TEST_FOLDERS)}; "
            "download those folders, too."
        )
    if known[clip_id].label != label:
        raise InputError(
            f"{where}: target is {label} but the clip lies in {known[clip_id].path}; "
            "download the data set again."
        )
    return known[clip_id].path


def _read_cuts(table: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Read how long before its event each test clip ends, and which clips are of one event."""
    cuts: dict[str, float] = {}
    events: dict[str, str] = {}
    for where, row in read_rows(table, CUTS_S):
        for column in CUTS_S:
            if row[column].lower() in NOTHING:
                continue
            # Pandas writes a column of ids that has gaps as 17.0.
            clip_id = _canonical(row[column].removesuffix(".0"))
            if clip_id in cuts:
                raise InputError(
                    f"{table.parent / where}: the clip {clip_id} stands twice in {table.name}; "
                    "download the file again."
                )
            cuts[clip_id], events[clip_id] = float(column), f"{table.name} {where.split(' ')[-1]}"
    return cuts, events


def _cuts_of_groups(
    rows: list[tuple[str, int, str, str]], cuts: Mapping[str, float], solution: Path
) -> dict[str, float]:
    """Find the time to event of each group of the solution: that of its positives."""
    found: dict[str, float] = {}
    for clip_id, label, group, where in rows:
        cut = cuts.get(clip_id)
        if cut is None:
            if label == 1:
                raise InputError(
                    f"{solution.parent / where}: the positive clip {clip_id} is not in "
                    "time_to_accident_test_map.csv, so it is not known how long before the event "
                    "it ends; download that file again."
                )
            continue
        if found.setdefault(group, cut) != cut:
            raise InputError(
                f"{solution.parent / where}: clips of the group {group} end {found[group]:g} s and "
                f"{cut:g} s before the event; a group has one time, so download the files again."
            )
    lost = sorted({group for _, _, group, _ in rows} - set(found))
    if lost:
        raise InputError(
            f"{solution}: no clip of the group {lost[0]} is in time_to_accident_test_map.csv, so "
            "it is not known how long before the event its clips end; download both files again."
        )
    return found
