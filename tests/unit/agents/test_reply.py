"""Replies are read as they are: valid ideas in a fixed order, everything else named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashsearch.search.agents.reply import read_reply, reply_schema, spread
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("encoder", "architecture", ("gru", "retnet", "zipformer")),
        Factor("hidden_size", "training", (16, 32), ordered=True),
        Factor("dropout", "training", (0.0, 0.5), ordered=True),
    ),
)
SCHEMA = reply_schema(SPACE, 1, 3, 60)
CELL = {"encoder": "gru", "hidden_size": 16, "dropout": 0.5}


def reply(*ideas, **more):
    return json.dumps({"ideas": list(ideas), **more})


def idea(levels=CELL, **more):
    return {"title": "t", "hypothesis": "h", "levels": levels, **more}


def read(text, experiments=9):
    return read_reply(text, SPACE, SCHEMA, experiments)


def test_a_sweep_is_the_base_and_then_all_combinations_in_the_order_of_the_space():
    sweep = {"dropout": [0.5, 0.0], "encoder": ["zipformer", "gru"]}
    found = read(reply(idea(sweep=sweep))).ideas[0]
    cells = [SPACE.cell(cell) for cell in found.cells]
    assert cells == [
        {"encoder": "gru", "hidden_size": 16, "dropout": 0.5},
        {"encoder": "gru", "hidden_size": 16, "dropout": 0.0},
        {"encoder": "zipformer", "hidden_size": 16, "dropout": 0.0},
        {"encoder": "zipformer", "hidden_size": 16, "dropout": 0.5},
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (idea({**CELL, "encoder": "lstm"}), "'lstm' is not one of"),
        (idea({**CELL, "hidden_size": "16"}), "'16' is not one of"),
        (idea({**CELL, "hidden_size": True}), "True is not one of"),
        (idea({"encoder": "gru"}), "'hidden_size' is a required property"),
        (idea({**CELL, "seed": 3}), "'seed' was unexpected"),
        (idea(epochs=100), "'epochs' was unexpected"),
        (idea(sweep={"encoder": ["gru"]}), "sweep.encoder"),
        (idea(sweep={"split": ["test"]}), "'split' was unexpected"),
        (idea(parent=10), "there is no experiment #10"),
        (idea(parent=-1), "parent"),
        ({**idea(), "hypothesis": "x" * 61}, "hypothesis"),
        ("gru", "is not of type 'object'"),
    ],
)
def test_an_idea_against_the_schema_is_named_and_the_others_stay(wrong, words):
    found = read(reply(idea(), wrong))
    assert list(found.ideas) == [0]
    assert words in found.problems[1]
    assert len(found.problems[1]) <= 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("```json\n{}\n```", "not JSON"),
        ("[]", "no object with a list"),
        ('{"ideas": 3}', "no object with a list"),
        (reply(), "0 ideas were given"),
        (reply(idea(), note="x"), "'note' was unexpected"),
    ],
)
def test_a_reply_that_is_none_is_named(text, words):
    assert words in read(text).problems[-1]


def test_ideas_beyond_those_asked_for_are_left_alone():
    found = read(reply(*[idea()] * 5))
    assert (len(found.ideas), found.surplus, found.problems) == (3, 2, {})


@given(st.lists(st.integers(1, 6), max_size=5))
def test_every_base_comes_before_any_sweep_and_nothing_is_lost(sizes):
    order = spread([tuple(range(size)) for size in sizes])
    assert sorted(order) == [(place, turn) for place, n in enumerate(sizes) for turn in range(n)]
    assert [turn for _, turn in order] == sorted(turn for _, turn in order)


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text):
    found = read(text)
    assert found.ideas == {} and -1 in found.problems
