import numpy as np
import pytest
from scipy import stats
from statsmodels.formula.api import ols

from dashsearch.analysis.questions.variance import variance_findings
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.decomposition import decompose
from dashsearch.analysis.variance.effects import effect_of_sums
from dashsearch.analysis.variance.nested_models import NestedModels
from planted import FOUR_FACTORS, plant_task, planted_ledger

SPACE = FOUR_FACTORS
SHARES = {("backbone",): 0.4, ("backbone", "encoder"): 0.1, ("learning_rate",): 0.2}
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99)


@pytest.fixture(scope="module")
def ledger():
    return planted_ledger(plant_task("town", SPACE, SHARES, noise=0.2, seed=5), 120, 40, 20)


@pytest.fixture(scope="module")
def designed(ledger):
    return decompose(ledger[ledger["arm"] == "designed"], SPACE, "test_map", SETTINGS)


def component(found, name):
    return next(each for each in found.components if each.name == name)


def test_planted_shares_lie_in_their_intervals(designed):
    for name, truth in (("backbone", 0.4), ("learning_rate", 0.2), ("loss", 0.0),
                        ("training", 0.2), ("architecture main effects", 0.4)):  # fmt: skip
        interval = component(designed, name).estimate.interval
        assert interval.low <= truth <= interval.high
    assert component(designed, "backbone").permutation_p == 0.01
    assert designed.noise.interval.low <= 0.2 <= designed.noise.interval.high


def test_sums_of_squares_of_factors_agree_with_statsmodels(ledger, designed):
    rows = ledger[(ledger["arm"] == "designed") & ledger["test_map"].notna()]
    data = rows.drop_duplicates("cell")
    terms = [each.terms[0] for each in designed.components
             if each.role in ("factor", "interaction") and each.terms]  # fmt: skip
    others = [":".join(f"C({name})" for name in term) for term in terms if "backbone" not in term]
    smaller = f"test_map ~ {' + '.join(others)}"
    without, with_it = ols(smaller, data).fit(), ols(smaller + " + C(backbone)", data).fit()
    effect = component(designed, "backbone").estimate
    assert effect.ss == pytest.approx(without.ssr - with_it.ssr, rel=1e-9)
    assert effect.f == pytest.approx(with_it.compare_f_test(without)[0], rel=1e-9)


def test_the_share_of_noise_centres_on_zero_and_its_permutation_p_is_uniform():
    shares, p_values = [], []
    for seed in range(40):
        task = plant_task("noise", SPACE, {}, noise=0.5, seed=seed)
        ledger = planted_ledger(task, 5, 60, 5, seeds=(1,))
        rows = ledger[ledger["arm"] == "random"]
        found = component(decompose(rows, SPACE, "test_map", SETTINGS), "backbone")
        shares.append(found.estimate.share)
        p_values.append(found.permutation_p)
    assert abs(np.mean(shares)) < 3 * np.std(shares) / np.sqrt(len(shares))
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_the_variance_of_a_term_is_not_biased_by_combinations_that_were_never_seen():
    rng = np.random.default_rng(1)
    seen = [(i, j) for i in range(4) for j in range(3) if (i + j) % 4]
    positions = np.array([(*seen[place % len(seen)], *rng.integers(3, size=2))
                          for place in range(90)])  # fmt: skip
    terms = [("backbone",), ("encoder",), ("backbone", "encoder")]
    found, truth = [], []
    for _ in range(300):
        effect = rng.normal(size=(4, 3))
        effect -= effect.mean(axis=0)
        effect -= effect.mean(axis=1, keepdims=True)
        y = effect[positions[:, 0], positions[:, 1]] + rng.normal(scale=0.3, size=90)
        models = NestedModels(SPACE, positions, terms, y)
        (error, free), (before, more) = models.residual(terms), models.residual(terms[:2])
        gain = before - error - (more - free) * error / free
        found.append(gain / models.spread(terms, terms[:2]).n_effective)
        truth.append((effect**2).mean())
    assert np.mean(found) == pytest.approx(np.mean(truth), rel=0.12)


def test_an_interval_stays_a_share_where_the_design_lets_little_of_a_term_through():
    effect = effect_of_sums(5.0, 2, 10.0, 40, ss_total=20.0, n=60, n_effective=4.0)
    assert effect.share > 1
    assert 0 <= effect.interval.low < effect.interval.high < 1


def test_an_adaptive_arm_is_refused(ledger):
    with pytest.raises(TooFewScores, match="chosen by earlier scores"):
        decompose(ledger[ledger["arm"] == "evolution"], SPACE, "test_map", SETTINGS)


def test_the_question_names_families_and_writes_a_row_for_every_component(ledger):
    findings = variance_findings(ledger, SPACE, SETTINGS)
    document = findings.documents["variance.json"]
    record = document["decomposition"]["test_map"]["estimate"]
    tested = [each for each in record["components"] if each["estimate"]]
    assert {each["family"]["size"] for each in tested} == {len(tested)}
    assert all(each["p_holm"] >= each["estimate"]["p"] for each in tested)
    rows = findings.tables["variance_shares.csv"]
    assert (rows["score"] == "test_map").sum() == len(record["components"]) + 2
    assert set(findings.tables["two_way.csv"]["arm"]) == {"designed", "random"}
    assert {each["arm"] for each in document["two_way"]["test_map"]} == {"designed", "random"}
