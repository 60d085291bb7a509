import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.analysis.dynamics.distances import (
    GowerTables,
    nearest_past,
    step_lengths,
    uniform_nearest,
    uniform_step,
)
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", tuple("abc")),
        Factor("encoder", "architecture", ("gru",)),
        Factor("dropout", "training", (0.0, 0.1, 0.3, 0.5), ordered=True),
        Factor("rate", "training", (1, 2, 3), ordered=True),
    ),
)
LARGE = Space(
    "large",
    (
        Factor("backbone", "architecture", tuple(range(6))),
        Factor("encoder", "architecture", tuple(range(5))),
        Factor("pooling", "architecture", tuple(range(4))),
        Factor("size", "training", tuple(range(4)), ordered=True),
        Factor("rate", "training", tuple(range(3)), ordered=True),
    ),
)
SETTINGS = AnalysisSettings(bootstraps=199)
CELLS = st.lists(st.integers(0, LARGE.size - 1), min_size=2, max_size=30)


def ledger_of(cells, agents=("",), source="policy"):
    n = len(cells)
    return pd.DataFrame({
        "arm": "arm", "arm_seed": 1, "round": np.arange(n) // 5, "source": source,
        "agent": np.array(agents)[np.arange(n) % len(agents)], "cell": cells,
    })  # fmt: skip


@given(CELLS)
def test_the_tables_give_the_spaces_gower_distance(cells):
    cells = np.array(cells)
    tables = GowerTables(LARGE)
    expected = LARGE.gower(cells, cells[::-1])
    assert tables.matrix(cells, cells[::-1]) == pytest.approx(expected, abs=1e-12)
    assert tables.between(cells, cells[::-1]) == pytest.approx(np.diag(expected), abs=1e-12)


@given(CELLS)
def test_the_nearest_past_is_the_minimum_over_all_before(cells):
    cells = np.array(cells)
    found = nearest_past(GowerTables(LARGE), cells, np.arange(cells.size))
    whole = LARGE.gower(cells, cells)
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx([whole[i, :i].min() for i in range(1, cells.size)])


@pytest.mark.parametrize("space", [SPACE, LARGE])
def test_uniform_steps_agree_with_all_pairs_of_cells(space):
    cells = np.arange(space.size)
    places = space.positions(cells)
    changed = (places[:, None, :] != places[None, :, :]).sum(axis=2)
    expected = uniform_step(space)
    assert space.gower(cells, cells).mean() == pytest.approx(expected["step"])
    assert changed.mean() == pytest.approx(expected["factors_changed"])
    assert (changed == 1).mean() == pytest.approx(expected["one_factor"])


def test_the_uniform_nearest_distance_agrees_with_all_triples():
    # Small enough to enumerate: one cell and the nearer of two others.
    cells = np.arange(SPACE.size)
    away = SPACE.gower(cells, cells)
    triples = np.minimum(away[:, :, None], away[:, None, :]).mean()
    assert uniform_nearest(SPACE, np.array([2]), 0) == pytest.approx(triples)
    assert uniform_nearest(SPACE, np.array([1]), 0) == pytest.approx(away.mean())


def test_the_uniform_nearest_distance_agrees_with_simulation():
    rng = np.random.default_rng(1)
    tables = GowerTables(LARGE)
    means = [np.nanmean(nearest_past(tables, rng.integers(LARGE.size, size=60), np.arange(60)))
             for _ in range(300)]  # fmt: skip
    expected = uniform_nearest(LARGE, np.arange(1, 60), 0)
    assert abs(np.mean(means) - expected) < 4 * np.std(means) / np.sqrt(300)


def test_a_policy_that_walks_one_factor_at_a_time():
    path = [SPACE.index({"backbone": "a", "encoder": "gru", "dropout": d, "rate": 1})
            for d in (0.0, 0.1, 0.3, 0.5)]  # fmt: skip
    cells = list(itertools.islice(itertools.cycle([*path, *path[2:0:-1]]), 40))
    (found,) = step_lengths(ledger_of(cells), SPACE, SETTINGS)
    assert found.agent == "" and found.one_factor.n == 39 and found.one_factor.mean == 1
    assert found.one_factor.interval.kind == "95 % exact over 8 rounds"
    assert found.step.mean == pytest.approx(1 / 9) and found.step.interval is None
    assert found.factors_changed.mean == 1
    # Three new cells are a step away from the past; all others repeat it.
    assert found.nearest.n == 39 and found.nearest.mean == pytest.approx(3 / 9 / 39)


def test_uniform_proposals_are_as_far_apart_as_uniform_proposals():
    rng = np.random.default_rng(2)
    (found,) = step_lengths(ledger_of(rng.integers(LARGE.size, size=600)), LARGE, SETTINGS)
    for each in (found.step, found.factors_changed, found.nearest):
        width = each.interval.high - each.interval.low
        assert abs(each.mean - each.uniform) < width
        assert each.interval.kind == "95 % bootstrap over blocks of 5 of 120 rounds"


def test_an_agents_step_is_from_its_own_proposal_but_its_past_is_the_arms():
    cells = [0, 35, 0, 35, 0, 35, 0, 35]
    found = step_lengths(ledger_of(cells, ("one", "two")), SPACE, SETTINGS)
    assert [each.agent for each in found] == ["", "one", "two"]
    assert all(each.step.mean == 0 for each in found)
    assert found[2].step.n == 3 and found[2].nearest.n == 4
    assert found[2].nearest.mean == pytest.approx(SPACE.gower([35], [0])[0, 0] / 4)


def test_the_start_is_past_and_never_judged():
    start = ledger_of([0, 1, 2], source="start")
    (found,) = step_lengths(pd.concat([start, ledger_of([2, 2])]), SPACE, SETTINGS)
    assert found.nearest.n == 2 and found.nearest.mean == 0 and found.step.n == 1
