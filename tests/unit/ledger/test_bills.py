"""Calls of language models, summed up for people."""

import math

import pytest

from dashsearch.ledger.calls import join_calls, summarise_calls
from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.tables import frame_of, write_table


def call(agent, outcome="ok", **more):
    row = {
        name: {"string": "", "int64": 0, "float64": 0.0}[kind]
        for name, kind in CALL_COLUMNS.items()
    }
    return row | {"task": "t", "arm": "a", "agent": agent, "outcome": outcome, "attempts": 1} | more


def test_tokens_money_and_repetitions_are_summed_by_agent():
    calls = [
        call(
            "x", model="m1", attempts=3, input_tokens=5, cache_read_tokens=7, usd=0.5, latency_s=2
        ),
        call(
            "x", "refused", model="m2", output_tokens=4, cache_write_tokens=1, usd=0.25, latency_s=4
        ),
        call("y", "budget", attempts=0),
    ]
    x, y = summarise_calls(frame_of(calls, CALL_COLUMNS))
    assert (x["models"], x["n"], x["useful"], x["repetitions"]) == (["m1", "m2"], 2, 1, 2)
    assert (x["prompts"], x["replies"], x["usd"], x["seconds"]) == (13, 4, 0.75, 3.0)
    assert (y["models"], y["useful"], y["repetitions"], y["usd"]) == ([], 0, 0, 0.0)


def test_a_missing_price_makes_the_sum_unknown():
    calls = [call("x", usd=1.0), call("x", usd=math.nan)]
    assert summarise_calls(frame_of(calls, CALL_COLUMNS))[0]["usd"] is None


@pytest.mark.parametrize("files", [0, 2])
def test_tables_are_joined_in_order(tmp_path, files):
    paths = []
    for number in range(files):
        frame = frame_of([call("x", round=number)], CALL_COLUMNS)
        paths.append(tmp_path / f"{number}.parquet")
        write_table(paths[-1], frame, CALL_COLUMNS, {})
    assert join_calls(paths)["round"].to_list() == list(range(files))
