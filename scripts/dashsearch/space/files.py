"""Reading and writing space files, and refusing a wrong one with its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from dashsearch.errors import InputError
from dashsearch.space.space import GROUPS, Factor, Space

FACTOR_KEYS = {"name", "group", "levels", "unit", "ordered"}
REQUIRED_KEYS = ("name", "group", "levels")


class _LineLoader(yaml.SafeLoader):
    """A safe loader whose mappings remember their line and refuse a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                line = key_node.start_mark.line + 1
                raise InputError(f"line {line}: the key {key!r} is not text; correct it.")
            if key in mapping:
                line = key_node.start_mark.line + 1
                raise InputError(f"line {line}: the key {key!r} stands twice; keep one.")
            mapping[key] = self.construct_object(value_node, deep=True)
        mapping["__line__"] = node.start_mark.line + 1
        return mapping


def _construct(loader: _LineLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct)


def load_space(path: str | Path) -> Space:
    """Read a space file.

    Raises
    ------
    InputError
        With file and line, if the file is missing or not YAML, if a factor has no level, the same
        level twice, an unknown group or key, or if two factors share a name.
    """
    path = Path(path)
    try:
        document = yaml.load(path.read_text(), Loader=_LineLoader)
        return _parse(document)
    except FileNotFoundError:
        raise InputError(
            f"the space file {path} does not exist; correct `space` in the config."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable text file ({error}); correct it.") from None
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise InputError(f"{path} is not valid YAML ({detail}); correct it there.") from None
    except InputError as error:
        raise InputError(f"{path} {error}") from None


def dump_space(space: Space) -> str:
    """Return the text of a space file that `load_space` reads back as the same space."""
    text: str = yaml.safe_dump(space.describe(), sort_keys=False, default_flow_style=None)
    return text


def space_of(document: Any) -> Space:
    """Build a space from plain data in the form of a space file, as `Space.describe` returns it.

    Raises
    ------
    InputError
        As `load_space`, with the factor's number where a file would have a line.
    """
    return _parse(document)


def _parse(document: Any) -> Space:
    if not isinstance(document, dict) or not isinstance(document.get("factors"), list):
        raise InputError("line 1: a space file needs `name` and a list `factors`; add them.")
    unknown = sorted(set(document) - {"name", "factors", "__line__"})
    if unknown:
        raise InputError(f"line 1: unknown key {unknown[0]!r}; use only `name` and `factors`.")
    if not isinstance(document.get("name"), str):
        raise InputError("line 1: the space has no `name`; give it one.")
    if not document["factors"]:
        raise InputError("line 1: `factors` is empty; add at least one factor.")
    factors: list[Factor] = []
    for number, entry in enumerate(document["factors"], start=1):
        if not isinstance(entry, dict):
            raise InputError(f"line 1: {entry!r} is not a factor; write name, group and levels.")
        where = f"line {entry['__line__']}" if "__line__" in entry else f"factor {number}"
        factor = _parse_factor(entry, where)
        if any(factor.name == known.name for known in factors):
            raise InputError(f"{where}: factor {factor.name} stands twice; rename or remove it.")
        factors.append(factor)
    return Space(document["name"], tuple(factors))


def _parse_factor(entry: Mapping[str, Any], where: str) -> Factor:
    unknown = sorted(set(entry) - FACTOR_KEYS - {"__line__"})
    if unknown:
        raise InputError(
            f"{where}: unknown key {unknown[0]!r} in a factor; "
            f"use only {', '.join(sorted(FACTOR_KEYS))}."
        )
    for key in REQUIRED_KEYS:
        if key not in entry:
            raise InputError(f"{where}: a factor has no `{key}`; add it.")
    name, group, levels = entry["name"], entry["group"], entry["levels"]
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(f"{where}: {name!r} is no name for a factor; use letters, digits and _.")
    if group not in GROUPS:
        raise InputError(
            f"{where}: factor {name} has the unknown group {group!r}; use {' or '.join(GROUPS)}."
        )
    if not isinstance(levels, list) or not levels:
        raise InputError(f"{where}: factor {name} has no levels; list at least one.")
    for place, level in enumerate(levels):
        if isinstance(level, bool) or not isinstance(level, str | int | float):
            raise InputError(
                f"{where}: factor {name} has the level {level!r}; use text or numbers."
            )
        if level in levels[:place]:
            raise InputError(f"{where}: factor {name} has the level {level!r} twice; keep one.")
    ordered = entry.get("ordered", False)
    if not isinstance(ordered, bool):
        raise InputError(f"{where}: factor {name} has ordered: {ordered!r}; use true or false.")
    return Factor(name, group, tuple(levels), entry.get("unit"), ordered)
