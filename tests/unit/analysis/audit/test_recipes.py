"""Each recipe against a truth that does not come from it."""

import math

import numpy as np
import pytest
from scipy import stats

from dashsearch.analysis.audit.recipes.identical_agents import (
    fit_decay,
    geometric_cells,
    spike_null,
)
from dashsearch.analysis.audit.recipes.variance import Shares
from dashsearch.analysis.audit.run import audit_claims
from dashsearch.analysis.audit.wording import count, number, probability, span


def test_published_f_and_share_are_recomputed_to_their_last_digit(findings):
    assert findings["anova_test_f"].outcome.value == pytest.approx(449.33080413, abs=1e-8)
    assert findings["anova_test_eta2"].outcome.value == pytest.approx(0.79340696, abs=1e-8)
    assert findings["second_task_f_backbone_one_way"].outcome.value == pytest.approx(
        3.1500112609796043, rel=1e-12
    )


def test_shares_of_an_f_are_those_of_the_scores_behind_it():
    rng = np.random.default_rng(4)
    groups = [rng.normal(centre, 1, 9) for centre in (0, 0.4, 1.1, 0.2)]
    scores = np.concatenate(groups)
    between = sum(9 * (group.mean() - scores.mean()) ** 2 for group in groups)
    total = ((scores - scores.mean()) ** 2).sum()
    within = (total - between) / 32
    found = Shares("", float(stats.f_oneway(*groups).statistic), 4, 36)
    assert found.eta_squared == pytest.approx(between / total)
    assert found.omega_squared == pytest.approx((between - 3 * within) / (total + within))
    assert found.chance_level == pytest.approx(3 / 35)


def test_a_share_at_its_chance_level_is_reproduced_but(findings):
    found = findings["second_task_eta2_arch"]
    assert found.verdict == "reproduced, but"
    assert found.outcome.exhibit["chance_level"] == pytest.approx(16 / 30)
    assert found.outcome.interval.low == 0


def test_bartletts_test_is_scipys(published, findings):
    rows = published.table("second_task_backbones")
    rng = np.random.default_rng(1)
    samples = []
    for _, row in rows.iterrows():
        sample = rng.normal(size=row["n"])
        sample = (sample - sample.mean()) / sample.std() * row["std_ap"] + row["mean_ap"]
        samples.append(sample)
    p = float(stats.bartlett(*samples).pvalue)
    assert f"(Bartlett's p {probability(p)})" in findings["second_task_eta2_backbone"].why


def test_the_abstracts_f_and_share_imply_2481_scores_in_30_groups(findings):
    n = 1324 * 29 / (0.94 / 0.06) + 30
    assert f"need {n:,.0f}" in findings["anova_abstract_f"].why
    assert findings["anova_abstract_f"].verdict == "inconsistent"


def test_the_free_power_law_passes_one_and_the_bound_one_does_not(findings):
    exhibit = findings["power_law_c"].outcome.exhibit
    assert exhibit["loose"]["a"] > 1
    assert exhibit["bound"]["a"] == pytest.approx(1)
    assert exhibit["bound"]["c"] == pytest.approx(0.35, abs=0.01)
    assert exhibit["bound"]["r_squared"] == pytest.approx(0.88, abs=0.005)


def test_improvements_of_a_random_order_are_a_harmonic_number(findings):
    found = findings["evidence_improvements"].outcome
    assert found.value == pytest.approx(sum(1 / t for t in range(1, 3139)))
    assert found.exhibit["p"] == pytest.approx(0.23, abs=0.005)


@pytest.mark.parametrize(("name", "p"), [("claude", 0.052), ("gemini", 0.083)])
def test_improvements_of_each_agent_have_the_exact_probability(findings, name, p):
    found = findings[f"evidence_improvements_{name}"].outcome
    assert found.exhibit["p"] == pytest.approx(p, abs=0.001)
    draws = np.random.default_rng(3).random((4000, found.n)) * np.arange(1, found.n + 1) < 1
    assert (draws.sum(axis=1) >= found.exhibit["observed"]).mean() == pytest.approx(p, abs=0.015)


