"""The figures: each function takes data as the analysis files hold it, and an axis to draw on."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)

from dashsearch.report.style import (
    BAND,
    FAINT,
    GROUP_COLOURS,
    INK,
    MUTED,
    SCORES,
    TASK_COLOURS,
    TASK_MARKERS,
    percent,
    percent_range,
    readable,
    score_name,
)

Document = Mapping[str, Any]


def share_rows(arm: Document) -> list[dict[str, Any]]:
    """Rows of a shares figure: whole groups of factors first, seed noise last."""
    rows = [
        {
            "name": f"all {entry['group']}",
            "group": entry["group"],
            "estimate": entry["estimate"],
            "value": entry["estimate"] and entry["estimate"]["omega_squared"],
            "interval": entry["estimate"] and entry["estimate"]["interval"],
        }
        for entry in arm["groups"]
    ]
    rows += [
        {
            "name": readable(share["name"]),
            "group": share["group"],
            "estimate": share["estimate"],
            "value": share["estimate"] and share["estimate"]["omega_squared"],
            "interval": share["estimate"] and share["estimate"]["interval"],
        }
        for share in arm["shares"]
    ]
    noise = arm["noise"]
    rows.append(
        {
            "name": "another seed",
            "group": "noise",
            "estimate": None,
            "value": noise and noise["share"],
            "interval": noise and noise["interval"],
        }
    )
    return rows


def draw_shares(axis: Axes, arm: Document) -> None:
    """Shares of variance as bars with intervals; chance levels of the biased estimate as ticks."""
    rows = share_rows(arm)
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        if row["value"] is None:
            axis.text(0.012, place, "not estimable from this sample", va="center", color=MUTED)
            continue
        interval, estimate = row["interval"], row["estimate"]
        colour = GROUP_COLOURS[row["group"]]
        axis.barh(place, max(row["value"], 0), height=0.56, color=colour, alpha=0.62)
        axis.plot([row["value"]] * 2, [place - 0.28, place + 0.28], color=colour, linewidth=2.4)
        axis.plot([interval["low"], interval["high"]], [place, place], color=INK, linewidth=1.3)
        if estimate is not None:
            eta, chance = estimate["eta_squared"], estimate["chance_level"]
            axis.plot([chance, chance], [place - 0.36, place + 0.36], color="#b00020", lw=1.6)
            axis.plot(eta, place, "o", mfc="white", mec=INK, ms=5.5, mew=1.1, zorder=4)
        for x, text, colour in (
            (1.13, percent(row["value"]), INK),
            (1.36, percent_range(interval), MUTED),
        ):
            axis.text(
                x, place, text, ha="right", va="center", color=colour,
                transform=axis.get_yaxis_transform(),
            )  # fmt: skip
    for x, text in ((1.13, "ω²"), (1.36, "95 % interval")):
        axis.text(
            x, len(rows) - 0.35, text, ha="right", color=MUTED, fontsize=8,
            transform=axis.get_yaxis_transform(),
        )  # fmt: skip
    axis.axvline(0, color=MUTED, linewidth=0.8)
    name_rows(axis, [row["name"] for row in rows])
    axis.set_xlim(min(-0.02, *(row["value"] or 0 for row in rows)) - 0.01, _right_end(rows))
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.set_xlabel("share of variance")
    axis.legend(
        handles=[
            Patch(color=GROUP_COLOURS["architecture"], label="architecture (ω²)"),
            Patch(color=GROUP_COLOURS["training"], label="training (ω²)"),
            Patch(color=GROUP_COLOURS["noise"], label="seed noise"),
            Line2D([], [], color=INK, lw=1.3, label="95 % interval"),
            Line2D(
                [], [], ls="", marker="o", mfc="white", mec=INK, ms=5.5, label="η², uncorrected"
            ),
            Line2D(
                [], [], ls="", marker="|", ms=10, mew=1.6, color="#b00020", label="η² by chance"
            ),
        ],
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=3,
        columnspacing=1.6,
        handlelength=1.4,
        borderaxespad=0.2,
    )


def draw_pairs(axis: Axes, pairs: pd.DataFrame, score: str) -> None:
    """Mean score of every backbone and encoder, with n, as a heat map.

    Parameters
    ----------
    pairs
        Rows of one arm name of pair_means.csv.
    score
        Column of the score whose means are shown.
    """
    backbones = list(pd.unique(pairs["backbone"]))
    encoders = list(pd.unique(pairs["encoder"]))
    index = pairs.set_index(["backbone", "encoder"])
    means = np.array([[index.loc[(b, e), f"mean_{score}"] for e in encoders] for b in backbones])
    counts = np.array([[index.loc[(b, e), "n"] for e in encoders] for b in backbones])
    image = axis.imshow(np.ma.masked_invalid(means), cmap=SCORES, aspect="auto")
    for row in range(len(backbones)):
        for column in range(len(encoders)):
            mean, n = means[row, column], int(counts[row, column])
            text = f"{mean:.3f}" if np.isfinite(mean) else "–"
            red, green, blue, _ = SCORES(image.norm(mean)) if np.isfinite(mean) else (1, 1, 1, 1)
            colour = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.46 else INK
            axis.text(column, row - 0.12, text, ha="center", va="center", color=colour)
            axis.text(
                column, row + 0.26, f"n = {n}", ha="center", va="center", color=colour, fontsize=7
            )
    axis.set_xticks(range(len(encoders)), [readable(encoder) for encoder in encoders])
    axis.set_yticks(range(len(backbones)), [readable(backbone) for backbone in backbones])
    axis.tick_params(length=0)
    axis.xaxis.tick_top()
    axis.spines[:].set_visible(False)
    axis.set_xticks(np.arange(1, len(encoders)) - 0.5, minor=True)
    axis.set_yticks(np.arange(1, len(backbones)) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=2)
    axis.tick_params(which="minor", length=0)
    bar = axis.figure.colorbar(image, ax=axis, fraction=0.04, pad=0.03)
    bar.set_label(f"mean {score_name(score)}")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)


def draw_best_so_far(
    axis: Axes,
    arms: Sequence[Document],
    curve: str,
    colours: Mapping[str, str],
    ylabel: str,
    *,
    scale: str = "log",
) -> None:
    """Best so far of every arm name on a budget axis, ``"log"`` or ``"linear"``.

    Parameters
    ----------
    curve
        ``"selection"`` (with power laws and the band of single random runs) or ``"reported"``.
    """
    ends = []
    for arm in arms:
        colour = colours[arm["arm"]]
        n = np.array(arm[curve]["n"], dtype=float)
        mean = _numbers(arm[curve]["mean"])
        if not np.isfinite(mean).any():
            continue
        if curve == "selection" and arm["sampling"] == "uniform" and arm["exchangeable"]:
            pool = arm["exchangeable"]
            axis.fill_between(
                pool["n"], _numbers(pool["low"]), _numbers(pool["high"]),
                step="post", color=BAND, linewidth=0, zorder=0,
            )  # fmt: skip
        if arm[curve]["low"] is not None:
            low, high = _numbers(arm[curve]["low"]), _numbers(arm[curve]["high"])
            axis.fill_between(n, low, high, step="post", color=colour, alpha=0.16, linewidth=0)
        axis.step(n, mean, where="post", color=colour)
        fit = arm["power_law"]
        if curve == "selection" and fit is not None and fit["r_squared"] is not None:
            smooth = np.geomspace(n[np.isfinite(mean)][0], n[-1], 100)
            law = fit["a"] - fit["b"] * smooth ** -fit["c"]
            axis.plot(smooth, law, color=colour, linestyle=(0, (2, 2)), linewidth=1.1)
        ends.append((float(n[-1]), float(mean[-1]), readable(arm["arm"]), colour))
    _budget_axis(axis, scale)
    axis.set_ylabel(ylabel)
    _label_ends(axis, ends)


def draw_entropy(
    axis: Axes, runs: Sequence[Document], group: str, colours: Mapping[str, str]
) -> None:
    """Entropy of proposals over time, one line per run, against a uniform policy's band."""
    ends: dict[str, tuple[float, float, str, str]] = {}
    furthest = 0.0
    for run in runs:
        series = next(entry for entry in run["series"] if entry["group"] == group)
        uniform = series["uniform"]
        if not series["ends"]:
            continue
        colour = colours[run["arm"]]
        axis.plot(
            series["ends"], series["entropy_bits"], color=colour, linewidth=1.5, alpha=0.9,
            marker="o" if len(series["ends"]) < 8 else "", markersize=3,
        )  # fmt: skip
        furthest = max(furthest, series["ends"][-1])
        last = (series["ends"][-1], series["entropy_bits"][-1], readable(run["arm"]), colour)
        # One label per arm name, at its longest run's end.
        if run["arm"] not in ends or last[0] > ends[run["arm"]][0]:
            ends[run["arm"]] = last
        axis.axhspan(uniform["low"], uniform["high"], color=BAND, zorder=0, linewidth=0)
        axis.axhline(uniform["median"], color=MUTED, linewidth=0.8, zorder=1)
    axis.set_xlabel("experiments proposed")
    axis.set_ylabel("entropy in the window (bits)")
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_locator(MaxNLocator(5))
    axis.grid(axis="y", color=FAINT, linewidth=0.6)
    if not ends:
        axis.text(0.5, 0.5, "no run is as long as a window", ha="center", va="center",
                  transform=axis.transAxes, color=MUTED)  # fmt: skip
        return
    axis.set_xlim(0, furthest * 1.02)
    _label_ends(axis, list(ends.values()))


