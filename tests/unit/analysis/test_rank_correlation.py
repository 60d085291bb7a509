import itertools
import math

import numpy as np
import pytest
from scipy import stats

from dashsearch.analysis.inference.rank_bootstrap import (
    draw_rank_correlations,
    draw_within_correlations,
)
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.validity.rank_correlation import (
    kendall,
    label_test,
    spearman,
    split_ranks,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def scores(rng, n, decimals):
    first = rng.random(n)
    return first.round(decimals), (first + rng.random(n)).round(decimals)


@pytest.mark.parametrize("n", [3, 20, 301])
@pytest.mark.parametrize("decimals", [1, 2, 9])
def test_both_correlations_are_scipys_with_and_without_ties(rng, n, decimals):
    first, second = scores(rng, n, decimals)
    assert spearman(first, second) == pytest.approx(
        stats.spearmanr(first, second).statistic, abs=1e-12
    )
    assert kendall(first, second).tau_b == pytest.approx(
        stats.kendalltau(first, second).statistic, abs=1e-12
    )


@pytest.mark.parametrize("decimals", [1, 2, 9])
@pytest.mark.parametrize("groups", [2, 5, 20])
def test_the_two_parts_add_up_to_the_whole_exactly(rng, decimals, groups):
    for n in (7, 40, 400):
        first, second = scores(rng, n, decimals)
        split = split_ranks(first, second, np.arange(n) % groups)
        parts = (
            math.sqrt(split.share_first * split.share_second) * split.between,
            math.sqrt((1 - split.share_first) * (1 - split.share_second)) * split.within,
        )
        assert np.nansum(parts) == pytest.approx(split.total, abs=1e-12)
        assert split.total == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_a_split_does_not_depend_on_names_order_or_scale(rng):
    first, second = scores(rng, 60, 2)
    codes = rng.integers(4, size=60)
    split = split_ranks(first, second, codes)
    order = rng.permutation(60)
    other = split_ranks(np.exp(first[order]), second[order] ** 3, 7 - codes[order])
    for name in ("total", "between", "within", "share_first", "share_second"):
        assert getattr(other, name) == pytest.approx(getattr(split, name), abs=1e-12)
    mirrored = split_ranks(second, first, codes)
    assert (mirrored.total, mirrored.within) == pytest.approx((split.total, split.within))


def test_kendalls_interval_covers_the_truth(rng):
    truth = 2 / np.pi * np.arcsin(0.6)
    hits = 0
    for _ in range(200):
        first = rng.normal(size=40)
        interval = kendall(first, 0.6 * first + 0.8 * rng.normal(size=40)).interval
        hits += interval.low <= truth <= interval.high
    assert hits >= stats.binom.ppf(0.001, 200, 0.95) - 6


def test_kendalls_interval_is_the_bootstraps_with_ties(rng):
    first, second = scores(rng, 200, 1)
    interval = kendall(first, second).interval
    draws = rng.integers(200, size=(400, 200))
    values = [stats.kendalltau(first[row], second[row]).statistic for row in draws]
    assert (interval.low, interval.high) == pytest.approx(
        np.quantile(values, [0.025, 0.975]), abs=0.02
    )


def test_a_perfect_order_has_no_interval():
    assert kendall([1, 2, 3, 4], [2, 3, 4, 9]).interval is None


def test_the_bootstraps_rank_every_resample_anew(rng):
    first, second = scores(rng, 50, 1)
    codes = np.sort(rng.integers(3, size=50))
    draws = draw_rank_correlations(first, second, [], 4000, 1).spearman
    within = draw_within_correlations(first, second, codes, 4000, 1)
    plain, inner = [], []
    for _ in range(1000):
        row = rng.integers(50, size=50)
        plain.append(stats.spearmanr(first[row], second[row]).statistic)
        row = np.concatenate(
            [rng.choice(np.flatnonzero(codes == code), (codes == code).sum()) for code in range(3)]
        )
        inner.append(split_ranks(first[row], second[row], codes[row]).within)
    for fast, slow in ((draws, plain), (within, inner)):
        assert np.quantile(fast, [0.05, 0.5, 0.95]) == pytest.approx(
            np.quantile(slow, [0.05, 0.5, 0.95]), abs=0.04
        )


def test_the_test_between_few_groups_counts_all_orders(rng):
    first, second = scores(rng, 40, 2)
    codes = np.arange(40) % 4
    found = label_test(first, second, codes, 99, 1)
    ranks = [stats.rankdata(each) for each in (first, second)]
    means = [[each[codes == code].mean() for code in range(4)] for each in ranks]
    values = [
        abs(np.corrcoef(means[0], [means[1][place] for place in order])[0, 1])
        for order in itertools.permutations(range(4))
    ]
    assert found.p == sum(value >= values[0] - 1e-9 for value in values) / 24
    assert found.kind == "exact, all orders of 4 groups" and found.smallest_p == 1 / 24


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: spearman([0.1, 0.2], [0.1, 0.2]), "2 pairs of scores"),
        (lambda: spearman([0.1, 0.2, np.nan], [0.1, 0.2, 0.3]), "1 of 3 scores are not finite"),
        (lambda: kendall([0.5] * 5, range(5)), "all equal"),
        (lambda: split_ranks(range(5), range(5), [1] * 5), "of one group"),
        (lambda: label_test(range(5), range(5), [1, 1, 2, 2, 2], 99, 1), "three groups"),
    ],
)
def test_what_cannot_be_ranked_is_refused(call, words):
    with pytest.raises(TooFewScores, match=words):
        call()
