"""Opaque names: no real name gets through, and every cell comes back."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.search.agents.veil import obfuscate, plain
from dashsearch.space.files import load_space
from dashsearch.space.space import Factor, Space

ROOT = Path(__file__).parents[3]
SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")


@given(st.integers(0, SPACE.size - 1), st.integers(0, 2**32))
def test_dropping_and_lifting_are_inverse(cell, seed):
    veil = obfuscate(SPACE, np.random.default_rng(seed))
    assert veil.lift(veil.drop(cell)) == cell
    assert veil.drop(veil.lift(cell)) == cell


def test_equal_levels_stay_equal_under_a_veil():
    veil = obfuscate(SPACE, np.random.default_rng(1))
    first, second = veil.shown.cell(veil.drop(0)), veil.shown.cell(veil.drop(1))
    assert sum(first[name] != second[name] for name in first) == 1


def test_nothing_of_the_real_space_is_shown():
    shown = obfuscate(SPACE, np.random.default_rng(2)).shown
    names = {*shown.names, *(level for factor in shown.factors for level in factor.levels)}
    assert not names & {*SPACE.names, *(str(v) for f in SPACE.factors for v in f.levels)}
    assert {factor.group for factor in shown.factors} == {"training"}
    assert not any(factor.ordered or factor.unit for factor in shown.factors)


def test_another_seed_is_another_mapping():
    veils = [obfuscate(SPACE, np.random.default_rng(seed)) for seed in range(5)]
    assert len({veil.factors for veil in veils}) == 5
    assert len({veil.levels for veil in veils}) == 5


def test_a_plain_veil_changes_nothing():
    assert plain(SPACE).lift(4711) == plain(SPACE).drop(4711) == 4711


def test_a_factor_may_have_more_levels_than_letters():
    wide = Space("wide", (Factor("f", "training", tuple(range(60))),))
    levels = obfuscate(wide, np.random.default_rng(0)).shown.factors[0].levels
    assert len(set(levels)) == 60
    assert levels[25:27] == ("f1_z", "f1_aa")
