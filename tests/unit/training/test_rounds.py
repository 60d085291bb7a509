"""A round: stacks of experiments, a journal that outlives a kill, the same with any workers."""

import json
import logging
from dataclasses import replace

import pytest

from dashsearch.errors import InputError
from dashsearch.provenance import provenance
from dashsearch.training import pool, rounds
from dashsearch.training.members import Experiment
from dashsearch.training.prepare import prepare
from dashsearch.training.rounds import run_round
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.store import PREPARED_SCHEMA, PreparedFiles, write_prepared

SETTINGS = TrainerSettings(epochs=1, batch_size=8, components=None)
PAIRS = Resources(stack_size=2)


@pytest.fixture
def data_of(make_world, tmp_path):
    paths = {name: tmp_path / f"{name}.h5" for name in ("flow", "hog")}
    for name, path in paths.items():
        data = prepare(*make_world(name=name), None)
        write_prepared(path, data, provenance(PREPARED_SCHEMA))
    return PreparedFiles(paths)


@pytest.fixture
def experiments(cell):
    return [
        Experiment(f"e{number}", {**cell, "backbone": backbone}, seed=number)
        for number, backbone in enumerate(("flow", "hog", "flow", "hog"))
    ]


@pytest.fixture
def trained(monkeypatch):
    """Seeds of the experiments that were really trained, stack by stack."""
    stacks = []
    train = pool.train_members

    def counting(members, *args):
        stacks.append([member.seed for member in members])
        return train(members, *args)

    monkeypatch.setattr(pool, "train_members", counting)
    return stacks


def scores(outcomes):
    return [(o.status, o.reason, o.validation, o.test, o.train_loss) for o in outcomes]


def test_experiments_of_one_shape_are_stacked_across_backbones(
    experiments, data_of, trained, tmp_path
):
    other = Experiment("wide", {**experiments[0].cell, "hidden_size": 24}, seed=9)
    run_round([*experiments, other], data_of, SETTINGS, tmp_path / "journal.jsonl")
    assert trained == [[0, 2, 1, 3], [9]]


def test_a_finished_round_is_not_trained_again(experiments, data_of, trained, tmp_path):
    journal = tmp_path / "round" / "journal.jsonl"
    first = run_round(experiments, data_of, SETTINGS, journal)
    content = journal.read_bytes()
    second = run_round(experiments, data_of, SETTINGS, journal)
    assert trained == [[0, 2, 1, 3]]
    assert scores(first) == scores(second)
    assert [o.duration_s for o in first] == [o.duration_s for o in second]
    assert journal.read_bytes() == content


@pytest.mark.parametrize("torn", [0, 1, 40])
def test_a_killed_round_goes_on_and_ends_the_same(experiments, data_of, trained, tmp_path, torn):
    whole = run_round(experiments, data_of, SETTINGS, tmp_path / "whole.jsonl", resources=PAIRS)
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    killed = tmp_path / "killed.jsonl"
    killed.write_bytes(lines[0] + lines[1] + lines[2][:torn])
    trained.clear()
    outcomes = run_round(experiments, data_of, SETTINGS, killed, resources=PAIRS)
    assert trained == [[1, 3]]
    assert scores(outcomes) == scores(whole)
    assert len(killed.read_text().splitlines()) == 4
    assert all(json.loads(line) for line in killed.read_text().splitlines())


def test_every_stack_is_on_disk_before_the_next_begins(experiments, data_of, monkeypatch, tmp_path):
    journal, seen = tmp_path / "journal.jsonl", []
    train = pool.train_members

    def watching(members, *args):
        seen.append(len(journal.read_text().splitlines()))
        return train(members, *args)

    monkeypatch.setattr(pool, "train_members", watching)
    run_round(experiments, data_of, SETTINGS, journal, resources=PAIRS)
    assert seen == [0, 2]


def test_workers_and_stacks_change_no_score(experiments, data_of, cell, tmp_path, caplog):
    more = [Experiment(f"m{n}", {**cell, "encoder": "retnet"}, seed=n) for n in range(3)]
    wild = Experiment("wild", {**cell, "learning_rate": 1e30}, seed=5)
    asked = [*experiments, *more, wild]
    found = {}
    for name, resources in (
        ("one", Resources(stack_size=1)),
        ("three", Resources(stack_size=3)),
        ("two workers", Resources(workers=2, stack_size=2)),
    ):
        journal = tmp_path / f"{name}.jsonl"
        found[name] = run_round(asked, data_of, SETTINGS, journal, resources=resources)
    assert scores(found["one"]) == scores(found["three"]) == scores(found["two workers"])
    assert [o.status for o in found["one"]] == ["ok"] * 7 + ["diverged"]


def killed_at_once(*args):
    """Stand in for a worker that the system kills for its memory."""
    import os  # noqa: PLC0415
    import signal  # noqa: PLC0415

    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_a_sentence_and_what_is_finished_stays(
    experiments, data_of, monkeypatch, tmp_path
):
    journal = tmp_path / "journal.jsonl"
    run_round(experiments[:1], data_of, SETTINGS, journal)
    monkeypatch.setattr(pool, "_train", killed_at_once)
    resources = Resources(workers=2, stack_size=1)
    with pytest.raises(InputError, match="a training process was killed"):
        run_round(experiments, data_of, SETTINGS, journal, resources=resources)
    assert len(journal.read_text().splitlines()) == 1


def test_divergence_is_kept_in_the_journal(cell, data_of, trained, tmp_path):
    wild = [Experiment("e", {**cell, "learning_rate": 1e30}, seed=5)]
    first = run_round(wild, data_of, SETTINGS, tmp_path / "journal.jsonl")
    second = run_round(wild, data_of, SETTINGS, tmp_path / "journal.jsonl")
    assert first[0].status == second[0].status == "diverged"
    assert first[0].reason == second[0].reason
    assert trained == [[5]]


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
    assert trained == [[0]]
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


def test_the_log_ends_with_how_many_were_trained(cell, data_of, tmp_path, caplog):
    many = [Experiment(f"e{number}", cell, number) for number in range(12)]
    journal = tmp_path / "journal.jsonl"
    with caplog.at_level(logging.INFO, logger="dashsearch"):
        run_round(many[:4], data_of, SETTINGS, journal, resources=PAIRS)
        run_round(many, data_of, SETTINGS, journal, resources=PAIRS)
    lines = [record.getMessage() for record in caplog.records]
    told = [line for line in lines if line.startswith("experiments trained")]
    assert [line.partition(", ")[0] for line in told] == [
        "experiments trained: 4 of 4",
        "experiments trained: 12 of 12",
    ]


def test_many_experiments_of_one_shape_have_their_stack_measured(cell, data_of, tmp_path, caplog):
    many = [Experiment(f"e{number}", cell, number) for number in range(17)]
    with caplog.at_level(logging.INFO, logger="dashsearch.training"):
        run_round(many, data_of, SETTINGS, tmp_path / "journal.jsonl")
    assert [record for record in caplog.records if "stacks of" in record.getMessage()]
