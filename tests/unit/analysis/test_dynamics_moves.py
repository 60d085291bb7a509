import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.analysis.dynamics.moves import (
    KINDS,
    architecture_moves,
    incumbents,
    uniform_move_shares,
)
from dashsearch.analysis.dynamics.proposals import mean_intervals, share_intervals
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space
from planted import plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color")),
        Factor("encoder", "architecture", ("gru", "retnet")),
        Factor("loss", "training", ("bce", "focal")),
        Factor("rate", "training", (0.1, 0.2, 0.3)),
    ),
)
SETTINGS = AnalysisSettings(bootstraps=199)
# Cells count the training factors fastest: six of them per architecture.
A, B = 0, 6


def rows(cells, **columns):
    n = len(cells)
    given_columns = {
        "arm": "agents", "arm_seed": 1, "round": np.arange(n) // 2, "source": "policy",
        "agent": "one", "kind": "base", "parent": "", "val_map": np.nan,
        "experiment_id": [f"e{i}" for i in range(n)], "cell": cells, **columns,
    }  # fmt: skip
    return pd.DataFrame(given_columns)


def found(ledger, reference, agent=""):
    return next(
        each
        for each in architecture_moves(ledger, SPACE, SETTINGS)
        if each.reference == reference and each.agent == agent
    )


def counts(moves):
    return {share.kind: share.n for share in moves.shares}


def test_uniform_shares_agree_with_all_pairs_of_cells():
    places = SPACE.positions(np.arange(SPACE.size))
    changed = places[:, None, :] != places[None, :, :]
    architecture, training = changed[..., :2].any(axis=2), changed[..., 2:].any(axis=2)
    shares = uniform_move_shares(SPACE)
    assert shares["changes architecture"] == pytest.approx(architecture.mean())
    assert shares["changes architecture"] == pytest.approx(1 - 1 / 6)
    assert shares["architecture only"] == pytest.approx((architecture & ~training).mean())
    assert shares["training only"] == pytest.approx((~architecture & training).mean())
    assert shares["both"] == pytest.approx((architecture & training).mean())
    assert shares["neither"] == pytest.approx((~architecture & ~training).mean())


def test_moves_are_counted_by_kind():
    moves = found(rows([A, A + 1, B + 1, A, A]), "previous")
    assert counts(moves) == {
        "changes architecture": 2, "architecture only": 1, "training only": 1, "both": 1,
        "neither": 1,
    }  # fmt: skip
    assert (moves.n, moves.without_reference, moves.seeds) == (4, 1, 1)
    # Of the two one-factor moves, B + 1 changed an architecture factor.
    assert moves.one_factor.n == 2 and moves.one_factor.architecture == 0.5
    assert moves.one_factor.uniform == pytest.approx(3 / 6)


@given(st.lists(st.integers(0, SPACE.size - 1), min_size=2, max_size=30))
def test_the_four_kinds_share_all_moves(cells):
    moves = found(rows(cells), "previous")
    by_kind = counts(moves)
    assert sum(by_kind[kind] for kind in KINDS[1:]) == moves.n == len(cells) - 1
    assert by_kind["changes architecture"] == by_kind["architecture only"] + by_kind["both"]


def test_the_previous_proposal_is_the_same_agents_of_the_same_run():
    cells = [A, B, A, B, A, B]
    ledger = rows(cells, agent=["one", "two"] * 3)
    second = rows([B, B], arm_seed=2, agent=["one", "two"])
    both = pd.concat([ledger, second])
    whole = found(both, "previous")
    assert counts(whole)["neither"] == whole.n == 4 and whole.without_reference == 4
    assert found(both, "previous", "two").n == 2


def test_ideas_are_compared_without_their_sweeps():
    cells = [A, B, A + 1, B + 1, A]
    ledger = rows(cells, kind=["base", "base", "sweep", "sweep", "repair"],
                  parent=["", "", "e0", "e1", ""])  # fmt: skip
    ideas = found(ledger, "previous idea")
    assert (ideas.n, ideas.without_reference) == (2, 1)
    assert counts(ideas)["architecture only"] == 2
    parents = found(ledger, "parent")
    assert parents.n == 2 and counts(parents)["training only"] == 2
    assert counts(found(ledger, "previous"))["changes architecture"] == 4


