"""Twenty rounds of Claude and Gemini, with the real SDKs, against a server with scripted faults."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import agent_campaign
from agent_campaign import FAST, agents, play
from agents.conftest import PER_ROUND, ROUNDS, SCRIPT, SECRETS, campaign_settings
from dashsearch.errors import InputError
from dashsearch.search.agents.prices import load_prices
from dashsearch.search.agents.provider import Usage
from servers.models import StandInModels, serve_models

ROOT = Path(__file__).parents[3]
PROVIDERS = {"anthropic": "claude", "google": "gemini"}
TOKENS = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "output": "output_tokens",
}


def proposals(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob("results/*/proposals.jsonl"))
    }


def recordings(folder):
    return sorted(folder.glob("recordings/round*/*/*.json"))


def test_every_round_closes(scripted):
    _, _, ledger, calls = scripted
    assert sorted(ledger["round"].unique()) == list(range(ROUNDS))
    assert ledger.groupby("round").size().max() <= PER_ROUND
    assert set(calls["outcome"]) == {"ok", "truncated", "refused", "empty", "overloaded"}
    assert set(ledger["status"]) == {"", "invalid", "duplicate"}


def test_calls_retries_and_tokens_are_those_that_were_served(scripted):
    _, models, _, calls = scripted
    for provider, agent in PROVIDERS.items():
        own = calls[calls["agent"] == agent]
        served = [each for each in models.served if each.provider == provider]
        assert own["attempts"].sum() == len(served)
        # One call for every request that differs; everything else is a repetition of one.
        assert len(own) == len({each.key for each in served})
        billed = models.billed(provider)
        assert {kind: own[column].sum() for kind, column in TOKENS.items()} == billed


def test_money_is_tokens_times_the_dated_prices(scripted):
    _, models, _, calls = scripted
    prices = load_prices(ROOT / "resources/prices.yaml")
    for provider, agent in PROVIDERS.items():
        own = calls[calls["agent"] == agent]
        price = prices[provider, own["model_asked"].iloc[0]]
        assert own["usd"].sum() == pytest.approx(price.of(Usage(**models.billed(provider))))


def test_every_row_names_the_model_that_answered(scripted):
    _, _, ledger, calls = scripted
    asked = ledger[ledger["agent"].isin(PROVIDERS.values())]
    assert set(asked["model"]) == {"claude-opus-5-5", "gemini-3.5-flash"}
    assert set(calls.loc[calls["outcome"] == "ok", "model"]) == set(asked["model"])


def test_faults_end_as_the_script_says(scripted):
    _, _, ledger, calls = scripted
    of = calls.set_index(["round", "agent", "turn"])["outcome"]
    assert of[3, "claude", 1] == "truncated"
    assert of[3, "claude", 2] == of[3, "gemini", 2] == "ok"
    assert of[4, "claude", 1] == of[6, "gemini", 1] == "refused"
    assert (4, "claude", 2) not in of.index
    assert of[9, "gemini", 1] == "overloaded"
    invalid = ledger[ledger["status"] == "invalid"].set_index(["round", "agent"])["reason"]
    assert "a level that nobody knows" in invalid[7, "claude"]
    assert "not JSON" in invalid[8, "gemini"]
    assert set(invalid.index) == {(7, "claude"), (8, "gemini")}
    repeated = ledger[(ledger["status"] == "duplicate") & (ledger["round"] == 9)]
    assert set(repeated["agent"]) == {"claude"}


def test_the_repair_turn_lists_what_was_wrong_and_says_of_what_a_duplicate_is(scripted):
    folder, _, _, _ = scripted
    turns = {}
    for path in recordings(folder):
        document = json.loads(path.read_text())
        if document["provider"] == "anthropic" and len(document["request"]["messages"]) == 3:
            turns[path.parts[-3]] = document["request"]["messages"][-1]["content"]
    assert "a level that nobody knows" in turns["round7"]
    assert "the reply was truncated" in turns["round3"]
    assert "duplicate of #" in turns["round5"] and "val mAP 0." in turns["round5"]


def test_an_agent_without_history_learns_no_score_from_its_mistakes_either(tmp_path):
    script = {("anthropic", round_, 1): ["first_levels"] for round_ in (1, 2)}
    models = StandInModels(script)
    with serve_models(models):
        play(tmp_path, campaign_settings(models.url, rounds=3, ideas={"history": False}))
    requests = [json.loads(path.read_text())["request"] for path in recordings(tmp_path)]
    told = [json.dumps(request) for request in requests]
    assert any("duplicate of #" in text for text in told)
    assert not any("mAP 0." in text for text in told)


def test_the_stable_part_never_changes_so_that_it_can_be_cached(scripted):
    folder, _, _, _ = scripted
    documents = [json.loads(path.read_text()) for path in recordings(folder)]
    stable = {d["request"]["system"][0]["text"] for d in documents if d["provider"] == "anthropic"}
    stable |= {
        d["request"]["config"]["system_instruction"] for d in documents if d["provider"] == "google"
    }
    assert len(stable) == 1


def test_no_secret_is_written_anywhere(scripted):
    folder, models, _, _ = scripted
    sent = {secret for _, secret in models.keys}
    assert sent == {"Bearer " + SECRETS["ANTHROPIC_API_KEY"], SECRETS["GEMINI_API_KEY"]}
    for path in folder.rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in SECRETS.values())


def test_a_finished_campaign_replays_to_the_byte_without_keys_or_network(
    scripted, tmp_path, monkeypatch
):
    folder, models, ledger, calls = scripted
    for name in SECRETS:
        monkeypatch.delenv(name)
    (tmp_path / "recordings").symlink_to(folder / "recordings")
    settings = campaign_settings(models.url)
    served = len(models.served)
    for mode in ("replay", "record", "live-missing"):
        place = tmp_path / mode
        place.mkdir()
        (place / "recordings").symlink_to(folder / "recordings")
        again, calls_again = play(place, {**settings, "calls": {**FAST, "mode": mode}})
        assert proposals(place) == proposals(folder)
        pd.testing.assert_frame_equal(again, ledger)
        pd.testing.assert_frame_equal(calls_again, calls)
    assert len(models.served) == served


def test_a_missing_recording_is_an_error_that_names_the_file(scripted, tmp_path):
    folder, models, _, _ = scripted
    wanted = next(folder.glob("recordings/round0/claude/*.json"))
    settings = campaign_settings(models.url)
    with pytest.raises(InputError, match=f"{wanted.name} does not exist"):
        play(tmp_path, {**settings, "calls": {**FAST, "mode": "replay"}})


def test_a_recorded_round_is_not_asked_again_when_the_config_changes(scripted, tmp_path):
    folder, models, _, _ = scripted
    served = len(models.served)
    (tmp_path / "recordings").symlink_to(folder / "recordings")
    settings = campaign_settings(models.url, ideas={"top": 3})
    settings["arm"]["experiments_per_round"] = PER_ROUND + 1
    with pytest.raises(InputError, match="holds a finished round, but not the request"):
        play(tmp_path, settings)
    assert len(models.served) == served


@pytest.mark.parametrize("cap", [1, 7, 12])
def test_a_budget_of_calls_is_never_exceeded(cap, tmp_path):
    models = StandInModels(SCRIPT)
    with serve_models(models):
        ledger, calls = play(tmp_path, campaign_settings(models.url, budget_calls=cap))
    assert len(models.served) <= cap
    assert calls["attempts"].sum() == len(models.served)
    assert len(models.served) >= cap - 1
    last = int(calls["round"].max())
    assert ledger["round"].max() <= last


@pytest.mark.parametrize(("budget", "column"), [("budget_tokens", None), ("budget_usd", "usd")])
def test_tokens_and_money_are_counted_before_a_call(budget, column, tmp_path):
    models = StandInModels()
    cap = 25_000 if column is None else 0.36
    with serve_models(models):
        _, calls = play(tmp_path, campaign_settings(models.url, **{budget: cap}))
    spent = calls[column].sum() if column else calls[list(TOKENS.values())].sum().sum()
    assert 0 < spent <= cap
    assert models.counted
    assert "budget" in set(calls["outcome"])


def test_another_model_than_the_one_asked_for_is_an_error_unless_allowed(tmp_path):
    models = StandInModels({("anthropic", 0, 1): ["other_model"]})
    settings = campaign_settings("", rounds=1)
    with serve_models(models):
        settings["arm"]["agents"] = agents(models.url)
        with pytest.raises(InputError, match="claude-opus-5-5 was asked and another-model"):
            play(tmp_path, settings)
        settings["arm"]["agents"][0]["allow_other_model"] = True
        ledger, _ = play(tmp_path, settings)
    # The answer was paid for, so it is used and not asked for again.
    assert Counter(each.provider for each in models.served) == {"anthropic": 1, "google": 1}
    assert "another-model" in set(ledger["model"])


def test_a_refused_key_stops_the_arm_and_records_nothing(tmp_path):
    models = StandInModels({("google", 0, 1): ["401"]})
    with serve_models(models), pytest.raises(InputError, match="Gemini refused the request"):
        play(tmp_path, campaign_settings(models.url, rounds=1))
    assert not list(tmp_path.glob("recordings/round0/gemini/*.json"))


def answered_twice(models):
    """Requests that the server answered more than once."""
    answers = Counter(each.key for each in models.served if each.usage)
    return {key for key, n in answers.items() if n > 1}


def test_ten_kills_lose_nothing_and_ask_nothing_twice(scripted, tmp_path):
    folder, _, ledger, _ = scripted
    rng = random.Random(20261124)
    models = StandInModels(SCRIPT)
    script = Path(agent_campaign.__file__)
    environment = {
        **os.environ,
        **SECRETS,
        "PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("scripts", "tests/unit")),
    }
    settings = tmp_path / "settings.json"
    kills = sorted(rng.sample(range(1, 55), 10))
    with serve_models(models):
        settings.write_text(json.dumps(campaign_settings(models.url)))
        command = [sys.executable, str(script), str(tmp_path), str(settings)]
        for at in kills:
            process = subprocess.Popen(command, env=environment)
            while len(models.served) < at and process.poll() is None:
                time.sleep(0.002)
            assert process.poll() is None, "the campaign ended before it was killed"
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(command, env=environment, check=True)
        again, calls = play(tmp_path, campaign_settings(models.url))
    columns = [name for name in ledger if name != "model"]
    pd.testing.assert_frame_equal(again[columns], ledger[columns])
    assert proposals(tmp_path) == proposals(folder)
    # A request is sent again only if the client died before the answer was on its disk, and its
    # record says so.
    interrupted = {
        path.stem
        for path in recordings(tmp_path)
        if "interrupted" in {each["outcome"] for each in json.loads(path.read_text())["attempts"]}
    }
    assert len(answered_twice(models)) <= len(interrupted) <= 2 * len(kills)
    # Counted on the safe side: what was cut before it reached the server counts as sent.
    assert 0 <= calls["attempts"].sum() - len(models.served) <= len(interrupted)
