import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.analysis.audit.claims import Claim, load_claims
from dashsearch.analysis.audit.outcome import Check, Outcome
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.recipes import RECIPES
from dashsearch.analysis.audit.run import audit_claim, audit_claims, write_audit
from dashsearch.analysis.audit.verdict import VERDICTS, judge
from dashsearch.analysis.results import Interval
from dashsearch.errors import InputError

# What the study's tables of claims were carried over from: each has to appear.
CARRIED_OVER = (
    "space_cells",
    "n_experiments",
    "anova_test_f",
    "anova_test_eta2",
    "anova_abstract_f",
    "anova_abstract_eta2",
    "hp_share",
    "second_task_eta2_arch",
    "second_task_eta2_backbone",
    "second_task_f_backbone_one_way",
    "second_task_best_backbone",
    "best_ap",
    "ap_at_50_llm",
    "ap_at_50_random_scratch",
    "power_law_c",
    "power_law_r2",
    "power_law_a",
    "random_permutation_r2_mean",
    "entropy_max",
    "arch_vs_train_entropy_ratio",
    "jsd_late",
    "eta2_full_adaptive_map",
    "eta2_iid_baselines",
    "eta2_backbone_map",
    "ucf101_eta2_arch",
    "e2e_eta2_arch",
    "transfer_gap",
    "random_expanded_map",
    "llm_best_map",
    "jsd_peak",
)


def claim(**change):
    fields = {
        "id": "one",
        "edition": "v1",
        "statement": "One claim.",
        "published": 0.5,
        "unit": "",
        "tolerance": 0.01,
        "kind": "fit",
        "source": "nowhere",
        "recipe": "none",
        "arguments": {},
        "needs": "the data",
        "exhibit": "",
    }
    return Claim(**{**fields, **change})


def failing(contradicts=False):
    return Check("a condition", False, "it does not hold", contradicts)


PASSING = Check("a condition", True, "it holds")


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome(0.505, "fit"), "reproduced"),
        (Outcome(0.51, "fit"), "reproduced"),
        (Outcome(0.512, "fit"), "not reproduced"),
        (Outcome(0.512, "other figures", basis="figures"), "inconsistent"),
        (Outcome(0.505, "fit", checks=(PASSING,)), "reproduced"),
        (Outcome(0.505, "fit", checks=(PASSING, failing())), "reproduced, but"),
        (Outcome(0.7, "fit", checks=(failing(),)), "not reproduced"),
        (Outcome(0.505, "fit", checks=(failing(contradicts=True),)), "inconsistent"),
        (Outcome(None, "nothing"), "not derivable"),
        (Outcome(None, "nothing", checks=(failing(),)), "not derivable"),
        (Outcome(None, "nothing", checks=(failing(contradicts=True),)), "inconsistent"),
        (Outcome(0.9, "bounded", allowed=Interval(0.4, 0.9, "range")), "reproduced"),
        (Outcome(0.9, "bounded", allowed=Interval(0.6, 0.9, "range")), "not reproduced"),
        (Outcome(9.0, "comparison", holds=True), "reproduced"),
        (Outcome(0.5, "comparison", holds=False), "not reproduced"),
        (Outcome("A", "name"), "not reproduced"),
    ],
)
def test_the_verdict_follows_from_value_tolerance_and_checks(outcome, verdict):
    assert judge(claim(), outcome) == verdict


def test_a_name_has_to_be_the_published_one():
    assert judge(claim(published="A", tolerance=None), Outcome("A", "name")) == "reproduced"
    assert judge(claim(published="A", tolerance=None), Outcome("B", "name")) == "not reproduced"


@given(st.floats(-1e6, 1e6), st.floats(0, 10), st.floats(-20, 20))
def test_a_value_is_reproduced_exactly_if_it_is_within_the_tolerance(published, tolerance, off):
    value = published + off
    verdict = judge(claim(published=published, tolerance=tolerance), Outcome(value, "fit"))
    distance = abs(value - published)
    if abs(distance - tolerance) > 1e-8 * max(1, abs(published)):
        assert (verdict == "reproduced") == (distance < tolerance)


def test_every_claim_that_was_carried_over_has_a_verdict(findings):
    assert [name for name in CARRIED_OVER if name not in findings] == []
    assert {finding.verdict for finding in findings.values()} <= set(VERDICTS)


def test_at_least_twelve_claims_are_recomputed_from_published_tables(findings):
    recomputed = [
        finding
        for finding in findings.values()
        if finding.outcome.value is not None and finding.outcome.basis == "tables"
    ]
    assert len(recomputed) >= 12


def test_every_verdict_occurs_and_none_is_written_down(findings, entries):
    assert {finding.verdict for finding in findings.values()} == set(VERDICTS)
    text = str(entries)
    assert all(f"'{verdict}'" not in text for verdict in VERDICTS)


