import json
import shutil

import pandas as pd
import pytest
import yaml

from dashsearch.analysis.reproduction import compare_results, leaves
from dashsearch.errors import InputError
from dashsearch.files import file_digest, write_json

TOLERANCES = [
    {"files": "*/splits.json", "absolute": 0, "relative": 0, "why": "bits"},
    {"files": "*/ledger.parquet", "absolute": 1e-4, "relative": 0, "why": "rounding"},
    {"files": "*/analysis/*.json", "absolute": 0, "relative": 0.01, "why": "rounding"},
]
LEDGER = pd.DataFrame({"cell": [3, 5, 8], "status": ["ok", "failed", "ok"],
                       "val_map": [0.75, float("nan"), 0.5]})  # fmt: skip


@pytest.fixture
def folders(tmp_path):
    """A reference and results that agree."""
    reference, results = tmp_path / "reference", tmp_path / "again"
    for folder in (reference / "results", results):
        (folder / "town/analysis").mkdir(parents=True)
        write_json(folder / "town/splits.json", {"digest": "ab", "train": ["1", "2"]})
        LEDGER.to_parquet(folder / "town/ledger.parquet")
        write_json(folder / "town/analysis/variance.json", {"arms": [{"f": 2.0}, {"f": None}]})
        (folder / "town/costs.csv").write_text(f"s\n{folder.name}\n")
    (reference / "tolerances.yaml").write_text(yaml.safe_dump(TOLERANCES))
    keep_digests(reference)
    return reference, results


def keep_digests(reference):
    files = [p for p in (reference / "results").rglob("*") if p.is_file() and p.suffix != ".csv"]
    names = {str(path.relative_to(reference / "results")): file_digest(path) for path in files}
    write_json(reference / "digests.json", names)


def verdict_of(name, folders):
    return {each.file: each for each in compare_results(*folders)}[name]


def test_equal_files_are_equal_and_what_no_tolerance_names_is_not_compared(folders):
    verdicts = compare_results(*folders)
    assert [each.verdict for each in verdicts] == ["equal"] * 3
    assert all(each.is_reproduced and each.expected == each.found for each in verdicts)


@pytest.mark.parametrize(("away", "verdict"), [(0.9e-4, "within tolerance"), (1.1e-4, "differs")])
def test_a_score_may_differ_by_its_tolerance_and_no_further(folders, away, verdict):
    moved = LEDGER.assign(val_map=LEDGER["val_map"] + [away, 0, 0])
    moved.to_parquet(folders[1] / "town/ledger.parquet")
    found = verdict_of("town/ledger.parquet", folders)
    assert (found.verdict, found.row) == (verdict, "row 1, val_map")


def test_a_status_has_no_tolerance_and_the_row_is_named(folders):
    LEDGER.assign(status=["ok", "ok", "ok"]).to_parquet(folders[1] / "town/ledger.parquet")
    found = verdict_of("town/ledger.parquet", folders)
    assert (found.row, found.expected, found.found) == ("row 2, status", "failed", "ok")
    assert not found.is_reproduced


def test_a_count_has_no_tolerance_however_large_it_is(folders):
    for folder, n in zip((folders[0] / "results", folders[1]), (1000, 1001), strict=True):
        write_json(folder / "town/analysis/variance.json", {"n": n})
    keep_digests(folders[0])
    found = verdict_of("town/analysis/variance.json", folders)
    assert (found.row, found.expected, found.found) == (".n", "1000", "1001")
    assert not found.is_reproduced


def test_a_number_in_a_document_is_named_by_its_path(folders):
    write_json(folders[1] / "town/analysis/variance.json", {"arms": [{"f": 2.1}, {"f": None}]})
    found = verdict_of("town/analysis/variance.json", folders)
    assert (found.row, found.verdict) == (".arms[0].f", "differs")


@pytest.mark.parametrize("digit", ["0.75", "0.7500001"])
def test_a_changed_reference_is_found_and_its_row_named_however_small_the_change(folders, digit):
    path = folders[0] / "results/town/analysis/variance.json"
    path.write_text(path.read_text().replace("2.0", "2.0000001"))
    found = verdict_of("town/analysis/variance.json", folders)
    assert found.verdict == "the reference file was changed" and found.row == ".arms[0].f"
    LEDGER.assign(val_map=[float(digit) + 1e-9, None, 0.5]).to_parquet(
        folders[0] / "results/town/ledger.parquet"
    )
    found = verdict_of("town/ledger.parquet", folders)
    assert not found.is_reproduced and found.row == "row 1, val_map"


def test_missing_and_unexpected_files_fail(folders):
    shutil.copy(folders[1] / "town/splits.json", folders[1] / "town/analysis/new.json")
    (folders[1] / "town/splits.json").unlink()
    verdicts = {each.file: each.verdict for each in compare_results(*folders)}
    assert verdicts["town/splits.json"] == "was not made"
    assert verdicts["town/analysis/new.json"] == "is not in the reference"


def test_a_shorter_table_differs_where_it_ends(folders):
    LEDGER.head(2).to_parquet(folders[1] / "town/ledger.parquet")
    assert verdict_of("town/ledger.parquet", folders).row == "row 3, cell"


def test_a_file_that_is_no_table_is_one_sentence(tmp_path):
    (tmp_path / "ledger.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"ledger\.parquet cannot be compared"):
        leaves(tmp_path / "ledger.parquet")
    (tmp_path / "lines.jsonl").write_text(json.dumps({"a": [1, {"b": 2}]}) + "\n")
    assert leaves(tmp_path / "lines.jsonl") == {"row 1.a[0]": 1, "row 1.a[1].b": 2}
