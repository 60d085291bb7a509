"""Checking a config before the first job, and saying in a sentence what is wrong with it."""

import difflib
from collections.abc import Mapping
from math import prod
from typing import Any, get_args

from pydantic import ValidationError

from dashsearch.clips.adapters import ADAPTERS
from dashsearch.config.settings import Config, EmbeddedTask
from dashsearch.errors import InputError
from dashsearch.search.agents.settings import AGENT_SETTINGS
from dashsearch.search.policies.grid import grid_places
from dashsearch.search.settings import ARM_SETTINGS
from dashsearch.space.space import Space
from dashsearch.strict import StrictModel


def validate_config(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Check a config and fill in its defaults.

    Returns
    -------
    dict
        Plain data with every key present.

    Raises
    ------
    InputError
        Names the first wrong key by its path, what is wrong with it, and how many more there are.
    """
    try:
        config = Config.model_validate(dict(raw))
    except ValidationError as error:
        problems = [_sentence(problem) for problem in error.errors(include_url=False)]
        more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
        raise InputError(f"config: {problems[0]}{more}.") from None
    return config.model_dump()


def check_budgets(config: Mapping[str, Any], space: Space) -> None:
    """Check that no arm asks for more than the space, or its part of it, can give.

    Raises
    ------
    InputError
        Names the arm, its budget and the number of cells.
    """
    for name, arm in config["arms"].items():
        budget = arm["rounds"] * arm["experiments_per_round"]
        cells = space.size
        if arm["policy"] == "grid":
            try:
                cells = prod(map(len, grid_places(space, arm["levels"])))
            except InputError as error:
                raise InputError(f"config: arms.{name}.levels: {error}") from None
        if arm["policy"] in NEVER_REPEATS and budget > cells:
            raise InputError(
                f"config: arms.{name}: rounds x experiments_per_round is {budget}, but there are "
                f"{cells} cells and {arm['policy']} never repeats one; lower the budget."
            )


def check_fidelities(config: Mapping[str, Any], space: Space) -> None:
    """Check that no arm decides on epochs that are a factor of the space; InputError names it."""
    for name, arm in config["arms"].items():
        if arm["policy"] == "bohb_style" and "epochs" in space.names:
            raise InputError(
                f"config: arms.{name}: bohb_style decides on the epochs itself, but they are a "
                f"factor of space {space.name}; use another policy or another space."
            )


def check_transfer(config: Mapping[str, Any], space: Space) -> None:
    """Check that there are backbones to exchange, if a transfer check is asked for.

    Raises
    ------
    InputError
        If the space has one backbone only.
    """
    top = config["transfer"]["top"]
    if top and len(space.factor("backbone").levels) < 2:
        raise InputError(
            f"config: transfer.top is {top}, but space {space.name} has one backbone, so there is "
            "none to exchange it for; set transfer.top to 0."
        )


def _sentence(problem: Mapping[str, Any]) -> str:
    """Say what is wrong with one key, and what would be right."""
    path = ".".join(str(part) for part in _keys(problem["loc"]))
    return f"{path}: {_complaint(problem)}" if path else _complaint(problem)


def _complaint(problem: Mapping[str, Any]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(problem["loc"][:-1])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        return "unknown key; " + (
            f"did you mean {close[0]}" if close else f"use {', '.join(known)}"
        )
    if kind == "union_tag_invalid":
        expected = context["expected_tags"].replace("', '", "' or '")
        return f"{context['discriminator']} is {context['tag']!r}; use {expected}"
    if kind == "union_tag_not_found":
        return f"{context['discriminator']} is missing; add it"
    fixed = {
        "missing": "is missing; add it",
        "string_pattern_mismatch": (
            "use a name of lower-case letters, digits and _ that starts with a letter"
        ),
        "value_error": str(context.get("error", "")),
    }
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return fixed.get(kind, f"{message}, but it is {problem['input']!r}")


_UNION_MEMBERS: dict[str, type[StrictModel]] = {
    "embedded": EmbeddedTask,
    **{source: settings for source, (settings, _) in ADAPTERS.items()},
    **ARM_SETTINGS,
}
_UNIONS = ("tasks", "arms")
# Policies that run out of cells at the end of a space, or of a grid.
NEVER_REPEATS = ("random", "grid", "evolution", "local_search", "smac")


def _keys(location: tuple[str | int, ...]) -> list[str | int]:
    """Drop what pydantic adds to a location: the chosen member of a union, and "[key]"."""
    return [
        part
        for place, part in enumerate(location)
        if part != "[key]"
        and not (place == 2 and location[0] in _UNIONS)
        and not (place == 5 and location[3:4] == ("agents",))
    ]


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that a part of the config may have."""
    model: type[StrictModel] = Config
    if location[3:4] == ("agents",) and len(location) > 5:
        return list(AGENT_SETTINGS[str(location[5])].model_fields)
    for place, part in enumerate(location):
        in_union = location[0] in _UNIONS
        if place == 2 and in_union:
            model = _UNION_MEMBERS[str(part)]
        elif place == 0 or place > 2 or not in_union:
            model = _model_of(model, str(part)) or model
    return list(model.model_fields)


def _model_of(model: type[StrictModel], key: str) -> type[StrictModel] | None:
    """Return the model that a key of `model` holds, if it holds one."""
    annotation = model.model_fields[key].annotation
    kinds = (annotation, *get_args(annotation))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, StrictModel)), None)
