"""The report's tables as files for papers: CSV with all digits, LaTeX as they are printed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.files import replacing
from dashsearch.report import style
from dashsearch.report.task import TaskReport

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of one task.

    Attributes
    ----------
    name, caption
        Part of its file's name, and what it shows.
    frame
        Its numbers; an interval is two columns, ``<name>_low`` and ``<name>_high``.
    formats
        How LaTeX writes a column: ``"percent"``, ``"score"``, ``"two"``, ``"p"``; else as it is.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    formats: Mapping[str, str]


def write_tables(tasks: Sequence[TaskReport], folder: Path) -> list[Path]:
    """Write every table of every task as ``<task>-<name>.csv`` and ``.tex``; return the files.

    LaTeX needs the package booktabs.
    """
    written = []
    for task in tasks:
        for table in tables_of(task):
            stem = folder / f"{task.name}-{table.name}"
            with replacing(stem.with_suffix(".csv")) as path:
                table.frame.to_csv(path, index=False)
            with replacing(stem.with_suffix(".tex")) as path:
                path.write_text(as_latex(table, f"tab:{task.name}-{table.name}"))
            written += [stem.with_suffix(".csv"), stem.with_suffix(".tex")]
    return written


def tables_of(task: TaskReport) -> Iterator[Table]:
    """Make all tables that a task's analysis has data for."""
    if task.primary_shares is not None:
        yield _shares(task, task.primary_shares)
    yield _arms(task)
    yield _validity(task)
    if task.transfer is not None and (task.transfer["transfer"] or {}).get("gaps"):
        yield _transfer(task, task.transfer["transfer"])


def as_latex(table: Table, label: str) -> str:
    """Return a table in LaTeX: booktabs, an interval in brackets behind its number."""
    frame = pd.DataFrame()
    for name in map(str, table.frame.columns):
        if name.endswith(("_low", "_high")):
            continue
        write = WRITERS[table.formats.get(name, "text")]
        cells = [write(value) for value in table.frame[name]]
        if f"{name}_low" in table.frame:
            ends = zip(table.frame[f"{name}_low"], table.frame[f"{name}_high"], strict=True)
            cells = [
                cell if pd.isna(low) else f"{cell} [{write(low)}, {write(high)}]"
                for cell, (low, high) in zip(cells, ends, strict=True)
            ]
        frame[style.readable(name)] = cells
    styler = frame.style.hide(axis="index").format(escape="latex").format_index(
        escape="latex", axis=1
    )  # fmt: skip
    columns = "l" + "r" * (frame.shape[1] - 1)
    text: str = styler.to_latex(
        hrules=True, column_format=columns, caption=_latex(table.caption), label=label,
        position_float="centering",
    )  # fmt: skip
    for plain, command in LATEX.items():
        text = text.replace(plain, command)
    return text


def _shares(task: TaskReport, arm: Document) -> Table:
    rows = [
        {"grouping": f"all {each['group']}", **_share(each["estimate"])} for each in arm["groups"]
    ] + [{"grouping": style.readable(s["name"]), **_share(s["estimate"])} for s in arm["shares"]]
    return Table(
        "shares",
        f"Shares of the variance of {style.score_name(task.score)}, {task.title}, sample "
        f"{style.readable(arm['arm'])}: omega squared with 95 % intervals, eta squared, and eta "
        "squared by chance.",
        pd.DataFrame(rows),
        {"omega2": "percent", "eta2": "percent", "eta2_by_chance": "percent", "F": "two", "p": "p"},
    )


def _share(estimate: Document | None) -> dict[str, Any]:
    if estimate is None:
        names = ("omega2", "omega2_low", "omega2_high", "eta2", "eta2_by_chance", "F", "p", "n")
        return dict.fromkeys(names)
    return {
        "omega2": estimate["omega_squared"],
        "omega2_low": estimate["interval"]["low"],
        "omega2_high": estimate["interval"]["high"],
        "eta2": estimate["eta_squared"],
        "eta2_by_chance": estimate["chance_level"],
        "F": estimate["f"],
        "p": estimate["p"],
        "n": estimate["n"],
    }


def _arms(task: TaskReport) -> Table:
    rows = [
        {
            "arm": style.readable(row["arm"]),
            "experiments": row["n"],
            "from": f"pool of {row['pool']}"
            if row["method"] == "expectation"
            else f"{row['seeds']} seeds",
            "validation": row["selection"],
            **_interval("validation", row["selection_interval"]),
            "test": row["reported"],
            **_interval("test", row["reported_interval"]),
        }
        for row in task.convergence["equal_n"]["rows"]
    ]
    return Table(
        "arms",
        f"Arms at equal numbers of experiments, {task.title}: "
        f"{style.score_name(task.selection)} of the leading configuration and its "
        f"{style.score_name(task.score)}.",
        pd.DataFrame(rows),
        {"validation": "score", "test": "score"},
    )


def _validity(task: TaskReport) -> Table:
    rows = [
        {
            "sample": style.readable(scope["arm"]),
            "spearman": found["spearman"],
            **_interval("spearman", found["spearman_interval"]),
            "n": scope["n_cells"],
        }
        for scope in task.validity["scopes"]
        if (found := scope["agreement"]) is not None
    ]
    names = ["sample", "spearman", "spearman_low", "spearman_high", "n"]
    return Table(
        "validity",
        f"Rank correlation of {style.score_name(task.selection)} and "
        f"{style.score_name(task.score)}, {task.title}, over distinct configurations.",
        pd.DataFrame(rows, columns=names),
        {"spearman": "two"},
    )


def _transfer(task: TaskReport, found: Document) -> Table:
    rows = [
        {
            "backbone": style.readable(gap["backbone"]),
            "gap": gap["gap"],
            **_interval("gap", (gap["over_both"] or {}).get("interval") or gap["over_clips"]),
            "p": (gap["over_both"] or {}).get("p_holm"),
            "pairs": gap["n_pairs"],
        }
        for gap in found["gaps"]
    ]
    return Table(
        "transfer",
        f"{style.score_name(task.score)} lost with another backbone than "
        f"{style.readable(found['reference'])}, {task.title}: paired seeds, 95 % intervals over "
        "seeds and test clips, p values adjusted by Holm.",
        pd.DataFrame(rows),
        {"gap": "score", "p": "p"},
    )


def _interval(name: str, interval: Document | None) -> dict[str, Any]:
    low, high = (None, None) if interval is None else (interval["low"], interval["high"])
    return {f"{name}_low": low, f"{name}_high": high}


def _latex(text: str) -> str:
    return text.replace("%", r"\%").replace("_", r"\_").replace("&", r"\&")


def _number(write: Callable[[float], str]) -> Callable[[Any], str]:
    return lambda value: style.MISSING if pd.isna(value) else write(float(value))


WRITERS: Mapping[str, Callable[[Any], str]] = {
    "percent": _number(style.percent),
    "score": _number(style.score),
    "two": _number(lambda value: style.fixed(value, 2)),
    "p": _number(style.p_value),
    "text": lambda value: style.MISSING if value is None else str(value),
}
# What a plain LaTeX does not know, behind the escaping of everything else.
LATEX: Mapping[str, str] = {
    "−": "$-$",
    "\u00a0\\%": r"\,\%",
    "–": "--",
    "×": r"$\times$",
    "⁻": r"$^{-}$",
    "< ": r"$<$ ",
    **{digit: f"$^{{{n}}}$" for n, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
