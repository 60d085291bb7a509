import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dashsearch.analysis.__main__ import main
from dashsearch.analysis.inference.label_permutation import label_permutation
from dashsearch.analysis.questions.cross_task import cross_task_findings
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.tasks.cross_task import compare_tasks
from dashsearch.analysis.tasks.group_means import draw_means, means_agreement, winner
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space
from planted import plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid", "deep")),
        Factor("encoder", "architecture", ("gru", "retnet", "hybrid")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("learning_rate", "training", tuple(10.0**-power for power in range(1, 11))),
    ),
)
SETTINGS = AnalysisSettings(permutations=199, bootstraps=299)


def planted(name, seed, backbone=0.5):
    shares = {("backbone",): backbone, ("backbone", "encoder"): 0.2}
    return planted_ledger(plant_task(name, SPACE, shares, seed=seed), 150, 20, 10)


@pytest.fixture(scope="module")
def ledgers():
    town, field = planted("town", 5), planted("field", 6, backbone=0.05)
    return [(town, SPACE), (field, SPACE), (town.assign(task="twin"), SPACE)]


@pytest.fixture(scope="module")
def found(ledgers):
    return compare_tasks(ledgers, SETTINGS)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_shares_differ_where_other_shares_were_planted(found):
    against_field, against_twin, _ = found.pairs
    backbone = next(d for d in against_field.differences if d.factors == ("backbone",))
    assert backbone.interval.low < 0.45 < backbone.interval.high and backbone.interval.low > 0
    for difference in against_twin.differences:
        assert difference.difference == 0
        assert difference.interval.low < 0 < difference.interval.high


def test_the_winner_has_the_best_mean_and_its_probability(found, ledgers):
    rows = ledgers[0][0].query("arm == 'designed' and status == 'ok'").drop_duplicates("cell")
    means = rows.groupby("backbone")["test_map"].mean().sort_values()
    best = next(w.winner for w in found.tasks[0].winners if w.factors == ("backbone",))
    assert best.label == (means.index[-1],) and best.runner_up == (means.index[-2],)
    assert best.mean == pytest.approx(means.iloc[-1])
    assert best.lead == pytest.approx(means.iloc[-1] - means.iloc[-2])
    assert best.probability + sum(best.rivals.values()) == pytest.approx(1)


def test_a_winner_by_chance_is_not_sure_and_a_real_one_is(rng):
    labels = [("a",), ("b",), ("c",)]
    equal = winner(labels, [rng.normal(size=20) for _ in labels], 499, 1)
    clear = winner(labels, [rng.normal(shift, 1, 20) for shift in (0, 0, 3)], 499, 1)
    assert equal.probability < 0.99 and clear.probability > 0.99
    assert clear.label == ("c",) and clear.lead_interval.low > 0


def test_resampled_means_vary_as_means_do_even_of_small_groups(rng):
    for size in (3, 8):
        groups = [rng.normal(size=size) for _ in range(400)]
        draws = draw_means(groups, 200, rng)
        assert draws.var(axis=0).mean() == pytest.approx(1 / size, rel=0.1)


def test_ranks_agree_on_a_task_and_its_twin(found):
    for agreement in found.pairs[1].agreements:
        assert agreement.spearman.value == pytest.approx(1)
        assert agreement.kendall.value == pytest.approx(1)
        assert agreement.p == agreement.smallest_p
    pairs = found.pairs[1].agreements[0]
    assert pairs.groups == 15 and pairs.test.startswith("exact, all 720 orders of the 5 × 3")


def test_the_correction_finds_the_true_means_correlation_and_its_interval_covers(rng):
    hits, values = 0, []
    for seed in range(100):
        means = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=30).T
        first, second = ([m + rng.normal(size=3) for m in side] for side in means)
        found = means_agreement(first, second, 199, seed)
        truth = stats.spearmanr(*means).statistic
        interval = found.spearman.interval
        hits += interval.low <= truth <= interval.high
        values.append((found.spearman.value - truth, found.spearman.corrected - truth))
    raw, corrected = np.mean(values, axis=0)
    assert raw < -0.1 and abs(corrected) < 0.08
    assert hits >= 80


def test_raw_correlations_of_means_are_scipys(rng):
    first, second = ([rng.normal(size=4) for _ in range(12)] for _ in range(2))
    found = means_agreement(first, second, 99, 1)
    means = [[each.mean() for each in side] for side in (first, second)]
    assert found.spearman.value == pytest.approx(stats.spearmanr(*means).statistic, abs=1e-12)
    assert found.kendall.value == pytest.approx(stats.kendalltau(*means).statistic, abs=1e-12)


