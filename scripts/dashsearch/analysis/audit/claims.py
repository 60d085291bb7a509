"""The claims of the study, as `claims.yaml` states them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from dashsearch.analysis.audit.published import Published
from dashsearch.errors import InputError


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes
    ----------
    id, edition, statement, source
        What the study says, where, and in which edition.
    published, unit, tolerance
        The figure, None for a statement without one; its unit; and how far a recomputed value may
        be from it, None where the claim is a name or a comparison.
    kind
        ``"arithmetic"``, ``"summary statistic"``, ``"fit"``, ``"comparison"`` or
        ``"unverifiable"``.
    recipe, arguments
        Which function recomputes it, and from what.
    needs
        What would have to be published if the figures do not determine it.
    exhibit
        Which figure of the page shows it, or "".
    """

    id: str
    edition: str
    statement: str
    published: float | str | None
    unit: str
    tolerance: float | None
    kind: str
    source: str
    recipe: str
    arguments: Mapping[str, Any]
    needs: str
    exhibit: str


def load_claims(
    published: Published, recipes: Mapping[str, Callable[..., Any]]
) -> tuple[Claim, ...]:
    """Read `claims.yaml` beside the tables and check it, in the file's order.

    Raises
    ------
    InputError
        If the file is no YAML, breaks the schema, two claims share an id, or a recipe does not
        exist or does not take the arguments given.
    """
    path = published.folder / "claims.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as YAML: {reason}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("claims"), list):
        raise InputError(f"{path} holds no list under `claims:`; list the claims there.")
    validator = Draft202012Validator(published.schema["$defs"]["claim"])
    claims = [_checked(entry, path, validator, recipes) for entry in document["claims"]]
    ids = [claim.id for claim in claims]
    for name in ids:
        if ids.count(name) > 1:
            raise InputError(f"{path}: two claims have the id {name!r}; rename one.")
    return tuple(claims)


def _checked(
    entry: Any,
    path: Path,
    validator: Draft202012Validator,
    recipes: Mapping[str, Callable[..., Any]],
) -> Claim:
    name = entry.get("id", "without an id") if isinstance(entry, dict) else "without an id"
    broken = min(validator.iter_errors(entry), key=lambda error: str(error.path), default=None)
    if broken is not None:
        where = ".".join(map(str, broken.absolute_path)) or "the entry"
        raise InputError(f"{path}: claim {name}: {where}: {broken.message}; correct it.")
    arguments = dict(entry["derive"])
    recipe = arguments.pop("recipe")
    if recipe not in recipes:
        raise InputError(
            f"{path}: claim {name}: there is no recipe {recipe!r}; choose one of "
            f"{', '.join(sorted(recipes))}."
        )
    try:
        inspect.signature(recipes[recipe]).bind(None, None, **arguments)
    except TypeError as error:
        raise InputError(
            f"{path}: claim {name}: recipe {recipe}: {error}; see docs/audit.md."
        ) from error
    return Claim(
        id=entry["id"],
        edition=entry["edition"],
        statement=entry["statement"],
        published=entry["published"],
        unit=entry.get("unit", ""),
        tolerance=entry.get("tolerance"),
        kind=entry["kind"],
        source=entry["source"],
        recipe=recipe,
        arguments=arguments,
        needs=entry.get("needs", ""),
        exhibit=entry.get("exhibit", ""),
    )
