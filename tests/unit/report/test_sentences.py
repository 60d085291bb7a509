import pytest

from dashsearch.report import sentences


def shares_with(altered, change):
    """Change the primary shares of the reported score."""

    def apply(document):
        arm = next(arm for arm in document["scores"]["test_map"] if arm["primary"])
        change(arm, {entry["group"]: entry for entry in arm["groups"]})

    return altered("variance.json", apply)


def intervals(architecture, training):
    def change(_, groups):
        for name, (low, high) in (("architecture", architecture), ("training", training)):
            groups[name]["estimate"]["interval"] |= {"low": low, "high": high}

    return change


@pytest.mark.parametrize(
    ("architecture", "training", "words"),
    [
        ((0.5, 0.7), (0.0, 0.2), "Architecture explains more"),
        ((0.0, 0.2), (0.3, 0.4), "Training factors explain more"),
        ((0.1, 0.4), (0.0, 0.2), "overlap"),
        ((0.0, 0.1), (0.0, 0.2), "told from chance"),
        ((0.5, 0.7), (0.0, 0.0), "training factors differ by even less than chance"),
        ((0.0, 0.0), (0.3, 0.4), "architecture factors differ by even less than chance"),
    ],
)
def test_the_verdict_needs_two_real_intervals_that_lie_apart(
    altered, architecture, training, words
):
    assert words in sentences.verdict(shares_with(altered, intervals(architecture, training)))


def test_the_verdict_of_adaptive_arms_blames_adaptivity(altered):
    task = shares_with(altered, lambda arm, _: arm.update(primary=False))
    assert "by earlier scores" in sentences.verdict(task)


def test_the_verdict_of_a_space_with_one_group_says_that_the_other_lacks(altered):
    task = shares_with(altered, lambda arm, groups: arm["groups"].remove(groups["training"]))
    assert sentences.verdict(task) == (
        "The space has no training factors, so there is nothing to compare."
    )


def test_the_verdict_of_a_refused_share_gives_the_reason(altered):
    refusal = {"estimate": None, "reason": "5 scores cannot carry a model."}
    task = shares_with(altered, lambda _, groups: groups["architecture"].update(refusal))
    assert "5 scores cannot carry a model." in sentences.verdict(task)


def best_rows(altered, change):
    def apply(document):
        for row in document["equal_n"]["rows"]:
            change(row)

    return sentences.arms_sentence(altered("convergence.json", apply))


def test_a_score_says_what_its_interval_is(town):
    text = sentences.arms_sentence(town)
    assert "for evolution (mean over seeds; range of 2 seeds: 0." in text
    assert "for designed (expectation over draws from " in text
    assert "; 95 % bootstrap over the pool: 0." in text


def test_an_expectation_without_an_interval_says_why(altered):
    text = best_rows(altered, lambda row: row.update(reported_interval=None))
    assert "no interval, since 24 is more than half of them" in text


def test_an_arm_name_without_a_mean_is_named_with_the_reason(altered):
    lost = {"reported": None, "reported_interval": None, "succeeded": 1}
    text = best_rows(altered, lambda row: row.update(lost if row["arm"] == "evolution" else {}))
    assert text.startswith("After 24 experiments each")
    assert text.endswith("seeds have no successful experiment: evolution (1 of n = 2).")
    nothing = best_rows(altered, lambda row: row.update(lost))
    assert "no arm has a mean" in nothing and "random" in nothing


def test_a_flat_curve_has_no_power_law_to_speak_of(town):
    arm = dict(town.convergence["arms"][0])
    arm["power_law"] = {**(arm["power_law"] or {}), "r_squared": None}
    assert sentences.power_law_sentence(arm) == "designed: the curve is flat."
