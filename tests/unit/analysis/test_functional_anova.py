"""Exact shares of a full factorial: identities, second opinions, and seed noise taken out."""

import time
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from dashsearch.analysis.__main__ import main
from dashsearch.analysis.questions.factorial import cell_scores, exact_shares, factorial_findings
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.contrasts import (
    columns_of,
    contrasts,
    main_effects,
    term_variances,
)
from dashsearch.analysis.variance.functional_anova import functional_anova, seed_noise, top_scores
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("a", "b", "c", "d")),
        Factor("encoder", "architecture", ("x", "y", "z")),
        Factor("pooling", "architecture", ("mean", "max")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("rate", "training", (1, 2, 3)),
    ),
)
SETTINGS = AnalysisSettings()


def brute_force(table):
    """V_S by its definition: means over the other axes, less all terms inside S."""
    axes = range(table.ndim)
    effects, found = {}, np.zeros(1 << table.ndim)
    for order in range(table.ndim + 1):
        for term in combinations(axes, order):
            others = tuple(axis for axis in axes if axis not in term)
            effect = table.mean(axis=others, keepdims=True)
            for smaller, known in effects.items():
                if set(smaller) < set(term):
                    effect = effect - known
            effects[term] = effect
            found[sum(1 << axis for axis in term)] = float((effect**2).mean()) if term else 0.0
    return found


def test_every_term_is_what_its_definition_says():
    table = np.random.default_rng(1).normal(size=(4, 3, 2, 3))
    assert term_variances(table) == pytest.approx(brute_force(table), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
        lambda shape: arrays(np.float64, tuple(shape), elements=st.floats(-1, 1, width=32))
    )
)
def test_the_terms_add_up_to_the_variance_of_the_table(table):
    found = term_variances(table)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(table.var(), abs=1e-9)


@given(st.integers(2, 9))
def test_contrasts_are_orthonormal_over_equally_frequent_levels(levels):
    basis = contrasts(levels)
    assert basis.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert basis.T @ basis / levels == pytest.approx(np.eye(levels - 1), abs=1e-12)


def test_coefficients_have_the_variances_of_the_predictions_of_all_cells():
    terms = [*main_effects(SPACE), ("backbone", "encoder"), ("encoder", "rate")]
    columns = columns_of(SPACE, SPACE.positions(range(SPACE.size)), terms)
    coefficients = np.random.default_rng(2).normal(size=columns.owner.size)
    exact = term_variances((columns.matrix @ coefficients).reshape(SPACE.shape))
    masks = [sum(1 << SPACE.names.index(name) for name in term) for term in terms]
    assert columns.variances(coefficients) == pytest.approx(exact[masks], abs=1e-12)
    assert exact.sum() == pytest.approx(columns.variances(coefficients).sum())


def test_main_effects_agree_with_statsmodels_on_a_balanced_table():
    y = np.random.default_rng(3).normal(size=SPACE.size)
    frame = pd.DataFrame(SPACE.positions(range(SPACE.size)), columns=SPACE.names).assign(y=y)
    formula = " + ".join(f"C({name})" for name in SPACE.names) + " + C(backbone):C(encoder)"
    sums = anova_lm(ols(f"y ~ {formula}", frame).fit(), typ=2)["sum_sq"]
    found = {(s.name, s.role): s.variance for s in functional_anova(y, SPACE).shares}
    for name in SPACE.names:
        assert found[name, "factor"] * SPACE.size == pytest.approx(sums[f"C({name})"], rel=1e-9)
    pair = found["backbone × encoder", "pair"] * SPACE.size
    assert pair == pytest.approx(sums["C(backbone):C(encoder)"], rel=1e-9)


def test_groups_and_their_interaction_make_up_the_whole():
    y = np.random.default_rng(4).normal(size=SPACE.size)
    shares = {(s.name, s.role): s.share for s in functional_anova(y, SPACE).shares}
    across = shares["architecture × training", "interaction"]
    closed = [shares[group, "closed"] for group in ("architecture", "training")]
    assert sum(closed) + across == pytest.approx(1, abs=1e-9)
    assert shares["architecture", "total"] == pytest.approx(1 - closed[1], abs=1e-9)
    orders = [share for (_, role), share in shares.items() if role == "order"]
    assert sum(orders) == pytest.approx(1, abs=1e-9)


def test_the_study_s_number_of_cells_takes_less_than_a_second():
    shape = (6, 5, 4, 3, 4, 3, 5, 5)
    levels = [tuple(map(str, range(n))) for n in shape]
    groups = ["architecture"] * 3 + ["training"] * 5
    space = Space("s", tuple(map(Factor, "abcdefgh", groups, levels)))
    y = np.random.default_rng(5).normal(size=space.size)
    started = time.process_time()
    found = functional_anova(y, space)
    assert time.process_time() - started < 1
    assert found.variance == pytest.approx(y.var(), abs=1e-9)


def noisy(rng, truth, sd, replicates):
    return truth + rng.normal(scale=sd, size=(replicates, truth.size))


