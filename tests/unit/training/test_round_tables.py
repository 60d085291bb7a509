"""A round's tables: a row for every proposal, test scores and costs apart; prepared data kept."""

import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashsearch.errors import InputError
from dashsearch.ledger.schema import Proposal, sealed_columns, validation_columns
from dashsearch.provenance import provenance
from dashsearch.space.files import load_space
from dashsearch.training.metrics import SplitScores
from dashsearch.training.outcome import Outcome
from dashsearch.training.prepare import prepare
from dashsearch.training.settings import TrainerSettings
from dashsearch.training.store import PREPARED_SCHEMA, read_prepared, write_prepared
from dashsearch.training.tables import tabulate_round

SPACE = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")
TTE_S = (0.5, 1.0)
VALIDATION = SplitScores(0.7, 0.75, 0.7, 0.8, 0.72, 0.6, 0.2, 0.5, {0.5: 0.8, 1.0: 0.7})
TEST = SplitScores(0.6, 0.65, 0.6, 0.7, 0.62, 0.7, 0.3, 0.4, {0.5: 0.7, 1.0: 0.6})


def propose(slot, **changes):
    proposal = Proposal(
        f"id{slot}", "t", "a", 1, 0, slot, "random", "", "policy", "base", "", 100 + slot, 0, 1.0, 7
    )
    return replace(proposal, **changes)


def outcome(status="ok", reason=""):
    scored = status == "ok"
    scores = (VALIDATION, TEST) if scored else (None, None)
    return Outcome(status, reason, *scores, duration_s=2.5)


@pytest.fixture
def tables():
    proposals = [
        propose(0),
        propose(1),
        propose(2, status="duplicate", reason="this arm already proposed id0"),
    ]
    outcomes = {"id0": outcome(), "id1": outcome("diverged", "the loss is not finite.")}
    return tabulate_round(proposals, outcomes, SPACE, TTE_S, "cpu")


def test_every_proposal_has_a_row_in_slot_order(tables):
    for frame in (tables.validation, tables.test, tables.costs):
        assert frame["experiment_id"].to_list() == ["id0", "id1", "id2"]
    assert tables.validation["status"].to_list() == ["ok", "diverged", "duplicate"]
    assert tables.validation["reason"].to_list() == [
        "",
        "the loss is not finite.",
        "this arm already proposed id0",
    ]
    assert list(tables.validation.columns) == list(validation_columns(SPACE, TTE_S))
    assert list(tables.test.columns) == list(sealed_columns(TTE_S))


def test_scores_go_where_they_belong(tables):
    first = tables.validation.iloc[0]
    names = ["val_ap", "val_map", "val_map_low", "val_map_high", "val_auc", "val_logloss"]
    assert first[names].to_list() == [0.7, 0.75, 0.7, 0.8, 0.72, 0.6]
    names = ["val_brier", "val_accuracy", "val_ap_at_0.5s", "val_ap_at_1.0s"]
    assert first[names].to_list() == [0.2, 0.5, 0.8, 0.7]
    assert tables.test["test_map"].iloc[0] == 0.65
    assert not [name for name in tables.validation.columns if "test" in name]
    assert not [name for name in tables.test.columns if "val" in name]


def test_without_scores_all_score_columns_are_nan(tables):
    assert tables.validation.filter(like="val_").iloc[1:].isna().all(axis=None)
    assert tables.test.filter(like="test_").iloc[1:].isna().all(axis=None)


def test_an_untrained_proposal_costs_nothing(tables):
    assert tables.costs["train_duration_s"].to_list() == [2.5, 2.5, 0.0]


def test_prepared_data_survive_their_store(make_world, tmp_path):
    data = prepare(*make_world(), 4)
    write_prepared(tmp_path / "flow.h5", data, provenance(PREPARED_SCHEMA))
    found = read_prepared(tmp_path / "flow.h5")
    assert (found.backbone, found.digest) == (data.backbone, data.digest)
    for name, value in data.reduction.arrays().items():
        assert np.array_equal(found.reduction.arrays()[name], value)
    for split in ("train", "validation", "test"):
        for name, value in vars(getattr(data, split)).items():
            assert np.array_equal(getattr(getattr(found, split), name), value)
            assert getattr(getattr(found, split), name).dtype.kind == value.dtype.kind


def test_equal_prepared_data_are_equal_bytes_whenever_they_are_written(make_world, tmp_path):
    data, note = prepare(*make_world(), 4), provenance(PREPARED_SCHEMA)
    write_prepared(tmp_path / "one.h5", data, note)
    time.sleep(1.1)  # HDF5 counts in seconds
    write_prepared(tmp_path / "two.h5", data, note)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_prepared_data_of_another_schema_are_refused(make_world, tmp_path):
    path = tmp_path / "flow.h5"
    write_prepared(path, prepare(*make_world(), 4), provenance(PREPARED_SCHEMA))
    with h5py.File(path, "a") as store:
        store.attrs["schema"] = "prepared/0"
    with pytest.raises(InputError, match="prepare it again"):
        read_prepared(path)


def test_the_trainers_identity_changes_with_its_settings():
    assert TrainerSettings().identity == TrainerSettings().identity
    assert TrainerSettings(epochs=3).identity != TrainerSettings().identity
