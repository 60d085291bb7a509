"""One-way analyses from published group tables: sizes, means and standard deviations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.inference.one_way_tests import ROUNDING, Welch, welch_of_summaries
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.variance.one_way import OneWay, OneWayTests, one_way_of_sums
from dashsearch.errors import InputError

Deviation = Literal["population", "sample"]
NUMBERS = ("n", "mean_ap", "std_ap")


@dataclass(frozen=True)
class GroupTable:
    """Sufficient statistics of groups of scores.

    Attributes
    ----------
    source
        The file that the table was read from.
    factors
        Columns that name a group.
    labels
        The levels of each group, one per factor.
    n, mean, ss
        Of each group: number of scores, their mean, and their sum of squares around it; arrays of
        shape (groups,).
    dropped_groups, dropped_scores
        Groups smaller than the smallest allowed, and the scores in them.
    """

    source: str
    factors: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    ss: NDArray[np.float64]
    dropped_groups: int
    dropped_scores: int


def read_group_table(
    path: str | Path,
    factors: Sequence[str] = ("backbone", "encoder"),
    std: Deviation = "population",
    min_n: int = 10,
) -> GroupTable:
    """Read a CSV file with one row per group.

    Parameters
    ----------
    path
        File with the columns `factors`, ``n`` (number of scores), ``mean_ap`` and ``std_ap`` (mean
        and standard deviation of average precision, in [0, 1]).
    factors
        Columns whose levels name a group.
    std
        Whether ``std_ap`` was divided by n (``"population"``) or by n - 1 (``"sample"``).
    min_n
        Groups with fewer scores are left out and counted.

    Raises
    ------
    InputError
        If the file, a column or a value is missing, a size is not a whole number from 1 on, a mean
        is outside [0, 1], a deviation is negative, a group stands twice, or `std` or `min_n` is
        none.
    TooFewScores
        If a factor has a single level, fewer than two groups are left, or they have no degrees of
        freedom or no variance within.
    """
    path = Path(path)
    if std not in ("population", "sample"):
        raise InputError(f"std is {std!r}; choose population (divided by n) or sample (by n - 1).")
    if min_n < 1:
        raise InputError(f"min_n is {min_n}; give at least 1.")
    rows = _read(path, factors)
    _check(rows, path, factors)
    kept = rows[rows["n"] >= min_n]
    n = kept["n"].to_numpy(dtype=np.int64)
    deviation = kept["std_ap"].to_numpy(dtype=np.float64)
    ss = deviation**2 * (n if std == "population" else n - 1)
    table = GroupTable(
        source=str(path),
        factors=tuple(factors),
        labels=tuple(map(tuple, kept[list(factors)].to_numpy(dtype=object))),
        n=n,
        mean=kept["mean_ap"].to_numpy(dtype=np.float64),
        ss=ss,
        dropped_groups=len(rows) - len(kept),
        dropped_scores=int(rows["n"].sum() - n.sum()),
    )
    _refuse(table, len(rows), min_n)
    return table


def one_way_of_groups(table: GroupTable) -> OneWay:
    """Split the variance of the scores behind a table into a share between groups and the rest.

    Sizes, means and sums of squares are sufficient for F, the shares and Welch's test. The other
    tests are None: they are made from scores.

    Raises
    ------
    TooFewScores
        If the scores do not vary within any group, or no group has two.
    """
    n = int(table.n.sum())
    centre = float(table.n @ table.mean) / n
    between = float(table.n @ (table.mean - centre) ** 2)
    within = float(table.ss.sum())
    _refuse_flat(table, within)
    return one_way_of_sums(between, within, len(table.n), n, OneWayTests(welch=_welch(table)))


def collapse(table: GroupTable, factor: str) -> GroupTable:
    """Join the groups of each level of one factor; nothing is lost, since the sums are sufficient.

    Groups that the table left out stay out.
    """
    place = table.factors.index(factor)
    levels, inverse = np.unique([label[place] for label in table.labels], return_inverse=True)
    n = np.bincount(inverse, weights=table.n)
    mean = np.bincount(inverse, weights=table.n * table.mean) / n
    within: NDArray[np.float64] = table.ss + table.n * (table.mean - mean[inverse]) ** 2
    return replace(
        table,
        factors=(factor,),
        labels=tuple((str(level),) for level in levels),
        n=n.astype(np.int64),
        mean=mean,
        ss=np.bincount(inverse, weights=within).astype(np.float64),
    )


def is_group_table(path: str | Path, score: str) -> bool:
    """Whether a file is a CSV table of groups: it has their means or deviations and no `score`."""
    path = Path(path)
    if path.suffix != ".csv":
        return False
    try:
        columns = set(pd.read_csv(path, nrows=0).columns)
    except (OSError, ValueError):
        return False
    return bool(columns & {"mean_ap", "std_ap"}) and score not in columns


def _welch(table: GroupTable) -> Welch | None:
    if table.n.min() < 2:
        return None
    return welch_of_summaries(table.n, table.mean, table.ss / (table.n - 1))


def _read(path: Path, factors: Sequence[str]) -> pd.DataFrame:
    if not factors:
        raise InputError(f"{path}: no factor column is named; name at least one.")
    try:
        rows = pd.read_csv(path, dtype=dict.fromkeys(factors, str), keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path} cannot be read as a CSV file: {error}.") from error
    missing = [name for name in (*factors, *NUMBERS) if name not in rows.columns]
    if missing:
        raise InputError(
            f"{path} ({len(rows)} rows) has no column {missing[0]!r}; "
            f"a group table has {', '.join((*factors, *NUMBERS))}."
        )
    rows[list(NUMBERS)] = rows[list(NUMBERS)].apply(pd.to_numeric, errors="coerce")
    return rows


def _check(rows: pd.DataFrame, path: Path, factors: Sequence[str]) -> None:
    n, mean, deviation = (rows[name].to_numpy(dtype=np.float64) for name in NUMBERS)
    for name in factors:
        _no_rows(rows[name].str.strip() == "", path, name, "no level", "name every group")
    for name, values in zip(NUMBERS, (n, mean, deviation), strict=True):
        _no_rows(~np.isfinite(values), path, name, "no finite number", "leave such groups out")
    _no_rows((n < 1) | (n != np.floor(n)), path, "n", "no whole number from 1 on", "count scores")
    _no_rows((mean < 0) | (mean > 1), path, "mean_ap", "a mean outside 0 to 1", "give precisions")
    _no_rows(deviation < 0, path, "std_ap", "a negative deviation", "give deviations from 0 on")
    twice = rows.duplicated(list(factors), keep=False).to_numpy()
    names = ", ".join(factors)
    _no_rows(twice, path, names, "a group that stands twice", "join the rows of a group")


def _no_rows(
    broken: "NDArray[np.bool_] | pd.Series", path: Path, column: str, what: str, remedy: str
) -> None:
    count = int(np.asarray(broken, dtype=bool).sum())
    if count:
        raise InputError(
            f"{path}, column {column}: {count} of {len(broken)} rows hold {what}; {remedy}."
        )


def _refuse(table: GroupTable, rows: int, min_n: int) -> None:
    if len(table.n) < 2:
        raise TooFewScores(
            f"{table.source}, column n: {len(table.n)} of {rows} groups hold {min_n} scores or "
            "more; at least two must, so lower min_n."
        )
    for place, name in enumerate(table.factors):
        levels = {label[place] for label in table.labels}
        if len(levels) < 2:
            raise TooFewScores(
                f"{table.source}, column {name}: all {len(table.n)} groups of {min_n} scores or "
                f"more have the level {levels.pop()!r}; name factors with two levels or more."
            )
    if (table.n < 2).all():
        raise TooFewScores(
            f"{table.source}, column n: all {len(table.n)} groups hold one score, which leaves no "
            "degrees of freedom within groups; at least one group needs two scores."
        )
    _refuse_flat(table, float(table.ss.sum()))


def _refuse_flat(table: GroupTable, within: float) -> None:
    if within <= ROUNDING * float((table.n * table.mean**2).sum()):
        raise TooFewScores(
            f"{table.source}, column std_ap: the scores do not vary within any of the "
            f"{len(table.n)} groups, so no share of variance can be told from chance."
        )
