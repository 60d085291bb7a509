import json

import numpy as np
import pandas as pd
import pytest

from dashsearch.analysis.analyse import analyse_task
from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.inputs.ledgers import analysis_note
from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from planted import FIVE_FACTORS, plant_task, planted_ledger

SPACE = FIVE_FACTORS
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99, window=10)
FILES = [
    "arm_pairs.csv", "arms.csv", "best_at.csv", "best_so_far.csv", "bias.csv",
    "bias.json", "change_points.csv",
    "convergence.json", "cycles.csv", "divergence.csv", "dynamics.json", "entropy.csv",
    "growth_laws.csv", "innovation.csv", "moves.csv", "pair_means.csv", "provenance.json",
    "records.csv", "representativeness.csv", "selected.csv", "steps.csv", "summary.json",
    "two_way.csv", "validity.json", "validity_correlations.csv", "variance.json",
    "variance_shares.csv",
]  # fmt: skip
NOTE = analysis_note({"random/1": "ab"}, SPACE, SETTINGS, "trainer/1")


@pytest.fixture(scope="module")
def ledger():
    task = plant_task("town", SPACE, {("backbone",): 0.5, ("loss",): 0.2}, seed=5)
    return planted_ledger(task, 60, 24, 24)


@pytest.fixture(scope="module")
def folder(ledger, tmp_path_factory):
    folder = tmp_path_factory.mktemp("analysis")
    write_findings(analyse_task(ledger, SPACE, SETTINGS), folder, NOTE)
    return folder


def refuse_constant(name):
    raise AssertionError(f"{name} is not strict JSON")


def test_every_file_is_written_and_every_document_is_strict_json(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text(), parse_constant=refuse_constant)
        assert path.name == "provenance.json" or document["task"] == "town"


def test_equal_ledgers_give_equal_bytes(ledger, folder, tmp_path):
    write_findings(analyse_task(ledger.copy(), SPACE, SETTINGS), tmp_path, NOTE)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_the_headline_has_the_fields_that_others_read(folder):
    one_way = json.loads((folder / "variance.json").read_text())["one_way"]
    needed = {"f", "p", "eta_squared", "omega_squared", "n", "groups", "df_between", "df_within",
              "chance_level", "interval"}  # fmt: skip
    assert needed <= set(one_way) and one_way["arm"] == "designed"


def test_pair_means_are_means_of_distinct_cells_and_name_empty_pairs(folder, ledger):
    table = pd.read_csv(folder / "pair_means.csv")
    assert len(table) == 3 * 4 * 3
    designed = ledger[(ledger["arm"] == "designed") & (ledger["status"] == "ok")]
    pair = designed[(designed["backbone"] == "hog") & (designed["encoder"] == "gru")]
    distinct = pair.drop_duplicates("cell")["test_map"]
    row = table[(table["arm"] == "designed") & (table["backbone"] == "hog")
                & (table["encoder"] == "gru")].iloc[0]  # fmt: skip
    assert row["n"] == len(distinct)
    assert row["mean_test_map"] == pytest.approx(distinct.mean())
    assert row["sd_test_map"] == pytest.approx(distinct.std())
    assert (table["mean_test_map"].isna() == (table["n"] == 0)).all()


def test_an_arm_deploys_what_leads_on_validation_and_reports_its_test_score(folder, ledger):
    for _, row in pd.read_csv(folder / "arms.csv").iterrows():
        run = ledger[(ledger["arm"] == row["arm"]) & (ledger["arm_seed"] == row["arm_seed"])]
        best = run.loc[run["val_map"].idxmax()]
        assert row["best_val_map"] == pytest.approx(best["val_map"])
        assert row["test_map_of_best"] == pytest.approx(best["test_map"])
        assert row["best_experiment_id"] == best["experiment_id"]
        assert row["n"] == len(run)
        assert row["ok"] + row["diverged"] + row["failed"] + row["duplicate"] == len(run)


def test_arms_are_compared_at_the_largest_budget_that_all_have_spent(folder):
    equal = json.loads((folder / "convergence.json").read_text())["equal_n"]
    assert equal["n"] == 24 and equal["budgets"] == [10, 20, 24]
    at_24 = [row for row in equal["rows"] if row["n"] == 24]
    assert {(row["arm"], row["method"]) for row in at_24} == {
        ("designed", "runs"), ("designed", "expectation"),
        ("random", "runs"), ("random", "expectation"), ("evolution", "runs"),
    }  # fmt: skip
    kinds = {(row["arm"], row["method"]): (row["reported_interval"] or {}).get("kind")
             for row in equal["rows"] if row["n"] == 20}  # fmt: skip
    assert kinds == {
        ("designed", "runs"): None,
        ("designed", "expectation"): "95 % bootstrap over the pool",
        ("random", "runs"): "range of 2 seeds",
        ("random", "expectation"): "95 % bootstrap over the pool",
        ("evolution", "runs"): "range of 2 seeds",
    }


