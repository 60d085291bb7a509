"""Putting figures together, with captions and alternative texts, and saving them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure as Canvas

from dashsearch.files import replacing
from dashsearch.report import figures, sentences
from dashsearch.report.style import MUTED, house_style, readable, score_name
from dashsearch.report.task import TaskReport

BEST_TITLES = {
    "selection": "Validation: best so far",
    "reported": "Test: the one that leads on validation",
}
# No clock and no program version, so that equal data give equal files.
METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Drawing:
    """A figure on its canvas.

    Attributes
    ----------
    name, kind
        File name without ending, and what the page calls it.
    alt, caption
        Text for those who cannot see it, and text for those who can.
    """

    name: str
    kind: str
    canvas: Canvas
    alt: str
    caption: str


def write_figure(drawing: Drawing, folder: Path) -> bytes:
    """Write a figure as PNG, PDF and SVG to `folder`; return the SVG's bytes."""
    for ending, metadata in METADATA.items():
        with house_style(), replacing(folder / f"{drawing.name}.{ending}") as path:
            drawing.canvas.savefig(path, format=ending, metadata=metadata)
    return (folder / f"{drawing.name}.svg").read_bytes()


def draw_headline(tasks: Sequence[TaskReport], colours: Mapping[str, str]) -> Drawing:
    """Draw the one figure that holds the answer for all tasks."""
    shown = [(task.title, arm) for task in tasks if (arm := task.primary_shares) is not None]
    with house_style():
        canvas = Canvas(figsize=(5.7 + 3.1 * len(tasks), 4.2))
        unit = 1 / canvas.get_figwidth()
        axis = canvas.add_axes((2.0 * unit, 0.125, 3.0 * unit, 0.7))
        if shown:
            figures.draw_shares_of_tasks(axis, shown)
        axis.set_title("What the score depends on", pad=26)
        panels = [
            canvas.add_axes(((5.75 + 3.1 * place) * unit, 0.125, 2.0 * unit, 0.7))
            for place in range(len(tasks))
        ]
        for axis, task in zip(panels, tasks, strict=True):
            figures.draw_best_so_far(axis, task.convergence["arms"], "reported", colours, "")
            axis.set_title(f"Searching {task.title}", pad=26)
            axis.annotate(
                f"{score_name(task.score)} of the leading configuration{task.scored_on}",
                (0, 1),
                xytext=(0, 9),
                xycoords="axes fraction",
                textcoords="offset points",
                color=MUTED,
                fontsize=8.5,
            )
    return Drawing(
        name="headline",
        kind="headline",
        canvas=canvas,
        alt=" ".join(
            f"{task.title}: {sentences.shares_sentence(task)} {sentences.arms_sentence(task)}"
            for task in tasks
        ),
        caption=(
            "Left: share of the variance of the score between the levels of a factor, or between "
            "the combinations of two (ω², which is 0 by chance), with 95 % intervals, from the "
            "unbiased sample of each task; blue rows are architecture, orange ones training, and "
            "the first of each all its factors together. A negative ω² lies outside its interval "
            "by construction. "
            "Right: test score of the configuration that leads on validation, by number of "
            "experiments; the mean over the seeds of an arm name, with a band where there are "
            "several: the range of fewer than five seeds, else a 95 % bootstrap over them. The "
            "ledgers hold the 95 % interval of every score over clips."
        ),
    )


def draw_task(task: TaskReport, colours: Mapping[str, str]) -> Iterator[Drawing]:
    """Draw every figure of one task that its analysis has data for."""
    if task.primary_shares is not None:
        yield _shares(task)
        if "backbone" in task.pair_means:
            yield _pairs(task)
    yield _best_so_far(task, colours)
    yield _entropy(task, colours)


def _shares(task: TaskReport) -> Drawing:
    arm = task.primary_shares
    assert arm is not None  # draw_task asks first
    with house_style():
        canvas = Canvas(figsize=(8.2, 4.9))
        axis = canvas.add_axes((0.245, 0.1, 0.545, 0.79))
        figures.draw_shares(axis, arm)
    return Drawing(
        name=f"{task.name}-shares",
        kind="shares",
        canvas=canvas,
        alt=f"{sentences.shares_sentence(task)} {sentences.factors_sentence(task)}",
        caption=(
            f"Shares of the variance of {score_name(task.score)} in the sample "
            f"{readable(arm['arm'])}: n = {arm['n_cells']} distinct configurations out of "
            f"{arm['n_experiments']} experiments. {arm['note']} Bars are ω², corrected for "
            "chance; circles are the η² that the published study reports, and red ticks what η² "
            "is by chance alone. A negative ω² lies outside its interval, which starts at 0, by "
            "construction. The first two bars are additive models of all architecture "
            "factors (with the interaction of backbone and encoder) and of all training factors; "
            "the others take one grouping alone, so they do not add up."
        ),
    )


