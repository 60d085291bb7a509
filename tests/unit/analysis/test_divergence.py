import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

from dashsearch.analysis.dynamics.divergence import (
    agent_divergence,
    arms_divergence,
    block_divergence,
)
from dashsearch.analysis.dynamics.divergence_decay import (
    divergence_over_time,
    fit_decay,
    window_edges,
)
from dashsearch.analysis.dynamics.jensen_shannon import (
    jensen_shannon_bits,
    permuted_tables,
    smallest_p,
    unit_blocks,
)
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", tuple("abcd")),
        Factor("encoder", "architecture", tuple("efg")),
        Factor("pooling", "architecture", tuple("hi")),
        Factor("loss", "training", tuple("jkl")),
    ),
)
SETTINGS = AnalysisSettings(permutations=199, bootstraps=99)
COUNTS = arrays(np.int64, (2, 5), elements=st.integers(0, 30)).filter(
    lambda table: (table.sum(axis=1) > 0).all()
)


def ledger_of(cells, seed=1, arm="agents"):
    """Rows of one run: cells int (rounds, agents, proposals)."""
    shape = cells.shape
    names = np.array(["one", "two", "three"])
    return pd.DataFrame({
        "arm": arm, "arm_seed": seed,
        "round": np.broadcast_to(np.arange(shape[0])[:, None, None], shape).ravel(),
        "agent": names[np.broadcast_to(np.arange(shape[1])[:, None], shape).ravel()],
        "source": "policy", "cell": cells.ravel(),
    })  # fmt: skip


def specialised(rng, shares, rounds, agents=2):
    cells = rng.integers(SPACE.size, size=(rounds, agents, 10))
    favourite = np.arange(agents)[None, :, None] * 18 + cells % 18
    return np.where(rng.random(cells.shape) < np.asarray(shares)[:, None, None], favourite, cells)


def divergence(blocks, permutations=199):
    return block_divergence(
        blocks, factors=("x",), labels=("one", "two"), permutations=permutations, seed=1, null="n"
    )


@given(COUNTS)
def test_it_is_g_over_its_factor(table):
    seen = table[:, table.sum(axis=0) > 0]
    bits = float(jensen_shannon_bits(table.astype(float)))
    g = 0.0
    if seen.shape[1] > 1:
        g = chi2_contingency(seen, correction=False, lambda_="log-likelihood").statistic
    assert 2 * table.sum() * math.log(2) * bits == pytest.approx(g, abs=1e-9)


@given(COUNTS)
def test_equal_weights_give_the_square_of_scipys(table):
    shares = table / table.sum(axis=1, keepdims=True)
    # Rows of equal sums make the weights equal.
    equal = table * table.sum(axis=1)[::-1, None]
    expected = jensenshannon(shares[0], shares[1], base=2) ** 2
    assert jensen_shannon_bits(equal.astype(float)) == pytest.approx(expected, abs=1e-9)


def test_closed_forms():
    assert jensen_shannon_bits(np.array([[4.0, 0], [0, 4]])) == pytest.approx(1)
    assert jensen_shannon_bits(np.array([[3.0, 6], [1, 2]])) == 0
    assert np.isnan(jensen_shannon_bits(np.array([[3.0, 6], [0, 0]])))


@given(arrays(np.float64, (6, 3, 4), elements=st.integers(0, 3)), st.integers(0, 9))
def test_permuting_moves_whole_blocks_between_labels_that_are_there(blocks, seed):
    tables = permuted_tables(blocks, 20, np.random.default_rng(seed))
    assert tables.sum(axis=1) == pytest.approx(np.tile(blocks.sum(axis=(0, 1)), (20, 1)))
    absent = blocks.sum(axis=(0, 2)) == 0
    assert (tables[:, absent] == 0).all()


def test_a_unit_with_one_label_stays_as_it_is():
    blocks = np.zeros((3, 2, 2))
    blocks[:, 0, 0] = [1, 2, 3]
    assert (permuted_tables(blocks, 9, np.random.default_rng(1)) == blocks.sum(axis=0)).all()


