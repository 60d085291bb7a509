"""One call: repeated within bounds, recorded before it is used, never beyond a budget."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.errors import InputError
from dashsearch.ledger.calls import summarise_calls
from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.search.agents.budget import Allowance, left_of
from dashsearch.search.agents.calls import Caller
from dashsearch.search.agents.prices import FREE, Price, check_prices, load_prices
from dashsearch.search.agents.provider import (
    Answer,
    AttemptError,
    Request,
    Response,
    Usage,
    fault_of,
)
from dashsearch.search.agents.recording import Recorder
from dashsearch.search.agents.secrets import check_keys, read_key
from dashsearch.search.agents.settings import AgentCalls
from dashsearch.tables import frame_of

REQUEST = Request("stub", "/x", {"prompt": "hi"})
USAGE = Usage(100, 10, 5, 50)


class Provider:
    """A vendor that fails as it is told to, then answers."""

    def __init__(self, *faults, tokens=40):
        self.faults = list(faults)
        self.sent = 0
        self.tokens = tokens

    def count(self, request):
        return self.tokens

    def send(self, request):
        self.sent += 1
        if self.faults:
            raise self.faults.pop(0)
        return Response(200, {}, {"text": "hello"})

    def read(self, response):
        return Answer(response.body["text"], "ok", "stub-1", "id", USAGE)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def caller(folder, provider, allowance=None, mode="record", price=FREE, **settings):
    clock = Clock()
    made = Caller(
        "agent",
        provider,
        Recorder(folder, mode),
        AgentCalls(**settings),
        price,
        allowance or Allowance(),
        np.random.default_rng(1),
        clock.sleep,
        clock,
    )
    return made, clock


def test_an_answer_is_asked_for_once(tmp_path):
    provider = Provider()
    first = caller(tmp_path, provider)[0].call(REQUEST, 10)
    again = caller(tmp_path, provider)[0].call(REQUEST, 10)
    assert provider.sent == 1
    assert (first.outcome, first.answer, first.usage) == (again.outcome, again.answer, USAGE)


def test_waits_grow_with_jitter_up_to_the_longest(tmp_path):
    provider = Provider(*[AttemptError("overloaded", 529)] * 6)
    made, clock = caller(tmp_path, provider, first_wait_s=1.0, longest_wait_s=5.0)
    call = made.call(REQUEST, 10)
    assert (call.outcome, call.attempts) == ("ok", 7)
    for wait, bound in zip(clock.slept, [1, 2, 4, 5, 5, 5], strict=True):
        assert bound / 2 <= wait <= bound


def test_what_the_vendor_asks_for_is_obeyed_up_to_the_longest_wait(tmp_path):
    faults = [AttemptError("rate_limited", 429, 20.0), AttemptError("rate_limited", 429, 86400.0)]
    made, clock = caller(tmp_path, Provider(*faults), longest_wait_s=60.0)
    made.call(REQUEST, 10)
    assert clock.slept == [20.0, 60.0]


def test_a_deadline_ends_a_call_that_could_go_on(tmp_path):
    provider = Provider(*[AttemptError("overloaded", 529)] * 20)
    made, clock = caller(tmp_path, provider, attempts=20, deadline_s=100.0, longest_wait_s=40.0)
    call = made.call(REQUEST, 10)
    assert call.outcome == "overloaded" and call.answer is None
    assert clock.now <= 100.0 and provider.sent < 20
    # What failed is part of the record: a replay fails alike, and asks nobody.
    replayed = caller(tmp_path, provider, mode="replay")[0].call(REQUEST, 10)
    assert replayed == call


def test_an_error_that_no_repetition_helps_is_raised_at_once(tmp_path):
    provider = Provider(InputError("the key is wrong."))
    with pytest.raises(InputError, match="key is wrong"):
        caller(tmp_path, provider)[0].call(REQUEST, 10)
    assert provider.sent == 1


def test_an_attempt_whose_end_nobody_saw_counts_as_sent(tmp_path):
    recorder = Recorder(tmp_path, "record")
    recorder.begin_attempt("agent", REQUEST)
    provider = Provider()
    call = caller(tmp_path, provider)[0].call(REQUEST, 10)
    assert (call.attempts, provider.sent) == (2, 1)
    document = json.loads(recorder.path("agent", REQUEST).read_text())
    assert [each["outcome"] for each in document["attempts"]] == ["interrupted", "ok"]
    none_left = caller(tmp_path / "other", provider, Allowance(calls=1))[0]
    none_left.recorder.begin_attempt("agent", REQUEST)
    assert none_left.call(REQUEST, 10).outcome == "budget"
    assert provider.sent == 1


def test_a_note_that_a_crash_cut_does_not_hide_the_next_one(tmp_path):
    recorder = Recorder(tmp_path, "record")
    recorder.begin_attempt("agent", REQUEST)
    notes = next(tmp_path.rglob("*.attempts.jsonl"))
    notes.write_text(notes.read_text() + '\n{"outcome": "ok", "sta')
    recorder.begin_attempt("agent", REQUEST)
    assert [e["outcome"] for e in recorder.earlier_attempts("agent", REQUEST)] == [
        "interrupted",
        "interrupted",
    ]


@pytest.mark.parametrize(
    ("allowance", "sent"),
    [
        (Allowance(calls=0), 0),
        (Allowance(calls=1), 1),
        (Allowance(tokens=49), 0),
        (Allowance(tokens=50), 1),
        (Allowance(usd=0.00049), 0),
        (Allowance(usd=0.0005), 1),
        (Allowance(wall_s=0.0), 0),
    ],
)
def test_nothing_is_sent_that_could_pass_a_cap(allowance, sent, tmp_path):
    provider = Provider(tokens=40)
    price = Price(input=5, cache_read=0, cache_write=10, output=10)  # 40 x 10 + 10 x 10 per million
    call = caller(tmp_path, provider, allowance, price=price)[0].call(REQUEST, 10)
    assert provider.sent == sent
    assert (call.outcome == "budget") == (not sent)


def test_repetitions_count_as_calls(tmp_path):
    provider = Provider(*[AttemptError("overloaded", 529)] * 9)
    made, _ = caller(tmp_path, provider, Allowance(calls=3))
    assert made.call(REQUEST, 10).attempts == provider.sent == 3
    assert made.allowance.calls == 0


def test_a_budget_that_ended_a_call_can_be_raised_until_the_round_is_finished(tmp_path):
    provider = Provider()
    assert caller(tmp_path, provider, Allowance(calls=0))[0].call(REQUEST, 10).outcome == "budget"
    replayed = caller(tmp_path, provider, Allowance(calls=0), "replay")[0]
    assert replayed.call(REQUEST, 10).outcome == "budget"
    assert caller(tmp_path, provider, Allowance(calls=1))[0].call(REQUEST, 10).outcome == "ok"


def test_money_without_a_price_cannot_be_capped(tmp_path):
    made, _ = caller(tmp_path, Provider(), Allowance(usd=1.0), price=None)
    with pytest.raises(InputError, match="has no price"):
        made.call(REQUEST, 10)


def test_a_price_counts_every_kind_of_token():
    price = Price(input=4, cache_read=0.2, cache_write=8, output=20, longest_prompt=200)
    assert price.of(Usage(100, 50, 20, 10)) == pytest.approx((400 + 10 + 160 + 200) / 1e6)
    assert math.isnan(price.of(Usage(201, 0, 0, 1)))


@given(st.integers(0, 500), st.integers(1, 8))
def test_shares_of_a_cap_add_up_to_it(calls, members):
    shares = [Allowance(calls=calls).share(place, members).calls for place in range(members)]
    assert sum(shares) == calls
    assert max(shares) - min(shares) <= 1


def test_what_is_left_is_what_earlier_calls_did_not_spend():
    row = {name: "" if kind == "string" else 0 for name, kind in CALL_COLUMNS.items()}
    rows = [{**row, "attempts": 3, "input_tokens": 7, "output_tokens": 5, "usd": 0.5}] * 2
    caps = {"calls": 10, "tokens": 100, "usd": 2.0, "wall_s": None}
    spent = frame_of(rows, CALL_COLUMNS)
    assert left_of(caps, spent) == Allowance(4, 76, 1.0, None)
    unknown = pd.concat([spent, frame_of([{**row, "usd": float("nan")}], CALL_COLUMNS)])
    assert left_of(caps, unknown).ended == "usd"
    summary = summarise_calls(spent)
    assert (summary[0]["n"], summary[0]["repetitions"], summary[0]["usd"]) == (2, 4, 1.0)
    assert summarise_calls(unknown)[0]["usd"] is None


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (429, "", "rate_limited"),
        (529, "", "overloaded"),
        (200, "overloaded_error", "overloaded"),
        (503, "The model is overloaded", "overloaded"),
        (500, "", "server_error"),
        (408, "", "timeout"),
    ],
)
def test_statuses_that_may_pass_are_faults(status, message, outcome):
    assert fault_of(status, message, "2.5").outcome == outcome
    assert fault_of(status, message, "2.5").retry_after_s == 2.5
    assert fault_of(status, message, "Wed, 21 Oct 2026 07:28:00 GMT").retry_after_s == 0.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_statuses_that_stay_are_none(status):
    assert fault_of(status, "", None) is None


CONFIG = {
    "tasks": {"town": {}},
    "shared_start": 4,
    "agents": {"mode": "record", "recordings": "recordings"},
    "arms": {
        "claude": {
            "seeds": [1],
            "rounds": 2,
            "experiments_per_round": 4,
            "budget_usd": 1.0,
            "agents": [{"provider": "anthropic", "model": "claude-opus-5-5", "base_url": None}],
        }
    },
}


def test_a_missing_key_is_said_before_the_first_job(tmp_path, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="seed1/round1 is not recorded, and there is no key"):
        check_keys(CONFIG)
    check_keys({**CONFIG, "agents": {**CONFIG["agents"], "mode": "replay"}})
    Recorder(tmp_path / "recordings/town/claude/seed1/round1", "record").finish()
    check_keys(CONFIG)


def test_a_key_may_be_in_a_file(tmp_path, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(InputError, match="does not exist"):
        read_key("anthropic")
    (tmp_path / "key").write_text("sk-from-file\n")
    assert read_key("anthropic") == "sk-from-file"


def test_a_cap_on_money_needs_a_price_before_the_first_job(tmp_path):
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: []")
    with pytest.raises(InputError, match="has no price for claude-opus-5-5"):
        check_prices(CONFIG, prices)
    for wrong in ("prices: 3", "[]", "{", "prices: [x]", "other: []"):
        prices.write_text(wrong)
        with pytest.raises(InputError, match="holds no list of prices under the key prices"):
            load_prices(prices)
    with pytest.raises(InputError, match="FileNotFoundError"):
        load_prices(tmp_path / "none.yaml")
    prices.write_text("prices: [{provider: google, model: g, input: 1}]")
    with pytest.raises(InputError, match=r"1\. entry lacks cache_read"):
        load_prices(prices)