def test_corrected_shares_cover_the_truth_and_uncorrected_ones_are_biased():
    rng = np.random.default_rng(6)
    positions = SPACE.positions(range(SPACE.size))
    effect = np.array([0.0, 0.3, 0.6, 1.2])[positions[:, 0]]
    truth = effect + 0.4 * rng.normal(size=4 * 3)[positions[:, 0] * 3 + positions[:, 1]]
    exact = {(s.name, s.role): s.share for s in functional_anova(truth, SPACE).shares}
    wanted = [("architecture", "closed"), ("backbone", "factor"), ("training", "closed")]
    covered, corrected, plain = [], [], []
    for _ in range(200):
        scores = noisy(rng, truth, 0.5, 2)
        noise = seed_noise(list(scores.T[::4]))
        found = functional_anova(
            scores.mean(axis=0), SPACE, counts=np.full(SPACE.size, 2), noise=noise
        )
        terms = [next(s for s in found.shares if (s.name, s.role) == key) for key in wanted]
        covered.append([t.interval.low <= exact[k] <= t.interval.high
                        for t, k in zip(terms, wanted, strict=True)])  # fmt: skip
        corrected.append([t.corrected_share for t in terms])
        plain.append([t.share for t in terms])
    assert np.mean(covered, axis=0)[:2].min() > 0.9
    for place, key in enumerate(wanted):
        values = np.array(corrected)[:, place]
        assert abs(values.mean() - exact[key]) < 4 * values.std() / np.sqrt(200) + 0.002
    assert exact["training", "closed"] == pytest.approx(0, abs=1e-12)
    assert np.mean(plain, axis=0)[2] > 0.005


def test_expected_noise_is_exact_where_cells_were_measured_unequally_often():
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 4, size=SPACE.size)
    noise = seed_noise([rng.normal(size=2) for _ in range(200)])
    variances, expected = [], []
    for _ in range(300):
        found = functional_anova(
            rng.normal(size=SPACE.size) / np.sqrt(counts), SPACE, counts=counts, noise=noise
        )
        variances.append([s.variance for s in found.shares])
        expected = [s.noise_variance / noise.variance for s in found.shares]
    error = np.std(variances, axis=0) / np.sqrt(300)
    assert (np.abs(np.mean(variances, axis=0) - expected) < 4.5 * error).all()


def test_top_scores_vary_in_the_best_cells_only():
    values = top_scores(np.arange(100.0))
    assert (values[:90] == values[0]).all() and (np.diff(values[90:]) > 0).all()


def table(scores, **changes):
    cells = np.arange(SPACE.size)
    frame = pd.DataFrame({"cell": cells, "task": "t", "fidelity": 1.0, "status": "ok",
                          "test_map": scores, "val_map": scores})  # fmt: skip
    return frame.assign(**changes)


def uniform_scores(seed=8):
    return np.random.default_rng(seed).uniform(0.2, 0.9, SPACE.size)


def test_failed_cells_are_refused_or_stand_at_the_lowest_score_and_are_counted():
    scores = uniform_scores()
    scores[[3, 5]] = np.nan
    refused = factorial_findings(table(scores), SPACE, SETTINGS).documents["functional_anova.json"]
    assert refused["scores"]["test_map"]["whole"] is None
    assert "2 of the 216 cells have no score" in refused["scores"]["test_map"]["reason"]
    rule = AnalysisSettings(failed_cells="lowest")
    found = factorial_findings(table(scores), SPACE, rule).documents["functional_anova.json"]
    assert found["scores"]["test_map"]["failed"] == 2
    lowest = np.where(np.isfinite(scores), scores, np.nanmin(scores))
    assert found["scores"]["test_map"]["whole"]["variance"] == pytest.approx(lowest.var())


def test_a_table_without_every_cell_is_refused_whatever_the_rule():
    part = cell_scores(table(uniform_scores()).iloc[:-7], SPACE, "test_map")
    with pytest.raises(TooFewScores, match="lacks 7 of the 216 cells"):
        exact_shares(part, SPACE, AnalysisSettings(failed_cells="lowest"))


def test_replicates_are_averaged_and_partial_trainings_do_not_count():
    scores = uniform_scores()
    again = table(scores + 0.02).iloc[:10]
    part = table(np.zeros(SPACE.size), fidelity=0.5)
    found = cell_scores(pd.concat([table(scores), again, part]), SPACE, "test_map")
    assert found.means[:10] == pytest.approx(scores[:10] + 0.01)
    assert found.means[10:] == pytest.approx(scores[10:])
    assert found.noise.df == 10 and found.noise.variance == pytest.approx(0.0002)


def test_one_seed_is_said_to_hide_high_orders():
    found = factorial_findings(table(uniform_scores()), SPACE, SETTINGS)
    entry = found.documents["functional_anova.json"]["scores"]["test_map"]
    assert "one seed" in entry["note"] and entry["whole"]["noise"] is None
    assert set(found.tables["functional_anova.csv"]["region"]) == {"whole space", "top 10%"}


def test_the_command_analyses_a_table_of_all_cells_and_refuses_part_of_one(tmp_path, capsys):
    levels = pd.DataFrame([SPACE.cell(cell) for cell in range(SPACE.size)])
    levels.assign(test_map=uniform_scores()).to_csv(tmp_path / "t.csv", index=False)
    names = ["--factors", ",".join(SPACE.names), "--out", str(tmp_path)]
    assert main(["factorial", str(tmp_path / "t.csv"), *names]) == 0
    assert str(tmp_path / "functional_anova.json") in capsys.readouterr().out
    assert (tmp_path / "functional_anova.csv").exists()
