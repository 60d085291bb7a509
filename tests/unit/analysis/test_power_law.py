import numpy as np
import pytest
from scipy.optimize import lsq_linear

from dashsearch.analysis.convergence.power_law import fit_power_law, log_spaced
from dashsearch.analysis.convergence.power_law_null import power_law_null
from dashsearch.analysis.results import TooFewScores
from dashsearch.errors import InputError

N = np.arange(1, 501)


def test_an_exact_power_law_is_recovered_and_identified():
    fit = fit_power_law(N, 0.9 - 0.4 * N**-0.6)
    assert (fit.a, fit.b, fit.c) == pytest.approx((0.9, 0.4, 0.6), abs=1e-4)
    assert fit.r_squared == pytest.approx(1)
    assert fit.identified and fit.at_bound == ()
    assert fit.c_interval.low <= fit.c <= fit.c_interval.high


def test_the_asymptote_stays_at_one_even_if_the_data_want_more():
    fit = fit_power_law(N, np.minimum(1.3 - 0.8 * N**-0.08, 1))
    assert fit.a <= 1
    assert "a = 1" in fit.at_bound and not fit.identified


def test_the_asymptote_is_never_below_the_best_score():
    slow = 0.9 - 0.4 * np.minimum(N, 5) ** -0.6
    slow[-1] = 0.95
    fit = fit_power_law(N, slow)
    assert fit.a >= 0.95 - 1e-9
    assert "a = best score" in fit.at_bound and not fit.identified


def test_a_flat_curve_is_not_identified_and_has_no_r_squared():
    fit = fit_power_law(N, np.full(N.size, 0.7))
    assert not fit.identified and "b = 0" in fit.at_bound
    assert np.isnan(fit.r_squared)


def test_a_curve_that_reached_one_can_be_fitted():
    fit = fit_power_law(N, np.minimum(0.6 + 0.1 * np.log(N), 1.0))
    assert fit.a == pytest.approx(1)


@pytest.mark.parametrize("seed", range(4))
def test_the_grid_finds_what_scipy_finds_at_every_exponent(seed):
    rng = np.random.default_rng(seed)
    best = np.maximum.accumulate(rng.beta(12, 5, size=500))
    fit = fit_power_law(N, best)
    chosen = log_spaced(N.size)
    n, y = N[chosen].astype(float), best[chosen]
    errors = []
    for c in np.geomspace(0.01, 5, 400):
        design = np.column_stack([np.ones_like(n), -(n**-c)])
        solution = lsq_linear(design, y, bounds=([y.max() - 1e-12, 0], [1, np.inf]), tol=1e-14)
        errors.append(2 * solution.cost)
    residual = ((y - fit.a + fit.b * n**-fit.c) ** 2).sum()
    assert residual <= min(errors) * (1 + 1e-6) + 1e-20
    assert residual >= min(errors) * (1 - 1e-2) - 1e-20


def test_experiments_before_the_first_success_are_left_out():
    best = 0.9 - 0.4 * N**-0.6
    best[:3] = np.nan
    assert fit_power_law(N, best).c == pytest.approx(0.6, abs=1e-3)


def test_too_few_budgets_and_scores_above_one_are_refused():
    with pytest.raises(TooFewScores, match="at least four"):
        fit_power_law([1, 2, 3], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="above 1"):
        fit_power_law(N, 0.9 + 0.2 * N / 500)
    with pytest.raises(InputError, match="increase"):
        fit_power_law([1, 3, 2, 4], [0.1, 0.2, 0.3, 0.4])


def test_thirty_or_fewer_budgets_are_fitted_first_and_last_included():
    chosen = log_spaced(10_469)
    assert chosen[0] == 0 and chosen[-1] == 10_468 and 25 <= chosen.size <= 30
    assert log_spaced(3).tolist() == [0, 1, 2]


def test_the_r_squared_of_random_orders_ranks_uniformly_in_its_own_null():
    rng = np.random.default_rng(4)
    pools = [pool for pool in rng.beta(12, 5, size=(50, 60)) if pool.argmax() > 0]
    ranks = [power_law_null([pool], 200, 1).rank for pool in pools]
    assert 0.3 < np.mean(ranks) < 0.7


def test_high_r_squared_is_ordinary_for_shuffled_orders():
    scores = np.random.default_rng(4).beta(12, 5, size=300)
    null = power_law_null([scores], 300, 1)
    assert null.median > 0.6
    assert null.q05 <= null.median <= null.q95
    assert null == power_law_null([scores], 300, 1)


def test_the_null_of_several_runs_shuffles_each_and_tolerates_failures():
    rng = np.random.default_rng(4)
    runs = [rng.beta(12, 5, size=40), rng.beta(12, 5, size=50)]
    runs[0][:2] = np.nan
    assert 0 <= power_law_null(runs, 200, 1).rank <= 1


def test_a_curve_that_never_rises_has_no_null():
    with pytest.raises(TooFewScores, match="never rises"):
        power_law_null([np.linspace(0.9, 0.1, 30)], 200, 0)
