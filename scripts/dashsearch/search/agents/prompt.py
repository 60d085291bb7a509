"""What an agent is told: a stable part, and what happened so far, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from scipy.special import stdtrit

from dashsearch.files import canonical_json
from dashsearch.search.agents.settings import Ideas
from dashsearch.search.agents.veil import Veil
from dashsearch.search.policy import Result

FAILURES = 10
REJECTED = 10
MESSAGE_CHARS = 120
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Round:
    """What a prompt says of the round itself.

    Attributes
    ----------
    number
        From 0.
    experiments
        Number of experiments that this agent may ask for.
    budget
        What is left of the arm's budgets, by name; only those that are set.
    """

    number: int
    experiments: int
    budget: dict[str, float]


class PromptBuilder:
    """Fills the templates `stable.md.j2`, `round.md.j2` and `repair.md.j2` of a folder.

    Everything that is not ours goes in as JSON strings, cut to a length: a message of a failure
    cannot end its line, let alone its block.
    """

    def __init__(self, folder: Path, veil: Veil, ideas: Ideas, task: str) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        self._templates.filters["data"] = as_data
        self._veil = veil
        self._ideas = ideas
        self._task = task

    def stable(self) -> str:
        """Return task, space, rules and reply: equal in every round."""
        shown = self._veil.shown
        is_veiled = shown is not self._veil.real
        return self._render(
            "stable.md.j2",
            task=None if is_veiled else self._task,
            factors=shown.factors,
            is_veiled=is_veiled,
            ideas=self._ideas,
            size=shown.size,
        )

    def round(self, now: Round, history: Sequence[Result], rng: np.random.Generator) -> str:
        """Return the volatile part: the round, and what of the history is to be shown."""
        is_shown = self._ideas.history
        digest = _Digest(history, self._veil) if is_shown else None
        return self._render(
            "round.md.j2",
            round=now.number + 1,
            experiments=now.experiments,
            budget=now.budget,
            history=None if digest is None else digest.context(self._ideas, rng),
        )

    def repair(self, problems: Sequence[str], wanted: int) -> str:
        """Return the one turn in which an agent may replace what was wrong."""
        return self._render("repair.md.j2", problems=problems, wanted=wanted)

    def _render(self, name: str, **context: Any) -> str:
        return self._templates.get_template(name).render(**context).strip() + "\n"


def as_data(text: str, chars: int = MESSAGE_CHARS) -> str:
    """Write the first `chars` characters of a text as one JSON string of ASCII, without < and >."""
    flat = " ".join(str(text).split())
    cut = flat if len(flat) <= chars else flat[: chars - 3] + "..."
    written = canonical_json(cut)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("`", "\\u0060")


def duplicates_of(history: Sequence[Result]) -> dict[int, int]:
    """Return, by the number of an experiment that repeats one, the number of the first."""
    first: dict[str, int] = {}
    found = {}
    for number, result in enumerate(history, start=1):
        if result.experiment_id in first:
            found[number] = first[result.experiment_id]
        else:
            first[result.experiment_id] = number
    return found


def outcome_of(result: Result) -> str:
    """Say in a few words what came of an experiment."""
    return f"val mAP {result.val_map:.4f}" if result.status == "ok" else result.status


class _Digest:
    """The rows and means of a history that a prompt shows."""

    def __init__(self, history: Sequence[Result], veil: Veil) -> None:
        self._veil = veil
        self._repeats = duplicates_of(history)
        self._all = list(enumerate(history, start=1))
        self._rows = [
            (number, result) for number, result in self._all if number not in self._repeats
        ]

    def context(self, ideas: Ideas, rng: np.random.Generator) -> dict[str, Any]:
        scored = [(n, r) for n, r in self._rows if r.status == "ok" and r.fidelity == 1]
        ranked = sorted(scored, key=lambda row: (-row[1].val_map, row[0]))
        rest = ranked[ideas.top :]
        drawn = rng.choice(len(rest), size=min(ideas.sampled, len(rest)), replace=False)
        return {
            "total": len(self._all),
            "counts": self._counts(),
            "top": [self._row(*row) for row in ranked[: ideas.top]],
            "sampled": [self._row(*rest[int(place)]) for place in sorted(drawn)],
            "means": self._means(scored),
            "failures": [
                {"number": n, "status": r.status, "message": self._message(r), **self._cell(r)}
                for n, r in self._rows
                if r.status in ("failed", "diverged")
            ][-FAILURES:],
            "rejected": self._rejected()[-REJECTED:],
        }

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for number, result in self._all:
            status = "duplicate" if number in self._repeats else str(result.status)
            counts[status] = counts.get(status, 0) + 1
        return dict(sorted(counts.items()))

    def _row(self, number: int, result: Result) -> dict[str, Any]:
        return {"number": number, "score": result.val_map, **self._cell(result)}

    def _cell(self, result: Result) -> dict[str, Any]:
        shown = self._veil.shown.cell(self._veil.drop(result.cell))
        return {"cell": canonical_json(shown)}

    def _message(self, result: Result) -> str:
        # A message may name what an opaque arm must not know.
        return "" if self._veil.shown is not self._veil.real else result.reason

    def _rejected(self) -> list[dict[str, Any]]:
        rows = []
        for number, result in self._all:
            if number in self._repeats:
                first = self._repeats[number]
                reason = f"duplicate of #{first}, {outcome_of(result)}"
                rows.append({"number": number, "reason": reason})
            elif result.status == "invalid":
                rows.append({"number": number, "reason": f"invalid: {result.reason}"})
        return rows

    def _means(self, scored: Sequence[tuple[int, Result]]) -> list[dict[str, Any]]:
        """Means by level over uniform draws only: those that were chosen by score would flatter."""
        uniform = [row for _, row in scored if row.source in ("start", "audit")]
        places = self._veil.shown.positions([self._veil.drop(row.cell) for row in uniform] or [0])
        scores = np.array([row.val_map for row in uniform])
        means = []
        for axis, factor in enumerate(self._veil.shown.factors):
            for place, level in enumerate(factor.levels):
                own = scores[places[:, axis] == place] if uniform else scores
                means.append({"factor": factor.name, "level": level, **_mean(own)})
        return means


def _mean(scores: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    """Mean with a 95 % t interval; none below two scores."""
    n = len(scores)
    mean = float(scores.mean()) if n else None
    half = (
        float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * scores.std(ddof=1) / np.sqrt(n))
        if n > 1
        else None
    )
    return {"n": n, "mean": mean, "half": half}
