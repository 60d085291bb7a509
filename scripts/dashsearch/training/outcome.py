"""What an experiment came to, and its line in a journal."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dashsearch.training.metrics import SplitScores

MAX_REASON = 200


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to.

    Attributes
    ----------
    status
        ``"ok"``; ``"diverged"`` if loss, gradient or logits left the finite numbers; ``"failed"``
        if the machine could not train it.
    reason
        One sentence unless the status is ``"ok"``, at most 200 characters.
    validation, test
        Scores of the final weights; None unless the status is ``"ok"``.
    validation_probability, test_probability
        float64 probabilities in the order of the prepared data: (n_windows,) of the second class
        in a binary task, else (n_windows, C); None unless the status is ``"ok"``, and None when
        read back from a journal.
    train_loss
        Mean loss of the last epoch, while its weights still changed; None unless ``"ok"``.
    epochs
        Epochs that were trained.
    curve
        Validation mAP after the epochs that the settings name.
    weights
        Named float32 parameters with a leading axis of 1; of the best only, and in memory only.
    duration_s
        Its share of the wall time of the stack that it was trained in.
    """

    status: Literal["ok", "diverged", "failed"]
    reason: str
    validation: SplitScores | None = None
    test: SplitScores | None = None
    validation_probability: NDArray[np.float64] | None = None
    test_probability: NDArray[np.float64] | None = None
    train_loss: float | None = None
    epochs: int = 0
    curve: Mapping[int, float] = field(default_factory=dict)
    weights: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    duration_s: float = 0.0


def without_scores(
    status: Literal["diverged", "failed"], reason: str, *, epochs: int = 0, duration_s: float = 0.0
) -> Outcome:
    """Return the outcome of an experiment that cannot be scored."""
    reason = " ".join(reason.split())[:MAX_REASON]
    return Outcome(status, reason, epochs=epochs, duration_s=duration_s)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data, without probabilities and weights."""
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "validation": _scores_as_json(outcome.validation),
        "test": _scores_as_json(outcome.test),
        "train_loss": outcome.train_loss,
        "epochs": outcome.epochs,
        "curve": [[epoch, score] for epoch, score in outcome.curve.items()],
        "duration_s": outcome.duration_s,
    }


def from_json(row: Mapping[str, Any]) -> Outcome:
    """Read what `as_json` returned.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is something else.
    """
    return Outcome(
        status=row["status"],
        reason=row["reason"],
        validation=_scores_from_json(row["validation"]),
        test=_scores_from_json(row["test"]),
        train_loss=row["train_loss"],
        epochs=row["epochs"],
        curve={int(epoch): float(score) for epoch, score in row["curve"]},
        duration_s=row["duration_s"],
    )


def _scores_as_json(scores: SplitScores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    facts = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(scores).items()
    }
    return {**facts, "ap_at": [[tte, ap] for tte, ap in scores.ap_at.items()]}


def _scores_from_json(row: Mapping[str, Any] | None) -> SplitScores | None:
    if row is None:
        return None
    numbers = {
        each.name: math.nan if row[each.name] is None else float(row[each.name])
        for each in fields(SplitScores)
        if each.name != "ap_at"
    }
    return SplitScores(**numbers, ap_at={float(tte): float(ap) for tte, ap in row["ap_at"]})
