import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dashsearch.analysis.analyse import analyse
from dashsearch.analysis.inference.intervals import proportion_interval
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.validity.rank_agreement import ALL_ARMS, validity
from dashsearch.analysis.validity.reliability import noise_ceiling
from dashsearch.analysis.validity.representativeness import (
    Stratum,
    level_statistic,
    level_tests,
    sample_tests,
    superiority,
)
from dashsearch.analysis.validity.saturation import ceiling, top_spread
from dashsearch.analysis.validity.selected import selected_of_arms, selected_of_runs
from dashsearch.space.space import Factor, Space
from planted import plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid", "deep", "wide")),
        Factor("encoder", "architecture", ("gru", "retnet", "hybrid")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("learning_rate", "training", tuple(10.0**-power for power in range(1, 11))),
    ),
)
SETTINGS = AnalysisSettings(permutations=199, bootstraps=199)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture(scope="module")
def ledger():
    task = plant_task("town", SPACE, {("backbone",): 0.5, ("loss",): 0.2}, seed=5)
    return planted_ledger(task, 150, 60, 40)


def ledger_of(cells, validation, test, **columns):
    """A ledger of one random arm with these cells and scores."""
    levels = [SPACE.cell(int(cell)) for cell in cells]
    frame = pd.DataFrame({name: [level[name] for level in levels] for name in SPACE.names})
    known = {
        "task": "toy",
        "arm": "random",
        "arm_seed": 1,
        "fidelity": 1.0,
        "reason": "",
        "seed": 1,
    }
    known |= {"cell": cells, "status": "ok", "val_map": validation, "test_map": test}
    frame = frame.assign(**{**known, **columns})
    return frame.assign(experiment_id=[str(place) for place in range(len(frame))])


def simpsons(rng):
    """Within every backbone test rises with validation; from backbone to backbone it falls."""
    cells = np.arange(SPACE.size)
    backbone = cells // (SPACE.size // 6)
    skill = rng.normal(size=cells.size)
    validation = 0.5 + 0.05 * backbone + 0.01 * (skill + 0.5 * rng.normal(size=cells.size))
    test = 0.5 - 0.05 * backbone + 0.01 * (skill + 0.5 * rng.normal(size=cells.size))
    return ledger_of(cells, validation, test)


def test_simpsons_paradox_is_found_where_it_was_planted(rng):
    (scope,) = validity(simpsons(rng), SPACE, SETTINGS)
    by_backbone, by_encoder = scope.splits
    assert scope.agreement.spearman < -0.5 and by_backbone.split.within > 0.5
    assert by_backbone.split.between == pytest.approx(-1, abs=1e-3)
    assert by_backbone.reversal is True and by_backbone.opposed is True
    assert by_encoder.reversal is False


def test_no_paradox_is_found_where_both_parts_agree(ledger):
    for scope in validity(ledger, SPACE, SETTINGS):
        assert all(split.reversal is False and split.opposed is False for split in scope.splits)


def test_scopes_are_every_arm_and_all_together_of_distinct_cells(ledger):
    scopes = validity(ledger, SPACE, SETTINGS)
    assert [scope.arm for scope in scopes] == ["designed", "random", "evolution", ALL_ARMS]
    assert [scope.primary for scope in scopes] == [True, False, False, False]
    scored = ledger[ledger["status"] == "ok"].drop_duplicates("cell")
    assert scopes[-1].n_cells == len(scored)
    assert scopes[-1].agreement.spearman == pytest.approx(
        stats.spearmanr(scored["val_map"], scored["test_map"]).statistic, abs=1e-12
    )


def test_the_top_overlaps_by_chance_only_where_scores_are_unrelated(rng):
    cells = np.arange(SPACE.size)
    (scope,) = validity(
        ledger_of(cells, rng.random(cells.size), rng.random(cells.size)), SPACE, SETTINGS
    )
    small, top = scope.agreement.overlaps
    assert top.size == 54 and top.chance_level == pytest.approx(0.1)
    assert top.interval.low <= top.chance_level <= top.interval.high
    assert small.size == 5 and small.overlap is not None
    equal = np.linspace(0.2, 0.9, cells.size)
    (scope,) = validity(ledger_of(cells, equal, equal), SPACE, SETTINGS)
    assert [each.overlap for each in scope.agreement.overlaps] == [1, 1]


