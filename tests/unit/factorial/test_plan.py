"""The plan of a factorial: every cell once, replicates of a uniform draw and of the best."""

import pandas as pd
import pytest

from dashsearch.errors import InputError
from dashsearch.factorial.plan import FactorialPlan, best_cells, part_of, shards_of
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "s",
    (
        Factor("backbone", "architecture", ("x", "y")),
        Factor("rate", "training", (0.1, 0.2, 0.4), ordered=True),
    ),
)
PLAN = FactorialPlan(SPACE, "t", 1, "trainer/1")


def test_a_part_keeps_the_order_of_the_levels_and_its_name_says_that_it_is_one():
    part = part_of(SPACE, {"rate": [0.4, 0.1]}, "some")
    assert part.factor("rate").levels == (0.1, 0.4) and part.factor("rate").ordered
    assert (part.name, part.size) == ("some", 4)
    assert part_of(SPACE, {}, "some") == SPACE


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ({"rate": [0.3]}, "0.3 is not a level"),
        ({"rate": []}, "no level of the factor rate"),
        ({"speed": [1]}, "has no factor 'speed'"),
    ],
)
def test_a_wrong_part_is_refused(levels, sentence):
    with pytest.raises(InputError, match=sentence):
        part_of(SPACE, levels, "some")


def test_every_cell_is_planned_once_at_every_fidelity():
    plan = PLAN.cells([0.5])
    assert sorted((p.fidelity, p.cell) for p in plan) == [
        (share, cell) for share in (0.5, 1.0) for cell in range(6)
    ]
    assert len({p.experiment_id for p in plan}) == 12
    # A cell begins with the same weights for whichever share of the epochs.
    assert plan[0].seed == plan[6].seed


def test_a_cell_has_the_same_seeds_in_the_space_and_in_a_part_of_it():
    part = part_of(SPACE, {"rate": [0.2]}, "some")
    whole = {p.cell: p.seed for p in PLAN.cells()}
    for proposal in FactorialPlan(part, "t", 1, "trainer/1").cells():
        assert proposal.seed == whole[SPACE.index(part.cell(proposal.cell))]


def test_replicates_have_seeds_of_their_own_and_begin_with_the_second():
    plan = PLAN.replicates([4, 1], seeds=3)
    assert [(p.cell, p.replicate) for p in plan] == [(4, 1), (4, 2), (1, 1), (1, 2)]
    assert len({p.seed for p in [*plan, *PLAN.cells()]}) == 10


def test_the_uniform_draw_knows_no_score_and_is_the_same_every_time():
    assert PLAN.uniform(4) == PLAN.uniform(4) and len(set(PLAN.uniform(4))) == 4
    assert PLAN.uniform(99) == list(range(6))


def test_the_best_are_whole_trainings_that_succeeded():
    measured = pd.DataFrame(
        {
            "cell": [0, 1, 2, 3, 0],
            "fidelity": [1, 1, 1, 1, 0.5],
            "status": ["ok", "ok", "diverged", "ok", "ok"],
            "val_map": [0.1, 0.7, None, 0.7, 0.9],
        }
    )
    assert best_cells(measured, 2) == [1, 3]
    with pytest.raises(InputError, match="holds test_map"):
        best_cells(measured.assign(test_map=1.0), 2)


def test_there_are_enough_jobs_for_what_may_be_chosen():
    settings = {"fidelities": [0.5], "seeds": 3, "uniform": 2, "best": 9, "cells_per_shard": 5}
    assert shards_of(SPACE, **settings) == (3, 3)
    assert shards_of(SPACE, **settings | {"uniform": 0, "best": 0}) == (3, 1)
