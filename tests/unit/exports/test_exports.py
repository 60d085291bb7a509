"""Exports are read back by the programs that they are for, or by their documented format."""

import json

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace
from optuna.trial import TrialState

from dashsearch.errors import InputError
from dashsearch.exports.deepcave import write_deepcave
from dashsearch.exports.flat import data_dictionary, flat_columns, with_costs, write_flat
from dashsearch.exports.spaces import config_space, optuna_distributions, write_config_space
from dashsearch.exports.studies import open_studies, write_studies
from dashsearch.space.space import Factor, Space
from planted import TTE_S, plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid")),
        Factor("encoder", "architecture", ("gru",)),
        Factor("hidden_size", "training", (16, 32)),
        Factor("learning_rate", "training", (1e-4, 1e-3, 1e-2), ordered=True),
    ),
)


@pytest.fixture(scope="module")
def ledger():
    task = plant_task("town", SPACE, {("backbone",): 0.5}, seed=3)
    rows = planted_ledger(task, 6, 6, 6).assign(train_duration_s=2.0, device="cpu")
    rows.loc[rows.index[1], ["status", "val_map", "test_map"]] = ["diverged", np.nan, np.nan]
    rows.loc[rows.index[2], "fidelity"] = 0.25
    rows.loc[rows.index[3], ["status", "cell", "val_map", "test_map"]] = [
        "invalid",
        -1,
        np.nan,
        np.nan,
    ]
    return rows


def test_a_space_is_read_back_by_configspace(tmp_path):
    write_config_space(tmp_path / "space.json", SPACE)
    found = ConfigurationSpace.from_json(tmp_path / "space.json")
    assert found == config_space(SPACE)
    assert tuple(found["learning_rate"].sequence) == (1e-4, 1e-3, 1e-2)
    assert found["encoder"].value == "gru"
    assert optuna_distributions(SPACE)["backbone"].choices[:2] == ("flow", "hog")


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_optuna_reads_every_experiment_as_a_trial(ledger, tmp_path, storage):
    path = tmp_path / "studies.file"
    write_studies(path, ledger, SPACE, "val_map", storage)
    studies = open_studies(path, storage)
    runs = ledger.groupby(["arm", "arm_seed"], sort=False)
    assert {study.study_name for study in studies} == {f"town/{a}/seed{s}" for (a, s), _ in runs}
    assert sum(len(study.trials) for study in studies) == len(ledger)
    by_id = {t.user_attrs["experiment_id"]: t for s in studies for t in s.trials}
    rows = ledger.reset_index(drop=True)
    for place, row in rows.iterrows():
        if place in (1, 2, 3) or row["status"] != "ok":
            continue
        trial = by_id[row["experiment_id"]]
        assert trial.state == TrialState.COMPLETE and trial.value == row["val_map"]
        assert trial.params == SPACE.cell(int(row["cell"]))
        assert trial.user_attrs["test_map"] == row["test_map"]
        assert trial.duration.total_seconds() == 2
    failed, partial, invalid = (by_id[rows["experiment_id"][place]] for place in (1, 2, 3))
    assert failed.state == TrialState.FAIL and failed.user_attrs["test_map"] is None
    assert partial.state == TrialState.PRUNED
    assert partial.intermediate_values == {25: rows["val_map"][2]}
    assert invalid.state == TrialState.FAIL and invalid.params == {}
    best = max(studies, key=lambda study: study.best_value)
    assert best.best_value == rows.loc[rows["fidelity"] == 1, "val_map"].max()


def test_deepcave_has_a_run_an_arm_and_seed(ledger, tmp_path):
    write_deepcave(tmp_path, ledger, SPACE, "val_map")
    held = ledger[ledger["cell"] >= 0]
    lines = 0
    for (arm, seed), rows in held.groupby(["arm", "arm_seed"], sort=False):
        run = tmp_path / f"{arm}-seed{seed}"
        configs = json.loads((run / "configs.json").read_text())
        history = [json.loads(each) for each in (run / "history.jsonl").read_text().splitlines()]
        lines += len(history)
        for row, entry in zip(rows.to_dict("records"), history, strict=True):
            number, budget, _, costs, start, end, status, _ = entry
            assert configs[str(number)] == SPACE.cell(int(row["cell"]))
            assert (budget, end - start) == (row["fidelity"], 2.0)
            assert (status, costs) == (
                (1, [row["val_map"]]) if row["status"] == "ok" else (4, [None])
            )
        meta = json.loads((run / "meta.json").read_text())
        assert meta["objectives"][0]["optimize"] == "upper"
        assert set(configs) == set(json.loads((run / "origins.json").read_text()))
        ConfigurationSpace.from_json(run / "configspace.json")
    assert lines == len(held)


def test_every_column_of_the_flat_ledger_is_in_its_dictionary(ledger, tmp_path):
    write_flat(tmp_path, ledger, SPACE, TTE_S)
    flat = pd.read_parquet(tmp_path / "ledger.parquet")
    dictionary = pd.read_csv(tmp_path / "dictionary.csv")
    assert list(flat) == list(dictionary["column"]) == list(pd.read_csv(tmp_path / "ledger.csv"))
    assert dictionary["meaning"].str.len().min() > 8
    assert data_dictionary(SPACE, TTE_S).set_index("column").loc["train_duration_s", "unit"] == "s"
    assert len(flat_columns(SPACE, TTE_S)) == len(flat.columns)


def test_costs_of_other_experiments_are_refused(ledger):
    costs = ledger[["experiment_id", "train_duration_s", "device"]]
    assert list(with_costs(ledger, costs)["device"].unique()) == ["cpu"]
    with pytest.raises(InputError, match="are not of the experiments"):
        with_costs(ledger, costs.iloc[::-1])
