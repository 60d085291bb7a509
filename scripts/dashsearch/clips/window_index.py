"""The table beside a task's windows: a row a window, and a row a clip that cannot be used."""

from pathlib import Path

import pandas as pd

from dashsearch.tables import read_table

INDEX_SCHEMA = "window_index/1"
INDEX_COLUMNS = {
    "clip_id": "string",
    "label": "int64",
    "class_name": "string",
    "window": "int64",
    "tte_s": "float64",
    "end_time_s": "float64",
    "real_frames": "int64",
    "most_early_s": "float64",
    "most_late_s": "float64",
    "status": "string",
    "problem_kind": "string",
    "problem": "string",
}


def read_window_index(path: str | Path) -> pd.DataFrame:
    """Read the table of a task's windows; InputError if its columns are not this version's."""
    return read_table(path, INDEX_COLUMNS)


def read_marked_clips(index: str | Path) -> dict[str, str]:
    """Sentence of every clip that could not be used, by its id."""
    marked = read_window_index(index).query("status == 'marked'")
    return dict(zip(marked["clip_id"], marked["problem"], strict=True))
