from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dashsearch.analysis.dynamics.cycles import (
    cycles_of_runs,
    cycles_test,
    round_blocks,
    whitened_spectrum,
)
from dashsearch.analysis.dynamics.phases import regularity_test, switch_test
from dashsearch.analysis.dynamics.proposals import runs_of
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", tuple("abcdef")),
        Factor("encoder", "architecture", tuple("ghijk")),
        Factor("loss", "training", tuple("lmn")),
    ),
)
SETTINGS = AnalysisSettings(permutations=199)


def run_of(architectures, per_round=10):
    n = len(architectures)
    ledger = pd.DataFrame({
        "arm": "agents", "arm_seed": 1, "round": np.arange(n) // per_round, "agent": "one",
        "source": "policy", "cell": np.asarray(architectures) * 3,
    })  # fmt: skip
    return next(runs_of(ledger))


def with_breadth(breadth, rng, per_round=10):
    chance = np.repeat(breadth, per_round)
    drawn = rng.integers(30, size=chance.size)
    return np.where(rng.random(chance.size) < chance, drawn, 4)


def test_a_planted_cycle_is_found_with_its_period():
    breadth = np.where(np.arange(40) % 5 < 2, 0.9, 0.1)
    test = cycles_test(run_of(with_breadth(breadth, np.random.default_rng(1))), SPACE, SETTINGS)
    assert test.p == 1 / 200 and test.period == pytest.approx(5)
    assert test.statistic > test.critical
    assert (test.n, test.blocks, test.block_size, test.rounds_per_block) == (400, 40, 10, 1)


@pytest.mark.parametrize(
    "breadth",
    [np.ones(40), np.linspace(1, 0.1, 40), 1 / (1 + np.exp(0.3 * (np.arange(40) - 16)))],
    ids=["iid", "linear drift", "sigmoid drift"],
)
def test_runs_without_a_period_are_rarely_found_to_have_one(breadth):
    rng = np.random.default_rng(2)
    found = [
        cycles_test(run_of(with_breadth(breadth, rng)), SPACE, SETTINGS).p <= 0.05
        for _ in range(200)
    ]
    assert np.mean(found) <= 0.095  # 5 % and three binomial standard errors of 200


def test_a_pattern_within_rounds_is_no_cycle():
    rng = np.random.default_rng(3)
    rounds = [[*rng.integers(30, size=4), 7, 7, 7, 7, 7, 7] for _ in range(40)]
    found = cycles_test(run_of(np.ravel(rounds)), SPACE, SETTINGS)
    assert found.p > 0.05 and found.switches.p < 0.05


def test_the_spectrum_ignores_scale_and_cubic_trends():
    rng = np.random.default_rng(4)
    series = rng.standard_normal((1, 24))
    time = np.linspace(0, 1, 24)
    moved = 3 * series + 2 - 5 * time + 4 * time**2 - time**3
    for one, other in zip(whitened_spectrum(series), whitened_spectrum(moved), strict=True):
        assert one == pytest.approx(other, abs=1e-9)
    assert whitened_spectrum(series)[0].sum() == pytest.approx(1)


def test_blocks_are_equally_large_and_of_whole_rounds():
    rounds = np.repeat(np.arange(40), 3)
    blocks, per_block, dropped = round_blocks(np.arange(120), rounds)
    assert blocks.shape == (20, 6) and per_block == 2 and dropped == 0
    sizes = np.full(40, 10)
    sizes[7] = 4
    rounds = np.repeat(np.arange(40), sizes)
    blocks, per_block, dropped = round_blocks(rounds, rounds)
    assert blocks.shape == (39, 10) and dropped == 1
    assert (blocks == blocks[:, :1]).all()


def test_what_cannot_be_tested_is_refused():
    rng = np.random.default_rng(5)
    with pytest.raises(TooFewScores, match="15 rounds make 15 blocks"):
        cycles_test(run_of(rng.integers(30, size=150)), SPACE, SETTINGS)
    with pytest.raises(TooFewScores, match=r"0\.00 bits in all 20 blocks"):
        cycles_test(run_of(np.zeros(200, dtype=int)), SPACE, SETTINGS)
    flat = Space("flat", (Factor("loss", "training", tuple(range(90))),))
    with pytest.raises(TooFewScores, match="no architecture factor"):
        cycles_test(run_of(rng.integers(30, size=200)), flat, SETTINGS)
    with pytest.raises(TooFewScores, match="one kind"):
        switch_test(np.zeros(9, dtype=np.int64), 99, 1)
    with pytest.raises(TooFewScores, match="1 complete"):
        regularity_test(np.array([False, True, False, True, False]), 99, 1)


def test_runs_and_agents_stand_apart_and_refusals_have_a_reason():
    rng = np.random.default_rng(6)
    ledger = pd.DataFrame({
        "arm": "agents", "arm_seed": 1, "round": np.repeat(np.arange(20), 20),
        "agent": ["one", "two"] * 200, "source": "policy", "cell": rng.integers(90, size=400),
    })  # fmt: skip
    short = ledger.iloc[:20].assign(arm="short")
    found = cycles_of_runs(pd.concat([ledger, short]), SPACE, SETTINGS)
    assert [(each.arm, each.agent) for each in found][:3] == [
        ("agents", ""), ("agents", "one"), ("agents", "two"),
    ]  # fmt: skip
    assert all(each.test for each in found[:3])
    assert found[-1].test is None and "rounds make" in found[-1].reason
    again = cycles_of_runs(ledger, SPACE, SETTINGS)
    assert [each.test.p for each in again] == [each.test.p for each in found[:3]]


@given(st.lists(st.integers(0, 3), min_size=6, max_size=40), st.integers(0, 5))
def test_switches_are_counted_and_their_p_is_a_probability(codes, seed):
    codes = np.array(codes)
    changes = codes[1:] != codes[:-1]
    assume(changes.any() and not changes.all())
    test = switch_test(codes, 99, seed)
    assert test.switches == sum(a != b for a, b in pairwise(changes))
    assert 0.01 <= test.p <= 1 and test.changes == changes.mean()


def test_long_phases_have_few_switches():
    rng = np.random.default_rng(7)
    codes = np.concatenate([rng.integers(30, size=100), np.full(100, 3)])
    test = switch_test(codes, 199, 0)
    assert test.p <= 0.01 and test.switches < test.band.low


def test_even_phases_are_told_from_geometric_ones():
    even = np.tile([True] * 6 + [False] * 6, 12)
    assert regularity_test(even, 999, 1).p <= 0.01
    assert regularity_test(even, 999, 1).mean_length == 12
    rng = np.random.default_rng(8)
    found = []
    for _ in range(200):
        lengths = rng.geometric(1 / 4, size=60)
        states = np.arange(60) % 2 == 0
        found.append(regularity_test(np.repeat(states, lengths), 199, 1).p <= 0.05)
    assert np.mean(found) <= 0.095
