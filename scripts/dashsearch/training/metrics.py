"""Scores of one split: average precision exactly as scikit-learn's, mean AP over TTE, log loss."""

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
        Average precision over all windows pooled, in (0, 1].
    map
        Mean over the TTEs of the AP of the windows at that TTE: the headline score.
    logloss
        Mean negative log likelihood over all windows, in nats.
    ap_at
        AP by TTE in seconds.
    """

    ap: float
    map: float
    logloss: float
    ap_at: dict[float, float]


def average_precision(label: ArrayLike, score: ArrayLike) -> float:
    """Average precision: the sum over thresholds of (gain in recall) x precision.

    Windows with equal scores share one threshold. No interpolation. The sum runs in the order of
    `sklearn.metrics.average_precision_score`, so that both return the same float.

    Parameters
    ----------
    label
        (N,) labels, 0 or 1; at least one 1.
    score
        (N,) finite scores; higher means more likely positive.

    Raises
    ------
    ValueError
        If no label is positive, a label is not 0 or 1, or a score is not finite.
    """
    positive, values = _checked(label, score)
    order = np.argsort(values, kind="stable")[::-1]
    positive, values = positive[order], values[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    true_positives = np.cumsum(positive)[last_of_tie]
    precision = (true_positives / (last_of_tie + 1.0))[::-1]
    recall = np.append((true_positives / true_positives[-1])[::-1], 0.0)
    return float(max(0.0, -np.sum(np.diff(recall) * precision)))


def log_loss(label: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log likelihood in nats of (N,) labels under (N,) probabilities.

    Probabilities are clipped to [eps, 1 - eps] with the eps of float64, as scikit-learn does.

    Raises
    ------
    ValueError
        If no label is positive, a label is not 0 or 1, or a probability lies outside [0, 1].
    """
    positive, values = _checked(label, probability)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("a probability lies outside [0, 1]; pass probabilities, not logits.")
    eps = np.finfo(np.float64).eps
    values = np.clip(values, eps, 1 - eps)
    return float(np.mean(-np.where(positive == 1, np.log(values), np.log1p(-values))))


def score_split(label: ArrayLike, probability: ArrayLike, tte_s: ArrayLike) -> SplitScores:
    """Score one split.

    Parameters
    ----------
    label
        (N,) labels, 0 or 1.
    probability
        (N,) probabilities of label 1.
    tte_s
        (N,) time to event of each window in seconds; every value needs a positive window.

    Raises
    ------
    ValueError
        As `average_precision` and `log_loss`, for the split or for one TTE of it.
    """
    positive, values = _checked(label, probability)
    times = np.asarray(tte_s, dtype=np.float64)
    if times.shape != positive.shape:
        raise ValueError(f"{len(positive)} labels but TTEs of shape {times.shape}; pass one each.")
    ap_at = {
        float(time): average_precision(positive[times == time], values[times == time])
        for time in np.unique(times)
    }
    return SplitScores(
        ap=average_precision(positive, values),
        map=float(np.mean(list(ap_at.values()))),
        logloss=log_loss(positive, values),
        ap_at=ap_at,
    )


def _checked(label: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return labels and scores as float64 arrays of one shape (N,), with at least one positive."""
    labels: NDArray[Any] = np.asarray(label)
    scores = np.asarray(score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(
            f"labels have shape {labels.shape} and scores {scores.shape}; pass one score a label."
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("a label is neither 0 nor 1; pass binary labels.")
    if not labels.any():
        raise ValueError("no label is positive; average precision needs at least one.")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite; score only models that have not diverged.")
    return labels.astype(np.float64), scores
