"""The published figures: tables in `resources/published/`, checked against their schema."""

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from jsonschema import Draft202012Validator

from dashsearch.errors import InputError

SCHEMA = "schema.json"


@dataclass(frozen=True)
class Fact:
    """One published number that stands in no table of data."""

    name: str
    value: float
    unit: str
    edition: str
    source: str


@dataclass(frozen=True)
class Design:
    """One published analysis of variance; None where the study does not say.

    Attributes
    ----------
    f, eta_squared
        As published.
    groups, n
        Number of groups and of scores.
    sampling
        ``"uniform"``, ``"designed"`` or ``"adaptive"``: how the cells were chosen.
    """

    key: str
    name: str
    f: float | None
    eta_squared: float | None
    groups: int | None
    n: int | None
    sampling: str
    edition: str


class Published:
    """The tables of a folder, read once and checked row by row.

    Raises
    ------
    InputError
        If the folder, its schema, a table or a cell is missing or breaks the schema, or a fact or
        design that is asked for is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.schema = _read_schema(self.folder / SCHEMA)
        self._tables = cache(self._read)

    def path(self, table: str) -> Path:
        """Where a table lies, for readers of their own; it is checked first."""
        self.table(table)
        return self._file(table)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table, its columns typed as the schema says."""
        return self._tables(name)

    def fact(self, name: str) -> Fact:
        """Return one published number."""
        rows = self.table("facts")
        found = rows[rows["fact"] == name]
        if len(found) != 1:
            raise InputError(
                f"{self._file('facts')} has {len(found)} rows for the fact {name!r}; give it one."
            )
        row = found.iloc[0]
        return Fact(name, float(row["value"]), row["unit"], row["edition"], row["source"])

    def design(self, key: str) -> Design:
        """Return one published analysis of variance."""
        rows = self.table("designs")
        found = rows[rows["design"] == key]
        if len(found) != 1:
            raise InputError(
                f"{self._file('designs')} has {len(found)} rows for the design {key!r}; give it "
                "one."
            )
        row = found.iloc[0]
        whole = {name: _optional(row[name]) for name in ("groups", "n")}
        return Design(
            key=key,
            name=str(row["name"]),
            f=_optional(row["f"]),
            eta_squared=_optional(row["eta_squared"]),
            groups=None if whole["groups"] is None else int(whole["groups"]),
            n=None if whole["n"] is None else int(whole["n"]),
            sampling=str(row["sampling"]),
            edition=str(row["edition"]),
        )

    def _file(self, table: str) -> Path:
        return self.folder / f"{table}.csv"

    def _read(self, name: str) -> pd.DataFrame:
        path = self._file(name)
        definition = self.schema["$defs"].get(name)
        if definition is None:
            known = ", ".join(sorted(set(self.schema["$defs"]) - {"claim"}))
            raise InputError(f"{path.parent / SCHEMA} knows no table {name!r}; it has {known}.")
        try:
            with path.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path} cannot be read as a CSV file: {error}.") from error
        validator = Draft202012Validator(definition)
        typed = [_typed(row, definition) for row in rows]
        for line, row in enumerate(typed, start=2):
            broken = next(iter(sorted(validator.iter_errors(row), key=str)), None)
            if broken is not None:
                where = ".".join(map(str, broken.absolute_path)) or "the row"
                raise InputError(
                    f"{path} line {line}: {where}: {broken.message}; correct the row or the schema."
                )
        if not typed:
            raise InputError(f"{path} holds no row; put the published figures back.")
        return pd.DataFrame(typed)


def _typed(row: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """Turn a row's text into numbers where the schema wants numbers; empty cells become None."""
    typed: dict[str, Any] = {}
    for name, text in row.items():
        wanted = definition["properties"].get(name, {}).get("type", "string")
        kinds = {wanted} if isinstance(wanted, str) else set(wanted)
        typed[name] = text
        if text == "" and "null" in kinds:
            typed[name] = None
        elif kinds & {"integer", "number"}:
            try:
                typed[name] = int(text) if "integer" in kinds else float(text)
            except (TypeError, ValueError):
                continue  # stays text, which the schema refuses by name
    return typed


def _read_schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error
    return dict(schema)


def _optional(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
