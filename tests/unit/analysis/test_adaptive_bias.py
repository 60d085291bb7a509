"""Shares on cells that a policy chose: naive ones are biased, corrected ones hold the truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from dashsearch.analysis.bias.adaptive_bias import arm_bias, compare, exact_references
from dashsearch.analysis.bias.random_effects import draw_variances
from dashsearch.analysis.bias.share_estimates import Estimate, quantities, uniform_cells
from dashsearch.analysis.bias.surrogate import fit_surrogate
from dashsearch.analysis.questions.bias import bias_findings
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.functional_anova import functional_anova
from dashsearch.search.propose import Arm
from dashsearch.search.table_runs import Evaluation, run_arm
from dashsearch.search.terms import Terms
from dashsearch.space.space import Factor, Space
from planted import planted_surface

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("a", "b", "c", "d", "e")),
        Factor("encoder", "architecture", ("x", "y", "z", "w")),
        Factor("pooling", "architecture", ("mean", "max")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("rate", "training", (1, 2, 3, 4, 5)),
    ),
)
PAIR = "backbone × encoder"
SETTINGS = AnalysisSettings(bootstraps=99)
SHARES = {("backbone",): 0.3, ("encoder",): 0.1, ("backbone", "encoder"): 0.1, ("rate",): 0.25,
          ("backbone", "rate"): 0.1}  # fmt: skip


def planted(seed):
    rng = np.random.default_rng(seed)
    total = np.sqrt(1 - sum(SHARES.values())) * rng.standard_normal(SPACE.shape)
    total += planted_surface(SPACE, SHARES, rng)
    return np.clip(0.6 + 0.06 * total.ravel(), 0, 1)


def evolved(scores, seeds=(1,), rounds=15):
    def look_up(proposal):
        return Evaluation("ok", "", float(scores[proposal.cell]), 1.0)

    frames = []
    for seed in seeds:
        terms = Terms(shared_start=10, audit_share=0.2)
        settings = {"population": 12, "sample": 6}
        arm = Arm("t", "evolution", seed, "evolution", 3, settings, "x", terms)
        done = run_arm(arm, SPACE, rounds, 10, look_up)
        frames.append(pd.DataFrame([proposal.__dict__ for proposal in done]))
    frame = pd.concat(frames, ignore_index=True)
    values = np.where(frame["status"] == "ok", scores[frame["cell"]], np.nan)
    return frame.assign(test_map=values, val_map=values)


def estimates(found, quantity):
    return {r.estimate.method: r for r in found.rows if r.quantity == quantity}


@pytest.fixture(scope="module")
def campaigns():
    found = []
    for seed in range(25):
        scores = planted(seed)
        truth = exact_references(functional_anova(scores, SPACE), quantities(SPACE), SPACE)
        found.append(arm_bias(evolved(scores, (seed,)), SPACE, SETTINGS, truth))
    return found


def test_the_naive_share_is_biased_and_the_corrected_one_is_not(campaigns):
    naive, corrected = (
        np.array([estimates(each, PAIR)[method].difference for each in campaigns])
        for method in ("eta_squared", "random_effects")
    )
    # Of 150 campaigns: naive 2.7 ± 0.6 points too large, corrected 1.6 ± 0.4 too small.
    assert naive.mean() > 0
    assert ttest_1samp(naive - corrected, 0, alternative="greater").pvalue < 0.005
    assert abs(corrected.mean()) < 0.03


def test_the_corrected_interval_holds_the_truth(campaigns):
    for quantity in (PAIR, "architecture", "training", "backbone"):
        rows = [estimates(each, quantity)["random_effects"] for each in campaigns]
        covered = [r.difference_interval.low <= 0 <= r.difference_interval.high for r in rows]
        assert np.mean(covered) >= 0.8


def test_the_uniform_cells_alone_hold_the_truth_and_say_how_few_they_are(campaigns):
    rows = [estimates(each, "backbone")["uniform_cells"] for each in campaigns]
    covered = [r.difference_interval.low <= 0 <= r.difference_interval.high for r in rows]
    assert np.mean(covered) >= 0.8
    assert all(r.estimate.n == each.n_uniform < 45 for r, each in zip(rows, campaigns, strict=True))


def test_a_share_of_no_grouping_has_no_naive_estimate(campaigns):
    row = estimates(campaigns[0], "training")["eta_squared"]
    assert row.estimate.value is None and "no grouping" in row.estimate.reason


def test_quality_of_the_surrogate_stands_beside_it(campaigns):
    for each in campaigns:
        assert each.surrogate is None or 0 < each.surrogate.r2_cells < 1
        assert each.surrogate is None or each.surrogate.carries == (not each.surrogate.note)


def test_exact_references_are_shares_of_single_experiments():
    scores = planted(1)
    found = exact_references(functional_anova(scores, SPACE), quantities(SPACE), SPACE)
    cells = np.arange(SPACE.size)
    groups = scores.reshape(20, -1).mean(axis=1)
    assert found[PAIR].value == pytest.approx(groups.var() / scores.var())
    assert found[PAIR].n == cells.size


def test_noise_has_no_surrogate():
    rng = np.random.default_rng(2)
    cells = rng.choice(SPACE.size, size=60, replace=False)
    with pytest.raises(TooFewScores, match="no better than their mean"):
        fit_surrogate(SPACE.positions(cells), rng.normal(size=60), SPACE,
                      is_uniform=np.zeros(60, bool), seed=1)  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "words"), [(np.arange(19.0), "19 scored cells"), (np.ones(30), "all equal")]
)
def test_too_little_is_refused(scores, words):
    with pytest.raises(TooFewScores, match=words):
        draw_variances(SPACE.positions(range(scores.size)), scores, SPACE, draws=9, seed=1)


def test_equal_seeds_give_equal_draws():
    positions, scores = SPACE.positions(range(0, 600, 9)), planted(3)[::9]
    one, other = (
        draw_variances(positions, scores, SPACE, draws=20, seed=5).variances for _ in range(2)
    )
    assert (one == other).all()


def test_an_audit_that_the_policy_had_tried_before_keeps_its_score():
    rows = pd.DataFrame({
        "cell": [4, 7, 4], "experiment_id": ["a", "b", "a"], "test_map": [0.8, 0.5, np.nan],
        "source": ["policy", "audit", "audit"],
    })  # fmt: skip
    assert sorted(uniform_cells(rows, "test_map")["cell"]) == [4, 7]


def test_limits_of_a_difference_come_from_both_intervals():
    one = Estimate("m", 0.5, Interval(0.2, 0.9, "k"), 9)
    other = Estimate("r", 0.3, Interval(0.1, 0.7, "l"), 9)
    found = compare("q", one, other)
    assert found.difference_interval.low == pytest.approx(0.2 - np.hypot(0.3, 0.4))
    assert found.difference_interval.high == pytest.approx(0.2 + np.hypot(0.4, 0.2))
    exact = compare("q", one, replace(other, interval=None)).difference_interval
    assert (exact.low, exact.high) == pytest.approx((-0.1, 0.6))


def test_seeds_give_the_naive_share_and_the_ridge_an_interval():
    scores = planted(4)
    truth = exact_references(functional_anova(scores, SPACE), quantities(SPACE), SPACE)
    rows = estimates(arm_bias(evolved(scores, range(5), 6), SPACE, SETTINGS, truth), PAIR)
    assert "jackknife over 5 seeds" in rows["eta_squared"].estimate.interval.kind
    assert "over 5 seeds" in rows["ridge"].estimate.interval.kind


def test_without_a_table_the_best_sample_at_hand_is_the_reference():
    ledger = evolved(planted(5))
    uniform = ledger[ledger["source"] == "audit"].assign(arm="random")
    both = pd.concat([ledger, uniform], ignore_index=True)
    found = bias_findings(both, SPACE, SETTINGS)
    references = found.documents["bias.json"]["references"]
    assert references["backbone"]["method"] == "arm random, omega squared"
    assert references["training"]["method"] == "arm random, random effects"
    alone = bias_findings(ledger, SPACE, SETTINGS).documents["bias.json"]["references"]
    assert alone["backbone"]["method"] == "starts and audits of all arms, omega squared"
    assert set(found.tables["bias.csv"]["arm"]) == {"evolution"}