def test_a_parent_may_be_of_the_start_but_of_no_other_run():
    start = rows([A], source="start", experiment_id=["s"])
    own = rows([B, A], parent=["s", "elsewhere"])
    other = rows([A], arm_seed=2, source="start", experiment_id=["elsewhere"])
    parents = found(pd.concat([start, own, other]), "parent")
    assert (parents.n, parents.without_reference) == (1, 1)
    assert counts(parents)["architecture only"] == 1


def test_the_incumbent_is_the_best_of_earlier_rounds():
    run = rows([A, B, A + 1, B + 1, A, B, A, B],
               val_map=[0.5, np.nan, 0.4, 0.9, 0.9, 0.95, 0.1, 0.2])  # fmt: skip
    assert incumbents(run, "val_map").tolist() == [-1, -1, A, A, B + 1, B + 1, B, B]
    with pytest.raises(InputError, match="1 of 8 rows of a run go back"):
        incumbents(run.assign(round=[0, 0, 1, 1, 0, 2, 2, 2]), "val_map")


def test_without_a_reference_there_is_a_reason():
    moves = found(rows([A, B, A]), "parent")
    assert moves.shares == () and moves.one_factor is None and moves.n == 0
    assert "none of the 3 proposals of arm agents has a reference" in moves.reason
    flat = Space("flat", (Factor("loss", "training", ("bce", "focal")),))
    with pytest.raises(TooFewScores, match="no factors of both groups"):
        architecture_moves(rows([0, 1]), flat, SETTINGS)


def test_a_uniform_arm_moves_as_a_uniform_policy_and_evolution_does_not():
    task = plant_task("town", SPACE, {("backbone",): 0.5}, seed=5)
    ledger = planted_ledger(task, 20, 30, 60, seeds=range(1, 9))
    first = {
        each.arm: each.shares[0]
        for each in architecture_moves(ledger, SPACE, SETTINGS)
        if each.reference == "incumbent"
    }
    uniform = first["random"].uniform
    assert first["random"].interval.low < uniform < first["random"].interval.high
    assert first["evolution"].interval.high < uniform
    assert first["random"].interval.kind == "95 % bootstrap over 8 seeds"


def test_intervals_respect_the_rounds():
    rng = np.random.default_rng(1)
    # All proposals of a round are alike, so that there are only 60 independent ones.
    misses, widths = 0, []
    for seed in range(200):
        hits = np.repeat(rng.random(60) < 0.4, 10)[:, None]
        one, rounds = np.ones(600, dtype=np.int64), np.repeat(np.arange(60), 10)
        (interval,) = share_intervals(hits, one, rounds, 299, seed)
        misses += not interval.low <= 0.4 <= interval.high
        widths.append(interval.high - interval.low)
    assert misses <= 25
    assert np.mean(widths) > 2 * 3.92 * np.sqrt(0.24 / 600)


def test_intervals_that_resampling_cannot_give():
    one, rounds = np.ones(20, dtype=np.int64), np.arange(20) // 5
    values = np.arange(20.0)[:, None]
    assert mean_intervals(values, one, rounds, 99, 1) == [None]
    assert mean_intervals(np.ones((20, 1)), one, np.arange(20), 99, 1) == [None]
    assert mean_intervals(values[:0], one[:0], rounds[:0], 99, 1) == [None]
    (none,) = share_intervals(np.zeros((20, 1), dtype=bool), one, rounds, 99, 1)
    assert none.low == 0 and none.high == pytest.approx(1 - 0.025 ** (1 / 4))
    assert math.isclose(none.high, 0.6024, abs_tol=1e-4)


def test_the_order_of_rows_changes_no_interval():
    rng = np.random.default_rng(3)
    seeds = np.repeat([4, 2], 60)
    rounds = np.tile(np.repeat(np.arange(12), 5), 2)
    values = rng.integers(2, size=(120, 2)).astype(float)
    order = np.lexsort([rounds, seeds])
    mixed = rng.permutation(120)
    expected, given_mixed, given_as_is = (
        mean_intervals(values[rows], seeds[rows], rounds[rows], 99, 1)
        for rows in (order, mixed, np.arange(120))
    )
    assert expected == given_mixed == given_as_is
    assert None not in expected