def test_ties_at_the_ceiling_share_the_top(rng):
    cells = np.arange(SPACE.size)
    validation = np.where(cells < 108, 1.0, 0.5 * rng.random(cells.size))
    test = np.linspace(0.9, 0.1, cells.size)
    (scope,) = validity(ledger_of(cells, validation, test), SPACE, SETTINGS)
    # 108 cells share the 54 places on top, and test has its 54 best among them.
    assert scope.agreement.overlaps[1].overlap == pytest.approx(0.5)
    assert scope.agreement.top_decile is None and "all equal" in scope.agreement.top_decile_reason
    found = ceiling("val_map", validation)
    assert (found.at_ceiling, found.at_largest, found.share) == (108, 108, 0.2)


def test_equally_good_cells_have_a_top_that_is_no_wider_than_noise(rng):
    replicated = list(0.8 + 0.02 * rng.normal(size=(60, 2)))
    flat = top_spread(0.8 + 0.02 * rng.normal(size=1000), replicated, 199, 1)
    assert flat.ratio_interval.low < flat.chance_level < flat.ratio_interval.high
    steep = top_spread(0.5 + 0.1 * rng.normal(size=1000), replicated, 199, 1)
    assert steep.ratio_interval.low > steep.chance_level


def test_a_top_is_drawn_as_a_whole_resamples(rng):
    scores = rng.random(300)
    found = top_spread(scores, [], 2000, 1)
    slow = [np.sort(rng.choice(scores, 300))[-30:].std(ddof=1) for _ in range(2000)]
    assert (found.interval.low, found.interval.high) == pytest.approx(
        np.quantile(slow, [0.025, 0.975]), rel=0.06
    )
    assert found.ratio is None and "0 cells were trained with several seeds" in found.noise_reason


def test_the_selected_leads_on_validation_and_is_measured_on_test(ledger):
    runs = selected_of_runs(ledger, SETTINGS)
    assert [(run.arm, run.arm_seed) for run in runs] == [
        ("designed", 1), ("random", 1), ("evolution", 1), ("random", 2), ("evolution", 2),
    ]  # fmt: skip
    for run in runs:
        rows = ledger[(ledger["arm"] == run.arm) & (ledger["arm_seed"] == run.arm_seed)]
        best = rows.loc[rows["val_map"].idxmax()]
        assert run.experiment_id == best["experiment_id"]
        assert run.optimism == pytest.approx(best["val_map"] - best["test_map"])
        assert run.regret == pytest.approx(rows["test_map"].max() - best["test_map"])
        assert run.regret >= 0 and run.excess == pytest.approx(run.optimism - run.offset)
        assert run.rank == rows["test_map"].rank(ascending=False)[best.name]
    designed, random, _ = selected_of_arms(runs, ledger, SETTINGS)
    assert designed.measures["regret"].interval is None and "one run" in designed.reason
    assert random.measures["regret"].interval.kind == "range of 2 seeds"


def test_choosing_the_best_of_noisy_scores_is_optimistic(rng):
    runs = [
        ledger_of(np.arange(50), 0.5 + 0.05 * rng.normal(size=50),
                  0.4 + 0.05 * rng.normal(size=50), arm_seed=seed)
        for seed in range(1, 41)
    ]  # fmt: skip
    ledger = pd.concat(runs)
    (arm,) = selected_of_arms(selected_of_runs(ledger, SETTINGS), ledger, SETTINGS)
    # The largest of 50 normal scores lies 2.25 standard deviations above their mean.
    assert arm.measures["excess"].interval.low < 2.25 * 0.05 < arm.measures["excess"].interval.high
    assert arm.measures["offset"].value == pytest.approx(0.1, abs=0.01)


def test_the_noise_ceiling_is_the_planted_reliability(rng):
    cells = np.repeat(np.arange(400), 2)
    skill = np.repeat(rng.normal(size=400), 2)
    validation, test = (0.5 + 0.05 * (skill + 0.5 * rng.normal(size=800)) for _ in range(2))
    rows = ledger_of(cells, validation, test, seed=np.tile([1, 2], 400))
    found = noise_ceiling("random", rows, SETTINGS)
    assert found.ceiling_interval.low < 1 / 1.25 < found.ceiling_interval.high
    assert found.across_seeds == pytest.approx(found.ceiling, abs=0.06)


