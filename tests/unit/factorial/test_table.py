"""The factorial table: looked up exactly, refused where it is wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashsearch.errors import InputError
from dashsearch.factorial.table import FactorialTable, table_columns, write_factorial
from dashsearch.ledger.schema import Proposal
from dashsearch.space.space import Factor, Space

SPACE = Space("s", (Factor("a", "architecture", ("x", "y")), Factor("b", "training", (1, 2, 3))))
TTE_S = (0.5,)
PROPOSAL = Proposal(
    "id", "t", "arm", 1, 0, 0, "random", "", "policy", "base", "", 4, 0, 1.0, 7, "ok"
)


def measured(**changes):
    cells = [5, 4, 3, 2, 1, 0, 4]
    frame = pd.DataFrame({name: np.arange(7) / 10 for name in table_columns(TTE_S)})
    frame["cell"], frame["replicate"] = cells, [0] * 6 + [1]
    frame["fidelity"], frame["status"], frame["reason"] = 1.0, "ok", ""
    frame["sample"] = ["all"] * 6 + ["uniform"]
    frame["train_duration_s"] = np.arange(7) + 1.0
    return frame.assign(**changes)


def load(tmp_path, frame=None, space=SPACE):
    write_factorial(
        tmp_path / "t.parquet",
        measured() if frame is None else frame,
        space,
        TTE_S,
        {"trainer": "trainer/7"},
    )
    return FactorialTable.load(tmp_path / "t.parquet", SPACE, TTE_S)


def test_a_measurement_is_looked_up_by_cell_replicate_and_fidelity(tmp_path):
    table = load(tmp_path)
    assert table.trainer == "trainer/7"
    assert table.validation(PROPOSAL) == {
        "status": "ok",
        "reason": "",
        "val_map": 0.1,
        "train_s": 2.0,
    }
    assert table.validation(replace(PROPOSAL, replicate=1))["val_map"] == 0.6


def test_a_ledger_has_scores_for_what_was_measured_only(tmp_path):
    table = load(tmp_path)
    again = replace(PROPOSAL, slot=1, status="duplicate", reason="again")
    ledger = table.ledger([PROPOSAL, again])
    assert ledger["val_map"].iloc[0] == 0.1
    assert ledger["test_map"].iloc[0] == 0.1
    assert np.isnan(ledger["test_map"].iloc[1])
    assert list(ledger["b"]) == [2, 2]
    assert list(table.costs([PROPOSAL, again])["train_duration_s"]) == [2.0, 0.0]


@pytest.mark.parametrize(
    "change", [{"replicate": 2}, {"fidelity": 0.5}, {"cell": 5, "replicate": 1}]
)
def test_what_was_not_measured_is_named(tmp_path, change):
    with pytest.raises(InputError, match=r"has no measurement of cell [45], replicate"):
        load(tmp_path).validation(replace(PROPOSAL, **change))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cell": [9, 4, 3, 2, 1, 0, 4]}, "cell 9 is outside space s"),
        ({"replicate": 0}, "cell 4 has two rows"),
        ({"status": "duplicate"}, "'duplicate' is no status of a measurement"),
        ({"val_map": np.nan}, "cell 5 is ok but has no val_map"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        load(tmp_path, measured(**change))


def test_a_table_of_another_space_is_refused(tmp_path):
    other = Space("s", (Factor("a", "training", (1, 2, 3, 4, 5, 6)),))
    with pytest.raises(InputError, match="use the space file that it was measured with"):
        load(tmp_path, space=other)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist; correct `tables`"):
        FactorialTable.load(tmp_path / "no.parquet", SPACE, TTE_S)
