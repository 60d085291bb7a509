import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.oneway import anova_oneway, confint_effectsize_oneway

from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.variance.noise import noise_share
from dashsearch.analysis.variance.one_way import linear_share, log10_f_sf, one_way, share_interval
from dashsearch.errors import InputError


@pytest.fixture
def rng():
    return np.random.default_rng(20260316)


@pytest.fixture
def unequal_groups(rng):
    sizes, means, spreads = (
        (9, 4, 15, 2, 6),
        (0.6, 0.7, 0.62, 0.8, 0.55),
        (0.1, 0.02, 0.05, 0.1, 0.08),
    )
    return [rng.normal(m, s, n) for n, m, s in zip(sizes, means, spreads, strict=True)]


def codes_of(groups):
    return np.repeat(np.arange(len(groups)), [len(group) for group in groups])


def test_f_p_and_eta_squared_agree_with_statsmodels_and_scipy(unequal_groups):
    result = one_way(unequal_groups)
    classic = stats.f_oneway(*unequal_groups)
    data = pd.DataFrame({"y": np.concatenate(unequal_groups), "g": codes_of(unequal_groups)})
    table = anova_lm(ols("y ~ C(g)", data).fit())
    assert result.f == pytest.approx(classic.statistic, rel=1e-9)
    assert result.p == pytest.approx(classic.pvalue, rel=1e-9)
    sums = table["sum_sq"]
    assert result.eta_squared == pytest.approx(sums.iloc[0] / sums.sum(), rel=1e-9)
    assert (result.df_between, result.df_within) == tuple(table["df"])
    n, k = result.n, result.groups
    assert result.omega_squared == pytest.approx(
        (result.f - 1) * (k - 1) / ((result.f - 1) * (k - 1) + n), rel=1e-9
    )
    assert result.chance_level == (k - 1) / (n - 1)
    assert result.log10_p == pytest.approx(math.log10(result.p))


def test_welch_agrees_with_statsmodels_and_scipy(unequal_groups):
    result = one_way(unequal_groups)
    other = anova_oneway(unequal_groups, use_var="unequal", welch_correction=True)
    ours = stats.f_oneway(*unequal_groups, equal_var=False)
    assert result.welch_f == pytest.approx(other.statistic, rel=1e-9)
    assert result.welch_df_within == pytest.approx(other.df_denom, rel=1e-9)
    assert result.welch_p == pytest.approx(other.pvalue, rel=1e-9)
    assert result.welch_f == pytest.approx(ours.statistic, rel=1e-9)


def test_the_interval_agrees_with_statsmodels_where_its_noncentrality_is_not_cut_off(
    unequal_groups,
):
    result = one_way(unequal_groups)
    other = confint_effectsize_oneway(
        result.f, (result.df_between, result.df_within), nobs=result.n
    )
    assert (result.interval.low, result.interval.high) == pytest.approx(other.eta2, abs=1e-5)


def test_the_interval_of_a_large_published_f_contains_the_share_and_is_not_cut_off():
    # F = 1324 of the paper: the noncentrality is beyond 10,000, where statsmodels stops.
    interval = share_interval(1324, 12, 1286)
    omega = 1323 * 12 / (1323 * 12 + 1299)
    assert interval.low < omega < interval.high
    for noncentrality, p in ((interval.low, 0.975), (interval.high, 0.025)):
        lam = 1299 * noncentrality / (1 - noncentrality)
        assert stats.ncf.cdf(1324, 12, 1286, lam) == pytest.approx(p, abs=1e-6)


def test_the_interval_of_an_f_beyond_what_scipy_computes_is_that_of_its_limit():
    assert math.isnan(stats.ncf.cdf(1e10, 2, 5, 2e10))
    interval = share_interval(1e10, 2, 5)
    # The numerator is all noncentrality there, so F is lambda / 2 over chi squared / 5.
    for share, p in ((interval.low, 0.975), (interval.high, 0.025)):
        lam = 1e10 * 2 / 5 * stats.chi2.isf(p, 5)
        assert 1 - share == pytest.approx(8 / (lam + 8), rel=1e-5)