def test_the_rule_passes_noise_as_often_as_the_exact_law_says(findings):
    for row in findings["evidence_threshold"].outcome.exhibit["rows"]:
        exact = stats.beta((row["groups"] - 1) / 2, (100 - row["groups"]) / 2)
        assert row["above_exact"] == pytest.approx(exact.sf(0.15))
        assert row["above"] == pytest.approx(row["above_exact"], abs=0.02)
        assert row["mean"] == pytest.approx((row["groups"] - 1) / 99, abs=0.005)


def test_the_bootstrap_never_holds_zero_and_the_noncentral_f_does(findings):
    exhibit = findings["evidence_bootstrap"].outcome.exhibit
    assert min(exhibit["bootstrap_lows"]) > 0
    assert exhibit["noncentral_zero"] == pytest.approx(0.975, abs=0.03)


def test_simulated_orders_have_the_published_expected_best(findings):
    assert findings["evidence_power_law"].outcome.exhibit["mean_curve_off_by"] < 0.004


def test_the_companion_s_shuffles_and_the_simulated_ones_agree(findings):
    exhibit = findings["evidence_power_law"].outcome.exhibit
    assert np.mean(exhibit["null"]) == pytest.approx(exhibit["published_mean"], abs=0.02)
    assert exhibit["q95"] == pytest.approx(exhibit["published_q95"], abs=0.02)


@pytest.mark.parametrize("bits", [1.0, 3.1134, 6.0])
def test_simulated_cells_have_the_published_entropy(bits):
    p = geometric_cells(bits)
    assert p.sum() == pytest.approx(1)
    assert -(p * np.log2(p)).sum() == pytest.approx(bits)


def test_identical_agents_diverge_most_when_the_second_has_hardly_proposed(published):
    null = spike_null(published, "agent_dynamics", [1, 5, 20, 50, 300])
    assert null["median"] == sorted(null["median"], reverse=True)
    assert null["median"][0] > 0.4
    assert null["median"][-1] < 0.05


def test_a_decay_is_found_again():
    t = np.arange(0, 1700, 50.0)
    found = fit_decay(t, 0.4 * np.exp(-0.002 * t) + 0.1)
    assert found["rate"] == pytest.approx(0.002, rel=1e-4)
    assert found["asymptote"] == pytest.approx(0.1, rel=1e-3)
    assert found["r_squared"] == pytest.approx(1)


def test_equal_designs_differ_by_less_than_their_interval(findings):
    found = findings["evidence_steep_against_flat"].outcome
    assert found.value == pytest.approx(0.147 - 0.117, abs=0.001)
    assert found.interval.low < 0 < found.interval.high


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (108000, 4, "108,000"),
        (0.79340696, 9, "0.79340696"),
        (1324.5678, 4, "1,325"),
        (282.4, 2, "282"),
        (1e-6, 2, "1 × 10⁻⁶"),
        (9.96e-7, 2, "1 × 10⁻⁶"),
        (-9.94e-7, 2, "\u22129.9 × 10⁻⁷"),
        (-0.0304, 3, "\u22120.0304"),
        (0.0, 4, "0"),
        (math.inf, 4, "unbounded"),
    ],
)
def test_numbers_read_as_prose_has_them(value, digits, text):
    assert number(value, digits) == text


def test_ranges_counts_and_probabilities_read_as_prose_has_them():
    assert span(0.0671, 0.2409) == "0.0671 to 0.241"
    assert count(10469.2) == "10,469"
    assert (probability(0.2312), probability(1e-9)) == ("0.23", "below 0.0001")


def test_an_f_that_belongs_to_its_share_in_a_published_design_is_consistent(with_claims, entries):
    entry = entries["anova_abstract_f"]
    folder = with_claims({**entry, "published": 449.3})
    path = folder / "designs.csv"
    path.write_text(path.read_text().replace("1324,0.94,,,", "449.3,0.7934,,,"))
    (found,) = audit_claims(folder)
    assert found.verdict == "reproduced"