def _pairs(task: TaskReport) -> Drawing:
    arm = task.primary_shares
    assert arm is not None  # draw_task asks first
    rows = task.pair_means[task.pair_means["arm"] == arm["arm"]]
    with house_style():
        canvas = Canvas(figsize=(8.2, 0.62 * rows["backbone"].nunique() + 0.5))
        axis = canvas.add_axes((0.2, 0.03, 0.68, 0.88))
        figures.draw_pairs(axis, rows, task.score)
    scored = rows.dropna(subset=[f"mean_{task.score}"])
    best = scored.sort_values(f"mean_{task.score}").iloc[-1:] if len(scored) else scored
    leader = "".join(
        f" The highest mean is {row[f'mean_{task.score}']:.3f}, for {readable(row['backbone'])} "
        f"with {readable(row['encoder'])} (n = {row['n']})."
        for _, row in best.iterrows()
    )
    return Drawing(
        name=f"{task.name}-pairs",
        kind="pairs",
        canvas=canvas,
        alt=f"Heat map of mean {score_name(task.score)} by backbone and encoder.{leader}",
        caption=(
            f"Mean {score_name(task.score)} of every backbone (rows) with every encoder "
            f"(columns), sample {readable(arm['arm'])}, and the number of configurations it is "
            f"taken over.{leader} Pairs differ by luck too: standard deviations are in "
            "pair_means.csv."
        ),
    )


def _best_so_far(task: TaskReport, colours: Mapping[str, str]) -> Drawing:
    arms = task.convergence["arms"]
    with house_style():
        canvas = Canvas(figsize=(10, 7.2))
        grid = canvas.add_gridspec(
            2, 2, left=0.075, right=0.91, top=0.94, bottom=0.075, wspace=0.42, hspace=0.26
        )
        for row, scale in enumerate(("log", "linear")):
            for place, (curve, column) in enumerate(
                (("selection", task.selection), ("reported", task.score))
            ):
                axis = canvas.add_subplot(grid[row, place])
                name = score_name(column)
                figures.draw_best_so_far(axis, arms, curve, colours, name, scale=scale)
                if row == 0:
                    axis.set_title(BEST_TITLES[curve])
    bands = ", ".join(
        f"{readable(arm['arm'])} {arm['selection']['kind'] or 'none (one seed)'}" for arm in arms
    )
    if not any(arm["selection"]["kind"] for arm in arms):
        bands = "none, since every arm has one seed"
    return Drawing(
        name=f"{task.name}-best-so-far",
        kind="best",
        canvas=canvas,
        alt=f"Best score so far against the number of experiments. {sentences.arms_sentence(task)}",
        caption=(
            f"Left: best {score_name(task.selection)} so far; dotted, a power law with an "
            "asymptote of at most 1; grey, where 90 % of single random runs of this length lie, "
            "up to half of the pool that they draw from. "
            f"Right: {score_name(task.score)}{task.scored_on}, of the configuration that leads on "
            "validation. "
            "Lines are means over the seeds of an arm name, from where each of them has a score; "
            f"coloured bands: {bands}. Failed experiments spend budget. "
            "Above on a logarithmic axis of experiments, below on a linear one."
        ),
    )


def _entropy(task: TaskReport, colours: Mapping[str, str]) -> Drawing:
    designed = {arm["arm"] for arm in task.convergence["arms"] if arm["sampling"] == "designed"}
    # A designed sample does not search, so its entropy is only shown if there is nothing else.
    searching = [run for run in task.dynamics["runs"] if run["arm"] not in designed]
    runs = searching or task.dynamics["runs"]
    groups = {
        series["group"]: series["support"]
        for run in runs
        for series in run["series"]
        if series["group"] in ("architecture", "training")
    }
    with house_style():
        canvas = Canvas(figsize=(10, 3.4))
        grid = canvas.add_gridspec(
            1, max(len(groups), 1), left=0.075, right=0.91, top=0.87, bottom=0.15, wspace=0.42
        )
        for place, (group, support) in enumerate(groups.items()):
            axis = canvas.add_subplot(grid[place])
            figures.draw_entropy(axis, runs, group, colours)
            axis.set_title(f"{group.capitalize()} ({support:,} combinations)")
    window = task.dynamics["window"]
    return Drawing(
        name=f"{task.name}-entropy",
        kind="entropy",
        canvas=canvas,
        alt=(
            f"Entropy of the proposals in windows of {window}, over time. "
            f"{sentences.dynamics_sentence(task)}"
        ),
        caption=(
            f"How broadly each run proposed: entropy of the combinations in its last {window} "
            "proposals, one line per seed. Grey: 95 % of the windows of a policy that draws "
            "uniformly. Below it, a run returns to the same combinations."
        ),
    )