def test_draws_of_more_than_half_of_a_pool_have_no_interval(ledger):
    one = ledger.groupby("arm", sort=False).head(1)
    rows = analyse_task(one, SPACE, SETTINGS).documents["convergence.json"]["equal_n"]["rows"]
    assert {row["method"] for row in rows} == {"runs", "expectation"}
    for row in rows:
        assert row["selection_interval"] is None and row["reported_interval"] is None
    pool = analyse_task(ledger, SPACE, SETTINGS).documents["convergence.json"]["arms"][1][
        "exchangeable"
    ]
    for name in ("low", "high", "reported_low", "reported_high"):
        known = [n for n, limit in zip(pool["n"], pool[name], strict=True) if limit is not None]
        assert max(known) == pool["pool"] // 2


def test_the_seeds_that_keep_an_arm_name_from_a_mean_are_counted(ledger):
    broken = ledger.copy()
    lost = (broken["arm"] == "evolution") & (broken["arm_seed"] == 2)
    broken.loc[lost, "status"] = "failed"
    broken.loc[lost, ["val_map", "test_map"]] = np.nan
    rows = analyse_task(broken, SPACE, SETTINGS).documents["convergence.json"]["equal_n"]["rows"]
    row = next(row for row in rows if row["arm"] == "evolution" and row["n"] == 24)
    assert row["reported"] is None and (row["succeeded"], row["seeds"]) == (1, 2)


def test_failures_are_counted_with_their_reasons(folder, ledger):
    failures = json.loads((folder / "summary.json").read_text())["failures"]
    assert sum(entry["n"] for entry in failures) == (ledger["status"] != "ok").sum()


def test_a_shorter_training_spends_budget_but_never_leads_or_explains(ledger):
    short = ledger.copy()
    best = short.loc[short["arm"] == "random", "val_map"].idxmax()
    short.loc[best, "fidelity"] = 1 / 3
    analysis = analyse_task(short, SPACE, SETTINGS)
    arms = analysis.tables["arms.csv"].set_index(["arm", "arm_seed"])
    run = arms.loc[("random", short.loc[best, "arm_seed"])]
    assert (run["n"], run["partial"]) == (24, 1)
    assert run["best_val_map"] < ledger.loc[best, "val_map"]
    assert run["best_experiment_id"] != ledger.loc[best, "experiment_id"]
    assert analysis.documents["summary.json"]["n_partial"] == 1
    pairs = analysis.tables["pair_means.csv"]
    whole = analyse_task(ledger, SPACE, SETTINGS).tables["pair_means.csv"]
    assert pairs["n"].sum() == whole["n"].sum() - 1


def test_a_run_in_which_everything_failed_is_analysed_and_says_so(ledger, tmp_path):
    broken = ledger[ledger["arm"] == "random"].copy()
    broken["status"] = "failed"
    broken[["val_map", "test_map"]] = np.nan
    everything = pd.concat([ledger, broken.assign(arm="doomed")])
    write_findings(analyse_task(everything, SPACE, SETTINGS), tmp_path, NOTE)
    arms = pd.read_csv(tmp_path / "arms.csv").set_index("arm")
    assert arms.loc["doomed", "best_val_map"].isna().all()
    curves = json.loads((tmp_path / "convergence.json").read_text())["arms"]
    doomed = next(arm for arm in curves if arm["arm"] == "doomed")
    assert doomed["power_law"] is None and doomed["power_law_reason"]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_arms_are_analysed_without_a_wrong_number(ledger, n):
    tiny = ledger.groupby(["arm", "arm_seed"], sort=False).head(n)
    documents = analyse_task(tiny, SPACE, SETTINGS).documents
    assert documents["convergence.json"]["equal_n"]["n"] == n
    assert documents["variance.json"]["one_way"] is None


def test_a_task_without_designed_or_random_arms_is_analysed_without_a_primary(ledger):
    analysis = analyse_task(ledger[ledger["arm"] == "evolution"], SPACE, SETTINGS)
    assert analysis.documents["variance.json"]["primary_arm"] is None
    assert analysis.documents["variance.json"]["one_way"]["sampling"] == "adaptive"
    two = ledger.assign(arm=ledger["arm"].replace("random", "tpe"))
    two = two[two["arm"] != "designed"]
    assert analyse_task(two, SPACE, SETTINGS).documents["variance.json"]["one_way"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="encoder"), "no column 'encoder'"),
        (lambda frame: frame.iloc[:0], "no rows"),
        (lambda frame: frame.assign(task=["a"] + ["b"] * (len(frame) - 1)), "mixes the tasks"),
        (lambda frame: frame.assign(cell=SPACE.size), "outside 0 to"),
        (lambda frame: frame.assign(status="ok"), "status ok without a score"),
        (lambda frame: frame.assign(val_map=frame["val_map"] * 3), "outside 0 to 1"),
    ],
)
def test_a_wrong_ledger_is_refused_in_one_sentence(ledger, change, words):
    with pytest.raises(InputError, match=words):
        analyse_task(change(ledger), SPACE, SETTINGS)


def test_plain_data_hold_no_nan_and_no_numpy():
    value = plain({"a": np.array([1.0, np.nan]), "b": np.float64("inf"), "c": (np.int64(3), None)})
    assert value == {"a": [1.0, None], "b": None, "c": [3, None]}
    assert type(value["c"][0]) is int
