"""The study's claims restated for a campaign of one's own, and what its analyses answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from scipy import stats

from dashsearch.analysis.audit.wording import count, number, probability, share, span
from dashsearch.analysis.results import plain
from dashsearch.errors import InputError
from dashsearch.files import read_json, write_json

Answered = Literal["holds", "does not hold", "open"]
LEVEL = 0.05
BUDGET = 50


@dataclass(frozen=True)
class Answer:
    """What one task, or all of them together, says to a statement."""

    where: str
    answer: Answered
    why: str


@dataclass(frozen=True)
class Restated:
    """A statement of the study for any campaign.

    Attributes
    ----------
    id, statement
        What is asked.
    claims
        The study's claims that it restates, by id.
    answers
        One a task, or one for all.
    """

    id: str
    statement: str
    claims: tuple[str, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class TaskAnalysis:
    """The analyses of one task, as the rules wrote them."""

    name: str
    variance: Mapping[str, Any]
    convergence: Mapping[str, Any]
    pair_means: pd.DataFrame

    @classmethod
    def read(cls, name: str, folder: Path) -> "TaskAnalysis":
        """Read variance.json, convergence.json and pair_means.csv of a task's folder."""
        for file in ("variance.json", "convergence.json", "pair_means.csv"):
            if not (folder / file).is_file():
                raise InputError(f"{folder / file} does not exist; analyse task {name} first.")
        return cls(
            name,
            read_json(folder / "variance.json"),
            read_json(folder / "convergence.json"),
            pd.read_csv(folder / "pair_means.csv"),
        )


def restate(tasks: Sequence[TaskAnalysis], agents: Sequence[str]) -> tuple[Restated, ...]:
    """Answer the study's four main statements from a campaign's analyses.

    Parameters
    ----------
    agents
        Arm names of language models.
    """
    return (
        Restated(
            "architecture",
            "Architecture explains more of the score's variance than training settings do.",
            ("anova_abstract_eta2", "anova_test_eta2", "eta2_iid_baselines"),
            tuple(_architecture(task) for task in tasks),
        ),
        Restated(
            "another_winner",
            "Another backbone wins on another task.",
            ("second_task_best_backbone",),
            (_winners(tasks),),
        ),
        Restated(
            "agents_beat_random",
            f"After {BUDGET} experiments agents are ahead of random search.",
            ("ap_at_50_llm", "agents_beat_random"),
            tuple(_against_random(task, arm) for task in tasks for arm in _present(task, agents))
            or (Answer("all tasks", "open", "No arm of the campaign is an agent's."),),
        ),
        Restated(
            "power_law",
            "The best score follows a power law of the number of experiments.",
            ("power_law_c", "power_law_r2", "evidence_power_law"),
            tuple(
                _law(task, arm)
                for task in tasks
                for arm in task.convergence["arms"]
                if arm["sampling"] == "adaptive"
            ),
        ),
    )


def write_answers(statements: Sequence[Restated], document: Path) -> None:
    """Write campaign.json, which the audit's page shows beside the study's claims."""
    write_json(document, {"schema": "campaign/1", "statements": plain(list(statements))})


def _architecture(task: TaskAnalysis) -> Answer:
    shares = task.variance["scores"][task.variance["score"]]
    arm = next((each for each in shares if each["primary"]), None)
    if arm is None:
        why = "Every arm chose its cells by earlier scores, so no sample is unbiased."
        return Answer(task.name, "open", why)
    estimates = {entry["group"]: entry["estimate"] for entry in arm["groups"]}
    first, second = (estimates.get(name) for name in ("architecture", "training"))
    if first is None or second is None:
        return Answer(task.name, "open", "The unbiased sample cannot carry both shares.")
    told = ", ".join(
        f"{name} {share(each['omega_squared'])} "
        f"({share(each['interval']['low'])} to {share(each['interval']['high'])})"
        for name, each in (("architecture", first), ("training", second))
    )
    answer: Answered = "open"
    if first["interval"]["low"] > second["interval"]["high"]:
        answer = "holds"
    elif second["interval"]["low"] > first["interval"]["high"]:
        answer = "does not hold"
    return Answer(
        task.name, answer, f"ω² of all factors of each kind: {told}; {arm['n_cells']} cells."
    )