def test_specialised_agents_differ_where_they_specialise():
    rng = np.random.default_rng(1)
    ledger = ledger_of(specialised(rng, np.full(20, 0.4), 20))
    found = {each.name: each for each in agent_divergence(ledger, SPACE, SETTINGS)}
    assert list(found) == ["backbone × encoder", "architecture", "training"]
    pairs, training = found["backbone × encoder"].estimate, found["training"].estimate
    assert pairs.p == 1 / 200 and pairs.jsd_bits > pairs.band.high
    assert training.p > 0.05 and abs(training.excess_bits) < 0.02
    assert pairs.n == (200, 200) and pairs.units == 20 and pairs.label_bits == 1
    assert pairs.g_statistic == pytest.approx(2 * 400 * math.log(2) * pairs.jsd_bits)
    assert pairs.excess_bits == pairs.jsd_bits - pairs.null_mean
    assert pairs.smallest_p == pytest.approx(2.0**-19)


def test_identical_agents_with_clusters_rarely_differ():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(200):
        # All proposals of a block are of one cell: as dependent as can be.
        cells = np.broadcast_to(rng.integers(SPACE.size, size=(12, 2, 1)), (12, 2, 10))
        results = agent_divergence(ledger_of(cells), SPACE, SETTINGS)
        found.append([each.estimate.p <= 0.05 for each in results])
    assert (np.mean(found, axis=0) <= 0.095).all()


def test_the_excess_of_identical_agents_centres_on_zero():
    rng = np.random.default_rng(3)
    results = [agent_divergence(ledger_of(rng.integers(SPACE.size, size=(12, 2, 10))), SPACE,
                                SETTINGS)[1].estimate for _ in range(100)]  # fmt: skip
    excess = np.array([each.excess_bits for each in results])
    assert abs(excess.mean()) < 3 * excess.std() / 10
    assert np.mean([each.jsd_bits for each in results]) > 0.05


def test_seeds_stand_apart_and_are_pooled():
    rng = np.random.default_rng(4)
    both = pd.concat([ledger_of(specialised(rng, np.full(8, 0.5), 8, 3), seed) for seed in (1, 2)])
    found = agent_divergence(both, SPACE, SETTINGS)
    assert [each.arm_seed for each in found] == [1] * 3 + [2] * 3 + [None] * 3
    assert found[-2].estimate.n == (160, 160, 160) and found[-2].estimate.units == 16
    assert found[-2].estimate.label_bits == pytest.approx(math.log2(3))
    one = ledger_of(rng.integers(SPACE.size, size=(8, 1, 10)))
    assert agent_divergence(one, SPACE, SETTINGS) == ()


def test_joining_rounds_of_long_runs_keeps_the_counts_and_who_is_there():
    rng = np.random.default_rng(5)
    ledger = ledger_of(rng.integers(SPACE.size, size=(3000, 2, 1)))
    ledger = ledger[~((ledger["round"] % 3 == 0) & (ledger["agent"] == "two"))]
    blocks = unit_blocks(ledger, SPACE, ("backbone",), ("one", "two"))
    assert len(blocks) == 500 + 1000
    assert blocks[:, 1].sum() == 2000 and blocks.sum() == 5000
    assert ((blocks.sum(axis=2) > 0).sum(axis=1) == 2).sum() == 1000


def test_arms_change_places_by_seed():
    rng = np.random.default_rng(6)
    rows = []
    for seed in range(7):
        rows.append(ledger_of(rng.integers(18, size=(2, 1, 10)), seed, "narrow"))
        rows.append(ledger_of(rng.integers(SPACE.size, size=(2, 1, 10)), seed, "random"))
    ledger = pd.concat(rows)
    found = arms_divergence(ledger, SPACE, SETTINGS, ("narrow", "random"))
    assert found[0].estimate.units == 7 and found[0].estimate.p < 0.05
    few = arms_divergence(ledger[ledger["arm_seed"] < 5], SPACE, SETTINGS, ("narrow", "random"))
    assert few[0].estimate is None and "5 units" in few[0].reason
    with pytest.raises(InputError, match="'smac'"):
        arms_divergence(ledger, SPACE, SETTINGS, ("narrow", "smac"))


