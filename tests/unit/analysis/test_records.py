import itertools
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dashsearch.analysis.convergence.records import count_records, poisson_binomial, records_test
from dashsearch.analysis.results import TooFewScores, plain
from dashsearch.analysis.settings import AnalysisSettings

SETTINGS = AnalysisSettings(permutations=499, bootstraps=499)


def rows(runs, start=0):
    tables = [
        pd.DataFrame(
            {
                "arm": "agents",
                "arm_seed": seed,
                "source": ["start"] * start + ["policy"] * (len(run) - start),
                "val_map": run,
            }
        )
        for seed, run in enumerate(runs, 1)
    ]
    return pd.concat(tables, ignore_index=True)


def test_without_ties_the_null_is_that_of_independent_records():
    test = records_test(rows([np.random.default_rng(1).random(200)]), SETTINGS)
    steps = np.arange(1, 201)
    assert test.expected == pytest.approx((1 / steps).sum(), abs=1e-12)
    assert test.variance == pytest.approx((1 / steps - 1 / steps**2).sum(), abs=1e-12)
    null = stats.poisson_binom(1 / steps)
    assert test.p_upper == pytest.approx(null.sf(test.records - 1), abs=1e-9)
    lower = null.cdf(test.records)
    assert test.p_two_sided == pytest.approx(min(1, 2 * min(test.p_upper, lower)), abs=1e-9)
    assert test.permutation_p == pytest.approx(test.p_upper, abs=0.08)
    assert test.late_expected == pytest.approx((np.log(steps) / steps).sum(), rel=0.05)


@given(
    st.lists(st.sampled_from([np.nan, 0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=6).filter(
        lambda values: np.isfinite(values).any()
    )
)
def test_the_distribution_is_that_of_all_orders_with_ties_and_failures(values):
    orders = list(itertools.permutations(values))
    found = Counter(count_records(order).positions.size for order in orders)
    pmf = poisson_binomial(count_records(values).probabilities)
    for count, probability in enumerate(pmf):
        assert found[count] / len(orders) == pytest.approx(probability, abs=1e-12)


@pytest.mark.parametrize("size", [1, 7, 999, 2500, 10_001])
def test_poisson_binomial_agrees_with_scipy_across_blocks(size):
    chances = 1 / np.arange(1, size + 1)
    pmf = poisson_binomial(chances)
    assert pmf.sum() == pytest.approx(1, abs=1e-12)
    kept = min(pmf.size, 40)
    np.testing.assert_allclose(
        pmf[:kept], stats.poisson_binom(chances).pmf(np.arange(kept)), atol=1e-9
    )


def test_a_run_that_only_rises_has_the_smallest_probability_there_is():
    test = records_test(rows([np.linspace(0.1, 0.9, 20)]), SETTINGS)
    assert test.records == 20
    assert test.p_upper == pytest.approx(1 / np.exp(sum(np.log(np.arange(1, 21)))), rel=1e-9)
    assert test.permutation_p == test.late_p_upper == 1 / 500


def test_a_saturated_run_expects_fewer_records_than_a_harmonic_sum():
    scores = np.minimum(np.random.default_rng(2).random(300), 0.7)
    test = records_test(rows([scores]), SETTINGS)
    assert test.at_best == test.tied == int((scores == 0.7).sum())
    # Once a third of the experiments stand at the ceiling, little is left to improve.
    assert test.expected < 3
    assert test.expected == pytest.approx(test.curve.expected[-1], abs=0.2)
    assert "tied" in test.note


def test_failures_leave_the_count_of_records_to_the_scored_and_the_start_stays_out():
    scores = np.random.default_rng(3).random(60)
    scores[::3] = np.nan
    scores[0] = 1.0
    test = records_test(rows([scores], start=5), SETTINGS)
    scored = int(np.isfinite(scores[5:]).sum())
    assert (test.n, test.start, test.scored, test.failed) == (55, 5, scored, 55 - scored)
    assert test.expected == pytest.approx((1 / np.arange(1, scored + 1)).sum(), abs=1e-12)
    assert test.records > 1
    assert "never improve" in test.note and "5 experiments of the fixed start" in test.note


def test_seeds_add_up_and_have_an_interval_that_says_what_it_is():
    rng = np.random.default_rng(4)
    runs = [rng.random(80) + 0.01 * np.arange(80) for _ in range(6)]
    test = records_test(rows(runs), SETTINGS)
    assert test.records == sum(test.per_seed) and len(test.seeds) == 6
    assert test.expected == pytest.approx(6 * (1 / np.arange(1, 81)).sum())
    assert test.p_two_sided < 1e-6 and test.late_p_two_sided < 0.01
    assert test.ratio_interval.kind == "95 % bootstrap over 6 seeds"
    assert 1 < test.ratio_interval.low <= test.ratio <= test.ratio_interval.high
    assert records_test(rows(runs[:3]), SETTINGS).ratio_interval.kind == "range of 3 seeds"
    assert records_test(rows(runs[:1]), SETTINGS).ratio_interval is None
    assert test.curve.records[-1] == test.records
    assert (np.diff(test.curve.records) >= 0).all()


def test_too_few_records_are_seen_on_the_lower_side():
    runs = [np.r_[0.99, np.random.default_rng(seed).random(400) * 0.9] for seed in range(4)]
    test = records_test(rows(runs), SETTINGS)
    assert test.records == 4 < test.null_interval.low
    assert test.p_two_sided < 1e-4
    assert test.p_upper > 0.9


def test_exchangeable_runs_are_rarely_rejected():
    rng = np.random.default_rng(5)
    found = [
        records_test(rows([rng.beta(12, 5, 60) for _ in range(3)]), SETTINGS) for _ in range(200)
    ]
    # 5 % of 200 with a margin of four standard errors; a count's exact test stays below its level.
    assert np.mean([test.p_two_sided <= 0.05 for test in found]) < 0.05 + 4 * 0.0154
    assert abs(np.mean([test.late_p_upper <= 0.05 for test in found]) - 0.05) < 4 * 0.0154


def test_equal_inputs_give_equal_results_that_json_can_hold():
    run = rows([np.random.default_rng(6).random(50)])
    text = json.dumps(plain(records_test(run, SETTINGS)), allow_nan=False)
    assert text == json.dumps(plain(records_test(run, SETTINGS)), allow_nan=False)


@pytest.mark.parametrize("scores", [[0.5] * 9, [np.nan] * 9, [np.nan, 0.3, np.nan]])
def test_runs_without_two_different_scores_are_refused(scores):
    with pytest.raises(TooFewScores, match="two different values of val_map"):
        records_test(rows([scores]), SETTINGS)
