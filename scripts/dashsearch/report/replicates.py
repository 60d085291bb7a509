"""Figures of many runs against a measured table: bands of luck, what each would have told."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter

from dashsearch.report.drawing import Drawing
from dashsearch.report.figures import name_rows
from dashsearch.report.style import FAINT, INK, house_style, percent, readable, score

Document = Mapping[str, Any]


def draw_replicates(documents: Sequence[Document], colours: Mapping[str, str]) -> list[Drawing]:
    """Draw the bands of all tables side by side, and below what single runs would have told."""
    if not documents:
        return []
    drawings = [_bands(documents, colours)]
    if any(document["told"] for document in documents):
        drawings.append(_told(documents, colours))
    return drawings


def _bands(documents: Sequence[Document], colours: Mapping[str, str]) -> Drawing:
    with house_style():
        canvas = Canvas(figsize=(10, 3.7))
        grid = canvas.add_gridspec(
            1, len(documents), left=0.075, right=0.985, top=0.86, bottom=0.15, wspace=0.2
        )
        for place, document in enumerate(documents):
            axis = canvas.add_subplot(grid[place])
            for arm in document["arms"]:
                _band(axis, arm, colours[arm["arm"]])
            best = document["best"]["test_of_the_best_on_validation"]
            axis.axhline(best, color=INK, linewidth=0.9, linestyle=(0, (3, 3)))
            axis.set_title(f"{document['task']} ({document['space']['cells']:,} cells)")
            axis.set_xlabel("experiments")
            axis.grid(axis="y", color=FAINT, linewidth=0.6)
            if place == 0:
                axis.set_ylabel("test mAP of the leading cell")
            axis.legend(loc="lower right", ncols=2)
    runs = {arm["runs"] for document in documents for arm in document["arms"]}
    return Drawing(
        name="replicate-bands",
        kind="bands",
        canvas=canvas,
        alt="Test score of the leading cell over many runs on measured tables. "
        + " ".join(_last_sentence(document) for document in documents),
        caption=(
            f"Every arm {', '.join(map(str, sorted(runs)))} times with other seeds against a table "
            "in which every cell is measured: median, and the band that nine in ten runs lie in. "
            "Dotted: the cell that leads on validation of the whole table. One run of an arm is "
            "one draw from its band."
        ),
    )


def _band(axis: Axes, arm: Document, colour: str) -> None:
    n = np.array(arm["n"])
    low, median, high = (
        np.array([np.nan if v is None else v for v in arm["reported"][name]], dtype=float)
        for name in ("low", "median", "high")
    )
    axis.fill_between(n, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.plot(n, median, color=colour, label=readable(arm["arm"]))


def _last_sentence(document: Document) -> str:
    parts = [
        f"{readable(arm['arm'])} {score(arm['reported']['median'][-1])} "
        f"({score(arm['reported']['low'][-1])} to {score(arm['reported']['high'][-1])})"
        for arm in document["arms"]
    ]
    return f"{document['task']} after {document['arms'][0]['n'][-1]}: {', '.join(parts)}."


def _told(documents: Sequence[Document], colours: Mapping[str, str]) -> Drawing:
    shown = [document for document in documents if document["told"]]
    names = list(dict.fromkeys(row["quantity"] for row in shown[0]["told"]))
    arms = list(dict.fromkeys(row["arm"] for row in shown[0]["told"]))
    offsets = np.linspace(0.28, -0.28, len(arms)) if len(arms) > 1 else [0.0]
    with house_style():
        canvas = Canvas(figsize=(10, 1.1 + 0.62 * len(names)))
        height = canvas.get_figheight()
        grid = canvas.add_gridspec(
            1, len(shown), left=0.15, right=0.97, top=1 - 0.66 / height, bottom=0.52 / height,
            wspace=0.14,
        )  # fmt: skip
        for place, document in enumerate(shown):
            axis = canvas.add_subplot(grid[place])
            rows = {(row["arm"], row["quantity"]): row for row in document["told"]}
            for at, name in zip(np.arange(len(names))[::-1], names, strict=True):
                for arm, offset in zip(arms, offsets, strict=True):
                    row = rows[arm, name]
                    if row["median"] is None:
                        continue
                    y = at + offset
                    axis.plot([row["low"], row["high"]], [y, y], color=colours[arm], lw=1.4)
                    axis.plot(row["median"], y, "o", color=colours[arm], markersize=4.5)
                exact = rows[arms[0], name]["exact"]
                if exact is not None:
                    axis.plot([exact, exact], [at - 0.42, at + 0.42], color=INK, linewidth=2)
            axis.set_title(document["task"])
            name_rows(axis, [readable(name) if place == 0 else "" for name in names])
            axis.set_xlim(0, 1)
            axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
            axis.set_xlabel("share of variance")
            if place == 0:
                handles = [axis.plot([], [], "o-", color=colours[a], label=readable(a))[0]
                           for a in arms]  # fmt: skip
                handles.append(axis.plot([], [], color=INK, lw=2, label="exact, all cells")[0])
        canvas.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.14, 1.0), ncols=6)
    return Drawing(
        name="replicate-told",
        kind="told",
        canvas=canvas,
        alt="Share of variance that single runs would have reported, against the exact one. "
        + " ".join(
            f"{document['task']}, {readable(row['arm'])}, {readable(row['quantity'])}: "
            f"{percent(row['median'])}, exactly {percent(row['exact'])}."
            for document in shown
            for row in document["told"]
            if row["median"] is not None
        ),
        caption=(
            "What an adaptive sample would have told you: η² as published, on each run's own "
            "experiments (dot: median over runs; line: nine in ten runs), against the exact share "
            "of the variance of single experiments in all cells (upright line). Groups with one "
            "experiment are left out, as is usual; nothing is corrected for chance."
        ),
    )