def test_levels_that_were_drawn_at_random_pass_and_others_do_not(ledger, rng):
    tests = level_tests(ledger, SPACE, SETTINGS).tests
    assert {test.arm for test in tests if test.what == "cells"} == {"designed", "random"}
    assert all(test.p_holm > 0.01 for test in tests if test.what == "cells")
    half = ledger_of(rng.choice(SPACE.size // 2, 60, replace=False), 0.5, 0.5)
    skewed = {test.factor: test for test in level_tests(half, SPACE, SETTINGS).tests}
    assert skewed["backbone"].p_holm < 0.05 < skewed["loss"].p_holm


def test_the_level_test_is_exact_at_its_nominal_rate(rng):
    population = np.array([20, 20, 20])
    p = [
        level_statistic([Stratum(population, rng.multivariate_hypergeometric(population, 15))],
                        99, seed)[1]
        for seed in range(400)
    ]  # fmt: skip
    assert np.mean(np.array(p) <= 0.05) <= stats.binom.ppf(0.999, 400, 0.05) / 400


def test_failures_that_keep_to_one_level_are_found(rng):
    cells = rng.permutation(SPACE.size)[:200]
    ledger = ledger_of(cells, 0.5, 0.5)
    fails = (ledger["backbone"] == "hog") & (rng.random(200) < 0.6)
    ledger.loc[fails, "status"] = "diverged"
    found = {t.factor: t for t in level_tests(ledger, SPACE, SETTINGS).tests if t.what == "failed"}
    assert found["backbone"].p_holm < 0.05 < found["loss"].p_holm
    hog = next(level for level in found["backbone"].levels if level.level == "hog")
    assert hog.count == fails.sum() and hog.interval.low > hog.chance_level
    reasons = level_tests(ledger_of(cells, 0.5, 0.5), SPACE, SETTINGS).reasons
    assert reasons["failed"].startswith("0 failed experiments")


def test_superiority_is_brunner_and_munzels(rng):
    one, other = rng.normal(0.3, 1, 40).round(1), rng.normal(0, 2, 60).round(1)
    value, interval = superiority(one, other)
    pairs = (one[:, None] > other) + 0.5 * (one[:, None] == other)
    assert value == pytest.approx(pairs.mean(), abs=1e-12)
    p = stats.brunnermunzel(other, one, distribution="normal").pvalue
    assert (interval.low <= 0.5 <= interval.high) == (p > 0.05)


def test_two_samples_of_one_space_do_not_differ(ledger):
    for test in sample_tests(ledger, SETTINGS):
        assert test.interval.low <= 0.5 <= test.interval.high
        assert test.p_holm > 0.01 and test.ks_p_holm > 0.01


@pytest.mark.parametrize(("count", "of"), [(0, 7), (3, 7), (7, 7)])
def test_the_interval_of_a_proportion_is_scipys(count, of):
    limits = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    found = proportion_interval(count, of)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high))


def test_the_document_is_strict_json_and_equal_ledgers_give_equal_findings(ledger):
    first, second = (analyse("validity", ledger.copy(), SPACE, SETTINGS) for _ in range(2))
    text = json.dumps(first.documents["validity.json"], allow_nan=False)
    assert text == json.dumps(second.documents["validity.json"], allow_nan=False)
    for name, table in first.tables.items():
        assert table.to_csv() == second.tables[name].to_csv()
        assert {"n", "interval"} <= set(table.columns) or name == "selected.csv"


@pytest.mark.parametrize("n", [1, 3, 9])
def test_tiny_runs_give_reasons_instead_of_numbers(ledger, n):
    tiny = ledger.groupby(["arm", "arm_seed"], sort=False).head(n)
    settings = replace(SETTINGS, bootstraps=99)
    document = analyse("validity", tiny, SPACE, settings).documents["validity.json"]
    designed = document["scopes"][0]
    assert designed["agreement"] is None and "at least 10 are needed" in designed["reason"]
    assert document["noise_ceiling"] is None and document["noise_ceiling_reason"]
