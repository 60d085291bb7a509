"""Figures of what was proposed: by backbone over time, how far apart, and by whom."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dashsearch.report.drawing import Drawing
from dashsearch.report.figures import name_rows
from dashsearch.report.style import (
    BAND,
    FAINT,
    INK,
    MUTED,
    backbone_colours,
    house_style,
    readable,
)
from dashsearch.report.task import TaskReport

BACKBONE = "backbone"
BINS = 12
PANELS = 8  # of one figure; more arms than that stand in the tables

Document = Mapping[str, Any]


def draw_dynamics(task: TaskReport, colours: Mapping[str, str]) -> Iterator[Drawing]:
    """Draw what the searching arms proposed, as far as there is data for it."""
    rows = searched(task)
    if BACKBONE in rows and len(rows):
        yield _proposed(task, rows)
    if task.dynamics["steps"]:
        yield _steps(task, colours)
    measured = [each for each in task.dynamics["divergence"] if each["estimate"]]
    if measured:
        yield _divergence(task, measured)


def searched(task: TaskReport) -> pd.DataFrame:
    """Proposals of the arms that choose by earlier scores, invalid ones and starts left out."""
    adaptive = {arm["arm"] for arm in task.convergence["arms"] if arm["sampling"] == "adaptive"}
    rows = task.experiments
    if rows.empty:
        return rows
    return rows[rows["arm"].isin(adaptive) & (rows["status"] != "invalid")]


def proposed_shares(rows: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """Share of every backbone among the proposals of one arm name, by part of its runs.

    Parameters
    ----------
    rows
        Proposals with the columns arm_seed, n (number within the run, from 1) and backbone.

    Returns
    -------
    DataFrame
        One row a part of the runs, by the middle of its numbers; one column a backbone; rows add
        up to 1. Parts without a proposal are left out.
    """
    last = int(rows["n"].max())
    edges = np.linspace(0.5, last + 0.5, min(bins, last) + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    part = np.clip(np.searchsorted(edges, rows["n"], side="right") - 1, 0, len(middles) - 1)
    counts = pd.crosstab(middles[part], rows[BACKBONE])
    return counts.div(counts.sum(axis=1), axis=0)


def _proposed(task: TaskReport, rows: pd.DataFrame) -> Drawing:
    arms = list(dict.fromkeys(rows["arm"]))[:PANELS]
    backbones = list(dict.fromkeys(task.pair_means.get(BACKBONE, rows[BACKBONE])))
    colours = backbone_colours(backbones)
    across = min(4, len(arms))
    down = -(-len(arms) // across)
    with house_style():
        canvas = Canvas(figsize=(10, 0.9 + 2.1 * down))
        top = 1 - 0.62 / canvas.get_figheight()
        grid = canvas.add_gridspec(
            down, across, left=0.07, right=0.985, bottom=0.5 / canvas.get_figheight(), top=top,
            hspace=0.55, wspace=0.16,
        )  # fmt: skip
        for place, arm in enumerate(arms):
            axis = canvas.add_subplot(grid[place // across, place % across])
            shares = proposed_shares(rows[rows["arm"] == arm]).reindex(
                columns=backbones, fill_value=0.0
            )
            _stack(axis, shares, [colours[name] for name in backbones])
            axis.set_title(readable(arm))
            axis.tick_params(axis="y", labelleft=place % across == 0)
            if place // across == down - 1:
                axis.set_xlabel("experiments proposed")
        canvas.legend(
            handles=[Patch(color=colours[name], label=readable(name)) for name in backbones],
            loc="upper left",
            bbox_to_anchor=(0.06, 1.0),
            ncols=6,
            columnspacing=1.3,
            handlelength=1.0,
        )
    return Drawing(
        name=f"{task.name}-proposed",
        kind="proposed",
        canvas=canvas,
        alt=(
            "Share of every backbone among the proposals over time, by arm: "
            + "; ".join(_leader(rows[rows["arm"] == arm], arm) for arm in arms)
            + "."
        ),
        caption=(
            "What was proposed over time: share of each backbone among the proposals of all seeds "
            "of an arm name, in parts of its runs. The order from below is that of the space. The "
            "first proposals are the start that all arms share."
        ),
    )


def _stack(axis: Axes, shares: pd.DataFrame, colours: Sequence[str]) -> None:
    left, middles = 0.5, list(shares.index)
    widths = []
    for middle in middles:
        widths.append(2 * (middle - left))
        left += widths[-1]
    bottom = np.zeros(len(shares))
    for name, colour in zip(shares.columns, colours, strict=True):
        axis.bar(middles, shares[name], width=widths, bottom=bottom, color=colour, linewidth=0)
        bottom += shares[name].to_numpy()
    axis.set_ylim(0, 1)
    axis.set_xlim(0.5, left)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _leader(rows: pd.DataFrame, arm: str) -> str:
    last = rows[rows["n"] > rows["n"].max() / 2][BACKBONE].value_counts(normalize=True)
    return (
        f"{readable(arm)} proposes {readable(str(last.index[0]))} in {last.iloc[0]:.0%} of its "
        "second half"
    ).replace("%", " %")


def _steps(task: TaskReport, colours: Mapping[str, str]) -> Drawing:
    rows = task.dynamics["steps"]
    measures = (
        ("step", "to the one before (Gower)"),
        ("nearest", "to the nearest earlier one (Gower)"),
        ("factors_changed", "factors changed"),
    )
    with house_style():
        canvas = Canvas(figsize=(10, 1.0 + 0.34 * len(rows)))
        bottom = 0.5 / canvas.get_figheight()
        grid = canvas.add_gridspec(
            1, 3, left=0.16, right=0.985, bottom=bottom, top=1 - 0.32 / canvas.get_figheight(),
            wspace=0.12,
        )  # fmt: skip
        places = np.arange(len(rows))[::-1]
        for panel, (measure, title) in enumerate(measures):
            axis = canvas.add_subplot(grid[panel])
            for place, row in zip(places, rows, strict=True):
                _dot(axis, place, row[measure], colours.get(row["arm"], INK))
            axis.set_title(title, fontsize=9, fontweight="normal")
            name_rows(axis, [_who(row) if panel == 0 else "" for row in rows])
            axis.set_xlim(0, 1.04 * axis.get_xlim()[1])
            axis.xaxis.set_major_locator(MaxNLocator(5))
    return Drawing(
        name=f"{task.name}-steps",
        kind="steps",
        canvas=canvas,
        alt="Mean distance of a proposal to the one before, by arm: "
        + "; ".join(
            f"{_who(row)} {row['step']['mean']:.2f}, {row['step']['uniform']:.2f} for a uniform "
            "policy"
            for row in rows
            if row["step"]["mean"] is not None
        )
        + ".",
        caption=(
            "How far apart proposals are: means of Gower's distance (0: the same cell, 1: every "
            "factor at the other end), and of the number of factors that changed. The upright tick "
            "is what a policy that draws uniformly has; lines are 95 % intervals over seeds, where "
            "there are enough of them."
        ),
    )


def _dot(axis: Axes, place: float, row: Document, colour: str) -> None:
    if row["mean"] is None:
        return
    if row["interval"] is not None:
        ends = [row["interval"]["low"], row["interval"]["high"]]
        axis.plot(ends, [place, place], color=colour, linewidth=1.4)
    axis.plot(row["mean"], place, "o", color=colour, markersize=5.5)
    axis.plot([row["uniform"]] * 2, [place - 0.3, place + 0.3], color=MUTED, linewidth=1.4)


def _divergence(task: TaskReport, rows: Sequence[Document]) -> Drawing:
    with house_style():
        canvas = Canvas(figsize=(10, 1.0 + 0.32 * len(rows)))
        height = canvas.get_figheight()
        axis = canvas.add_axes((0.33, 0.5 / height, 0.5, 1 - 0.62 / height))
        places = np.arange(len(rows))[::-1]
        for place, row in zip(places, rows, strict=True):
            found = row["estimate"]
            band = found["band"]
            axis.barh(
                place, band["high"] - band["low"], left=band["low"], height=0.6, color=BAND,
                edgecolor=FAINT,
            )  # fmt: skip
            axis.plot(found["jsd_bits"], place, "o", color=INK, markersize=5.5)
            axis.text(
                1.02, place, f"p = {row['p_holm']:.2g}, n = {sum(found['n'])}", va="center",
                transform=axis.get_yaxis_transform(), color=MUTED, fontsize=8.5,
            )  # fmt: skip
        name_rows(axis, [f"{readable(row['arm'])}, {_grouping(row)}" for row in rows])
        axis.set_xlim(left=0)
        axis.set_xlabel("Jensen-Shannon divergence (bits)")
    return Drawing(
        name=f"{task.name}-divergence",
        kind="divergence",
        canvas=canvas,
        alt="Divergence of what agents or arms propose: "
        + "; ".join(
            f"{readable(row['arm'])}, {_grouping(row)}: {row['estimate']['jsd_bits']:.2f} bits, "
            f"{row['estimate']['band']['low']:.2f} to {row['estimate']['band']['high']:.2f} where "
            "labels do not matter"
            for row in rows
        )
        + ".",
        caption=(
            "How differently agents of an arm, or two arms, propose (dots). Grey: 95 % of what the "
            "same proposals give when their labels are exchanged; p values are adjusted (Holm) "
            "over all rows."
        ),
    )


def _grouping(row: Document) -> str:
    seed = "" if row["arm_seed"] is None else f", seed {row['arm_seed']}"
    return f"{readable(row['name'])}{seed}"


def _who(row: Document) -> str:
    return readable(f"{row['arm']} {row['agent']}".strip())