def _winners(tasks: Sequence[TaskAnalysis]) -> Answer:
    found = [_winner(task) for task in tasks]
    known = [each for each in found if each is not None]
    if len(known) < 2:
        why = "It takes two tasks with unbiased means of several backbones."
        return Answer("all tasks", "open", why)
    told = "; ".join(
        f"{task}: {best}, ahead by {number(lead, 2)} (p = {probability(p)}, n = {count(n)})"
        for task, best, lead, p, n in known
    )
    clear = all(p < LEVEL for _, _, _, p, _ in known)
    names = {best for _, best, _, _, _ in known}
    answer: Answered = "open"
    if clear:
        answer = "holds" if len(names) > 1 else "does not hold"
    return Answer("all tasks", answer, f"{told}; p by Welch's test over all pairs.")


def _winner(task: TaskAnalysis) -> tuple[str, str, float, float, int] | None:
    """Backbone with the highest mean, its lead, the lead's p over all pairs, and n; or None."""
    rows, score = task.pair_means, task.variance["score"]
    if "backbone" not in rows or task.variance["primary_arm"] is None:
        return None
    rows = rows[(rows["arm"] == task.variance["primary_arm"]) & (rows["n"] > 0)]
    groups = []
    for name, part in rows.groupby("backbone", sort=True):
        n, means = part["n"], part[f"mean_{score}"]
        mean = float((n * means).sum() / n.sum())
        spread = part[f"sd_{score}"].fillna(0.0)
        ss = float(((n - 1) * spread**2 + n * (means - mean) ** 2).sum())
        if n.sum() > 1:
            groups.append((mean, str(name), int(n.sum()), ss / (int(n.sum()) - 1)))
    if len(groups) < 2:
        return None
    groups.sort(reverse=True)
    (high, best, n, one), (low, _, m, two) = groups[:2]
    error = math.sqrt(one / n + two / m)
    if not error:  # all scores of both are equal
        return None
    freedom = (one / n + two / m) ** 2 / ((one / n) ** 2 / (n - 1) + (two / m) ** 2 / (m - 1))
    pairs = len(groups) * (len(groups) - 1) // 2
    p = min(1.0, pairs * 2 * float(stats.t.sf((high - low) / error, freedom)))
    return task.name, best, high - low, p, sum(size for _, _, size, _ in groups)


def _present(task: TaskAnalysis, agents: Sequence[str]) -> list[str]:
    return [str(arm["arm"]) for arm in task.convergence["arms"] if arm["arm"] in agents]


def _against_random(task: TaskAnalysis, arm: str) -> Answer:
    where = f"{task.name}, {arm}"
    rows = [row for row in task.convergence["equal_n"]["rows"] if row["n"] <= BUDGET]
    theirs = {row["n"]: row for row in rows if row["sampling"] == "uniform"}
    own = {row["n"]: row for row in rows if row["arm"] == arm}
    shared = sorted(set(theirs) & set(own))
    if not shared:
        return Answer(where, "open", "No random arm has spent a budget that this arm has spent.")
    n = shared[-1]
    one, two = own[n], theirs[n]
    told = (
        f"After {n} experiments the best validation score is {_scored(one)}, random search's "
        f"{_scored(two)}"
    )
    if one["selection_interval"] is None or two["selection_interval"] is None:
        return Answer(where, "open", f"{told}; one of them has a single seed and no interval.")
    answer: Answered = "open"
    if one["selection_interval"]["low"] > two["selection_interval"]["high"]:
        answer = "holds"
    elif one["selection_interval"]["high"] < two["selection_interval"]["low"]:
        answer = "does not hold"
    return Answer(where, answer, f"{told}.")


def _scored(row: Mapping[str, Any]) -> str:
    if row["selection"] is None:
        return "missing"
    text = f"{row['selection']:.3f}"
    interval = row["selection_interval"]
    if interval is None:
        return text
    return f"{text} ({span(interval['low'], interval['high'])}, {interval['kind']})"


def _law(task: TaskAnalysis, arm: Mapping[str, Any]) -> Answer:
    where = f"{task.name}, {arm['arm']}"
    fit, null = arm["power_law"], arm["null"]
    if fit is None or fit["r_squared"] is None or null is None:
        reason = arm["power_law_reason"] or "The curve is flat."
        return Answer(where, "open", f"{reason[0].upper()}{reason[1:]}")
    told = (
        f"c = {number(fit['c'], 2)} with R² = {number(fit['r_squared'], 3)}, above "
        f"{share(null['rank'])} of {count(null['permutations'])} shuffled orders"
    )
    if not fit["identified"]:
        told += f"; the fit ends on a bound ({', '.join(fit['at_bound'])})"
    holds = fit["identified"] and null["rank"] > 1 - LEVEL
    return Answer(where, "holds" if holds else "does not hold", f"{told}.")
