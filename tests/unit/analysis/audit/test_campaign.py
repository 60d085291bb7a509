"""The study's statements asked of planted campaigns, whose answers are known."""

from pathlib import Path

import pandas as pd
import pytest

from dashsearch.analysis.analyse import analyse_task
from dashsearch.analysis.audit.campaign import TaskAnalysis, restate, write_answers
from dashsearch.analysis.findings import write_findings
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.files import read_json
from dashsearch.space.space import Factor, Space
from planted import plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color")),
        Factor("encoder", "architecture", ("gru", "retnet")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("learning_rate", "training", (1e-4, 1e-3, 1e-2)),
    ),
)
SETTINGS = AnalysisSettings(permutations=99, bootstraps=99, window=10)


def analysed(folder, name, share, seed):
    """Analyse a planted task in which the backbone has this share of the variance."""
    task = plant_task(name, SPACE, {("backbone",): share, ("loss",): 0.9 - share}, seed=seed)
    ledger = planted_ledger(task, 100, 24, 24)
    write_findings(analyse_task(ledger, SPACE, SETTINGS), folder / name)
    return TaskAnalysis.read(name, folder / name)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    return [
        analysed(folder, "steep", 0.85, seed=5),
        analysed(folder, "flat", 0.05, seed=6),
    ]


@pytest.fixture(scope="module")
def answers(tasks):
    return {asked.id: asked.answers for asked in restate(tasks, ["evolution"])}


def test_architecture_holds_where_it_was_planted_and_not_where_it_was_not(answers):
    assert [answer.answer for answer in answers["architecture"]] == ["holds", "does not hold"]
    assert "cells" in answers["architecture"][0].why


def test_the_winner_is_that_of_the_planted_means(tasks, answers):
    (answer,) = answers["another_winner"]
    for task in tasks:
        rows = task.pair_means[task.pair_means["arm"] == "designed"]
        weighted = rows["n"] * rows["mean_test_map"]
        means = weighted.groupby(rows["backbone"]).sum() / rows.groupby("backbone")["n"].sum()
        assert f"{task.name}: {means.idxmax()}" in answer.why


def test_one_task_alone_has_no_second_winner(tasks):
    (answer,) = restate(tasks[:1], [])[1].answers
    assert answer.answer == "open"


def test_every_searching_arm_is_asked_for_its_law_and_the_samples_are_not(answers):
    assert {answer.where.split(", ")[1] for answer in answers["power_law"]} == {"evolution"}


def test_without_an_agent_the_question_is_open(tasks):
    (answer,) = restate(tasks, [])[2].answers
    assert (answer.answer, answer.why) == ("open", "No arm of the campaign is an agent's.")


def test_agents_are_held_against_random_search_at_an_equal_budget(answers):
    assert len(answers["agents_beat_random"]) == 2
    for answer in answers["agents_beat_random"]:
        assert answer.answer in ("holds", "does not hold", "open")
        assert answer.why.startswith(("After ", "No random arm"))


def test_every_answer_ends_as_a_sentence(answers):
    for answer in (each for group in answers.values() for each in group):
        assert answer.why.endswith(".")


def test_the_document_is_plain(tasks, tmp_path):
    write_answers(restate(tasks, ["evolution"]), tmp_path / "campaign.json")
    document = read_json(tmp_path / "campaign.json")
    assert document["schema"] == "campaign/1"
    assert [asked["id"] for asked in document["statements"]] == [
        "architecture",
        "another_winner",
        "agents_beat_random",
        "power_law",
    ]


def test_an_analysis_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"variance\.json does not exist; analyse task town"):
        TaskAnalysis.read("town", Path(tmp_path))


def test_two_backbones_that_always_score_the_same_have_no_winner(tasks):
    score = tasks[0].variance["score"]
    means = tasks[0].pair_means.copy()
    means[f"mean_{score}"], means[f"sd_{score}"] = 1.0, 0.0
    saturated = TaskAnalysis("saturated", tasks[0].variance, tasks[0].convergence, means)
    (answer,) = restate([tasks[0], saturated], [])[1].answers
    assert answer.answer == "open"


def test_a_sample_without_means_has_no_winner(tasks):
    empty = TaskAnalysis(
        "empty", tasks[0].variance, tasks[0].convergence, pd.DataFrame(columns=["arm", "n"])
    )
    (answer,) = restate([tasks[0], empty], [])[1].answers
    assert answer.answer == "open"