def test_a_negative_estimate_lies_outside_an_interval_that_is_never_negative(rng):
    interval = share_interval(0.01, 12, 100)
    assert (interval.low, interval.high) == (0, 0)
    results = [one_way(list(rng.normal(size=(12, 4)))) for _ in range(50)]
    assert min(result.omega_squared for result in results) < 0
    assert all(0 <= result.interval.low <= result.interval.high for result in results)


def test_the_logarithm_of_p_stays_finite_where_p_underflows():
    # References: mpmath's regularised betainc at 60 digits.
    assert stats.f.sf(449.3308, 11, 1287) == stats.f.sf(5000, 11, 5000) == 0
    assert log10_f_sf(449.3308, 11, 1287) == pytest.approx(-430.246595741156, abs=1e-9)
    assert log10_f_sf(5000, 11, 5000) == pytest.approx(-2684.549071003467, abs=1e-9)
    assert log10_f_sf(100, 11, 1287) == pytest.approx(math.log10(stats.f.sf(100, 11, 1287)))


def test_omega_squared_of_pure_noise_centres_on_zero_and_eta_squared_on_its_chance_level(rng):
    results = [one_way(list(rng.normal(size=(30, 4)))) for _ in range(300)]
    omega = np.array([result.omega_squared for result in results])
    eta = np.array([result.eta_squared for result in results])
    assert omega.min() < 0
    assert abs(omega.mean()) < 3 * omega.std() / np.sqrt(omega.size)
    assert abs(eta.mean() - results[0].chance_level) < 3 * eta.std() / np.sqrt(eta.size)


def test_a_planted_share_is_recovered_and_covered_at_the_nominal_rate(rng):
    share, k, per_group = 0.4, 12, 25
    effect = rng.normal(size=k)
    effect = (effect - effect.mean()) / effect.std() * np.sqrt(share)
    results = [
        one_way(list(effect[:, None] + rng.normal(scale=np.sqrt(1 - share), size=(k, per_group))))
        for _ in range(300)
    ]
    assert np.mean([r.omega_squared for r in results]) == pytest.approx(share, abs=0.01)
    covered = sum(r.interval.low <= share <= r.interval.high for r in results)
    assert stats.binomtest(covered, len(results), 0.95).pvalue > 0.001


def test_the_permutation_p_is_seeded_and_uniform_under_the_null(rng):
    groups = [list(rng.normal(size=(5, 6))) for _ in range(150)]
    first = [one_way(g, permutations=99, seed=3).permutation_p for g in groups]
    assert first == [one_way(g, permutations=99, seed=3).permutation_p for g in groups]
    assert stats.kstest(first, "uniform").pvalue > 0.001
    assert min(first) >= 0.01


def test_the_permutation_p_of_a_strong_effect_is_the_smallest_possible(rng):
    groups = [rng.normal(mean, 0.1, 10) for mean in range(4)]
    assert one_way(groups, permutations=199).permutation_p == 1 / 200


def test_groups_of_one_score_leave_welch_out_and_permute_f_instead(rng):
    result = one_way([[0.3], rng.normal(size=5), rng.normal(size=4)], permutations=99)
    assert result.welch_p is None
    assert result.permutation_statistic == "f"


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([[0.1, 0.2]], "two groups"),
        ([[0.1], [0.2], [0.3]], "one score each"),
        ([[0.1, 0.2], []], "no score"),
        ([[0.1, math.nan], [0.2, 0.3]], "not finite"),
        ([[0.5, 0.5], [0.5, 0.5]], "do not vary"),
        ([[0.5, 0.5], [0.7, 0.7]], "do not vary within"),
    ],
)
def test_scores_that_cannot_carry_a_share_are_refused_in_one_sentence(groups, words):
    with pytest.raises(TooFewScores, match=words) as refusal:
        one_way(groups)
    assert isinstance(refusal.value, InputError)
    assert "\n" not in str(refusal.value)


