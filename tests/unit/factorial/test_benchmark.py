"""The benchmark: vectorised look-ups, arrays that agree with it, objectives for others' methods."""

import json

import ConfigSpace
import numpy as np
import optuna
import pandas as pd
import pytest

from dashsearch.errors import InputError
from dashsearch.factorial import FactorialBenchmark
from dashsearch.factorial.arrays import write_arrays
from dashsearch.factorial.benchmark import optuna_objective, smac_objective
from dashsearch.factorial.table import check_complete, table_columns, write_factorial
from dashsearch.files import file_digest
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "s",
    (
        Factor("backbone", "architecture", ("x", "y")),
        Factor("rate", "training", (0.1, 0.2, 0.4), ordered=True),
    ),
)
TTE_S = (0.5,)
KEYS = [(cell, 0, share) for share in (0.25, 1.0) for cell in range(6)] + [(4, 1, 1.0)]


def rows():
    frame = pd.DataFrame(KEYS, columns=["cell", "replicate", "fidelity"])
    for name in [name for name in table_columns(TTE_S) if name.startswith(("val_", "test_"))]:
        frame[name] = (frame["cell"] + 10 * frame["replicate"]) / 100 + frame["fidelity"] / 2
    failed = frame["cell"] == 5
    frame.loc[failed, [name for name in frame if name.startswith(("val_", "test_"))]] = np.nan
    frame["status"] = np.where(failed, "diverged", "ok")
    frame["reason"] = np.where(failed, "not finite", "")
    frame["sample"], frame["train_duration_s"] = "all", 2.0
    return frame[list(table_columns(TTE_S))]


@pytest.fixture
def benchmark(tmp_path):
    settings = {"task": "town", "epochs": 8, "tte_s": [0.5], "trainer": "trainer/1"}
    write_factorial(tmp_path / "t.parquet", rows(), SPACE, TTE_S, settings)
    return FactorialBenchmark.load(tmp_path / "t.parquet")


def test_cells_are_looked_up_by_index_and_by_levels_alike(benchmark):
    one = benchmark.query({"backbone": "y", "rate": 0.1}, metrics=["val_map"])
    many = benchmark.query(np.array([3, 0]), metrics=["val_map", "test_ap"])
    assert list(one.cells) == [3] and one.scores["val_map"][0] == 0.53
    assert list(many.scores["test_ap"]) == [0.53, 0.5]
    assert list(benchmark.query([SPACE.cell(2), SPACE.cell(1)]).cells) == [2, 1]
    assert len(benchmark.query([])) == 0


def test_epochs_seeds_and_failures_are_those_of_the_measurement(benchmark):
    assert (benchmark.epochs, benchmark.fidelities) == (8, (2, 8))
    assert benchmark.query(1, epochs=2).scores["val_map"][0] == 0.135
    assert benchmark.query(4, seed=1).scores["val_map"][0] == 0.64
    failed = benchmark.query(5)
    assert failed.status[0] == "diverged" and np.isnan(failed.scores["val_map"][0])
    assert list(benchmark.seeds) == [1, 1, 1, 1, 2, 1] and benchmark.coverage == 1


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"cells": 6}, "cell 6 is outside space s"),
        ({"cells": [0, 4], "seed": 1}, "cell 0 of town was not measured with seed 1"),
        ({"cells": 0, "epochs": 5}, "not trained for 5 epochs; use 2, 8"),
        ({"cells": 0, "metrics": ["f1"]}, "f1 is no score of town"),
        ({"cells": {"backbone": "x"}}, "has no rate"),
    ],
)
def test_what_was_not_measured_is_refused(benchmark, question, sentence):
    with pytest.raises(InputError, match=sentence):
        benchmark.query(**question)


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere is no table"):
        FactorialBenchmark.load("nowhere")
    write_factorial(tmp_path / "t.parquet", rows(), SPACE, TTE_S)
    with pytest.raises(InputError, match="does not say its task"):
        FactorialBenchmark.load(tmp_path / "t.parquet")


def test_a_hole_and_a_double_are_refused():
    check_complete(rows(), SPACE)
    with pytest.raises(InputError, match=r"1 of the 6 cells of s .* first cell 2"):
        check_complete(rows().drop(index=8), SPACE)
    with pytest.raises(InputError, match="not measured exactly"):
        check_complete(pd.concat([rows(), rows().iloc[[3]]]), SPACE)
    with pytest.raises(InputError, match="1 measurements of s stand twice"):
        check_complete(pd.concat([rows(), rows().iloc[[12]]]), SPACE)


def test_the_arrays_hold_what_the_table_holds(benchmark, tmp_path):
    files = [tmp_path / name for name in ("metrics.npy", "cells.parquet", "space.yaml", "i.json")]
    write_arrays({"town": benchmark}, *files)
    index = json.loads(files[3].read_text())
    values = np.load(files[0], mmap_mode="r", allow_pickle=False)
    assert values.dtype == np.float32 and values.shape == (1, 6, 2, 2, len(index["metric"]))
    column = index["metric"].index("test_map")
    whole = index["fidelity"].index(1.0)
    expected = benchmark.query(range(6), metrics=["test_map"]).scores["test_map"]
    np.testing.assert_array_equal(values[0, :, 0, whole, column], expected.astype(np.float32))
    assert np.isnan(values[0, :4, 1, whole]).all() and not np.isnan(values[0, 4, 1, whole]).any()
    assert load_space(files[2]) == SPACE
    cells = pd.read_parquet(files[1])
    assert [SPACE.index(dict(row)) for _, row in cells.drop(columns="cell").iterrows()] == list(
        cells["cell"]
    )
    assert index["sha256"]["metrics.npy"] == file_digest(files[0])


def test_an_objective_answers_and_refuses_as_the_query_does(benchmark):
    score = benchmark.objective("test_map")
    assert score(3) == score(SPACE.cell(3)) == benchmark.query(3).scores["test_map"][0]
    assert np.isnan(score(5)) and benchmark.objective(seed=1)(4) == 0.64
    for cell, asked in ((6, score), (-1, score), (0, benchmark.objective(seed=1))):
        with pytest.raises(InputError, match=f"cell {cell}"):
            asked(cell)
    with pytest.raises(InputError, match="f1 is no score"):
        benchmark.objective("f1")


def test_optuna_finds_the_best_cell(benchmark):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    levels = {factor.name: list(factor.levels) for factor in SPACE.factors}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.GridSampler(levels))
    study.optimize(optuna_objective(benchmark), n_trials=6)
    assert study.best_params == SPACE.cell(4) and study.best_value == 0.54
    assert min(trial.value for trial in study.trials) == 0  # the failed cell


def test_smac_gets_a_loss(benchmark):
    space = ConfigSpace.ConfigurationSpace({"backbone": ["x", "y"], "rate": [0.1, 0.2, 0.4]})
    loss = smac_objective(benchmark)
    configurations = {SPACE.index(dict(c)): c for c in space.sample_configuration(60)}
    assert loss(configurations[4], seed=9) == pytest.approx(1 - 0.54)
    assert loss(configurations[5], seed=9) == 1
