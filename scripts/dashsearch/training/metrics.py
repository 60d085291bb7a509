"""Scores of one split, exactly as scikit-learn's: average precision, log loss, accuracy.

A binary task is scored by the probability of its second class. With more classes average precision
is the mean over classes of that class against the rest, as is usual in action recognition.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class SplitScores:
    """How well one set of windows was classified.

    Attributes
    ----------
    ap
        Average precision over all windows pooled, in (0, 1]; for more than two classes the mean
        over classes of one-vs-rest average precision.
    map
        Mean over the TTEs of the AP of the windows at that TTE: the headline score.
    logloss
        Mean negative log likelihood over all windows, in nats.
    accuracy
        Share of windows whose most probable class is the true one; at a probability of exactly 1/2
        a binary window counts as positive.
    ap_at
        AP by TTE in seconds.
    """

    ap: float
    map: float
    logloss: float
    accuracy: float
    ap_at: dict[float, float]


def average_precision(label: ArrayLike, score: ArrayLike) -> float:
    """Average precision: the sum over thresholds of (gain in recall) x precision.

    Windows with equal scores share one threshold. No interpolation. The sum runs in the order of
    `sklearn.metrics.average_precision_score`, so that both return the same float.

    Parameters
    ----------
    label
        (N,) labels, 0 or 1; at least one 1. With (N, C) scores: labels 0 to C - 1, each at least
        once.
    score
        (N,) finite scores, higher means more likely positive; or (N, C), one a class: then the mean
        over classes of one-vs-rest average precision (`average="macro"`).

    Raises
    ------
    ValueError
        If a class has no window, a label has no class, or a score is not finite.
    """
    labels, values = _checked(label, score)
    if values.ndim == 2:
        each = [_ranked(labels == place, values[:, place]) for place in range(values.shape[1])]
        return float(np.average(each))
    return _ranked(labels == 1, values)


def log_loss(label: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log likelihood in nats of labels under (N,) or (N, C) probabilities.

    Probabilities are clipped to [eps, 1 - eps] with the eps of float64, as scikit-learn does.

    Raises
    ------
    ValueError
        As `average_precision`, or if a probability lies outside [0, 1].
    """
    labels, values = _checked(label, probability)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("a probability lies outside [0, 1]; pass probabilities, not logits.")
    eps = np.finfo(np.float64).eps
    values = np.clip(values, eps, 1 - eps)
    if values.ndim == 2:
        return float(np.mean(-np.log(values[np.arange(len(labels)), labels])))
    return float(np.mean(-np.where(labels == 1, np.log(values), np.log1p(-values))))


def accuracy(label: ArrayLike, probability: ArrayLike) -> float:
    """Share of windows whose most probable class is the true one.

    Raises
    ------
    ValueError
        As `average_precision`.
    """
    labels, values = _checked(label, probability)
    predicted = values.argmax(axis=1) if values.ndim == 2 else values >= 0.5
    return float(np.mean(predicted == labels))


def score_split(label: ArrayLike, probability: ArrayLike, tte_s: ArrayLike) -> SplitScores:
    """Score one split.

    Parameters
    ----------
    label
        (N,) labels: 0 or 1, or 0 to C - 1.
    probability
        (N,) probabilities of label 1, or (N, C) of every class.
    tte_s
        (N,) time to event of each window in seconds; every value needs a window of each class (of
        the second one in a binary task).

    Raises
    ------
    ValueError
        As `average_precision` and `log_loss`, for the split or for one TTE of it.
    """
    labels, values = _checked(label, probability)
    times = np.asarray(tte_s, dtype=np.float64)
    if times.shape != labels.shape:
        raise ValueError(f"{len(labels)} labels but TTEs of shape {times.shape}; pass one each.")
    ap_at = {
        float(time): average_precision(labels[times == time], values[times == time])
        for time in np.unique(times)
    }
    return SplitScores(
        ap=average_precision(labels, values),
        map=float(np.mean(list(ap_at.values()))),
        logloss=log_loss(labels, values),
        accuracy=accuracy(labels, values),
        ap_at=ap_at,
    )


def _ranked(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """Average precision of (N,) scores for (N,) positives, at least one."""
    order = np.argsort(values, kind="stable")[::-1]
    hits, values = positive[order].astype(np.float64), values[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    true_positives = np.cumsum(hits)[last_of_tie]
    precision = (true_positives / (last_of_tie + 1.0))[::-1]
    recall = np.append((true_positives / true_positives[-1])[::-1], 0.0)
    return float(max(0.0, -np.sum(np.diff(recall) * precision)))


def _checked(label: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels (N,) and scores (N,) or (N, C); every class that needs a window has one."""
    labels: NDArray[Any] = np.asarray(label)
    scores = np.asarray(score, dtype=np.float64)
    if labels.ndim != 1 or scores.ndim not in (1, 2) or labels.shape != scores.shape[:1]:
        raise ValueError(
            f"labels have shape {labels.shape} and scores {scores.shape}; pass one score a label, "
            "or one a label and class."
        )
    classes = 2 if scores.ndim == 1 else scores.shape[1]
    if not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"a label is not one of 0 to {classes - 1}; pass the index of a class.")
    for needed in (1,) if scores.ndim == 1 else range(classes):
        if not (labels == needed).any():
            raise ValueError(f"no window has label {needed}; average precision needs at least one.")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite; score only models that have not diverged.")
    return labels.astype(np.int64), scores