def test_one_factors_exact_test_is_that_of_all_orders(rng):
    labels = [(name,) for name in "abcde"]
    first, second = rng.normal(size=5), rng.normal(size=5)
    p, smallest, _ = label_permutation(labels, first, second, 99, 1)
    ranks = stats.rankdata(second)
    exact = stats.permutation_test(
        (ranks,), lambda y: abs(stats.pearsonr(stats.rankdata(first), y).statistic),
        permutation_type="pairings", alternative="greater",
    )  # fmt: skip
    assert p == pytest.approx(exact.pvalue) and smallest == 2 / 120


def test_shared_levels_are_permuted_together(rng):
    """Backbones alone decide both tasks, in unrelated ways: pairs are no independent evidence."""
    labels = [(f"b{one}", f"e{other}") for one in range(4) for other in range(6)]
    p = []
    for seed in range(60):
        first, second = (np.repeat(rng.normal(size=4), 6) for _ in range(2))
        noise = 0.01 * rng.normal(size=(2, 24))
        p.append(label_permutation(labels, first + noise[0], second + noise[1], 99, seed)[0])
    assert np.mean(np.array(p) <= 0.05) <= stats.binom.ppf(0.999, 60, 0.05) / 60


def test_a_task_without_an_unbiased_arm_says_so(ledgers):
    town, space = ledgers[0]
    adaptive = town[town["arm"] == "evolution"].assign(task="lonely")
    found = compare_tasks([ledgers[1], (adaptive, space)], SETTINGS)
    lonely = found.tasks[1]
    assert lonely.arm is None and "no designed or random arm" in lonely.reason
    assert all(share.estimate is None for share in lonely.shares)
    (pair,) = found.pairs
    assert all(each.difference is None and each.reason for each in pair.differences)
    assert all(each.spearman is None and each.reason for each in pair.agreements)


def test_equal_ledgers_give_equal_strict_json_and_every_row_its_n(ledgers):
    first, second = (cross_task_findings(ledgers[:2], SETTINGS) for _ in range(2))
    texts = [
        json.dumps(each.documents["cross_task.json"], allow_nan=False) for each in (first, second)
    ]
    assert texts[0] == texts[1]
    assert first.tables["cross_task.csv"]["n"].notna().all()


def written(folder, name, frame):
    path = folder / f"{name}.csv"
    frame.to_csv(path, index=False)
    return str(path)


def test_the_command_compares_files_of_somebody_else(ledgers, tmp_path):
    columns = ["arm", "backbone", "encoder", "status", "test_map"]
    paths = [
        written(tmp_path, ledger["task"].iloc[0], ledger[columns]) for ledger, _ in ledgers[:2]
    ]
    arguments = ["cross_task", *paths, "--out", str(tmp_path / "out"), "--resamples", "99"]
    assert main([*arguments, "--min-n", "2"]) == 0
    document = json.loads((tmp_path / "out/cross_task.json").read_text())
    assert [task["task"] for task in document["tasks"]] == ["town", "field"]
    assert (tmp_path / "out/cross_task.csv").is_file()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="encoder"), "has no column 'encoder'"),
        (lambda frame: frame.assign(test_map=np.nan), "holds no number in"),
        (lambda frame: frame.assign(test_map=1.2), "outside 0 to 1"),
        (lambda frame: frame.assign(task="town"), "two ledgers are of the task 'town'"),
        (lambda frame: frame.assign(backbone="its own " + frame["backbone"]), "no backbone in"),
        (lambda frame: frame.iloc[:0], "has no rows"),
    ],
)
def test_bad_input_is_one_sentence(ledgers, tmp_path, capsys, change, words):
    columns = ["arm", "backbone", "encoder", "test_map"]
    town, field = (ledger.query("status == 'ok'")[columns] for ledger, _ in ledgers[:2])
    paths = [written(tmp_path, "town", town), written(tmp_path, "field", change(field))]
    assert main(["cross_task", *paths, "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert words in message and message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_one_task_is_refused(ledgers):
    with pytest.raises(InputError, match="1 task cannot be compared"):
        compare_tasks(ledgers[:1], SETTINGS)


def test_too_few_rows_give_a_reason(ledgers):
    few = [(pd.DataFrame(ledger.head(4)), space) for ledger, space in ledgers[:2]]
    (pair,) = compare_tasks(few, SETTINGS).pairs
    assert all(each.spearman is None and "three are needed" in each.reason
               for each in pair.agreements)  # fmt: skip


def test_a_second_file_is_refused_where_one_is_read(tmp_path, capsys):
    assert main(["validity", "one.csv", "two.csv", "--out", str(tmp_path / "out")]) == 1
    assert "two.csv is a second" in capsys.readouterr().err