def draw_shares_of_tasks(axis: Axes, tasks: Sequence[tuple[str, Document]]) -> None:
    """Shares of variance of several tasks side by side: points with intervals, one row a factor."""
    everything = [{row["name"]: row for row in share_rows(arm)} for _, arm in tasks]
    names = [
        name
        for name in dict.fromkeys(name for rows in everything for name in rows)
        if any(rows.get(name, {}).get("value") is not None for rows in everything)
    ]
    places = {name: place for place, name in enumerate(reversed(names))}
    offsets = np.linspace(0.17, -0.17, len(tasks)) if len(tasks) > 1 else [0.0]
    for (title, _), rows, offset, colour, marker in zip(
        tasks, everything, offsets, cycle(TASK_COLOURS), cycle(TASK_MARKERS), strict=False
    ):
        axis.plot([], [], color=colour, marker=marker, markersize=5, linewidth=1.3, label=title)
        for name, row in rows.items():
            if row["value"] is None:
                continue
            place = places[name] + offset
            low, high = row["interval"]["low"], row["interval"]["high"]
            axis.plot([low, high], [place, place], color=colour, linewidth=1.3)
            axis.plot(row["value"], place, marker, color=colour, markersize=5)
    groups = {name: row["group"] for rows in everything for name, row in rows.items()}
    for name, place in places.items():
        axis.axhspan(
            place - 0.5, place + 0.5, color=GROUP_COLOURS[groups[name]], alpha=0.09, linewidth=0
        )
    axis.axvline(0, color=INK, linewidth=0.9)
    left, right = axis.get_xlim()
    end = max((_right_end(list(rows.values())) for rows in everything), default=1.0)
    axis.set_xlim(left, min(right, end))
    axis.set_yticks(list(places.values()), list(places))
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_ylim(-0.5, len(names) - 0.5)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.set_xlabel("share of variance, 95 % interval (chance: 0)")
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=2,
        handlelength=1.8,
        borderaxespad=0.2,
    )


