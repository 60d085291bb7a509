"""What an agent may answer: a closed schema, ideas read from it, and what is wrong with a reply."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from jsonschema import Draft202012Validator

from dashsearch.space.schema import cell_schema
from dashsearch.space.space import Space

TITLE_CHARS = 80
PROBLEM_CHARS = 200


@dataclass(frozen=True)
class Idea:
    """A base idea of an agent, in the space that it is shown.

    Attributes
    ----------
    cell
        Index of the base cell.
    cells
        The base cell, then the other cells of its sweep in the order of the space.
    parent
        Number of the experiment that it builds on, 0 for none.
    """

    title: str
    hypothesis: str
    cell: int
    cells: tuple[int, ...]
    parent: int


@dataclass(frozen=True)
class Reply:
    """What could be read of a reply.

    Attributes
    ----------
    ideas
        Ideas that fit the schema, by their place in the reply.
    problems
        What is wrong with the others, by place; place -1 stands for the reply as a whole.
    surplus
        Number of ideas beyond those that were asked for: they are left alone.
    """

    ideas: dict[int, Idea]
    problems: dict[int, str]
    surplus: int = 0


def reply_schema(
    space: Space, least: int, most: int, hypothesis_chars: int, experiments: int | None = None
) -> dict[str, Any]:
    """Return the closed JSON schema of a reply of `least` to `most` base ideas.

    `experiments` bounds the parents for a model that is held to the schema while it writes; for
    others a schema that never changes is cheaper, and `read_reply` looks at parents by itself.
    """
    idea: dict[str, Any] = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": TITLE_CHARS},
            "hypothesis": {"type": "string", "maxLength": hypothesis_chars},
            "levels": cell_schema(space),
            "sweep": {
                "type": "object",
                "properties": {
                    factor.name: {
                        "type": "array",
                        "items": {"enum": list(factor.levels)},
                        "minItems": 2,
                        "maxItems": 4,
                    }
                    for factor in space.factors
                    if len(factor.levels) > 1
                },
                "additionalProperties": False,
            },
            "parent": {"type": "integer", "minimum": 0},
        },
        "required": ["title", "hypothesis", "levels"],
        "additionalProperties": False,
    }
    if experiments is not None:
        idea["properties"]["parent"]["maximum"] = experiments
    return {
        "type": "object",
        "properties": {
            "ideas": {"type": "array", "minItems": least, "maxItems": most, "items": idea}
        },
        "required": ["ideas"],
        "additionalProperties": False,
    }


def read_reply(text: str, space: Space, schema: dict[str, Any], experiments: int) -> Reply:
    """Read a reply; nothing in it is corrected.

    Parameters
    ----------
    text
        What the model wrote.
    space
        The space that it was shown.
    schema
        From `reply_schema`.
    experiments
        Number of experiments that it may name as a parent.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        return Reply({}, {-1: f"the reply is not JSON: {error}"})
    items = document.get("ideas") if isinstance(document, dict) else None
    if not isinstance(items, list):
        return Reply({}, {-1: "the reply is no object with a list of ideas"})
    ideas: dict[int, Idea] = {}
    problems: dict[int, str] = {}
    whole = Draft202012Validator({**schema, "properties": {"ideas": {"type": "array"}}})
    bounds = schema["properties"]["ideas"]
    first = next(iter(whole.iter_errors(document)), None)
    if first:
        problems[-1] = _short(first.message)
    elif len(items) < bounds["minItems"]:
        problems[-1] = f"{len(items)} ideas were given, at least {bounds['minItems']} are asked for"
    validator = Draft202012Validator(bounds["items"])
    for place, item in enumerate(items[: bounds["maxItems"]]):
        found = sorted(validator.iter_errors(item), key=lambda error: list(map(str, error.path)))
        if found:
            where = ".".join(map(str, found[0].path)) or "the idea"
            problems[place] = _short(f"{where}: {found[0].message}")
        elif item.get("parent", 0) > experiments:
            problems[place] = f"parent: there is no experiment #{item['parent']}"
        else:
            ideas[place] = _idea(item, space)
    return Reply(ideas, problems, max(0, len(items) - bounds["maxItems"]))


def spread(cells: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Order the cells of ideas: every idea's first, then one more of each in turn.

    Returns
    -------
    list of (int, int)
        Place of the idea, and place of the cell within it.
    """
    longest = max(map(len, cells), default=0)
    return [
        (place, turn)
        for turn in range(longest)
        for place, own in enumerate(cells)
        if turn < len(own)
    ]


def _idea(item: dict[str, Any], space: Space) -> Idea:
    base = space.index(item["levels"])
    sweep = item.get("sweep", {})
    axes = [
        [(factor.name, level) for level in factor.levels if level in sweep[factor.name]]
        for factor in space.factors
        if factor.name in sweep
    ]
    swept = [space.index({**item["levels"], **dict(levels)}) for levels in product(*axes)]
    cells = (base, *(cell for cell in swept if cell != base))
    return Idea(item["title"], item["hypothesis"], base, cells, int(item.get("parent", 0)))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= PROBLEM_CHARS else text[: PROBLEM_CHARS - 1] + "…"
