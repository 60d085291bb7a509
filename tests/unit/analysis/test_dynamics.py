import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from dashsearch.analysis.dynamics import (
    entropy_bits,
    entropy_of_proposals,
    miller_madow_bits,
    uniform_band,
    windowed_entropy,
)
from dashsearch.analysis.results import TooFewScores
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
    assert list(series) == ["architecture", "training", "all", *SPACE.names]
    assert series["architecture"].entropy_bits.tolist() == [0]
    assert series["training"].entropy_bits == pytest.approx([2])
    assert series["all"].support == SPACE.size
