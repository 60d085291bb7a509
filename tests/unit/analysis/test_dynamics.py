import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from dashsearch.analysis.dynamics.entropy import (
    CONDITIONAL,
    chao_shen_bits,
    entropy_bits,
    entropy_by_agent,
    entropy_of_proposals,
    miller_madow_bits,
    uniform_band,
    windowed_entropy,
)
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color")),
        Factor("encoder", "architecture", ("gru", "retnet")),
        Factor("learning_rate", "training", (1e-4, 1e-3, 1e-2, 1e-1)),
    ),
)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any))
def test_plug_in_entropy_agrees_with_scipy(counts):
    assert entropy_bits(counts) == pytest.approx(entropy(counts, base=2), abs=1e-12)


def test_closed_forms():
    assert entropy_bits([5]) == 0
    assert entropy_bits([3, 3, 3, 3]) == pytest.approx(2)
    assert miller_madow_bits([3, 3, 3, 3]) == pytest.approx(2 + 3 / (24 * math.log(2)))
    with pytest.raises(TooFewScores):
        entropy_bits([0, 0])


def test_miller_madow_is_less_biased_than_the_plug_in():
    rng = np.random.default_rng(2)
    counts = [np.bincount(rng.integers(16, size=60), minlength=16) for _ in range(300)]
    plug_in = np.mean([entropy_bits(c) for c in counts])
    corrected = np.mean([miller_madow_bits(c) for c in counts])
    assert plug_in < 4 and abs(corrected - 4) < abs(plug_in - 4) / 4


def test_the_uniform_band_holds_what_uniform_policies_show():
    band = uniform_band(support=120, window=20, draws=2000, seed=1)
    assert band == uniform_band(support=120, window=20, draws=2000, seed=1)
    assert band.low < band.median <= band.high <= math.log2(20)
    assert band.corrected_median > band.median
    rng = np.random.default_rng(99)
    values = [entropy_bits(np.bincount(rng.integers(120, size=20))) for _ in range(1000)]
    assert np.mean([band.low <= value <= band.high for value in values]) >= 0.94


def test_windows_have_constant_length_and_step():
    codes = [0] * 10 + [0, 1] * 10
    band = uniform_band(4, 10, 99, 0)
    series = windowed_entropy(codes, group="x", support=4, window=10, step=5, uniform=band)
    assert series.ends.tolist() == [10, 15, 20, 25, 30]
    for end, bits in zip(series.ends, series.entropy_bits, strict=True):
        assert bits == pytest.approx(entropy_bits(np.bincount(codes[end - 10 : end])))
    assert series.entropy_bits[0] == 0 and series.entropy_bits[-1] == pytest.approx(1)
    assert series.effective[-1] == pytest.approx(2)
    corrected = miller_madow_bits([5, 5])
    assert series.normalised[-1] == pytest.approx(corrected / 2)


def test_a_run_shorter_than_a_window_has_no_entropy():
    band = uniform_band(4, 10, 99, 0)
    series = windowed_entropy([1] * 9, group="x", support=4, window=10, step=5, uniform=band)
    assert series.ends.size == series.entropy_bits.size == 0


def test_combinations_outside_the_support_are_refused():
    with pytest.raises(InputError, match="outside 0 to 3"):
        windowed_entropy([4], group="x", support=4, window=1, step=1,
                         uniform=uniform_band(4, 1, 99, 0))  # fmt: skip


def test_a_policy_that_only_tunes_shows_no_architecture_entropy():
    cells = [SPACE.index({"backbone": "hog", "encoder": "gru", "learning_rate": lr})
             for lr in SPACE.factor("learning_rate").levels] * 5  # fmt: skip
    series = {
        entry.group: entry
        for entry in entropy_of_proposals(cells, SPACE, window=20, step=5, draws=99, seed=0)
    }
    assert list(series) == ["architecture", "training", "all", *SPACE.names, CONDITIONAL]
    assert series["architecture"].entropy_bits.tolist() == [0]
    assert series["training"].entropy_bits == pytest.approx([2])
    assert series["all"].support == SPACE.size


def test_chao_shen_agrees_with_its_formula():
    counts = np.array([5, 3, 1, 1])
    shares = (1 - 2 / 10) * counts / 10
    expected = -(shares * np.log2(shares) / (1 - (1 - shares) ** 10)).sum()
    assert chao_shen_bits(counts) == pytest.approx(expected, abs=1e-12)
    assert chao_shen_bits([4]) == 0


def test_chao_shen_is_less_biased_than_the_others_where_most_is_unseen():
    rng = np.random.default_rng(4)
    counts = [np.bincount(rng.integers(360, size=200), minlength=360) for _ in range(200)]
    truth = math.log2(360)
    bias = [abs(np.mean([f(c) for c in counts]) - truth)
            for f in (chao_shen_bits, miller_madow_bits, entropy_bits)]  # fmt: skip
    assert bias[0] < 0.2 and bias[0] < bias[1] / 3 and bias[1] < bias[2]


def test_a_window_without_a_repeat_has_no_chao_shen_estimate():
    with pytest.raises(TooFewScores, match="all 3 proposals are of different combinations"):
        chao_shen_bits([1, 1, 1])
    with pytest.raises(TooFewScores, match="empty window"):
        chao_shen_bits([])
    band = uniform_band(10**6, 10, 99, 0)
    series = windowed_entropy(range(10), group="x", support=10**6, window=10, step=5, uniform=band)
    assert np.isnan(series.chao_shen_bits).all() and band.chao_shen_low == math.inf


@given(st.lists(st.integers(0, SPACE.size - 1), min_size=8, max_size=40))
def test_the_chain_rule_holds_in_every_window(cells):
    found = {each.group: each for each in
             entropy_of_proposals(cells, SPACE, window=8, step=3, draws=99, seed=0)}  # fmt: skip
    whole = found["architecture"].entropy_bits + found[CONDITIONAL].entropy_bits
    assert whole == pytest.approx(found["all"].entropy_bits, abs=1e-12)
    assert (found[CONDITIONAL].entropy_bits <= found["training"].entropy_bits + 1e-12).all()


def test_the_conditional_band_holds_what_uniform_policies_show():
    rng = np.random.default_rng(5)
    cells = rng.integers(SPACE.size, size=4000)
    series = entropy_of_proposals(cells, SPACE, window=20, step=20, draws=500, seed=0)[-1]
    inside = (series.entropy_bits >= series.uniform.low) & (
        series.entropy_bits <= series.uniform.high
    )
    assert inside.mean() > 0.9


def test_an_agent_is_judged_by_its_own_proposals_only():
    rows = pd.DataFrame({
        "arm": "agents", "arm_seed": 1, "round": np.repeat(np.arange(10), 4),
        "agent": ["one", "two"] * 20, "source": "policy", "cell": [0, 1] * 20,
    })  # fmt: skip
    audit = rows.iloc[:5].assign(source="audit", agent="agents", cell=7)
    settings = AnalysisSettings(bootstraps=99, window=10)
    found = entropy_by_agent(pd.concat([audit, rows], ignore_index=True), SPACE, settings)
    assert [(each.agent, each.n) for each in found] == [("", 40), ("one", 20), ("two", 20)]
    whole, one, _ = ({each.group: each for each in run.series} for run in found)
    assert whole["all"].entropy_bits == pytest.approx(1)
    assert one["all"].entropy_bits.tolist() == [0, 0, 0]
