import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.analysis.dynamics.innovation import (
    innovation_of_runs,
    new_best_rate,
    new_bests,
    novelty_rate,
)
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", tuple("abcde")),
        Factor("loss", "training", tuple(range(6))),
    ),
)
SETTINGS = AnalysisSettings(bootstraps=999, window=10, step=5)


@given(st.lists(st.floats(0, 1), max_size=40))
def test_new_bests_are_above_all_before(scores):
    expected = [all(score > other for other in scores[:i]) for i, score in enumerate(scores)]
    assert new_bests(np.array(scores)).tolist() == expected


def test_new_bests_of_an_exchangeable_sequence_come_at_one_over_t():
    rng = np.random.default_rng(1)
    rates = [new_best_rate(rng.random(100), 20, 20) for _ in range(400)]
    assert rates[0].expected == pytest.approx((1 / np.arange(1, 101)).reshape(5, 20).mean(axis=1))
    observed = np.array([each.rate for each in rates])
    assert observed.mean(axis=0) == pytest.approx(rates[0].expected, abs=0.012)
    inside = (observed >= rates[0].low) & (observed <= rates[0].high)
    assert (inside.mean(axis=0) >= 0.93).all()
    assert rates[0].expected_total == pytest.approx((1 / np.arange(1, 101)).sum())


def test_the_band_of_new_bests_is_the_poisson_binomials():
    # The first two places: one record for certain and one with chance a half.
    rate = new_best_rate(np.array([0.1, 0.2]), 2, 1)
    assert (rate.low[0], rate.high[0]) == (0.5, 1.0) and rate.rate[0] == 1


def test_scores_that_rise_set_more_bests_than_chance():
    rate = new_best_rate(np.linspace(0, 1, 60), 10, 10)
    assert (rate.rate == 1).all() and (rate.rate[1:] > rate.high[1:]).all()
    with pytest.raises(TooFewScores, match="1 of 2 scores are not finite"):
        new_best_rate(np.array([0.5, np.nan]), 2, 1)


def test_new_cells_of_a_uniform_policy_follow_the_closed_form():
    rng = np.random.default_rng(2)
    rates = [novelty_rate(rng.integers(30, size=60), 30, "new cell", SETTINGS) for _ in range(300)]
    observed = np.array([each.rate for each in rates])
    assert observed.mean(axis=0) == pytest.approx(rates[0].expected, abs=0.03)
    assert ((observed >= rates[0].low) & (observed <= rates[0].high)).mean() >= 0.94
    assert np.mean([each.total for each in rates]) == pytest.approx(
        30 * (1 - (1 - 1 / 30) ** 60), abs=0.3
    )
    assert rates[0].expected_total == pytest.approx(30 * (1 - (1 - 1 / 30) ** 60))


def test_long_after_all_is_seen_nothing_is_new():
    rate = novelty_rate(np.arange(400) % 3, 3, "new cell", SETTINGS)
    assert rate.total == 3 and rate.rate[-1] == rate.high[-1] == 0


def test_runs_have_their_rates_and_agents_their_bests():
    n = 40
    scores = np.where(np.arange(n) % 4 == 3, np.nan, np.linspace(0.1, 0.9, n))
    ledger = pd.DataFrame({
        "arm": "agents", "arm_seed": 1, "agent": ["one", "two"] * 20, "val_map": scores,
        "cell": np.arange(n) % 30,
    })  # fmt: skip
    failed = ledger.iloc[:1].assign(cell=-1, val_map=np.nan)
    (found,) = innovation_of_runs(pd.concat([ledger, failed]), SPACE, SETTINGS)
    best, cell, architecture = found.rates
    assert [best.what, cell.what, architecture.what] == [
        "new best", "new cell", "new architecture",
    ]  # fmt: skip
    assert best.n == 30 and best.total == 30 and cell.n == 40
    assert cell.total == 30 and architecture.total == 5
    one, two = found.agents
    assert (one.n, two.n) == (20, 10) and one.new_bests == 20
    assert one.expected + two.expected == pytest.approx(best.expected_total)
    short = innovation_of_runs(ledger.iloc[:5], SPACE, SETTINGS)[0]
    assert all(rate.ends.size == rate.rate.size == 0 for rate in short.rates)
