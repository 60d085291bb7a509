"""A round: nothing is trained twice, nothing is lost, nobody's failure stops the others."""

import json
import logging
from dataclasses import replace

import pytest

from dashsearch.errors import InputError
from dashsearch.training import rounds
from dashsearch.training.prepare import prepare
from dashsearch.training.rounds import Experiment, run_round
from dashsearch.training.trainer import TrainerSettings

SETTINGS = TrainerSettings(epochs=1, batch_size=8, components=None)


@pytest.fixture
def data_of(make_world):
    prepared = {name: prepare(*make_world(name=name), None) for name in ("flow", "hog")}
    return prepared.__getitem__


@pytest.fixture
def experiments(cell):
    return [
        Experiment(f"e{number}", {**cell, "backbone": backbone}, seed=number)
        for number, backbone in enumerate(("flow", "hog", "flow", "hog"))
    ]


@pytest.fixture
def trained(monkeypatch):
    """Seeds of the experiments that were really trained, in order."""
    seeds = []
    train = rounds.train_experiment

    def counting(cell, seed, data, settings):
        seeds.append(seed)
        return train(cell, seed, data, settings)

    monkeypatch.setattr(rounds, "train_experiment", counting)
    return seeds


def scores(outcomes):
    return [(o.status, o.reason, o.validation, o.test, o.train_loss) for o in outcomes]


def test_a_finished_round_is_not_trained_again(experiments, data_of, trained, tmp_path):
    journal = tmp_path / "round" / "journal.jsonl"
    first = run_round(experiments, data_of, SETTINGS, journal)
    content = journal.read_bytes()
    second = run_round(experiments, data_of, SETTINGS, journal)
    assert trained == [0, 1, 2, 3]
    assert scores(first) == scores(second)
    assert [o.duration_s for o in first] == [o.duration_s for o in second]
    assert journal.read_bytes() == content


@pytest.mark.parametrize("torn", [0, 1, 40])
def test_a_killed_round_goes_on_and_ends_the_same(experiments, data_of, trained, tmp_path, torn):
    whole = run_round(experiments, data_of, SETTINGS, tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    killed = tmp_path / "killed.jsonl"
    killed.write_bytes(lines[0] + lines[1] + lines[2][:torn])
    trained.clear()
    outcomes = run_round(experiments, data_of, SETTINGS, killed)
    assert trained == [2, 3]
    assert scores(outcomes) == scores(whole)
    assert len(killed.read_text().splitlines()) == 4
    assert all(json.loads(line) for line in killed.read_text().splitlines())


def test_every_outcome_is_on_disk_before_the_next_begins(
    experiments, data_of, monkeypatch, tmp_path
):
    journal, seen = tmp_path / "journal.jsonl", []
    train = rounds.train_experiment

    def watching(cell, seed, data, settings):
        seen.append(len(journal.read_text().splitlines()))
        return train(cell, seed, data, settings)

    monkeypatch.setattr(rounds, "train_experiment", watching)
    run_round(experiments, data_of, SETTINGS, journal)
    assert seen == [0, 1, 2, 3]


def test_one_failure_stops_nobody(experiments, data_of, monkeypatch, tmp_path, caplog):
    train = rounds.train_experiment

    def breaking(cell, seed, data, settings):
        if seed == 1:
            raise KeyError("x" * 500)
        return train(cell, seed, data, settings)

    monkeypatch.setattr(rounds, "train_experiment", breaking)
    outcomes = run_round(experiments, data_of, SETTINGS, tmp_path / "journal.jsonl")
    assert [o.status for o in outcomes] == ["ok", "failed", "ok", "ok"]
    assert outcomes[1].reason.startswith("KeyError: ")
    assert len(outcomes[1].reason) <= 200
    assert "experiment e1 failed" in caplog.text


def test_divergence_is_kept_in_the_journal(cell, data_of, trained, tmp_path):
    wild = [Experiment("e", {**cell, "learning_rate": 1e30}, seed=5)]
    first = run_round(wild, data_of, SETTINGS, tmp_path / "journal.jsonl")
    second = run_round(wild, data_of, SETTINGS, tmp_path / "journal.jsonl")
    assert first[0].status == second[0].status == "diverged"
    assert first[0].reason == second[0].reason
    assert trained == [5]


@pytest.mark.parametrize("change", ["settings", "data", "trainer"])
def test_a_journal_of_another_trainer_settings_or_data_does_not_count(
    cell, make_world, monkeypatch, tmp_path, change
):
    one, journal = [Experiment("e", cell, seed=0)], tmp_path / "journal.jsonl"
    data = prepare(*make_world(), None)
    run_round(one, lambda backbone: data, SETTINGS, journal)
    settings = replace(SETTINGS, epochs=2) if change == "settings" else SETTINGS
    if change == "data":
        data = prepare(*make_world(seed=1), None)
    if change == "trainer":
        monkeypatch.setattr(rounds, "TRAINER_VERSION", "trainer/next")
    run_round(one, lambda backbone: data, settings, journal)
    keys = [json.loads(line)["key"] for line in journal.read_text().splitlines()]
    assert len(set(keys)) == 2


def test_equal_work_asked_for_twice_is_done_once(experiments, data_of, trained, tmp_path):
    outcomes = run_round([experiments[0]] * 3, data_of, SETTINGS, tmp_path / "journal.jsonl")
    assert trained == [0]
    assert len(outcomes) == 3


def test_a_broken_line_inside_the_journal_is_named(experiments, data_of, tmp_path):
    journal = tmp_path / "journal.jsonl"
    run_round(experiments, data_of, SETTINGS, journal)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + "{}\n" + "".join(lines[1:]))
    with pytest.raises(InputError, match=r"journal\.jsonl line 2 is not an outcome"):
        run_round(experiments, data_of, SETTINGS, journal)


def test_an_unknown_encoder_stops_the_round_with_a_sentence(cell, data_of, tmp_path):
    wrong = [Experiment("e", {**cell, "encoder": "lstm"}, seed=1)]
    with pytest.raises(InputError, match="encoder 'lstm'"):
        run_round(wrong, data_of, SETTINGS, tmp_path / "journal.jsonl")


def test_progress_is_one_line_for_ten_experiments(cell, data_of, tmp_path, caplog):
    many = [Experiment(f"e{number}", cell, number) for number in range(12)]
    with caplog.at_level(logging.INFO, logger="dashsearch.training"):
        run_round(many, data_of, SETTINGS, tmp_path / "journal.jsonl")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("10 of 12 experiments done (10 trained now, 0 without scores)")
