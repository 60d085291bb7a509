"""An encoder that the user wrote trains at once, with the same scores alone or stacked."""

from dataclasses import replace

import pytest
import torch

from dashsearch.errors import InputError
from dashsearch.training.members import Experiment
from dashsearch.training.prepare import prepare
from dashsearch.training.recipe import resolve
from dashsearch.training.resident import put_on
from dashsearch.training.rounds import run_round
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.stack import Member
from dashsearch.training.trainer import train_experiment, train_members

SOURCE = """
import torch
from torch import nn

class LSTM(nn.Module):
    def __init__(self, hidden_size, layers, dropout):
        super().__init__()
        self.cells = nn.LSTM(hidden_size, hidden_size, layers, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask):
        states, _ = self.cells(x.masked_fill(~mask.unsqueeze(-1), 0.0))
        return self.dropout(states)

class Normed(nn.Module):
    def __init__(self, hidden_size, layers, dropout):
        super().__init__()
        self.norm = nn.BatchNorm1d(hidden_size)

NOT_A_MODULE = 3
"""


@pytest.fixture
def settings_of(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)

    def make(name="LSTM", **changes):
        encoders = (("mine", f"{path}:{name}", "digest"),)
        return TrainerSettings(batch_size=10, components=None, encoders=encoders, **changes)

    return make


@pytest.fixture
def own(cell):
    return {**cell, "encoder": "mine", "dropout": 0.2}


def test_it_learns(make_world, own, settings_of):
    data = prepare(*make_world(clips=(64, 32, 32), steps=10), None)
    outcome = train_experiment(own, 1, data, settings_of(epochs=20))
    assert outcome.status == "ok"
    assert outcome.test.map > 0.95


def test_alone_or_stacked_it_gives_the_same_bits(make_world, own, settings_of):
    settings = settings_of(epochs=2)
    resident = put_on(prepare(*make_world(), None), torch.device("cpu"))
    cells = [{**own, "learning_rate": rate} for rate in (1e-2, 1e-3, 3e-3)]
    members = [Member(resolve(cell, settings), n, resident) for n, cell in enumerate(cells)]
    stacked = train_members(members, settings)
    for member, outcome in zip(members, stacked, strict=True):
        (alone,) = train_members([member], settings)
        assert alone.validation == outcome.validation
        assert alone.test_probability.tolist() == outcome.test_probability.tolist()
    other = replace(members[0], seed=7)
    assert train_members([other], settings)[0].train_loss != stacked[0].train_loss


def test_it_trains_in_a_round_with_workers(make_world, own, settings_of, tmp_path):
    from dashsearch.provenance import provenance  # noqa: PLC0415
    from dashsearch.training.store import (  # noqa: PLC0415
        PREPARED_SCHEMA,
        PreparedFiles,
        write_prepared,
    )

    data = prepare(*make_world(), None)
    write_prepared(tmp_path / "flow.h5", data, provenance(PREPARED_SCHEMA))
    experiments = [Experiment(f"e{n}", own, n) for n in range(3)]
    found = [
        run_round(
            experiments,
            PreparedFiles({"flow": tmp_path / "flow.h5"}),
            settings_of(epochs=1),
            tmp_path / f"{workers}.jsonl",
            resources=Resources(workers=workers, stack_size=2),
        )
        for workers in (1, 2)
    ]
    assert [o.test for o in found[0]] == [o.test for o in found[1]]
    assert all(outcome.status == "ok" for outcome in found[0])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Missing", "it defines no class or function Missing"),
        ("NOT_A_MODULE", "it defines no class or function NOT_A_MODULE"),
        ("Normed", "encoder Normed has buffers"),
    ],
)
def test_what_is_no_encoder_is_a_sentence(make_world, own, settings_of, name, sentence):
    data = prepare(*make_world(), None)
    with pytest.raises(InputError, match=sentence):
        train_experiment(own, 1, data, settings_of(name, epochs=1))


def test_a_file_that_cannot_be_run_is_a_sentence(make_world, own, settings_of, tmp_path):
    settings = settings_of(epochs=1)
    (tmp_path / "mine.py").write_text("import not_there\n")
    with pytest.raises(InputError, match=r"cannot be run \(ModuleNotFoundError"):
        train_experiment(own, 1, prepare(*make_world(), None), settings)


def test_a_config_names_a_file_that_exists_and_its_content_is_its_identity(tmp_path):
    from dashsearch.config.settings import Training  # noqa: PLC0415

    path = tmp_path / "mine.py"
    config = {**Training().model_dump(), "encoders": {"mine": f"{path}:LSTM"}}
    with pytest.raises(InputError, match=r"training\.encoders\.mine is .*; write <file>:<name>"):
        TrainerSettings.of(config)
    path.write_text(SOURCE)
    first = TrainerSettings.of(config).identity
    assert TrainerSettings.planned(config, first).identity == first
    path.write_text(SOURCE + "\n")
    assert TrainerSettings.of(config).identity != first
    with pytest.raises(InputError, match=r"but was trainer/\d-\w+ when the run started"):
        TrainerSettings.planned(config, first)
