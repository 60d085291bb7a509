import json

import h5py
import pandas as pd

from dashsearch.clips.manifest import COLUMNS
from dashsearch.clips.marked import read_marked_clips
from dashsearch.tables import write_table


def test_clips_marked_in_the_index_and_on_decoding_are_named_together(tmp_path):
    empty = {"string": "", "int64": 0, "float64": 0.0}
    manifest = pd.DataFrame([{name: empty[kind] for name, kind in COLUMNS.items()}] * 3)
    manifest["clip_id"] = ["1", "2", "3"]
    manifest["status"] = ["ok", "marked", "ok"]
    manifest["problem"] = ["", "the file 2.mp4 is empty; remove it.", ""]
    write_table(tmp_path / "manifest.parquet", manifest, COLUMNS, {"schema": "manifest/1"})
    with h5py.File(tmp_path / "windows.h5", "w") as store:
        store.attrs["marked"] = json.dumps({"3": "the file 3.mp4 broke; copy it again."})
    assert read_marked_clips(tmp_path / "manifest.parquet", tmp_path / "windows.h5") == {
        "2": "the file 2.mp4 is empty; remove it.",
        "3": "the file 3.mp4 broke; copy it again.",
    }
