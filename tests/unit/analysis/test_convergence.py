from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.analysis.convergence.curves import (
    best_quantile,
    best_so_far,
    expected_best,
    expected_selected,
    expected_selected_band,
    interval_at,
    mean_over_seeds,
)
from dashsearch.analysis.results import TooFewScores
from dashsearch.errors import InputError

NAN = float("nan")
scores_with_failures = st.lists(st.one_of(st.just(NAN), st.floats(0, 1)), min_size=1, max_size=40)


def test_failures_spend_budget_and_never_lead():
    curve = best_so_far([NAN, 0.5, NAN, 0.4, 0.7], [NAN, 0.1, NAN, 0.9, 0.3])
    np.testing.assert_array_equal(curve.selection, [NAN, 0.5, 0.5, 0.5, 0.7])
    np.testing.assert_array_equal(curve.reported, [NAN, 0.1, 0.1, 0.1, 0.3])
    np.testing.assert_array_equal(curve.incumbent, [-1, 1, 1, 1, 4])


def test_the_earliest_experiment_keeps_a_tie():
    np.testing.assert_array_equal(best_so_far([0.5, 0.5, 0.5]).incumbent, [0, 0, 0])


@given(scores_with_failures)
def test_the_best_so_far_rises_and_is_reported_by_its_holder(scores):
    curve = best_so_far(scores)
    known = curve.selection[np.isfinite(curve.selection)]
    assert (np.diff(known) >= 0).all()
    for n in curve.n:
        seen = [score for score in scores[:n] if np.isfinite(score)]
        assert (not seen and np.isnan(curve.selection[n - 1])) or curve.selection[n - 1] == max(
            seen
        )


def test_validation_and_test_scores_of_different_runs_are_refused():
    with pytest.raises(InputError, match="3 validation and 2 test"):
        best_so_far([0.1, 0.2, 0.3], [0.1, 0.2])
    with pytest.raises(TooFewScores):
        best_so_far([])


@pytest.mark.parametrize("pool", [[0.3, 0.9, 0.1, 0.5, 0.7], [0.5, 0.5, 0.2, 0.2, 0.9]])
def test_the_expected_best_is_the_mean_over_all_subsets(pool):
    for n in range(1, len(pool) + 1):
        truth = np.mean([max(subset) for subset in combinations(pool, n)])
        assert expected_best(pool, n)[0] == pytest.approx(truth, rel=1e-12)


def test_the_expected_test_score_of_the_selected_is_the_mean_over_all_orders_with_ties_shared():
    selection, reported = [0.5, 0.9, 0.9, 0.1, NAN], [0.4, 0.2, 0.8, 0.9, NAN]
    for n in (1, 2, 3, 5):
        outcomes = []
        for subset in combinations(range(5), n):
            best = max((selection[i] for i in subset if np.isfinite(selection[i])), default=None)
            if best is not None:
                outcomes.append(np.mean([reported[i] for i in subset if selection[i] == best]))
        assert expected_selected(selection, reported, n)[0] == pytest.approx(np.mean(outcomes))


def test_the_expected_best_of_a_large_pool_neither_overflows_nor_leaves_the_pool():
    pool = np.random.default_rng(0).beta(12, 5, size=100_000)
    expected = expected_best(pool, [1, 100, 100_000])
    assert expected[0] == pytest.approx(pool.mean(), rel=1e-9)
    assert expected[-1] == pytest.approx(pool.max(), rel=1e-9)
    assert (np.diff(expected) > 0).all()


def test_the_quantile_of_the_best_is_the_quantile_over_all_subsets():
    pool = [0.3, 0.9, 0.1, 0.5, 0.7]
    maxima = sorted(max(subset) for subset in combinations(pool, 2))
    for probability in (0.05, 0.4, 0.95):
        truth = maxima[int(np.ceil(probability * len(maxima) - 1e-9)) - 1]
        assert best_quantile(pool, 2, probability)[0] == truth


def test_a_budget_beyond_the_pool_and_a_pool_without_scores_are_refused():
    with pytest.raises(InputError, match="pool of 3"):
        expected_best([0.1, 0.2, 0.3], 4)
    with pytest.raises(TooFewScores, match="none of 2"):
        expected_best([NAN, NAN], 1)


def test_the_band_over_the_pool_covers_the_truth_for_small_budgets():
    rng = np.random.default_rng(7)
    truth = 5 / 6  # the expected best of five uniform draws
    covered = 0
    for _ in range(200):
        pool = rng.uniform(size=80)
        low, high = expected_selected_band(pool, pool, [5], 200, 1)
        covered += low[0] <= truth <= high[0]
    assert covered >= 180


def test_the_band_over_the_pool_survives_failures():
    low, high = expected_selected_band([0.2, NAN, 0.4, NAN], [0.3, NAN, 0.5, NAN], [1, 2], 99, 0)
    assert (low <= high).all() and np.isfinite([low, high]).all()


def test_a_single_seed_has_a_curve_and_no_band():
    curve = mean_over_seeds([[0.1, 0.2, 0.3]], 99, 0)
    assert curve.seeds == 1 and curve.low is None and interval_at(curve, 2) is None


def test_several_seeds_have_a_seeded_band_that_holds_the_mean():
    runs = np.maximum.accumulate(np.random.default_rng(1).uniform(size=(6, 30)), axis=1)
    runs[0, 0] = NAN
    curve = mean_over_seeds(list(runs), 500, 9)
    again = mean_over_seeds(list(runs), 500, 9)
    np.testing.assert_array_equal(curve.low, again.low)
    assert np.isnan(curve.mean[0]) and np.isnan(curve.low[0])
    assert (curve.low[1:] <= curve.mean[1:]).all() and (curve.mean[1:] <= curve.high[1:]).all()
    assert interval_at(curve, 30).kind == "95 % bootstrap over 6 seeds"


@pytest.mark.parametrize("seeds", [2, 3, 4])
def test_few_seeds_have_their_range_and_no_95_percent_interval(seeds):
    runs = np.maximum.accumulate(np.random.default_rng(1).uniform(size=(seeds, 30)), axis=1)
    runs[0, 0] = NAN
    curve = mean_over_seeds(list(runs), 99, 0)
    np.testing.assert_array_equal(curve.low[1:], runs[:, 1:].min(axis=0))
    np.testing.assert_array_equal(curve.high[1:], runs[:, 1:].max(axis=0))
    assert interval_at(curve, 30).kind == f"range of {seeds} seeds"
    assert interval_at(curve, 1) is None
    assert curve.succeeded.tolist() == [seeds - 1] + [seeds] * 29


def test_runs_of_different_length_are_compared_up_to_the_shortest():
    assert mean_over_seeds([[0.1, 0.2, 0.3], [0.3, 0.4]], 99, 0).n.tolist() == [1, 2]
    with pytest.raises(TooFewScores):
        mean_over_seeds([], 99, 0)
