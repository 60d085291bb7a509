"""Write docs/configuration.md from the config's JSON schema: `document_config.py SCHEMA PAGE`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Schema = Mapping[str, Any]
HEAD = """# Every key of the config

Made by `make schema` from `resources/schemas/config.schema.json`; do not edit. Unknown keys and
wrong values stop a run before its first job. `config.yaml` is the default; others are in
`resources/presets/`.
"""
# Sections whose names end so come first, in this order; all others follow by name.
FIRST = ("Task", "Arm")
LIMITS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"),
)


def page(schema: Schema) -> str:
    """Return the page: a table of the top level's keys, then one a section."""
    sections = schema["$defs"]
    parts = [HEAD, "\n## Top level\n\n", _table(schema, sections)]
    for name, section in sorted(sections.items(), key=lambda item: _order(item[0])):
        parts += [f"\n## {name}\n\n", f"{section['description']}\n\n", _table(section, sections)]
    return "".join(parts)


def _order(name: str) -> tuple[int, str]:
    endings = (place for place, ending in enumerate(FIRST) if name.endswith(ending))
    return next(endings, len(FIRST)), name


def _table(section: Schema, sections: Schema) -> str:
    """Return one row a key; a key without a meaning is an error (KeyError)."""
    required = section.get("required", ())
    rows = ["| key | values | default | meaning |", "|---|---|---|---|"]
    for key, value in section["properties"].items():
        whole = value.get("default")
        # A section's defaults stand in its own table.
        default = "required" if key in required else "" if "$ref" in value else _code(whole)
        rows.append(f"| `{key}` | {_kind(value)} | {default} | {_meaning(value, sections)} |")
    return "\n".join(rows) + "\n"


def _meaning(value: Schema, sections: Schema) -> str:
    """Return a key's own description, or the first paragraph of the section that it holds."""
    if "const" in value:
        return "makes the section one of this kind"
    if "$ref" in value and "description" not in value:
        value = sections[value["$ref"].rpartition("/")[2]]
    return _escaped(value["description"].partition("\n\n")[0])


def _escaped(text: str) -> str:
    """Keep what Markdown would take for a cell's end or for a tag."""
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "\\<")


def _kind(value: Schema) -> str:
    """Say in words which values a key takes, with links to the sections that it may hold."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in value:
            return " or ".join(dict.fromkeys(_kind(each) for each in value[choice]))
    if "const" in value:
        return _code(value["const"])
    if "enum" in value:
        return ", ".join(_code(each) for each in value["enum"])
    if value.get("type") in ("array", "object"):
        return _held(value)
    limits = [words.format(value[key]) for key, words in LIMITS if key in value]
    return ", ".join([str(value.get("type", "any")), *limits])


def _held(value: Schema) -> str:
    """Say what a list or a mapping holds."""
    if value["type"] == "array":
        return f"list of: {_kind(value['items']) if 'items' in value else 'values'}"
    held = [*value.get("patternProperties", {}).values(), value.get("additionalProperties")]
    named = next((_kind(each) for each in held if isinstance(each, dict)), "values")
    return f"names with: {named}"


def _code(value: object) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def main() -> None:
    """Read the schema, write the page."""
    source, target = sys.argv[1:]
    Path(target).write_text(page(json.loads(Path(source).read_text())))


if __name__ == "__main__":
    main()
