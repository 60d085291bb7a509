"""Every experiment of a task as a chart that answers: hover, arrow keys, and a filter by arm.

The chart is drawn here as SVG inside the page, so it is there without scripts, too; a script adds
what an experiment was, from the data beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from dashsearch.report.style import readable, score_name
from dashsearch.report.task import TaskReport

WIDTH, HEIGHT = 960, 380
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 14, 44
MOST = 10_000  # experiments that a chart shows
MAX_IDEA = 300


@dataclass(frozen=True)
class Scale:
    """Where the values of an axis are drawn, and its ticks with their labels."""

    places: NDArray[np.float64]
    ticks: Sequence[tuple[float, str]]


def experiment_chart(task: TaskReport, colours: Mapping[str, str]) -> dict[str, Any] | None:
    """Make the chart of all experiments with a score.

    Returns
    -------
    dict or None
        ``svg``, ``data`` (JSON), ``arms`` (name, label, colour and n of each), ``n``, ``of``, and
        ``axis``; None where no experiment has a score.
    """
    rows = task.experiments
    if rows.empty:
        return None
    scored = rows[np.isfinite(rows[task.selection]) & np.isfinite(rows[task.score])]
    if scored.empty:
        return None
    shown = thinned(scored, task.selection, MOST)
    x = _scale(shown["n"].to_numpy(float), LEFT, WIDTH - RIGHT, whole=True)
    y = _scale(shown[task.score].to_numpy(float), HEIGHT - BOTTOM, TOP)
    arms = [arm for arm in task.arms if arm in set(shown["arm"])]
    return {
        "svg": _svg(shown, {arm: colours[arm] for arm in arms}, score_name(task.score), x=x, y=y),
        "data": _data(task, shown),
        "arms": [
            {"name": arm, "label": readable(arm), "colour": colours[arm],
             "n": int((shown["arm"] == arm).sum())}
            for arm in arms
        ],
        "n": len(shown),
        "of": len(scored),
    }  # fmt: skip


def thinned(rows: pd.DataFrame, column: str, most: int) -> pd.DataFrame:
    """Return at most about `most` rows: those that set a new best in their run, and every k-th.

    Parameters
    ----------
    rows
        With the columns arm, arm_seed and n (number within the run).
    column
        What a new best is judged by.
    """
    if len(rows) <= most:
        return rows
    ordered = rows.sort_values(["arm", "arm_seed", "n"], kind="stable")
    best = ordered.groupby(["arm", "arm_seed"])[column].cummax()
    before = best.groupby([ordered["arm"], ordered["arm_seed"]]).shift(fill_value=-np.inf)
    kept = (best > before) | (np.arange(len(ordered)) % -(-len(rows) // most) == 0)
    chosen: pd.DataFrame = rows.loc[ordered.index[kept].sort_values()]
    return chosen


def _scale(values: NDArray[np.float64], start: float, end: float, *, whole: bool = False) -> Scale:
    """Place values between two ends, with round ticks."""
    low, high = (0.0 if whole else float(values.min())), float(values.max())
    step = _nice((high - low or 1.0) / 5, whole=whole)
    low, high = np.floor(low / step) * step, np.ceil(high / step) * step
    high = high if high > low else low + step
    digits = 0 if whole else max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    ticks = np.arange(low, high + step / 2, step)

    def place(value: Any) -> Any:
        return start + (value - low) / (high - low) * (end - start)

    return Scale(place(values), [(float(place(tick)), f"{tick:,.{digits}f}") for tick in ticks])


def _nice(step: float, *, whole: bool) -> float:
    power = 10.0 ** np.floor(np.log10(step))
    nice = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step - 1e-12)
    return max(1.0, nice) if whole else float(nice)


def _svg(
    rows: pd.DataFrame, colours: Mapping[str, str], what: str, *, x: Scale, y: Scale
) -> Markup:
    title = f"{what[0].upper()}{what[1:]} of {len(rows)} experiments, by their number"
    parts = [
        Markup(
            '<svg class="experiments" viewBox="0 0 {} {}" role="img" tabindex="0" '
            'aria-label="{}. With scripts, arrow keys go through them.">'
        ).format(WIDTH, HEIGHT, title)
    ]
    for at, label in y.ticks:
        parts.append(
            Markup('<path class="grid" d="M{} {:.1f}H{}"/><text x="{}" y="{:.1f}" '
                   'class="y">{}</text>').format(LEFT, at, WIDTH - RIGHT, LEFT - 8, at + 4, label)
        )  # fmt: skip
    for at, label in x.ticks:
        parts.append(
            Markup('<text x="{:.1f}" y="{}" class="x">{}</text>').format(
                at, HEIGHT - BOTTOM + 18, label
            )
        )
    for arm in colours:
        parts.append(Markup('<g data-arm="{}" fill="{}">').format(arm, colours[arm]))
        for place in np.flatnonzero((rows["arm"] == arm).to_numpy()):
            circle = '<circle cx="{:.1f}" cy="{:.1f}" r="3" data-i="{}"/>'
            parts.append(Markup(circle.format(x.places[place], y.places[place], place)))
        parts.append(Markup("</g>"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        Markup('<text x="{}" y="{}" class="x">experiment of its run</text>'
               '<text class="x" transform="translate(13 {}) rotate(-90)">{}</text></svg>').format(
            middle, HEIGHT - 6, (TOP + HEIGHT - BOTTOM) / 2, what
        )
    )  # fmt: skip
    return Markup("").join(parts)


def _data(task: TaskReport, rows: pd.DataFrame) -> Markup:
    """Return the experiments as JSON that can stand inside a page: levels are numbered."""
    factors = [name for name in task.factors if name in rows]
    levels = {name: list(map(_plain, pd.unique(rows[name]))) for name in factors}
    numbers = {name: pd.factorize(rows[name])[0] for name in factors}
    ideas = list(dict.fromkeys(idea for idea in rows["idea"] if idea))
    place_of = {idea: place for place, idea in enumerate(ideas)}
    document = {
        "columns": ["arm", "seed", "n", task.selection, task.score],
        "names": [score_name(task.selection), score_name(task.score)],
        "factors": levels,
        "ideas": [idea[:MAX_IDEA] for idea in ideas],
        "rows": [
            [arm, int(seed), int(n), round(float(chosen), 4), round(float(reported), 4),
             [int(numbers[name][place]) for name in factors], place_of.get(idea, -1)]
            for place, (arm, seed, n, chosen, reported, idea) in enumerate(
                zip(rows["arm"], rows["arm_seed"], rows["n"], rows[task.selection],
                    rows[task.score], rows["idea"], strict=True)
            )
        ],
    }  # fmt: skip
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    # Inside a script element only "<" can end it early.
    return Markup(text.replace("<", "\\u003c"))


def _plain(level: Any) -> Any:
    return level.item() if hasattr(level, "item") else level
