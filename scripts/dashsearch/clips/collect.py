"""Joining the shards of a task: one file of windows, and beside it a table that explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.clips.decode import SHARD_COLUMNS
from dashsearch.clips.manifest import check_marked
from dashsearch.clips.records import check_classes
from dashsearch.clips.window_index import INDEX_COLUMNS, INDEX_SCHEMA
from dashsearch.clips.windows import WINDOWS_SCHEMA, WindowSettings, WindowsWriter, open_store
from dashsearch.errors import InputError
from dashsearch.files import canonical_json, digest
from dashsearch.hdf5 import writing_hdf5
from dashsearch.provenance import provenance
from dashsearch.tables import frame_of, read_table, write_table


def collect_windows(
    shards: Sequence[str | Path],
    indices: Sequence[str | Path],
    manifest: pd.DataFrame,
    settings: WindowSettings,
    *,
    classes: Sequence[str],
    windows: str | Path,
    index: str | Path,
    max_marked_share: float,
    place: str,
) -> None:
    """Join shards into one file and one table.

    Parameters
    ----------
    shards, indices
        What `decode_windows` wrote for every shard, in order.
    manifest
        The manifest that they were cut from.
    classes
        Names of the classes by label.
    windows, index
        Where the joined file and its table go. The table has the rows of `INDEX_COLUMNS`: one a
        window (`window` is its row in the file), and one a clip that cannot be used (-1), whether
        that was found by the index or on decoding. `most_early_s` and `most_late_s` say how far
        the frames shown lie from the instants asked for.
    max_marked_share
        Largest share of marked clips that is not an error.
    place
        What to call the task's clips in messages.

    Raises
    ------
    InputError
        If too many clips are marked, a class has none left, or the shards are of another manifest.
    """
    found = pd.concat([read_table(path, SHARD_COLUMNS) for path in indices], ignore_index=True)
    rows = _join(found, manifest)
    problems = rows.loc[rows["status"] == "marked", "problem"].to_list()
    check_marked(problems, len(manifest), max_marked_share, place)
    usable = rows[rows["status"] == "ok"].drop_duplicates("clip_id")
    check_classes(usable["label"].to_list(), classes, f"{place}, after decoding")
    note = partial(
        provenance,
        libraries=("av", "numpy"),
        inputs={"index": digest(rows.to_json(orient="records"))},
        settings=asdict(settings),
    )
    with writing_hdf5(windows) as store:
        writer = WindowsWriter(store, settings)
        for shard in shards:
            with open_store(shard) as part:
                writer.append_file(part)
        writer.close(classes, canonical_json(note(WINDOWS_SCHEMA)))
    write_table(index, rows, INDEX_COLUMNS, note(INDEX_SCHEMA))


def _join(found: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Bring what decoding found and what the manifest knew into one table, in order of the ids."""
    clips = {row["clip_id"]: row for row in manifest.to_dict("records")}
    usable = {name for name, clip in clips.items() if clip["status"] == "ok"}
    if set(found["clip_id"]) != usable:
        strange = sorted(set(found["clip_id"]) ^ usable)[0]
        raise InputError(
            f"the shards and the manifest do not hold the same clips ({strange} for example); "
            "delete the task's clips folder and run again."
        )
    rows: list[Mapping[str, Any]] = []
    window = 0
    decoded: Mapping[Any, pd.DataFrame] = dict(iter(found.groupby("clip_id", sort=False)))
    for clip_id, clip in sorted(clips.items()):
        known = {"clip_id": clip_id, "label": clip["label"], "class_name": clip["class_name"]}
        if clip["status"] == "marked":
            why = {name: clip[name] for name in ("problem_kind", "problem")}
            rows.append({**known, "window": -1, "real_frames": 0, "status": "marked", **why})
            continue
        for row in decoded[clip_id].to_dict("records"):
            marked = bool(row["problem"])
            place = {"window": -1 if marked else window, "status": "marked" if marked else "ok"}
            rows.append({**known, **{str(name): value for name, value in row.items()}, **place})
            window += not marked
    return frame_of(rows, INDEX_COLUMNS)
