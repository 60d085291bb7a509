import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from dashsearch.analysis.inference.family import holm


def test_holm_adjusts_as_in_his_example():
    # Four tests of one family: 4 p(1), then the running maximum of 3 p(2), 2 p(3), p(4).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_refused_test_is_no_member_of_its_family():
    assert holm([0.02, None, float("nan")]) == [pytest.approx(0.02), None, None]
    assert holm([]) == [] and holm([None]) == [None]


def test_the_numbers_are_those_of_statsmodels():
    p_values = np.random.default_rng(3).random(40) ** 3
    p_values[5] = p_values[6]
    assert holm(p_values) == list(multipletests(p_values, method="holm")[1])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_keep_their_order_and_never_fall(p_values):
    adjusted = np.array(holm(p_values), dtype=np.float64)
    assert (adjusted >= np.array(p_values) - 1e-15).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= -1e-15).all()