def test_few_rounds_and_absent_labels_are_refused():
    rng = np.random.default_rng(7)
    blocks = rng.integers(1, 5, size=(5, 2, 4)).astype(float)
    with pytest.raises(TooFewScores, match="5 units hold"):
        divergence(blocks)
    blocks[:, 1] = 0
    with pytest.raises(TooFewScores, match="two has none"):
        divergence(blocks)
    assert smallest_p(np.array([2, 2, 1, 3])) == pytest.approx(1 / 4)
    assert smallest_p(np.array([1, 1])) == 1


def test_a_planted_decay_is_found_and_fitted():
    rng = np.random.default_rng(8)
    cells = specialised(rng, 0.9 * np.exp(-np.arange(60) / 12), 60)
    found = divergence_over_time(ledger_of(cells), SPACE, SETTINGS)
    pairs = found[0]
    assert pairs.decay.found and pairs.decay.interval.low > 0
    assert pairs.decay.half_life_rounds == pytest.approx(math.log(2) / pairs.decay.rate)
    assert pairs.windows.excess_bits[0] > 3 * abs(pairs.windows.excess_bits[-1])
    assert found[2].decay is None and "do not differ" in found[2].reason


def test_lasting_divergence_does_not_decay():
    rng = np.random.default_rng(9)
    cells = specialised(rng, np.full(40, 0.5), 40)
    pairs = divergence_over_time(ledger_of(cells), SPACE, SETTINGS)[0]
    assert pairs.start.p < 0.05 and not pairs.decay.found
    assert pairs.decay.interval.low < 0 < pairs.decay.interval.high


def test_a_window_without_an_agent_is_nan_not_zero():
    rng = np.random.default_rng(10)
    ledger = ledger_of(specialised(rng, np.full(40, 0.5), 40))
    ledger = ledger[~((ledger["round"] < 8) & (ledger["agent"] == "two"))]
    windows = divergence_over_time(ledger, SPACE, SETTINGS)[0].windows
    assert np.isnan(windows.jsd_bits[0]) and np.isnan(windows.excess_bits[0])
    assert np.isfinite(windows.jsd_bits[2:]).all() and windows.n[0] == 50


def test_seeds_are_resampled_from_five_on():
    rng = np.random.default_rng(11)
    ledger = pd.concat([ledger_of(specialised(rng, 0.9 * np.exp(-np.arange(20) / 5), 20), seed)
                        for seed in range(5)])  # fmt: skip
    pairs = divergence_over_time(ledger, SPACE, SETTINGS)[0]
    assert pairs.decay.interval.kind == "95 % bootstrap over 5 seeds" and pairs.decay.found


def test_too_few_rounds_for_windows_are_refused_with_a_reason():
    assert window_edges(20, 1).tolist() == [0, 5, 10, 15, 20]
    with pytest.raises(TooFewScores, match="19 rounds of 1 seeds make 3 windows"):
        window_edges(19, 1)
    rng = np.random.default_rng(12)
    found = divergence_over_time(ledger_of(rng.integers(72, size=(9, 2, 5))), SPACE, SETTINGS)
    assert all(each.windows is None and "9 rounds" in each.reason for each in found)


def test_an_exact_exponential_is_recovered():
    rounds = np.arange(0.0, 40, 4)
    rate = 3.0 / 36
    excess = np.stack([0.7 * np.exp(-rate * rounds), -np.ones(10)])
    initial, found = fit_decay(rounds, excess, np.ones(10))
    assert initial[0] == pytest.approx(0.7) and found[0] == pytest.approx(rate)
    assert initial[1] == 0 and found[1] == pytest.approx(-5 / 36)
