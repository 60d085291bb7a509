"""The report: one self-contained page, and its figures as PNG, PDF and SVG beside it."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dashsearch import __version__
from dashsearch.errors import InputError
from dashsearch.files import replacing
from dashsearch.report import sentences, style
from dashsearch.report.drawing import Drawing, draw_headline, draw_task, write_figure
from dashsearch.report.task import TaskReport

__all__ = ["TaskReport", "write_report"]

TEMPLATES = Path(__file__).parents[3] / "resources" / "report"


@dataclass(frozen=True)
class Figure:
    """A figure as the page holds it: an SVG inside a data address, with its text."""

    name: str
    source: str
    alt: str
    caption: str


def write_report(tasks: Sequence[TaskReport], folder: Path) -> None:
    """Write `folder`/index.html and `folder`/figures/*.

    Raises
    ------
    InputError
        If no task is given, two share a name, or a file of an analysis is missing.
    """
    names = [task.name for task in tasks]
    if not names:
        raise InputError("a report needs at least one analysed task; add one to the config.")
    if len(set(names)) < len(names):
        raise InputError(f"two tasks of the report are called {names[0]!r}; rename one.")
    folder = Path(folder)
    arms = list(dict.fromkeys(arm for task in tasks for arm in task.arms))
    colours = style.arm_colours(arms)
    figures = folder / "figures"
    headline = embed(draw_headline(tasks, colours), figures)
    by_task = {
        task.name: {drawing.kind: embed(drawing, figures) for drawing in draw_task(task, colours)}
        for task in tasks
    }
    page = render_page(tasks, headline, by_task)
    with replacing(folder / "index.html") as path:
        path.write_text(page, encoding="utf-8")


def template_environment() -> Environment:
    """Return what renders the pages: it escapes all data, and refuses what a template lacks."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(
    tasks: Sequence[TaskReport], headline: Figure, figures: Mapping[str, Mapping[str, Figure]]
) -> str:
    """Render the page; everything that comes from data is escaped by the template engine."""
    environment = template_environment()
    environment.filters |= {
        "percent": style.percent,
        "percent_range": style.percent_range,
        "score": style.score,
        "score_range": style.score_range,
        "score_name": style.score_name,
        "readable": style.readable,
    }
    environment.globals["p_value"] = style.p_value
    return environment.get_template("page.html.j2").render(
        tasks=[_task_section(task, figures[task.name]) for task in tasks],
        headline=headline,
        synthetic=[task.name for task in tasks if task.synthetic],
        versions={"dashsearch": __version__, "matplotlib": mpl.__version__},
        stylesheet=(TEMPLATES / "page.css").read_text(),
    )


def _task_section(task: TaskReport, figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {
        "name": task.name,
        "title": task.title,
        "synthetic": task.synthetic,
        "score": task.score,
        "selection": task.selection,
        "verdict": sentences.verdict(task),
        "key_numbers": sentences.key_numbers(task),
        "answers": [
            style.unbroken(sentence)
            for sentence in (
                sentences.shares_sentence(task),
                sentences.factors_sentence(task),
                sentences.arms_sentence(task),
                sentences.dynamics_sentence(task),
            )
            if sentence
        ],
        "figures": figures,
        "shares": task.variance["scores"][task.score],
        "power_laws": [sentences.power_law_sentence(arm) for arm in task.convergence["arms"]],
        "equal_n": task.convergence["equal_n"],
        "arms": task.summary["arms"],
        "factors": _factors(task),
        "calls": task.calls,
        "failures": task.summary["failures"],
        "marked_clips": dict(sorted(task.marked_clips.items())),
        "sample_frames": _picture(task.sample_frames),
        "n_experiments": task.summary["n_experiments"],
        "n_partial": task.summary["n_partial"],
        "cells": task.summary["space"]["cells"],
        "provenance": [*_flat(task.provenance), *_flat(task.splits, "splits")],
    }


def _factors(task: TaskReport) -> list[str]:
    shares = task.variance["scores"][task.score][0]["shares"]
    return [share["name"] for share in shares if share["role"] == "factor"]


def embed(drawing: Drawing, folder: Path) -> Figure:
    """Write a figure's files to a folder and hold it as a page does."""
    svg = write_figure(drawing, folder)
    encoded = base64.b64encode(svg).decode("ascii")
    return Figure(
        drawing.name,
        f"data:image/svg+xml;base64,{encoded}",
        style.unbroken(drawing.alt),
        style.unbroken(drawing.caption),
    )


def _picture(path: Path | None) -> str | None:
    if path is None:
        return None
    return f"data:image/png;base64,{base64.b64encode(Path(path).read_bytes()).decode('ascii')}"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Flatten nested settings to (dotted name, value) rows, sorted by name."""
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _flat(value[key], f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value))
    else:
        yield name, "–" if value is None else str(value)
