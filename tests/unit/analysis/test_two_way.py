import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.variance.two_way import two_way

# Moore & Krupat (1971), Sociometry 34: conformity by partner's status and authoritarianism, the
# data set `Moore` of R's carData.
MOORE = {
    ("low", "low"): (8, 7, 10, 6, 13, 12, 7, 6, 8, 12),
    ("low", "medium"): (12, 4, 4, 9),
    ("low", "high"): (4, 8, 13, 9, 24, 7, 23, 13),
    ("high", "low"): (21, 23, 15, 12, 16),
    ("high", "medium"): (12, 17, 14, 16, 20, 8, 14, 17, 7, 17, 15),
    ("high", "high"): (19, 9, 7, 11, 14, 13, 10),
}


def moore():
    rows = [(status, category, y) for (status, category), ys in MOORE.items() for y in ys]
    return pd.DataFrame(rows, columns=["status", "category", "y"])


def unbalanced(seed=3, empty=0):
    rng = np.random.default_rng(seed)
    cells = [(a, b) for a in range(4) for b in range(3)][empty:]
    rows = [(*cell, *[]) for cell in cells for _ in range(rng.integers(2, 7))]
    frame = pd.DataFrame(rows, columns=["a", "b"])
    return frame.assign(y=rng.normal(size=len(frame)) + frame["a"] * 0.4 - frame["b"] * 0.3)


def sums(result):
    return [each.estimate.ss for each in result.effects]


@pytest.mark.parametrize("typ", [2, 3])
def test_sums_of_squares_f_and_p_agree_with_statsmodels(typ):
    data = unbalanced()
    fit = ols("y ~ C(a, Sum) * C(b, Sum)", data).fit()
    other = anova_lm(fit, typ=typ).drop("Intercept", errors="ignore")
    result = two_way(data["a"], data["b"], data["y"], typ)
    assert [*sums(result), result.ss_residual] == pytest.approx(list(other["sum_sq"]), rel=1e-9)
    effects = [each.estimate for each in result.effects]
    assert [e.f for e in effects] == pytest.approx(list(other["F"])[:3], rel=1e-9)
    assert [e.p for e in effects] == pytest.approx(list(other["PR(>F)"])[:3], rel=1e-9)


def test_type_ii_agrees_with_what_r_recorded_of_the_conformity_data():
    # R's car::Anova and effectsize, recorded in the tests of easystats/parameters ("works with
    # anova", tests of model_parameters).
    data = moore()
    result = two_way(data["category"], data["status"], data["y"], 2)
    recorded = [11.6147000439174, 212.213777777778, 175.488927849928]
    assert sums(result) == pytest.approx(recorded, rel=1e-9)
    assert result.ss_residual == pytest.approx(817.763961038961, rel=1e-9)
    effects = [each.estimate for each in result.effects]
    recorded = [0.276958464357662, 10.1206921894899, 4.18462326063615]
    assert [e.f for e in effects] == pytest.approx(recorded, rel=1e-9)
    recorded = [0.759564473545402, 0.00287422991075648, 0.0225724417916786]
    assert [e.p for e in effects] == pytest.approx(recorded, rel=1e-9)
    recorded = [-0.0332021359560262, 0.16852504689992, 0.123989486951785]
    assert [e.partial_omega_squared for e in effects] == pytest.approx(recorded, rel=1e-9)


def test_type_iii_agrees_with_what_r_printed_of_the_conformity_data():
    # Printed in the help of R's car::Anova.
    data = moore()
    result = two_way(data["category"], data["status"], data["y"], 3)
    assert sums(result) == pytest.approx([36.0, 239.6, 175.5], abs=0.05)
    effects = [each.estimate for each in result.effects]
    assert [e.f for e in effects] == pytest.approx([0.8589, 11.4250, 4.1846], abs=5e-5)
    assert [e.p for e in effects] == pytest.approx([0.431492, 0.001657, 0.022572], abs=5e-7)


@given(st.permutations(range(4)), st.floats(0.01, 100), st.floats(-10, 10), st.sampled_from([2, 3]))
@settings(max_examples=25, deadline=None)
def test_effects_depend_on_neither_the_names_of_levels_nor_the_unit(order, scale, shift, typ):
    data = unbalanced()
    one = two_way(data["a"], data["b"], data["y"], typ)
    relabelled = np.array(order)[data["a"]]
    other = two_way(relabelled, data["b"], data["y"] * scale + shift, typ)
    for before, after in zip(one.effects, other.effects, strict=True):
        assert after.estimate.f == pytest.approx(before.estimate.f, rel=1e-6, abs=1e-9)
        assert after.estimate.share == pytest.approx(before.estimate.share, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_types_agree_and_nothing_is_unassigned_where_the_design_is_balanced(seed):
    a, b = (codes.ravel() for codes in np.meshgrid(np.repeat(range(3), 4), range(3)))
    y = np.random.default_rng(seed).normal(size=a.size)
    second, third = (two_way(a, b, y, typ) for typ in (2, 3))
    assert sums(second) == pytest.approx(sums(third), rel=1e-9, abs=1e-12)
    assert second.unassigned_share == pytest.approx(0, abs=1e-9)


def test_empty_cells_refuse_type_iii_and_are_counted_by_type_ii():
    data = unbalanced(empty=2)
    with pytest.raises(TooFewScores, match="2 of 12 cells"):
        two_way(data["a"], data["b"], data["y"], 3)
    result = two_way(data["a"], data["b"], data["y"], 2)
    assert result.empty_cells == 2 and result.effects[2].estimate.df == 4
    assert "2 of 12 cells are empty" in result.note


@pytest.mark.parametrize(
    ("a", "b", "y", "words"),
    [
        ([0, 0, 0, 0], [0, 0, 1, 1], [1, 2, 3, 5], "one level"),
        ([0, 0, 1, 1], [0, 1, 0, 1], [1, 2, 3, 5], "4 parameters"),
        ([0, 0, 1, 1], [0, 0, 1, 1], [1, 2, 3, 5], "share no level"),
        ([0, 0, 1, 1], [0, 1, 0, 1], [1, np.nan, 3, 5], "1 of 4 scores are not finite"),
    ],
)
def test_scores_that_cannot_carry_the_analysis_are_refused(a, b, y, words):
    with pytest.raises(TooFewScores, match=words):
        two_way(a, b, y)
