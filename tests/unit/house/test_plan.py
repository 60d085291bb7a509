"""The plan of a campaign counts what the config asks for, and estimates by the rates alone."""

import pytest

from dashsearch.config.plan import Rates, describe_plan, extent_of
from dashsearch.config.validation import validate_config
from dashsearch.search.agents.prices import Price

RATES = Rates(
    date="2026-11-29",
    device="a test",
    render_s=1.0,
    decode_s=0.5,
    describe_s={"color": 0.25, "flow": 0.25},
    train_s=0.001,
    round_s=2.0,
    local_call_s=10.0,
    rest_s=30.0,
)
PRICES = {("anthropic", "claude-opus-5-5"): Price(4.0, 0.2, 8.0, 20.0)}
CONFIG = {
    "tasks": {"one": {"source": "embedded", "scene": "highway", "clips": 100}},
    "arms": {
        "random": {"policy": "random", "seeds": [1, 2], "experiments_per_round": 10},
        "claude": {
            "policy": "agents",
            "rounds": 4,
            "experiments_per_round": 5,
            "agents": [{"provider": "anthropic", "name": "c", "model": "claude-opus-5-5"}],
        },
    },
    "training": {"epochs": 10},
}


def plan(raw=CONFIG, *, clips=100, done=0, decoded=(), described=(), backbones=("color", "flow")):
    config = validate_config(raw)
    extent = extent_of(config, {"one": clips}, decoded, {"one": described}, done)
    return describe_plan(config, extent, backbones, RATES, prices=PRICES, cores=2)


def arm(**changes):
    agents = {**CONFIG["arms"]["claude"], **changes}
    return {**CONFIG, "arms": {**CONFIG["arms"], "claude": agents}}


def test_it_counts_clips_experiments_rounds_and_calls():
    tasks, experiments, backbones, calls, _ = plan(done=1)
    assert tasks == "Tasks: one (100 clips)."
    assert experiments == (
        "Experiments: 40 at most (random 20, claude 20), in 6 rounds of which 1 are there already."
    )
    assert backbones == "Backbones: color, flow."
    assert calls.startswith("claude-opus-5-5 (anthropic) is asked 4 times, twice as often at most")


def test_time_is_the_sum_of_its_parts_over_the_cores():
    # 150 s of clips, 50 s of features, 12 s of 6 rounds with 40 experiments that visit 60 clips
    # ten times each in 1 ms, 30 s of the rest: 266 s.
    assert plan()[-1].startswith(
        "Time: what is not there yet takes some 4 min of one core (clips 2 min, features 50 s, "
        "training 36 s, analyses and report 30 s), so about 2 min on 2 cores; rates of 2026-11-29"
    )


def test_what_is_there_already_is_taken_off():
    time = plan(decoded=("one",), described=("color", "flow"), done=6)[-1]
    assert "some 30 s of one core (analyses and report 30 s)" in time


def test_what_was_never_measured_is_named_and_not_guessed():
    assert "since never measured: features of dinov3" in plan(backbones=("color", "dinov3"))[-1]
    tasks, *_, time = plan(clips=None)
    assert tasks == "Tasks: one (still to be fetched)."
    assert "since never measured: task one" in time


def test_money_is_what_short_and_longest_replies_cost_and_never_more_than_the_caps():
    calls = plan()[3]
    # 4 x (3400 x 8 + 1200 x 20) and 4 x (14800 x 8 + 16000 x 20) millionths.
    assert "roughly $0.20 if replies are short, $1.75 if all are as long as they may be" in calls
    assert "not every arm has a cap" in calls
    assert "the arms' caps together, $6.00" in plan(arm(budget_usd=3.0, seeds=[1, 2]))[3]


def test_a_model_without_a_price_a_replay_and_a_local_one_are_told():
    other = {"provider": "anthropic", "name": "c", "model": "another"}
    assert "resources/prices.yaml has no price for it" in plan(arm(agents=[other]))[3]
    assert "replayed from recordings: no money" in plan({**CONFIG, "agents": {"mode": "replay"}})[3]
    local = arm(agents=[{"provider": "local", "name": "c"}])
    assert "on this machine: no money" in plan(local)[3]
    assert "language models 40 s" in plan(local)[-1]


def test_tables_are_looked_up():
    raw = {
        "tasks": CONFIG["tasks"],
        "arms": {"random": CONFIG["arms"]["random"]},
        "evaluator": "table",
        "tables": {"one": "one.parquet"},
    }
    assert plan(raw)[-1] == "They are looked up in tables; nothing is trained."


@pytest.mark.parametrize("cores", [None, 1])
def test_one_core_is_not_spoken_of_twice(cores):
    config = validate_config(CONFIG)
    extent = extent_of(config, {"one": 100}, (), {"one": ()}, 0)
    lines = describe_plan(config, extent, ["color"], RATES, prices=PRICES, cores=cores)
    assert "cores; rates" not in lines[-1]
