"""Many runs against a table: curves and shares of small runs that are known by hand."""

import numpy as np
import pandas as pd
import pytest

from dashsearch.analysis.replicate_runs import eta_squared, replicate_runs
from dashsearch.analysis.variance.functional_anova import functional_anova
from dashsearch.analysis.variance.one_way import one_way
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "s",
    (
        Factor("backbone", "architecture", ("x", "y")),
        Factor("rate", "training", (0.1, 0.2, 0.4)),
    ),
)


def test_the_test_score_is_that_of_the_cell_that_leads_on_validation():
    run = pd.DataFrame({"val_map": [np.nan, 0.5, 0.4, 0.7], "test_map": [np.nan, 0.6, 0.9, 0.1]})
    table = pd.DataFrame({"val_map": [0.7], "test_map": [0.1]})
    runs = run.assign(arm="random", arm_seed=1, status="ok", cell=range(4))
    (arm,) = replicate_runs(runs, table, SPACE, None)["arms"]
    assert arm["selection"]["median"] == [None, 0.5, 0.5, 0.7]
    assert arm["reported"]["median"] == [None, 0.6, 0.6, 0.1]


def test_eta_squared_is_the_published_one():
    scores = np.array([1.0, 3.0, 5.0, 7.0, 100.0])
    codes = np.array([0, 0, 1, 1, 2])  # the last group has one score and is left out
    # Means 2 and 6 around 4: 16 of 20.
    assert eta_squared(scores, codes) == pytest.approx(0.8)
    assert np.isnan(eta_squared(scores[:2], np.array([0, 1])))
    known = one_way([scores[:2], scores[2:4]])
    assert eta_squared(scores, codes) == pytest.approx(known.eta_squared, rel=1e-12)


def test_uniform_runs_of_all_cells_tell_the_exact_share():
    cells = np.arange(SPACE.size)
    test = np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.7])
    runs = [
        pd.DataFrame(
            {"arm": "random", "arm_seed": seed, "status": "ok", "cell": cells,
             "val_map": test, "test_map": test}
        )
        for seed in range(3)
    ]  # fmt: skip
    table = pd.DataFrame({"val_map": test, "test_map": test})
    truth = functional_anova(test, SPACE)
    found = replicate_runs(pd.concat(runs), table, SPACE, truth)
    told = {row["quantity"]: row for row in found["told"]}
    assert told["backbone"]["median"] == pytest.approx(told["backbone"]["exact"])
    assert told["backbone"]["runs"] == 3
    (arm,) = found["arms"]
    assert arm["runs"] == 3 and arm["reported"]["median"][-1] == 0.7
    assert found["best"]["test_of_the_best_on_validation"] == 0.7


def test_bands_end_where_the_shortest_run_ends_and_are_none_before_all_have_a_score():
    runs = pd.DataFrame(
        {"arm": "tpe", "arm_seed": [1, 1, 2, 2, 2], "status": "ok", "cell": [0, 1, 2, 3, 4],
         "val_map": [np.nan, 0.3, 0.2, 0.4, 0.5], "test_map": [np.nan, 0.3, 0.2, 0.4, 0.5]}
    )  # fmt: skip
    table = pd.DataFrame({"val_map": [0.5], "test_map": [0.5]})
    found = replicate_runs(runs, table, SPACE, None, "no replicates")
    (arm,) = found["arms"]
    assert arm["n"] == [1, 2] and arm["reported"]["median"] == [None, pytest.approx(0.35)]
    assert found["told"] == [] and found["told_reason"] == "no replicates"
