"""Scores of a split for a whole stack at once: AP, AUC, log loss, Brier score, accuracy.

They are scikit-learn's to rounding.

A binary task is scored by the probability of its second class. With more classes average precision
and AUC are means over classes of that class against the rest, as is usual in action recognition.
Intervals come from a bootstrap over clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashsearch.ranking import (
    areas_under_curve,
    average_precisions,
    draw_clips,
    resampled_average_precisions,
)
from dashsearch.seeds import derive_seed

REPLICATES = 1000
CONFIDENCE = 0.95


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
    map_low, map_high
        Ends of the 95 % percentile interval of `map` under resampling of clips within classes. It
        holds what another sample of clips would change, not what another seed would.
    auc
        Area under the ROC curve over all windows.
    logloss
        Mean negative log likelihood over all windows, in nats.
    brier
        Mean over windows of the squared distance between probabilities and truth, summed over
        classes for more than two and over the second class for two.
    accuracy
        Share of windows whose most probable class is the true one; at a probability of exactly 1/2
        a binary window counts as positive.
    ap_at
        AP by TTE in seconds.
    """

    ap: float
    map: float
    map_low: float
    map_high: float
    auc: float
    logloss: float
    brier: float
    accuracy: float
    ap_at: dict[float, float]


def average_precision(label: ArrayLike, score: ArrayLike) -> float:
    """Average precision of one model: the sum over thresholds of (gain in recall) x precision.

    Parameters
    ----------
    label
        (N,) labels, 0 or 1; at least one 1. With (N, C) scores: labels 0 to C - 1, each at least
        once.
    score
        (N,) finite scores, higher means more likely positive; or (N, C), one a class.

    Raises
    ------
    ValueError
        If a class has no window, a label has no class, or a score is not finite.
    """
    labels, values = _checked(label, np.asarray(score, dtype=np.float64)[None])
    return float(_mean_over_classes(average_precisions, labels, values)[0])


