"""Hypotheses are read from lines that are ideas, and from no others."""

from dashsearch.files import write_json_lines
from dashsearch.ledger.ideas import read_hypotheses


def test_a_cell_has_the_hypothesis_of_its_idea_and_dropped_sweeps_have_none(tmp_path):
    lines = [
        {"agent": "one", "cells": [3, 5], "hypothesis": "wider is better"},
        {"agent": "one", "cells": [], "hypothesis": "nothing came of it"},
        {"agent": "one", "dropped_experiments": 13},
    ]
    write_json_lines(tmp_path / "ideas.jsonl", lines)
    found = read_hypotheses([(("local", 1, 2), tmp_path / "ideas.jsonl")])
    assert found == {
        ("local", 1, 2, 3): "wider is better",
        ("local", 1, 2, 5): "wider is better",
    }
