"""Figures of the audit: each function takes an exhibit's data and an axis to draw on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

from dashsearch.analysis.audit.verdict import VERDICTS
from dashsearch.report.figures import name_rows
from dashsearch.report.style import BAND, FAINT, INK, MUTED

Row = Mapping[str, Any]

# Told apart by lightness too, and always beside their name.
VERDICT_COLOURS = {
    "reproduced": "#0b6e8a",
    "reproduced, but": "#e08e1b",
    "not reproduced": "#b3261e",
    "inconsistent": "#6a3d9a",
    "not derivable": "#8b95a1",
}
EDITIONS = ("v1", "v1 companion data", "v2")
PUBLISHED, RECOMPUTED, CHANCE = "#c2410c", "#0b6e8a", "#b00020"


def draw_verdicts(axis: Axes, claims: Sequence[Row]) -> None:
    """How many claims of each edition got which verdict."""
    places = np.arange(len(EDITIONS))[::-1]
    left = np.zeros(len(EDITIONS))
    for verdict in VERDICTS:
        counts = np.array(
            [
                sum(row["edition"] == edition and row["verdict"] == verdict for row in claims)
                for edition in EDITIONS
            ]
        )
        axis.barh(places, counts, left=left, height=0.58, color=VERDICT_COLOURS[verdict])
        dark = verdict in ("reproduced", "not reproduced", "inconsistent")
        for place, count, start in zip(places, counts, left, strict=True):
            if count:
                axis.text(
                    start + count / 2, place, str(count), ha="center", va="center",
                    color="white" if dark else INK, fontsize=9, fontweight="bold",
                )  # fmt: skip
        left += counts
    axis.set_yticks(places, ["v1", "v1's companion\ndata", "v2"])
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("claims")
    axis.set_xlim(0, float(left.max()) * 1.02)
    handles = [axis.barh([0], [0], color=VERDICT_COLOURS[name], label=name) for name in VERDICTS]
    axis.legend(
        handles=[handle[0] for handle in handles], labels=list(VERDICTS), ncols=3,
        loc="upper left", bbox_to_anchor=(-0.26, -0.2), columnspacing=1.1, handlelength=1.0,
    )  # fmt: skip


def draw_shares(axis: Axes, rows: Sequence[Row]) -> None:
    """Show published η² beside ω² with its interval, and what chance alone gives."""
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        data = row["exhibit_data"]
        axis.plot([data["low"], data["high"]], [place] * 2, color=RECOMPUTED, lw=2.2)
        axis.plot(data["omega_squared"], place, "o", color=RECOMPUTED, ms=6)
        axis.plot(row["published"], place, "D", mfc="white", mec=PUBLISHED, ms=6, mew=1.5)
        axis.plot(
            [data["chance_level"]] * 2, [place - 0.3, place + 0.3], color=CHANCE, lw=1.8, zorder=4
        )
    axis.set_yticks(places, [label_of(row) for row in rows])
    axis.tick_params(axis="y", length=0, labelsize=8)
    axis.spines["left"].set_visible(False)
    axis.set_xlim(-0.02, 1)
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.grid(axis="x", color=FAINT, linewidth=0.6)
    axis.set_xlabel("share of the variance of the score")
    axis.plot([], [], "D", mfc="white", mec=PUBLISHED, ms=6, mew=1.5, label="η² as published")
    axis.plot([], [], "o-", color=RECOMPUTED, ms=6, lw=2.2, label="ω², 95 % interval")
    axis.plot([], [], color=CHANCE, lw=1.8, label="η² by chance alone")
    axis.legend(
        loc="upper left", bbox_to_anchor=(-0.3, 1.0 + 0.75 / len(rows)), ncols=3,
        columnspacing=1.1, handlelength=1.5,
    )  # fmt: skip


def label_of(row: Row) -> str:
    """Name of a share in two short lines: what varies, and in which runs."""
    return {
        "anova_test_eta2": "backbone × encoder, test AP\nv1's companion data",
        "second_task_eta2_arch": "backbone × encoder\nsecond data set, v1",
        "second_task_eta2_backbone": "backbone\nsecond data set, v1",
        "eta2_full_adaptive_map": "backbone × encoder, mAP\nall runs, v2",
        "eta2_iid_baselines": "backbone × encoder, mAP\nrandom and TPE runs, v2",
        "eta2_backbone_map": "backbone, mAP\nall runs, v2",
        "ucf101_eta2_arch": "backbone × encoder\nUCF-101, v2",
        "balanced_eta2": "backbone × encoder\nten runs a group, v2",
    }.get(str(row["id"]), str(row["id"]).replace("_", " "))


def draw_law(axis: Axes, row: Row) -> None:
    """Show the published curve with the law fitted as published, and held to AP of at most 1."""
    data = row["exhibit_data"]
    n = np.asarray(data["n"])
    axis.step(n, data["best"], where="post", color=INK, lw=1.6, label="published curve")
    grid = np.geomspace(1, 1e6, 300)
    for name, colour, label in (
        ("loose", PUBLISHED, "as published: asymptote up to 1.5"),
        ("bound", RECOMPUTED, "asymptote at most 1"),
    ):
        fit = data[name]
        values = fit["a"] - fit["b"] * grid ** -fit["c"]
        axis.plot(grid, values, color=colour, lw=1.5, ls="--", label=f"{label}, c = {fit['c']:.2f}")
    axis.axhline(1, color=CHANCE, lw=1)
    axis.text(1.2, 1.0012, "AP = 1, the largest there is", color=CHANCE, fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(1, 1e6)
    axis.set_ylim(0.93, 1.012)
    axis.set_xlabel("experiments")
    axis.set_ylabel("best validation AP")
    axis.legend(loc="lower right")


def draw_shuffles(axis: Axes, row: Row) -> None:
    """R² of the published fit beside that of orders without information."""
    data = row["exhibit_data"]
    axis.hist(data["null"], bins=40, color=FAINT, edgecolor="white", linewidth=0.4)
    low, high = data["published_q05"], data["published_q95"]
    top = axis.get_ylim()[1]
    axis.plot([low, high], [top * 1.06] * 2, color=MUTED, lw=4, solid_capstyle="butt")
    axis.text(
        low, top * 1.1, "middle 90 % of the study's own shuffles", color=INK, fontsize=8, ha="left"
    )
    axis.axvline(data["published"], color=PUBLISHED, lw=1.8)
    axis.annotate(
        f"published\n{data['published']:.3f}", (data["published"], top * 0.82), xytext=(-6, 0),
        textcoords="offset points", ha="right", color=PUBLISHED, fontsize=8.5, fontweight="bold",
    )  # fmt: skip
    axis.set_ylim(0, top * 1.24)
    axis.set_xlim(0.45, 1)
    axis.set_xlabel("R² of a power law, simulated orders without information")
    axis.set_ylabel("orders")
    axis.yaxis.set_major_locator(NullLocator())


def draw_records(axis: Axes, rows: Sequence[Row]) -> None:
    """Improvements of each sequence beside what random orders give."""
    grid = np.unique(np.geomspace(100, 5000, 60).astype(int))
    terms = 1 / np.arange(1, grid[-1] + 1)
    mean, variance = np.cumsum(terms), np.cumsum(terms - terms**2)
    half = 1.96 * np.sqrt(variance[grid - 1])
    axis.fill_between(grid, mean[grid - 1] - half, mean[grid - 1] + half, color=BAND, lw=0)
    axis.plot(grid, mean[grid - 1], color=MUTED, lw=1.5)
    spots = [(-8, -3, "right"), (0, 9, "center"), (14, -17, "right")]
    shown = sorted(rows, key=lambda row: float(row["exhibit_data"]["n"]))
    for row, (right, up, side) in zip(shown, spots, strict=False):
        data = row["exhibit_data"]
        axis.plot(data["n"], data["observed"], "D", mfc="white", mec=PUBLISHED, ms=7, mew=1.6)
        axis.annotate(
            f"{data['sequence']}: {data['observed']} of {data['n']:,}, p = {data['p']:.2g}",
            (data["n"], data["observed"]), xytext=(right, up), textcoords="offset points",
            ha=side, fontsize=8,
        )  # fmt: skip
    axis.text(110, 3.0, "random order: mean and middle 95 %", color=MUTED, fontsize=8)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axis.set_xlim(100, 5000)
    axis.set_ylim(0, 17)
    axis.set_xlabel("experiments")
    axis.set_ylabel("improvements of the best score")


def draw_steep(axis: Axes, row: Row) -> None:
    """Two shares that were measured alike, and their difference."""
    data = row["exhibit_data"]
    lines = [
        ("collision task", data["first"], RECOMPUTED),
        ("UCF-101", data["second"], RECOMPUTED),
        ("difference", {**data, "omega_squared": data["difference"]}, INK),
    ]
    for place, (_, share, colour) in zip((2, 1, 0), lines, strict=True):
        axis.plot([share["low"], share["high"]], [place] * 2, color=colour, lw=2.2)
        axis.plot(share["omega_squared"], place, "o", color=colour, ms=6.5)
        if "eta_squared" in share:
            axis.plot(share["eta_squared"], place, "D", mfc="white", mec=PUBLISHED, ms=6.5, mew=1.5)
    axis.axvline(0, color=MUTED, lw=0.9)
    name_rows(axis, [name for name, _, _ in lines])
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.set_xlabel("ω² of backbone × encoder (diamonds: η² as published)")


def draw_threshold(axis: Axes, row: Row) -> None:
    """η² of runs without any effect, by number of groups, against the published threshold."""
    data = row["exhibit_data"]
    for place, each in enumerate(data["rows"]):
        axis.boxplot(
            each["draws"], positions=[place], whis=(2.5, 97.5), widths=0.5, showfliers=False,
            orientation="horizontal", manage_ticks=False, patch_artist=True,
            boxprops={"facecolor": BAND, "edgecolor": MUTED}, medianprops={"color": INK},
            whiskerprops={"color": MUTED}, capprops={"color": MUTED},
        )  # fmt: skip
        axis.text(
            1.02, place, f"{each['above_exact']:.0%} pass".replace("%", " %"), va="center",
            fontsize=8.5, transform=axis.get_yaxis_transform(),
        )  # fmt: skip
    axis.axvline(data["threshold"], color=PUBLISHED, lw=1.8)
    axis.set_yticks(range(len(data["rows"])), [f"{each['groups']} groups" for each in data["rows"]])
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(-0.6, len(data["rows"]) - 0.2)
    axis.set_xlim(0, 0.6)
    axis.text(
        data["threshold"] + 0.008, len(data["rows"]) - 0.45, f"rule: above {data['threshold']:g}",
        color=PUBLISHED, fontsize=8.5, fontweight="bold",
    )  # fmt: skip
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.set_xlabel(f"η² of {data['n']} runs without any effect")


def draw_bootstrap(axis: Axes, row: Row) -> None:
    """Lower limits of the published bootstrap where there is no effect."""
    data = row["exhibit_data"]
    axis.hist(data["bootstrap_lows"], bins=28, color=FAINT, edgecolor="white", linewidth=0.4)
    top = axis.get_ylim()[1]
    axis.axvline(data["published"], color=PUBLISHED, lw=1.8)
    axis.annotate(
        f"published\n{data['published']:.3f}", (data["published"], top * 0.93), xytext=(6, -10),
        textcoords="offset points", color=PUBLISHED, fontsize=8.5, fontweight="bold",
    )  # fmt: skip
    axis.axvline(0, color=RECOMPUTED, lw=2.6)
    axis.annotate(
        f"noncentral F: 0 in\n{data['noncentral_zero']:.0%} of data sets".replace("%", " %"),
        (0, top * 1.06), xytext=(6, 0), textcoords="offset points", color=RECOMPUTED, fontsize=8.5,
    )  # fmt: skip
    axis.set_xlim(-0.001, max(data["bootstrap_lows"]) * 1.04)
    axis.set_ylim(0, top * 1.32)
    axis.yaxis.set_major_locator(NullLocator())
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axis.set_xlabel("lower limit of the bootstrap interval of η², no effect")
    axis.set_ylabel("data sets")


def draw_spike(axis: Axes, row: Row) -> None:
    """Divergence of two identical agents by how much the second one has proposed."""
    data = row["exhibit_data"]
    axis.fill_between(data["n"], data["low"], data["high"], color=BAND, lw=0)
    axis.plot(data["n"], data["median"], color=MUTED, lw=1.6)
    axis.axhline(data["observed"], color=PUBLISHED, lw=1.8)
    axis.text(
        data["n"][-1], data["observed"] + 0.02, f"published {data['observed']:.3f}", ha="right",
        color=PUBLISHED, fontsize=8.5, fontweight="bold",
    )  # fmt: skip
    axis.text(
        data["n"][12], data["high"][12] + 0.03, "two identical agents", color=MUTED, fontsize=8.5
    )
    axis.set_xlim(1, data["n"][-1])
    axis.set_ylim(0, 1)
    axis.set_xlabel("attributed proposals of the second agent so far")
    axis.set_ylabel("divergence in bits")


def draw_decay(axis: Axes, row: Row) -> None:
    """Show the published divergence over time beside that of two identical agents."""
    data = row["exhibit_data"]
    t = data["t"]
    axis.fill_between(t, data["low"], data["high"], color=BAND, lw=0, label="identical, 95 %")
    axis.plot(t, data["median"], color=MUTED, lw=1.6, label="identical, median")
    axis.plot(t, data["observed"], color=PUBLISHED, lw=1.8, label="published")
    axis.set_xlim(t[0], t[-1])
    axis.set_ylim(0, 1)
    axis.set_xlabel("experiments")
    axis.set_ylabel("divergence in bits")
    axis.legend(loc="upper right")
