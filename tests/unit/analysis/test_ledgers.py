import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from dashsearch.analysis.inputs.ledgers import analysis_note, read_ledgers
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.files import file_digest
from dashsearch.ledger.schema import ledger_columns
from dashsearch.space.space import Factor, Space
from dashsearch.tables import write_table
from planted import TTE_S, plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
    ),
)
COLUMNS = ledger_columns(SPACE, TTE_S)


@pytest.fixture
def ledger():
    return planted_ledger(plant_task("town", SPACE, {("backbone",): 0.5}), 10, 6, 6)[list(COLUMNS)]


@pytest.fixture
def paths(ledger, tmp_path):
    paths = []
    for (arm, seed), run in ledger.groupby(["arm", "arm_seed"], sort=False):
        paths.append(tmp_path / f"{arm}-{seed}.parquet")
        write_table(paths[-1], run, COLUMNS, {"schema": "ledger/1"})
    return paths


def test_ledgers_are_joined_in_order_and_each_is_named_with_its_digest(ledger, paths):
    joined, digests = read_ledgers(paths, SPACE, TTE_S)
    assert_frame_equal(joined, ledger, check_dtype=False)
    assert digests == dict(
        zip(
            ["designed/1", "random/1", "evolution/1", "random/2", "evolution/2"],
            map(file_digest, paths),
            strict=True,
        )
    )


def test_ledgers_that_cannot_be_joined_are_refused(paths, tmp_path):
    write_table(tmp_path / "none.parquet", pd.DataFrame(columns=list(COLUMNS)), COLUMNS, {})
    for wrong, words in (
        ([], "no ledger"),
        ([paths[0], paths[0]], "second ledger of the arm designed/1"),
        ([tmp_path / "none.parquet"], "has no rows"),
    ):
        with pytest.raises(InputError, match=words):
            read_ledgers(wrong, SPACE, TTE_S)


def test_the_note_names_what_made_the_numbers_and_nothing_else():
    note = analysis_note({"random/1": "ab"}, SPACE, AnalysisSettings(seed=7), "trainer/1-cd")
    assert note["schema"] == "analysis/1"
    assert set(note["libraries"]) == {"numpy", "pandas", "scipy"}
    assert note["inputs"] == {"ledger of random/1": "ab"}
    settings = note["settings"]
    assert (settings["campaign_seed"], settings["trainer"]) == (7, "trainer/1-cd")
    assert settings["space"] == SPACE.digest and settings["analysis"]["bootstraps"] == 2000
