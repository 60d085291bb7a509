"""The closed JSON schema of a cell."""

from typing import Any

from dashsearch.space.space import Space


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


def _unit(unit: str | None) -> dict[str, str]:
    return {"description": f"in {unit}"} if unit else {}
