import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dashsearch.analysis.convergence.best_at import best_at
from dashsearch.analysis.convergence.paired_arms import area_difference, beats
from dashsearch.analysis.inference.seed_intervals import interval_of_mean
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings

SETTINGS = AnalysisSettings(permutations=199, bootstraps=199)


def ledger(arms):
    tables = [
        pd.DataFrame({"arm": arm, "arm_seed": seed, "cell": range(len(run)), "val_map": run,
                      "test_map": np.asarray(run) / 2, "source": "policy"})
        for arm, runs in arms.items()
        for seed, run in runs.items()
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def areas(first, second, *, paired):
    return area_difference(
        first, second, n_from=1, paired=paired, permutations=999, bootstraps=99, seed=1
    )


def test_regret_and_hitting_times_are_those_of_the_measured_table():
    table = np.arange(1, 1001) / 1000
    runs = {1: [0.2, 0.991, 0.3], 2: [0.1, 0.2, 0.3]}
    found = best_at(ledger({"agents": runs}), SETTINGS, table=table)
    assert found.reference.best == 1 and found.reference.median == pytest.approx(0.5005)
    row = next(row for row in found.rows if row.n == 3)
    assert row.best == pytest.approx((0.991 + 0.3) / 2)
    assert row.regret == pytest.approx((1 - row.best) / (1 - 0.5005))
    hit = found.hitting[0]
    assert hit.top == 0.01 and hit.times == (2, None) and hit.censored == 1
    assert hit.restricted_mean == (2 + 3) / 2 and math.isnan(hit.median)


def test_a_small_sample_has_no_targets_and_says_so():
    found = best_at(ledger({"random": {1: [0.1, 0.2, 0.5]}}), SETTINGS)
    assert not found.hitting and "3 scores" in found.hitting_reason


def test_equal_scores_have_no_regret():
    with pytest.raises(TooFewScores, match="do not rise above their median"):
        best_at(ledger({"agents": {1: [0.5] * 5}}), SETTINGS)


def test_equal_seeds_are_paired_and_others_are_not():
    rng = np.random.default_rng(1)
    runs = {seed: rng.random(12) for seed in (1, 2, 3, 4)}
    arms = {"a": {s: runs[s] for s in (1, 2)}, "b": {s: runs[s] for s in (1, 2)},
            "c": {s: runs[s] for s in (3, 4)}}  # fmt: skip
    found = best_at(ledger(arms), SETTINGS)
    assert {(p.first, p.second): p.paired for p in found.pairs} == {
        ("a", "b"): True, ("a", "c"): False, ("b", "c"): False,
    }  # fmt: skip
    same = found.pairs[0]
    assert same.area.difference == 0 and same.beats[0].probability == 0.5


def test_the_chance_of_beating_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=9).round(1), rng.normal(size=7).round(1)
    found = beats(one, other, n=5, paired=False)
    u = stats.mannwhitneyu(one, other).statistic
    assert found.probability == pytest.approx(u / 63, abs=1e-12)
    assert found.interval.low < found.probability < found.interval.high


def test_a_run_without_success_loses_and_wilson_has_a_width_when_all_agree():
    found = beats(np.full(10, 0.5), np.full(10, np.nan), n=5, paired=True)
    expected = stats.binomtest(10, 10).proportion_ci(0.95, method="wilson")
    assert found.probability == 1
    assert found.interval.low == pytest.approx(expected.low, abs=1e-12)


def test_the_area_of_constant_regrets_is_their_difference():
    found = areas(np.full((6, 9), 0.2), np.full((6, 9), 0.5), paired=True)
    assert found.difference == pytest.approx(-0.3)
    assert found.p == pytest.approx(2 / 2**6) == found.smallest_p


def test_one_seed_against_several_has_an_exact_p():
    found = areas(np.zeros((1, 5)), np.arange(1.0, 5)[:, None] * np.ones(5), paired=False)
    assert found.p == pytest.approx(2 / 5) == found.smallest_p
    alone = areas(np.zeros((1, 5)), np.ones((1, 5)), paired=False)
    assert math.isnan(alone.p) and alone.interval is None


def test_identical_arms_differ_at_the_nominal_rate_only():
    rng = np.random.default_rng(3)
    found = [areas(*rng.normal(size=(2, 8, 2)), paired=True).p <= 0.05 for _ in range(300)]
    assert stats.binomtest(sum(found), 300, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_of_few_seeds_cover_the_mean(seeds):
    rng = np.random.default_rng(4)
    intervals = [interval_of_mean(rng.normal(size=seeds), 999, k) for k in range(300)]
    covered = sum(i.low <= 0 <= i.high for i in intervals)
    assert covered / 300 > 0.90


def test_below_five_seeds_the_interval_is_their_range():
    interval = interval_of_mean(np.array([0.1, 0.3]), 99, 1)
    assert (interval.low, interval.high, interval.kind) == (0.1, 0.3, "range of 2 seeds")
    assert interval_of_mean(np.array([0.1]), 99, 1) is None


def test_without_a_difference_agents_beat_random_at_the_nominal_rate_only():
    rng = np.random.default_rng(5)
    found = []
    for _ in range(60):
        arms = {arm: dict(enumerate(rng.random((6, 20)), 1)) for arm in ("agents", "random")}
        area = best_at(ledger(arms), SETTINGS).pairs[0].area
        found.append(area.p_holm <= 0.05)
    assert stats.binomtest(sum(found), 60, 0.05, alternative="greater").pvalue > 0.01
