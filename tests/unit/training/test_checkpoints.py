"""Checkpoints: the best weights, with a card, score a new window as training did."""

import json

import numpy as np
import pytest

from dashsearch.errors import InputError
from dashsearch.ledger.checkpoints import keep_best
from dashsearch.training.checkpoints import Checkpoints, read_card
from dashsearch.training.load import load
from dashsearch.training.members import Experiment
from dashsearch.training.prepare import prepare
from dashsearch.training.rounds import run_round
from dashsearch.training.settings import Resources, TrainerSettings

SETTINGS = TrainerSettings(epochs=2, batch_size=8, components=4, sequence_length=6)


@pytest.fixture
def world(make_world):
    return make_world(dimensions=7)


@pytest.fixture
def data(world):
    return prepare(*world, 4)


@pytest.fixture
def kept(cell, data, tmp_path):
    """A round of six experiments in stacks of two, of which the best two are kept."""
    experiments = [Experiment(f"e{number}", cell, number) for number in range(6)]
    best = Checkpoints(tmp_path / "best", 2, SETTINGS)
    outcomes = run_round(
        experiments,
        lambda backbone: data,
        SETTINGS,
        tmp_path / "journal.jsonl",
        resources=Resources(stack_size=2),
        checkpoints=best,
    )
    return outcomes, best


def test_the_best_by_validation_are_kept_with_their_cards(kept):
    outcomes, best = kept
    scores = sorted((outcome.validation.map for outcome in outcomes), reverse=True)
    cards = [read_card(path) for path in best.folder.glob("*.safetensors")]
    assert sorted((card["validation"]["map"] for card in cards), reverse=True) == scores[:2]
    for card in cards:
        beside = (best.folder / card["experiment_id"]).with_suffix(".json")
        assert json.loads(beside.read_text()) == card
        assert card["validation"]["clips"] == 12
        assert card["classes"] == ["no collision", "collision"]
        assert "test" not in json.dumps(card)
    assert len(list(best.folder.iterdir())) == 4


def test_a_loaded_model_scores_windows_as_training_did(kept, world, data):
    outcomes, best = kept
    features, splits = world
    rows = np.isin(features.clip_id, splits["clips"]["test"])
    for path in best.folder.glob("*.safetensors"):
        model = load(path)
        outcome = outcomes[int(path.stem[1:])]
        order = np.lexsort((features.tte_s[rows], features.clip_id[rows]))
        found = model.score(features.values[rows][order], features.mask[rows][order])
        assert found == pytest.approx(outcome.test_probability, abs=1e-6)


def test_windows_of_another_shape_or_without_frames_are_refused(kept, world):
    features, _ = world
    _, best = kept
    model = load(next(best.folder.glob("*.safetensors")))
    with pytest.raises(InputError, match=r"takes \(N, 8, 7\) of flow"):
        model.score(features.values[:, :5], features.mask[:, :5])
    with pytest.raises(InputError, match="no real frame"):
        model.score(features.values, np.zeros_like(features.mask))


def test_what_is_no_checkpoint_is_a_sentence(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="is no checkpoint of dashsearch"):
        load(path)


def test_an_arm_keeps_the_best_of_its_rounds(kept, tmp_path):
    _, best = kept
    cards = {path.stem: json.loads(path.read_text()) for path in best.folder.glob("*.json")}
    found = keep_best([best.folder, tmp_path / "empty"], tmp_path / "arm", 1)
    top = max(cards, key=lambda name: cards[name]["validation"]["map"])
    assert [path.stem for path in found] == [top]
    assert sorted(path.suffix for path in (tmp_path / "arm").iterdir()) == [".json", ".safetensors"]
    assert load(found[0]).card == cards[top]
