"""Whether a campaign that ran again gave what a reference holds: file by file, row by row."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from dashsearch.errors import InputError
from dashsearch.files import file_digest

TOLERANCES = "tolerances.yaml"
DIGESTS = "digests.json"
EQUAL, WITHIN = "equal", "within tolerance"


@dataclass(frozen=True)
class Tolerance:
    """How far the numbers of some files may be from the reference's.

    Attributes
    ----------
    files
        Pattern of paths below ``results/``; the first that fits a file counts.
    absolute, relative
        A number x may differ by absolute + relative · |x|; whole numbers, like texts, may not.
        Both 0: bits must agree.
    why
        Why these files are compared like that.
    """

    files: str
    absolute: float
    relative: float
    why: str


@dataclass(frozen=True)
class FileVerdict:
    """How one file compares.

    Attributes
    ----------
    file
        Path below ``results/``.
    row
        The first row (or path within a document) that differs, or the one that differs most.
    expected, found
        What stands there; the beginning of the digests where nothing differs.
    verdict
        ``"equal"``, ``"within tolerance"``, or what is wrong.
    """

    file: str
    row: str
    expected: str
    found: str
    verdict: str

    @property
    def is_reproduced(self) -> bool:
        """Whether the file agrees with the reference."""
        return self.verdict in (EQUAL, WITHIN)


def compare_results(reference: Path, results: Path) -> list[FileVerdict]:
    """Compare the results of a campaign with a reference.

    Parameters
    ----------
    reference
        Folder with ``tolerances.yaml``, ``digests.json`` and the expected files in ``results/``.
    results
        Results that were made again.

    Returns
    -------
    list of FileVerdict
        One a file of either side that a tolerance names, sorted by path.

    Raises
    ------
    InputError
        If the reference lacks a file of its own, or one cannot be read.
    """
    tolerances = read_tolerances(reference / TOLERANCES)
    digests = json.loads((reference / DIGESTS).read_text())
    expected, found = (
        compared_files(folder, tolerances) for folder in (reference / "results", results)
    )
    return [
        _compare_file(name, expected.get(name), found.get(name), tolerances, digests.get(name))
        for name in sorted({*expected, *found, *digests})
    ]


def read_tolerances(path: Path) -> list[Tolerance]:
    """Read the declared tolerances; InputError names the entry that is wrong."""
    entries = yaml.safe_load(path.read_text())
    try:
        return [Tolerance(**entry) for entry in entries]
    except TypeError as error:
        raise InputError(
            f"{path}: an entry has other keys than files, absolute, relative, why ({error}); "
            "correct it."
        ) from None


def compared_files(folder: Path, tolerances: list[Tolerance]) -> dict[str, Path]:
    """Return the files below a folder that a tolerance names, by their path in it."""
    names = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in names.items() if _tolerance(name, tolerances)}


def _tolerance(name: str, tolerances: list[Tolerance]) -> Tolerance | None:
    return next((each for each in tolerances if fnmatch(name, each.files)), None)


def _compare_file(
    name: str,
    expected: Path | None,
    found: Path | None,
    tolerances: list[Tolerance],
    digest: str | None,
) -> FileVerdict:
    if expected is None or digest is None:
        what = "is not in the reference" if digest is None else "is missing from the reference"
        return FileVerdict(name, "", "", "", what)
    if found is None:
        return FileVerdict(name, "", digest[:12], "", "was not made")
    was_changed = file_digest(expected) != digest
    if not was_changed and file_digest(found) == digest:
        return FileVerdict(name, "", digest[:12], digest[:12], EQUAL)
    tolerance = _tolerance(name, tolerances)
    # A reference that was changed vouches for nothing: not even a small difference is let through.
    if tolerance is None or was_changed:
        tolerance = Tolerance(name, 0, 0, "")
    verdict = _compare_leaves(name, leaves(expected), leaves(found), tolerance)
    if was_changed:
        row, old, new = verdict.row, verdict.expected, verdict.found
        return FileVerdict(name, row, old, new, "the reference file was changed")
    return verdict


def _compare_leaves(
    name: str, expected: Mapping[str, Any], found: Mapping[str, Any], tolerance: Tolerance
) -> FileVerdict:
    worst, place = 0.0, ""
    for row in (*expected, *(each for each in found if each not in expected)):
        if row not in expected or row not in found:
            old, new = (str(side.get(row, "(nothing)"))[:80] for side in (expected, found))
            return FileVerdict(name, row, old, new, "differs")
        away = _distance(expected[row], found[row], tolerance)
        if away > 1:
            return FileVerdict(name, row, str(expected[row])[:80], str(found[row])[:80], "differs")
        if away > worst:
            worst, place = away, row
    old, new = (str(side.get(place, ""))[:80] for side in (expected, found))
    return FileVerdict(name, place, old, new, WITHIN)


def _distance(expected: Any, found: Any, tolerance: Tolerance) -> float:
    """Return the difference in units of what is allowed; infinite if none is."""
    if expected == found or (_is_nan(expected) and _is_nan(found)):
        return 0.0
    numbers = (int, float)
    is_number = isinstance(expected, numbers) and isinstance(found, numbers)
    if not is_number or isinstance(expected, bool) or _is_nan(expected) or _is_nan(found):
        return math.inf
    if isinstance(expected, int) and isinstance(found, int):
        return math.inf  # counts, cells and seeds are no sums that processors round
    allowed = tolerance.absolute + tolerance.relative * abs(expected)
    return abs(expected - found) / allowed if allowed > 0 else math.inf


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def leaves(path: Path) -> dict[str, Any]:
    """Return every value of a JSON document, JSON Lines, CSV or Parquet file by its place.

    Raises
    ------
    InputError
        If the file cannot be read as what its name says.
    """
    try:
        if path.suffix == ".json":
            return dict(_walk(json.loads(path.read_text()), ""))
        if path.suffix == ".jsonl":
            lines = path.read_text().splitlines()
            return {
                f"row {number}{place}": value
                for number, line in enumerate(lines, start=1)
                for place, value in _walk(json.loads(line), "")
            }
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be compared: {str(error)[:200]}; make it anew.") from None
    return {
        f"row {number}, {column}": value
        for number, row in enumerate(table.to_dict("records"), start=1)
        for column, value in row.items()
    }


def _walk(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{place}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, f"{place}[{number}]")
    else:
        yield place, value
