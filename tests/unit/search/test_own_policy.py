"""A policy of the user's is checked before anything becomes of its answers."""

from pathlib import Path

import numpy as np
import pytest

from dashsearch.errors import InputError
from dashsearch.files import file_digest
from dashsearch.search.policy import Suggestion
from dashsearch.search.registry import build_policy
from dashsearch.space.files import load_space

SPACE = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")

SOURCE = """
from dashsearch.search.policy import Suggestion

class Fixed:
    def __init__(self, space, rng, answers=(0, 1)):
        self.answers, self.told = answers, []

    def tell(self, results):
        self.told.append(results)

    def ask(self, n, pending=()):
        return self.answers

class Mute:
    def __init__(self, space, rng):
        pass

NUMBER = 3
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)

    def build(name="Fixed", sha256=None, **settings):
        given = {"source": f"{path}:{name}", "settings": settings}
        digest = sha256 or file_digest(path)
        return build_policy("own", SPACE, np.random.default_rng(1), {**given, "sha256": digest})

    return build


def test_cells_and_suggestions_are_taken(own):
    policy = own(answers=[3, np.int64(4), Suggestion(5, replicate=1)])
    policy.tell([])
    assert policy.ask(3) == [Suggestion(3), Suggestion(4), Suggestion(5, replicate=1)]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"answers": [10**9]}, "suggested 1000000000; the cells of space"),
        ({"answers": [-1]}, "suggested -1; the cells"),
        ({"answers": ["a"]}, "suggested 'a'; the cells"),
        ({"answers": [0, 1, 2]}, "was asked for 2 cells and gave 3"),
    ],
)
def test_an_answer_that_is_no_cell_is_a_sentence(own, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        own(**settings).ask(2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "Mute"}, "has no method `tell`"),
        ({"name": "NUMBER"}, "defines no class or function NUMBER"),
        ({"wrong": 1}, "cannot be called with .*unexpected keyword argument 'wrong'"),
        ({"sha256": "0" * 64}, "was changed during the run"),
    ],
)
def test_what_is_no_policy_is_a_sentence(own, arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        own(**arguments)
