"""The report: one self-contained page, and its figures as PNG, PDF and SVG beside it."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dashsearch import __version__
from dashsearch.errors import InputError
from dashsearch.files import read_json, replacing
from dashsearch.report import clock, sentences, style, traced
from dashsearch.report.drawing import Drawing, draw_headline, draw_task, write_figure
from dashsearch.report.dynamics import draw_dynamics
from dashsearch.report.experiments import experiment_chart
from dashsearch.report.replicates import draw_replicates
from dashsearch.report.task import TaskReport
from dashsearch.report.traced import trace
from dashsearch.report.validity import draw_validity

__all__ = ["Run", "TaskReport", "write_report"]

TEMPLATES = Path(__file__).parents[3] / "resources" / "report"


@dataclass(frozen=True)
class Figure:
    """A figure as the page holds it: an SVG inside a data address, with its text."""

    name: str
    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Run:
    """What only a clock knows of the run, from `dashsearch.report.clock`.

    Attributes
    ----------
    rules
        What the jobs of every rule took.
    costs
        By task, what the training of every arm took.
    machine
        The machine that made the page.
    """

    rules: Sequence[Mapping[str, Any]] = ()
    costs: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)


def write_report(
    tasks: Sequence[TaskReport],
    folder: Path,
    run: Run | None = None,
    *,
    audit: Path | None = None,
    replicates: Sequence[str | Path] = (),
) -> None:
    """Write `folder`/index.html and `folder`/figures/*.

    Parameters
    ----------
    run
        What only a clock knows; nothing if not given.
    audit
        The audit's audit.json, for the section on the published claims.
    replicates
        Documents of `dashsearch.analysis.replicate_runs`, one a table.

    Raises
    ------
    InputError
        If no task is given, two share a name, or a file of an analysis is missing.
    """
    names = [task.name for task in tasks]
    if not names:
        raise InputError("a report needs at least one analysed task; add one to the config.")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two tasks of the report are called {name!r}; rename one.")
    folder = Path(folder)
    luck = [trace(read_json(path), f"../replicate_runs/{Path(path).name}") for path in replicates]
    arms = [arm for task in tasks for arm in task.arms]
    # Those of the runs on tables, too: an arm has one colour on the whole page.
    arms += [arm["arm"] for document in luck for arm in document["arms"]]
    colours = style.arm_colours(list(dict.fromkeys(arms)))
    figures = folder / "figures"
    headline = embed(draw_headline(tasks, colours), figures)
    by_task = {
        task.name: {drawing.kind: embed(drawing, figures) for drawing in _drawings(task, colours)}
        for task in tasks
    }
    sections = [
        {**_task_section(task, by_task[task.name]), "chart": experiment_chart(task, colours)}
        for task in tasks
    ]
    luck_figures = [embed(drawing, figures) for drawing in draw_replicates(luck, colours)]
    claims = None if audit is None else trace(read_json(audit), "../audit/audit.json")
    extras = {"run": run or Run(), "audit": claims, "luck": luck, "luck_figures": luck_figures}
    page = render_page(sections, headline, extras)
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
        finalize=traced.shown,
    )


def render_page(
    tasks: Sequence[Mapping[str, Any]],
    headline: Figure,
    extras: Mapping[str, Any],
) -> str:
    """Render the page; everything that comes from data is escaped by the template engine."""
    environment = template_environment()
    environment.filters |= {
        **traced.FILTERS,
        "score_name": style.score_name,
        "readable": style.readable,
        "upper_first": lambda text: text[:1].upper() + text[1:],
        "duration": style.duration,
    }
    environment.globals["p_value"] = traced.p_value
    script = (TEMPLATES / "page.js").read_text()
    return environment.get_template("page.html.j2").render(
        tasks=tasks,
        **extras,
        clock=(Markup(clock.BEGIN), Markup(clock.END)),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        headline=headline,
        synthetic=[task["name"] for task in tasks if task["synthetic"]],
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
        "steps": task.dynamics["steps"],
        "why_no_divergence": next(
            (each["reason"] for each in task.dynamics["divergence"] if each["reason"]),
            "no arm has two agents, and there are no two arms to compare.",
        ),
        "scopes": [
            (scope, next((each for each in scope["splits"] if each["factor"] == "backbone"), None))
            for scope in task.validity["scopes"]
        ],
        "optimism": task.validity["selected"]["arms"],
        "transfer": task.transfer,
        "examples": task.examples,
        "provenance": [*_flat(task.provenance), *_flat(task.splits, "splits")],
    }


def _factors(task: TaskReport) -> list[str]:
    shares = task.variance["scores"][task.score][0]["shares"]
    return [share["name"] for share in shares if share["role"] == "factor"]


def _drawings(task: TaskReport, colours: Mapping[str, str]) -> Iterator[Drawing]:
    yield from draw_task(task, colours)
    yield from draw_dynamics(task, colours)
    yield from draw_validity(task)


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
