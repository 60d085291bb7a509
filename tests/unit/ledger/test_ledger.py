"""Tables: declared columns, a note of their making, equal bytes from equal rows."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.errors import InputError
from dashsearch.ledger.closing import close_arm, read_history
from dashsearch.ledger.schema import ledger_columns, sealed_columns, validation_columns
from dashsearch.provenance import provenance
from dashsearch.space.space import Factor, Space
from dashsearch.tables import frame_of, read_note, read_table, write_table

COLUMNS = {"name": "string", "n": "int64", "score": "float64"}
SPACE = Space("s", (Factor("backbone", "architecture", ("a", "b")), Factor("lr", "training", (1,))))
TTE_S = (0.5, 1.0)
NOTE = provenance("test/1", libraries=("numpy",))


def row(number, **scores):
    identity = {
        "experiment_id": f"id{number}",
        "task": "t",
        "arm": "a",
        "arm_seed": 1,
        "round": 0,
        "slot": number,
        "agent": "random",
        "model": "",
        "source": "policy",
        "kind": "base",
        "fidelity": 1.0,
        "parent": "",
        "cell": 0,
        "replicate": 0,
        "seed": 5,
        "status": "ok",
        "reason": "",
        "backbone": "a",
        "lr": 1,
    }
    return {**identity, **scores}


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.text(max_size=5),
                "n": st.integers(-(2**63), 2**63 - 1),
                "score": st.floats(allow_nan=False),
            }
        ),
        max_size=5,
    )
)
def test_rows_survive_their_file(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    write_table(path, frame_of(rows, COLUMNS), COLUMNS, NOTE)
    assert read_table(path, COLUMNS).to_dict("records") == rows


def test_equal_rows_give_equal_bytes_and_the_note_is_kept(tmp_path):
    for name in ("one", "two"):
        rows = [{"name": "x", "n": 1, "score": 0.5}]
        write_table(tmp_path / name, frame_of(rows, COLUMNS), COLUMNS, NOTE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_note(tmp_path / "one") == NOTE


def test_a_score_that_a_row_lacks_is_nan():
    assert math.isnan(frame_of([{"name": "x", "n": 1}], COLUMNS)["score"][0])


def test_a_missing_and_an_unknown_column_are_named(tmp_path):
    frame = pd.DataFrame({"name": ["x"], "n": [1], "colour": [2.0]})
    with pytest.raises(InputError, match=r"lacks score and has the unknown colour"):
        write_table(tmp_path / "t.parquet", frame, COLUMNS, NOTE)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_say_what_made_it_is_refused(tmp_path):
    pd.DataFrame({"n": [1]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="does not say what made it"):
        read_note(tmp_path / "t.parquet")


def write_round(folder, numbers, test_numbers=None):
    validation, test = folder / "validation.parquet", folder / "test.parquet"
    columns = validation_columns(SPACE, TTE_S)
    rows = [row(n, val_map=n / 10) for n in numbers]
    write_table(validation, frame_of(rows, columns), columns, NOTE)
    sealed = [{"experiment_id": f"id{n}", "test_map": n / 20} for n in test_numbers or numbers]
    write_table(test, frame_of(sealed, sealed_columns(TTE_S)), sealed_columns(TTE_S), NOTE)
    return validation, test


def test_closing_joins_the_rounds_in_order(tmp_path):
    files = [write_round(tmp_path / f"r{r}", numbers) for r, numbers in enumerate([(1, 2), (3,)])]
    ledger = close_arm([f[0] for f in files], [f[1] for f in files], SPACE, TTE_S)
    assert list(ledger.columns) == list(ledger_columns(SPACE, TTE_S))
    assert ledger["test_map"].to_list() == [0.05, 0.1, 0.15]
    assert ledger["val_map"].to_list() == [0.1, 0.2, 0.3]


def test_a_round_whose_tables_differ_is_refused(tmp_path):
    validation, test = write_round(tmp_path, (1, 2), (2, 1))
    with pytest.raises(InputError, match="hold different experiments"):
        close_arm([validation], [test], SPACE, TTE_S)


def test_a_history_holds_no_test_column(tmp_path):
    validation, _ = write_round(tmp_path, (1, 2))
    history = read_history([validation], SPACE, TTE_S)
    assert not [name for name in history.columns if name.startswith("test")]
    assert len(read_history([], SPACE, TTE_S)) == 0
