"""The config: defaults are filled in, and everything wrong is said in one sentence."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from dashsearch.config.settings import Config
from dashsearch.config.validation import check_budgets, validate_config
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space

ROOT = Path(__file__).parents[3]


@pytest.fixture
def default():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_the_default_config_is_valid_and_gets_every_default(default):
    config = validate_config(default)
    assert config["windows"]["tte_s"] == [0.5, 1.0, 1.5]
    assert config["training"]["batch_size"] == 32
    assert config["arms"]["designed"]["rounds"] == 1
    assert validate_config(config) == config


def test_the_schema_file_is_the_one_of_the_models():
    path = ROOT / "resources/schemas/config.schema.json"
    assert json.loads(path.read_text()) == Config.model_json_schema(), (
        f"{path} is out of date; run: make schema"
    )


WRONG = {
    "config: sed: unknown key; did you mean seed.": lambda c: c.update(sed=1),
    "config: tasks.highway.clip: unknown key; did you mean clips.": lambda c: c["tasks"][
        "highway"
    ].update(clip=4),
    "config: tasks.highway.clips: input should be a multiple of 2, but it is 9.": lambda c: c[
        "tasks"
    ]["highway"].update(clips=9),
    "config: tasks.highway.clips: input should be a valid integer, but it is '8'.": lambda c: c[
        "tasks"
    ]["highway"].update(clips="8"),
    "config: tasks.highway: 'source' is 'kitti'; use 'embedded' or 'nexar' or": lambda c: c[
        "tasks"
    ]["highway"].update(source="kitti"),
    "config: tasks.highway: 'source' is missing; add it.": lambda c: c["tasks"]["highway"].pop(
        "source"
    ),
    "config: tasks.My Clips: use a name of lower-case": lambda c: c["tasks"].update(
        {"My Clips": {"source": "embedded", "scene": "highway"}}
    ),
    "config: windows.rates_hz: unknown key; did you mean rate_hz.": lambda c: c.update(
        windows={"rates_hz": 5.0}
    ),
    "config: windows: tte_s must ascend": lambda c: c.update(windows={"tte_s": [1.0, 0.5]}),
    "config: split: train, validation and test must add up to 1.": lambda c: c.update(
        split={"train": 0.5}
    ),
    "config: arms.evolution.popultion: unknown key; did you mean population.": lambda c: c["arms"][
        "evolution"
    ].update(popultion=3),
    "config: arms.evolution: sample cannot exceed population": lambda c: c["arms"][
        "evolution"
    ].update(sample=99),
    "config: arms.random: seeds holds the same seed twice": lambda c: c["arms"]["random"].update(
        seeds=[1, 1]
    ),
    "config: tasks: is missing; add it.": lambda c: c.pop("tasks"),
    "config: tasks.report has a name that results/ needs": lambda c: c["tasks"].update(
        report={"source": "embedded", "scene": "highway"}
    ),
    "config: training.gradient_clip: input should be a finite number": lambda c: c.update(
        training={"gradient_clip": float("inf")}
    ),
    "config: split.train: input should be greater than 0": lambda c: c.update(
        split={"train": 0.0, "validation": 0.5, "test": 0.5}
    ),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_config_is_said_in_one_sentence(default, sentence):
    config = copy.deepcopy(default)
    WRONG[sentence](config)
    with pytest.raises(InputError) as raised:
        validate_config(config)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_number_of_further_problems_is_told(default):
    default.update(sed=1, seeed=2)
    with pytest.raises(InputError, match=r"1 more after this one"):
        validate_config(default)


def small_space(cells):
    return Space("small", (Factor("rate", "training", tuple(range(cells))),))


def test_a_budget_larger_than_the_space_is_refused(default):
    config = validate_config(default)
    config["arms"] = {"random": config["arms"]["random"]}
    budget = config["arms"]["random"]["experiments_per_round"]
    check_budgets(config, small_space(budget))
    with pytest.raises(InputError, match=r"arms\.random: .*, but there are 7 cells"):
        check_budgets(config, small_space(7))


def test_a_grid_that_the_space_does_not_hold_is_refused(default):
    grid = {"policy": "grid", "experiments_per_round": 3, "levels": {"rate": [0, 1]}}
    with pytest.raises(InputError, match=r"arms\.grid: .* is 3, but there are 2 cells"):
        check_budgets(validate_config(default | {"arms": {"grid": grid}}), small_space(24))
    grid["levels"] = {"rate": [99]}
    with pytest.raises(InputError, match=r"arms\.grid\.levels: factor rate: 99 is not a level"):
        check_budgets(validate_config(default | {"arms": {"grid": grid}}), small_space(24))


def test_seeds_may_be_a_range(default):
    arm = {"policy": "random", "experiments_per_round": 3, "seeds": "3-6"}
    config = validate_config(default | {"arms": {"random": arm}})
    assert config["arms"]["random"]["seeds"] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"evaluator": "table"}, r"tables\.highway is missing; name the factorial file"),
        ({"tables": {"highway": "x"}}, "tables is set, but evaluator is train"),
        (
            {"arms": {"a": {"policy": "tpe", "experiments_per_round": 2, "budget_usd": 1}}},
            r"arms\.a\.budget_usd never ends without a price",
        ),
        (
            {"arms": {"a": {"policy": "random", "experiments_per_round": 2, "audit_share": 0.1}}},
            r"arms\.a\.audit_share: unknown key",
        ),
        (
            {"arms": {"a": {"policy": "tpe", "experiments_per_round": 2, "seeds": "6-3"}}},
            r"arms\.a\.seeds: ",
        ),
    ],
)
def test_wrong_terms_of_the_game_are_refused(default, change, sentence):
    with pytest.raises(InputError, match=sentence):
        validate_config(default | change)