def test_every_finding_says_what_from_how_many_and_why(findings):
    for finding in findings.values():
        assert finding.outcome.method
        assert finding.why[0] == finding.why[0].upper() or not finding.why[0].isascii()
        assert finding.why.endswith(".")
        assert not finding.why.endswith("..")
        assert finding.why.count(". ") == 0, f"one sentence: {finding.why}"
        if finding.verdict == "reproduced, but":
            assert "; but " in finding.why
        if finding.verdict == "not derivable":
            assert finding.claim.needs in finding.why


# Claim, another figure for it, and how that turns its verdict.
TURNS = [
    ("space_cells", 100000, ("reproduced", "not reproduced")),
    ("minutes_per_experiment_bohb", 7.8, ("reproduced", "inconsistent")),
    ("anova_test_eta2", 0.7935, ("reproduced, but", "not reproduced")),
    ("entropy_max", 3.99, ("reproduced", "not reproduced")),
    ("power_law_c", 0.5, ("reproduced, but", "not reproduced")),
    ("power_law_a", 1.2, ("reproduced, but", "not reproduced")),
    ("jsd_decay_rate", 0.003, ("reproduced, but", "not reproduced")),
    ("second_task_best_backbone", "V-JEPA 2", ("reproduced", "not reproduced")),
    ("evidence_improvements", 20, ("not reproduced", "reproduced")),
    ("evidence_power_law", 0.99, ("not reproduced", "reproduced")),
    ("evidence_threshold", 0.5, ("not reproduced", "reproduced")),
    ("evidence_specialisation", 0.999, ("not derivable", "reproduced")),
    ("n_experiments", 60000, ("not derivable", "inconsistent")),
    ("gpu_hours", 20000, ("not derivable", "inconsistent")),
    ("random_permutation_r2_mean", 0.95, ("not derivable", "inconsistent")),
]


@pytest.mark.parametrize(("name", "published", "turn"), TURNS)
def test_another_published_number_gets_another_verdict(
    findings, changed_claim, name, published, turn
):
    changed = changed_claim(name, published)
    assert (findings[name].verdict, changed.verdict) == turn


@pytest.fixture
def changed_claim(with_claims, entries):
    """Audit one claim of a copy in which its figure is another."""

    def audit(name, published):
        (found,) = audit_claims(with_claims({**entries[name], "published": published}))
        return found

    return audit


def test_the_changes_above_cover_every_kind(entries):
    kinds = {entries[name]["kind"] for name, _, _ in TURNS}
    assert kinds == {entry["kind"] for entry in entries.values()}


@pytest.mark.parametrize("kind", ["arithmetic", "summary statistic", "fit"])
def test_a_number_far_off_is_never_reproduced(published, entries, kind):
    for found in load_claims(published, RECIPES):
        # Simulations do not depend on the figure; they are tried once above.
        if found.kind != kind or found.recipe in ("decay", "bootstrap_floor"):
            continue
        far = Claim(**{**vars(found), "published": float(found.published) * 3 + 7})
        assert audit_claim(published, far).verdict in ("not reproduced", "inconsistent"), found.id


def test_a_changed_cell_of_a_table_changes_the_verdict(with_claims, entries, findings):
    folder = with_claims(entries["best_ap"])
    path = folder / "anova_groups.csv"
    path.write_text(path.read_text().replace("0.9245057778280362", "0.9345057778280362"))
    (changed,) = audit_claims(folder)
    assert findings["best_ap"].verdict == "reproduced"
    assert changed.verdict == "inconsistent"


def test_equal_figures_give_equal_bytes(tmp_path, with_claims, entries):
    names = ("anova_test_f", "evidence_power_law", "evidence_bootstrap", "jsd_peak")
    folder = with_claims(*(entries[name] for name in names))
    for run in ("first", "second"):
        write_audit(audit_claims(folder), tmp_path / f"{run}.json", tmp_path / f"{run}.csv")
    for ending in ("json", "csv"):
        first, second = ((tmp_path / f"{run}.{ending}").read_bytes() for run in ("first", "second"))
        assert first == second


def test_the_order_of_claims_changes_no_finding(with_claims, entries, findings):
    names = ["jsd_decay_r2", "evidence_threshold", "arch_vs_train_entropy_ratio", "best_ap"]
    for finding in audit_claims(with_claims(*(entries[name] for name in names))):
        known = findings[finding.claim.id]
        assert (finding.verdict, finding.why) == (known.verdict, known.why)


def test_a_comparison_of_numbers_with_a_name_is_refused(with_claims, entries):
    folder = with_claims({**entries["n_experiments"], "published": "many"})
    with pytest.raises(
        InputError, match="recipe bounded compares numbers, but published is 'many'"
    ):
        audit_claims(folder)


def test_a_published_folder_is_only_read(copy):
    before = {path: path.read_bytes() for path in copy.iterdir()}
    Published(copy).table("facts")
    assert {path: path.read_bytes() for path in copy.iterdir()} == before