def log_loss(label: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log likelihood in nats of labels under (N,) or (N, C) probabilities.

    Probabilities are clipped to [eps, 1 - eps] with the eps of float64, as scikit-learn does.

    Raises
    ------
    ValueError
        As `average_precision`, or if a probability lies outside [0, 1].
    """
    labels, values = _checked(label, np.asarray(probability, dtype=np.float64)[None])
    return float(_log_losses(labels, values)[0])


def accuracy(label: ArrayLike, probability: ArrayLike) -> float:
    """Share of windows whose most probable class is the true one.

    Raises
    ------
    ValueError
        As `average_precision`.
    """
    labels, values = _checked(label, np.asarray(probability, dtype=np.float64)[None])
    return float(_accuracies(labels, values)[0])


def mean_average_precision(label: ArrayLike, probability: ArrayLike, tte_s: ArrayLike) -> float:
    """Mean over the TTEs of one model's average precision at each, as `SplitScores.map`."""
    labels, values = _checked(label, np.asarray(probability, dtype=np.float64)[None])
    at = _precisions_at(labels, values, np.asarray(tte_s, dtype=np.float64))
    return float(np.mean(list(at.values()), axis=0)[0])


def score_split(
    label: ArrayLike, probability: ArrayLike, tte_s: ArrayLike, clip_id: ArrayLike
) -> SplitScores:
    """Score one model on one split; see `score_stack`."""
    return score_stack(label, np.asarray(probability)[None], tte_s, clip_id)[0]


def score_stack(
    label: ArrayLike, probability: ArrayLike, tte_s: ArrayLike, clip_id: ArrayLike
) -> list[SplitScores]:
    """Score E models on one split.

    Parameters
    ----------
    label
        (N,) labels: 0 or 1, or 0 to C - 1.
    probability
        (E, N) probabilities of label 1, or (E, N, C) of every class.
    tte_s
        (N,) time to event of each window in seconds; every value needs a window of each class (of
        the second one in a binary task).
    clip_id
        (N,) clips that the windows were cut from.

    Raises
    ------
    ValueError
        If a class has no window in the split or at one TTE of it, a label has no class, or a
        probability is not finite or outside [0, 1].
    """
    labels, values = _checked(label, probability)
    times, clips = np.asarray(tte_s, dtype=np.float64), np.asarray(clip_id)
    if times.shape != labels.shape or clips.shape != labels.shape:
        raise ValueError(
            f"{len(labels)} labels but TTEs of shape {times.shape} and clips of {clips.shape}; "
            "pass one of each a label."
        )
    ap_at = _precisions_at(labels, values, times)
    low, high = _intervals(labels, values, times, clips)
    columns = {
        "ap": _mean_over_classes(average_precisions, labels, values),
        "map": np.mean(list(ap_at.values()), axis=0),
        "map_low": low,
        "map_high": high,
        "auc": _mean_over_classes(areas_under_curve, labels, values),
        "logloss": _log_losses(labels, values),
        "brier": _briers(labels, values),
        "accuracy": _accuracies(labels, values),
    }
    return [
        SplitScores(
            **{name: float(column[row]) for name, column in columns.items()},
            ap_at={time: float(at[row]) for time, at in ap_at.items()},
        )
        for row in range(len(values))
    ]


def _precisions_at(
    labels: NDArray[np.int64], values: NDArray[np.float64], times: NDArray[np.float64]
) -> dict[float, NDArray[np.float64]]:
    """Return every model's AP by TTE."""
    found = {}
    for time in np.unique(times):
        chosen = times == time
        _check_classes(labels[chosen], values)
        at = _mean_over_classes(average_precisions, labels[chosen], values[:, chosen])
        found[float(time)] = at
    return found


def _mean_over_classes(
    measure: Any, labels: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Apply a measure of (N,) positives and (E, N) scores to a binary task, or to each class."""
    if values.ndim == 2:
        found: NDArray[np.float64] = measure(labels == 1, values)
        return found
    each = [measure(labels == place, values[..., place]) for place in range(values.shape[-1])]
    mean: NDArray[np.float64] = np.mean(each, axis=0)
    return mean


def resample_clips(label: NDArray[np.int64], clip_id: NDArray[Any]) -> NDArray[np.int64]:
    """Draw how often each window counts in each replicate, (REPLICATES, N).

    The draws depend on the clips alone, so models of one split share them.
    """
    names = map(str, np.unique(clip_id))
    generator = np.random.default_rng(derive_seed("bootstrap over clips", *names))
    return draw_clips(label, clip_id, REPLICATES, generator)


def _intervals(
    labels: NDArray[np.int64],
    values: NDArray[np.float64],
    times: NDArray[np.float64],
    clips: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the percentile interval of every model's mAP, two (E,)."""
    counts = resample_clips(labels, clips)
    ends = []
    for scores in values:
        at = [
            _resampled(labels[times == time], scores[times == time], counts[:, times == time])
            for time in np.unique(times)
        ]
        tail = (1 - CONFIDENCE) / 2
        # A replicate may miss a class at a TTE that only some clips have; it has no mAP then.
        ends.append(np.nanquantile(np.mean(at, axis=0), [tail, 1 - tail]))
    low, high = np.array(ends).T
    return low, high


def _resampled(
    labels: NDArray[np.int64], scores: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """AP of one model in every replicate, (REPLICATES,)."""
    if scores.ndim == 1:
        return resampled_average_precisions(labels == 1, scores, counts)
    each = [
        resampled_average_precisions(labels == place, scores[:, place], counts)
        for place in range(scores.shape[1])
    ]
    mean: NDArray[np.float64] = np.mean(each, axis=0)
    return mean


def _log_losses(labels: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.min() < 0 or values.max() > 1:
        raise ValueError("a probability lies outside [0, 1]; pass probabilities, not logits.")
    eps = np.finfo(np.float64).eps
    values = np.clip(values, eps, 1 - eps)
    if values.ndim == 3:
        true = values[:, np.arange(len(labels)), labels]
        return np.asarray(np.mean(-np.log(true), axis=1))
    return np.asarray(np.mean(-np.where(labels == 1, np.log(values), np.log1p(-values)), axis=1))


def _briers(labels: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.ndim == 2:
        return np.asarray(np.mean((values - labels) ** 2, axis=1))
    truth = np.eye(values.shape[-1])[labels]
    return np.asarray(np.mean(((values - truth) ** 2).sum(axis=2), axis=1))


def _accuracies(labels: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    predicted = values.argmax(axis=2) if values.ndim == 3 else values >= 0.5
    return np.asarray(np.mean(predicted == labels, axis=1))


def _checked(label: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels (N,) and scores (E, N) or (E, N, C)."""
    labels: NDArray[Any] = np.asarray(label)
    scores = np.asarray(score, dtype=np.float64)
    if labels.ndim != 1 or scores.ndim not in (2, 3) or labels.shape != scores.shape[1:2]:
        raise ValueError(
            f"labels have shape {labels.shape} and scores {scores.shape[1:]}; pass one score a "
            "label, or one a label and class."
        )
    classes = 2 if scores.ndim == 2 else scores.shape[2]
    if not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"a label is not one of 0 to {classes - 1}; pass the index of a class.")
    _check_classes(labels, scores)
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite; score only models that have not diverged.")
    return labels.astype(np.int64), scores


def _check_classes(labels: NDArray[Any], scores: NDArray[np.float64]) -> None:
    needed: Sequence[int] = (1,) if scores.ndim == 2 else range(scores.shape[2])
    for each in needed:
        if not (labels == each).any():
            raise ValueError(f"no window has label {each}; average precision needs at least one.")
