"""The closed JSON schema of what may be proposed in a space."""

from typing import Any

from dashsearch.space.space import Space

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def cell_schema(space: Space) -> dict[str, Any]:
    """Return the schema of one cell: every factor, a level that it has, and nothing else.

    Levels are listed by `enum`, which every vendor's structured output understands.
    """
    return {
        "type": "object",
        "properties": {
            factor.name: {"enum": list(factor.levels), **_unit(factor.unit)}
            for factor in space.factors
        },
        "required": list(space.names),
        "additionalProperties": False,
    }


def proposals_schema(space: Space, least: int, most: int) -> dict[str, Any]:
    """Return the schema of a list of `least` to `most` proposed cells.

    Raises
    ------
    ValueError
        If `least` is negative or exceeds `most`.
    """
    if not 0 <= least <= most:
        raise ValueError(f"{least} to {most} proposals are no range; give 0 <= least <= most.")
    return {
        "$schema": DRAFT,
        "title": f"Proposals in the space {space.name}",
        "type": "object",
        "properties": {
            "proposals": {
                "type": "array",
                "minItems": least,
                "maxItems": most,
                "items": cell_schema(space),
            }
        },
        "required": ["proposals"],
        "additionalProperties": False,
    }


def _unit(unit: str | None) -> dict[str, str]:
    return {"description": f"in {unit}"} if unit else {}
