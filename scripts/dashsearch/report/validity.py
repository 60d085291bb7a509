"""Figures of what scores are worth: validation against test, and other backbones in transfer."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure as Canvas

from dashsearch.report.drawing import Drawing
from dashsearch.report.figures import name_rows
from dashsearch.report.style import (
    FAINT,
    INK,
    MUTED,
    backbone_colours,
    house_style,
    readable,
    score,
    score_name,
)
from dashsearch.report.task import TaskReport

BACKBONE = "backbone"


def draw_validity(task: TaskReport) -> Iterator[Drawing]:
    """Draw validation against test, and the transfer to other backbones, where there is data."""
    if len(task.experiments) and BACKBONE in task.experiments:
        yield _agreement(task)
    if task.transfer is not None and (task.transfer["transfer"] or {}).get("gaps"):
        yield _transfer(task)


def _agreement(task: TaskReport) -> Drawing:
    rows = task.experiments
    rows = rows[(rows["status"] == "ok") & (rows["fidelity"] == 1)]
    backbones = [b for b in dict.fromkeys(task.pair_means[BACKBONE]) if b in set(rows[BACKBONE])]
    colours = backbone_colours(backbones)
    with house_style():
        canvas = Canvas(figsize=(8.2, 4.4))
        axis = canvas.add_axes((0.085, 0.12, 0.55, 0.83))
        for name in backbones:
            part = rows[rows[BACKBONE] == name]
            axis.scatter(
                part[task.selection], part[task.score], s=10, alpha=0.55, linewidth=0,
                color=colours[name], rasterized=len(rows) > 2000,
            )  # fmt: skip
            axis.plot(
                part[task.selection].mean(), part[task.score].mean(), "D", markersize=8,
                color=colours[name], mec="white", mew=1.2, zorder=5,
            )  # fmt: skip
            axis.plot([], [], "o", color=colours[name], label=f"{readable(name)}, n = {len(part)}")
        ends = [
            float(rows[[task.selection, task.score]].min().min()),
            float(rows[[task.selection, task.score]].max().max()),
        ]
        axis.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)))
        axis.set_xlabel(score_name(task.selection))
        axis.set_ylabel(score_name(task.score))
        axis.grid(color=FAINT, linewidth=0.6)
        axis.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), handletextpad=0.3)
    scope = next((each for each in task.validity["scopes"] if each["primary"]), None)
    what = (
        f" Rank correlation in the sample {readable(scope['arm'])}: "
        f"{scope['agreement']['spearman']:.2f} (n = {scope['n_cells']})."
        if scope and scope["agreement"]
        else ""
    )
    return Drawing(
        name=f"{task.name}-agreement",
        kind="agreement",
        canvas=canvas,
        alt=f"Test score against validation score of every experiment, by backbone.{what}",
        caption=(
            "Every experiment of all arms that was scored: what the policies saw (across) against "
            "what they did not (up). Diamonds are the means of backbones; on the dotted line both "
            f"scores are equal.{what}"
        ),
    )


def _transfer(task: TaskReport) -> Drawing:
    assert task.transfer is not None  # draw_validity asks first
    found = task.transfer["transfer"]
    gaps = found["gaps"]
    with house_style():
        canvas = Canvas(figsize=(8.2, 1.1 + 0.36 * len(gaps)))
        height = canvas.get_figheight()
        axis = canvas.add_axes((0.26, 0.55 / height, 0.46, 1 - 0.7 / height))
        places = np.arange(len(gaps))[::-1]
        for place, gap in zip(places, gaps, strict=True):
            interval = (gap["over_both"] or {}).get("interval") or gap["over_clips"]
            if interval is not None:
                axis.plot([interval["low"], interval["high"]], [place] * 2, color=INK, lw=1.3)
            if gap["gap"] is None:
                continue
            axis.plot(gap["gap"], place, "o", color=INK, markersize=5.5)
            ends = "" if interval is None else f" ({score(interval['low'])} to "
            ends += "" if interval is None else f"{score(interval['high'])})"
            axis.text(
                1.03, place, f"{score(gap['gap'])}{ends}", va="center", color=MUTED, fontsize=8.5,
                transform=axis.get_yaxis_transform(),
            )  # fmt: skip
        axis.axvline(0, color=MUTED, linewidth=0.9)
        name_rows(axis, [f"{readable(g['backbone'])}, n = {g['n_pairs']}" for g in gaps])
        axis.set_xlabel(f"{readable(found['reference'])} less the other ({score_name(task.score)})")
    return Drawing(
        name=f"{task.name}-transfer",
        kind="transfer",
        canvas=canvas,
        alt=f"Loss of {score_name(task.score)} with another backbone than "
        f"{readable(found['reference'])}: "
        + "; ".join(f"{readable(g['backbone'])} {score(g['gap'])}" for g in gaps)
        + ".",
        caption=(
            "The best configurations trained again with every backbone and equal seeds: what is "
            f"lost when {readable(found['reference'])} is exchanged, with 95 % intervals over "
            "seeds and test clips; n is the number of pairs. The configurations were chosen by the "
            f"search, which favours the backbone that it found. It "
            f"stays the best in {100 * found['stays']['both']:.0f} % of resamples of seeds and "
            "clips."
        ),
    )