def name_rows(axis: Axes, names: Sequence[str]) -> None:
    """Give an axis one row a name, the first on top, and upright lines to read values by."""
    axis.set_yticks(np.arange(len(names))[::-1], list(names))
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.grid(axis="x", color=FAINT, linewidth=0.6)


def _right_end(rows: Sequence[Document]) -> float:
    """Where an axis of shares ends: noise may exceed 1, and its interval may go far beyond."""
    return max(1.0, *(1.05 * (row["value"] or 0) for row in rows))


def _numbers(values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _budget_axis(axis: Axes, scale: str) -> None:
    if scale == "log":
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_minor_locator(NullLocator())
    else:
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    axis.set_xlabel("experiments")
    axis.grid(axis="y", color=FAINT, linewidth=0.6)


def _label_ends(axis: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each line's name beside its end, pushed apart where they would overlap."""
    low, high = axis.get_ylim()
    height = axis.get_position().height * axis.figure.get_figheight() * 72  # type: ignore[union-attr]
    gap = 11.5 * (high - low) / height
    ordered = sorted(ends, key=lambda end: end[1])
    positions = [end[1] for end in ordered]
    for place in range(1, len(ordered)):
        positions[place] = max(positions[place], positions[place - 1] + gap)
    # What was pushed over the top comes back down, and pushes the others before it.
    ceiling = high
    for place in reversed(range(len(ordered))):
        positions[place] = min(positions[place], ceiling)
        ceiling = positions[place] - gap
    for (x, y, label, colour), position in zip(ordered, positions, strict=True):
        axis.annotate(
            label,
            (x, y),
            xytext=(1.03, position),
            textcoords=axis.get_yaxis_transform(),
            va="center",
            color=colour,
            fontsize=8.5,
            fontweight="bold",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.6,
                        "shrinkA": 1, "shrinkB": 1},
        )  # fmt: skip
    axis.set_ylim(low, high)