@given(
    hnp.arrays(np.float64, (4, 5), elements=st.floats(0, 1, allow_subnormal=False), unique=True),
    st.floats(0.01, 100),
    st.floats(-10, 10),
)
def test_shares_do_not_depend_on_the_unit_of_the_score(scores, scale, shift):
    if (scores.std(axis=1) < 1e-3).any():
        return
    one, other = one_way(list(scores)), one_way(list(scores * scale + shift))
    assert other.omega_squared == pytest.approx(one.omega_squared, abs=1e-6)
    assert other.interval.high == pytest.approx(one.interval.high, abs=1e-5)


def test_an_additive_model_of_one_term_is_the_one_way_analysis(unequal_groups):
    one = one_way(unequal_groups)
    model = linear_share([codes_of(unequal_groups)], np.concatenate(unequal_groups))
    for name in ("f", "p", "eta_squared", "omega_squared", "chance_level", "df_within"):
        assert getattr(model, name) == pytest.approx(getattr(one, name), rel=1e-9)


def test_an_additive_model_agrees_with_statsmodels_and_with_the_planted_share(rng):
    a, b = rng.integers(5, size=4000), rng.integers(3, size=4000)
    y = np.array([0.3, -1, 0.5, 1, -0.8])[a] + np.array([1.0, -1, 0])[b] + rng.normal(size=4000)
    model = linear_share([a, b], y)
    fit = ols("y ~ C(a) + C(b)", pd.DataFrame({"y": y, "a": a, "b": b})).fit()
    assert model.f == pytest.approx(fit.fvalue, rel=1e-9)
    assert model.eta_squared == pytest.approx(fit.rsquared, rel=1e-9)
    explained = np.var([0.3, -1, 0.5, 1, -0.8]) + np.var([1.0, -1, 0])
    assert model.omega_squared == pytest.approx(explained / (explained + 1), abs=0.03)


def test_an_additive_model_with_more_parameters_than_scores_is_refused(rng):
    with pytest.raises(TooFewScores, match="parameters"):
        linear_share([np.arange(10)], rng.normal(size=10))


def test_a_planted_noise_share_is_recovered_and_covered(rng):
    covered, shares = 0, []
    for _ in range(300):
        truth = rng.normal(scale=np.sqrt(0.9), size=100)
        scores = truth[:, None] + rng.normal(scale=np.sqrt(0.1), size=(100, 2))
        result = noise_share(scores[:, 0], list(scores[:25]))
        shares.append(result.share)
        covered += result.interval.low <= 0.1 <= result.interval.high
    assert np.mean(shares) == pytest.approx(0.1, abs=0.01)
    assert stats.binomtest(covered, 300, 0.95).pvalue > 0.001


def test_seed_noise_beyond_all_variance_stays_inside_its_interval():
    result = noise_share([0.5, 0.51, 0.52, 0.53], [[0.1, 0.9]])
    assert result.share > 1
    assert result.interval.low < result.share < result.interval.high


def test_seed_noise_without_replicates_is_refused_and_says_what_to_raise():
    with pytest.raises(TooFewScores, match="replicates"):
        noise_share([0.1, 0.2, 0.3], [[0.1], [0.2]])


def test_tests_of_unequal_variances_agree_with_scipy():
    rng = np.random.default_rng(4)
    groups = [rng.normal(mean, sd, n) for mean, sd, n in ((0, 1, 6), (1, 3, 9), (0.5, 2, 5))]
    result = one_way(groups)
    levene, govern = stats.levene(*groups, center="median"), stats.alexandergovern(*groups)
    assert (result.levene_w, result.levene_p) == pytest.approx(tuple(levene), rel=1e-9)
    assert result.alexander_govern == pytest.approx(govern.statistic, rel=1e-9)
    assert result.alexander_govern_p == pytest.approx(govern.pvalue, rel=1e-9)
