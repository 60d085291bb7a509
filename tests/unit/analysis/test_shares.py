import numpy as np
import pytest

from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.shares import group_codes, primary_arm, variance_shares
from dashsearch.errors import InputError
from planted import FIVE_FACTORS, plant_task, planted_ledger

SPACE = FIVE_FACTORS
SHARES = {("backbone",): 0.4, ("backbone", "encoder"): 0.1, ("learning_rate",): 0.2}
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99)


@pytest.fixture(scope="module")
def ledger():
    return planted_ledger(plant_task("town", SPACE, SHARES, seed=5), 250, 40, 60)


@pytest.fixture(scope="module")
def arms(ledger):
    return {arm.arm: arm for arm in variance_shares(ledger, SPACE, "test_map", SETTINGS)}


def share(arm, name):
    return next(entry for entry in arm.shares if entry.name == name)


def test_planted_shares_have_exactly_their_size_over_the_whole_space():
    task = plant_task("town", SPACE, SHARES, noise=0.1, seed=5, mean=0.5, sd=0.05)
    cells = np.arange(SPACE.size)
    backbones = group_codes(cells, SPACE, ["backbone"])
    means = np.array([task.effects[("backbone",)][code] for code in range(4)])
    assert np.var(means[backbones]) == pytest.approx(0.4)


def test_the_designed_arm_is_primary_and_its_intervals_cover_the_planted_shares(arms):
    designed = arms["designed"]
    assert designed.primary and next(iter(arms)) == "designed"
    for name, truth in (("backbone", 0.4), ("learning_rate", 0.2), ("loss", 0.0)):
        interval = share(designed, name).estimate.interval
        assert interval.low <= truth <= interval.high
    architecture, training = designed.groups
    assert architecture.estimate.interval.low <= 0.5 <= architecture.estimate.interval.high
    assert training.estimate.interval.low <= 0.2 <= training.estimate.interval.high
    assert designed.noise.interval.low <= 0.06 and designed.noise.interval.high >= 0.04


def test_replicates_do_not_pass_for_independent_configurations(arms, ledger):
    designed = ledger[(ledger["arm"] == "designed") & (ledger["status"] == "ok")]
    cells = share(arms["designed"], "backbone").estimate.n
    assert cells == designed["cell"].nunique() < len(designed)


def test_an_adaptive_arm_is_labelled_biased_and_gets_no_permutation_test(arms):
    evolution = arms["evolution"]
    assert not evolution.primary and "biased" in evolution.note
    assert share(evolution, "backbone").estimate.permutation_p is None
    assert share(arms["random"], "backbone").estimate.permutation_p is not None


def test_small_groups_are_left_out_and_counted(ledger):
    settings = AnalysisSettings(min_per_group=8, permutations=99)
    random = {a.arm: a for a in variance_shares(ledger, SPACE, "val_map", settings)}["random"]
    pairs = share(random, "backbone × encoder")
    assert pairs.role == "pairs" and pairs.dropped_groups > 0
    kept = 0 if pairs.estimate is None else pairs.estimate.n
    assert kept + pairs.dropped_scores == random.n_cells


def test_a_grouping_that_was_visited_once_each_is_refused_with_the_reason(ledger):
    few = ledger[ledger["arm"] == "designed"].iloc[:20]
    (arm,) = variance_shares(few, SPACE, "test_map", SETTINGS)
    joint = share(arm, "backbone × encoder × pooling")
    assert joint.estimate is None and "run more experiments" in joint.reason
    assert arm.noise is None and "replicates" in arm.noise_reason


def test_without_an_unbiased_arm_nothing_is_primary(ledger):
    adaptive = ledger[ledger["arm"] == "evolution"]
    (arm,) = variance_shares(adaptive, SPACE, "test_map", SETTINGS)
    assert not arm.primary
    assert primary_arm(["evolution", "random"], SETTINGS) == "random"


def test_groups_are_numbered_by_their_levels_alone():
    codes = group_codes(np.arange(SPACE.size), SPACE, ["encoder", "loss"])
    for cell in (0, 17, SPACE.size - 1):
        levels = SPACE.cell(cell)
        encoder, loss = SPACE.factor("encoder"), SPACE.factor("loss")
        expected = encoder.position(levels["encoder"]) * 3 + loss.position(levels["loss"])
        assert codes[cell] == expected


def test_settings_that_no_estimator_can_use_are_refused():
    with pytest.raises(InputError, match="min_per_group"):
        AnalysisSettings(min_per_group=1)
    with pytest.raises(InputError, match="designed and as uniform"):
        AnalysisSettings(uniform_arms=("designed",))


def test_planted_shares_beyond_the_whole_are_refused():
    with pytest.raises(InputError, match="exceed 1"):
        plant_task("town", SPACE, {("backbone",): 0.9}, noise=0.2)
