"""Measures of rankings for many models at once: average precision and the area under the ROC curve.

Windows with equal scores share one threshold, as in scikit-learn, and nothing is interpolated.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def average_precisions(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the average precision of every row of scores (E, N) for (N,) positives, at least one.

    The sum over thresholds of (gain in recall) x precision, as
    `sklearn.metrics.average_precision_score`.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    hits = positive[order].astype(np.float64)
    return _precision_sums(
        np.cumsum(hits, axis=1), np.arange(1.0, hits.shape[1] + 1), _last(ranked)
    )


def resampled_average_precisions(
    positive: NDArray[np.bool_], scores: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the average precision of one model in every replicate of a bootstrap.

    Parameters
    ----------
    positive, scores
        (N,) of the windows.
    counts
        (R, N), how often each window is in each replicate.

    Returns
    -------
    (R,) float64
        NaN where a replicate has no positive.
    """
    order = np.argsort(-scores, kind="stable")
    drawn = counts[:, order].astype(np.float64)
    hits = np.cumsum(drawn * positive[order], axis=1)
    seen = np.maximum(np.cumsum(drawn, axis=1), 1.0)  # nothing drawn yet: 0 hits of "1"
    return _precision_sums(hits, seen, _last(scores[order][None]))


def draw_clips(
    label: NDArray[np.int64], clip_id: NDArray[Any], draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw how often each window counts in each replicate of a bootstrap over clips.

    Clips are drawn with replacement, as many of each label as there are, and bring all their
    windows.

    Parameters
    ----------
    label, clip_id
        Of each window, (N,).

    Returns
    -------
    int64 array, (draws, N)
    """
    names, first, place = np.unique(clip_id, return_index=True, return_inverse=True)
    clip_label = label[first]
    counts = np.zeros((draws, len(names)), dtype=np.int64)
    for each in np.unique(clip_label):
        members = np.flatnonzero(clip_label == each)
        even = np.full(len(members), 1 / len(members))
        counts[:, members] = generator.multinomial(len(members), even, size=draws)
    return np.asarray(counts[:, place])


def _last(ranked: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a place of a descending ranking is the last of its tie."""
    ends = np.ones(ranked.shape, dtype=bool)
    ends[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
    return ends


def _precision_sums(
    hits: NDArray[np.float64], seen: NDArray[np.float64], last: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Sum (gain in hits) x precision over thresholds, over all hits.

    Parameters
    ----------
    hits, seen
        (E, N) positives and all windows up to a place.
    last
        (E, N) or (1, N), the places that are thresholds.
    """
    at_threshold = np.where(last, hits, 0.0)
    before = np.zeros_like(hits)
    before[:, 1:] = np.maximum.accumulate(at_threshold, axis=1)[:, :-1]
    gained = np.where(last, (hits - before) * hits / seen, 0.0).sum(axis=1)
    total = hits[:, -1]
    return np.asarray(np.divide(gained, total, out=np.full(len(hits), np.nan), where=total > 0))


def areas_under_curve(
    positive: NDArray[np.bool_], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the area under the ROC curve of every row of scores (E, N); NaN with one class only.

    The share of pairs of a positive and a negative that are in order, ties counting half (Mann &
    Whitney, 1947).
    """
    hits, misses = int(positive.sum()), int((~positive).sum())
    if hits == 0 or misses == 0:
        return np.full(len(scores), np.nan)
    ranks = pd.DataFrame(scores).rank(axis=1).to_numpy()
    return np.asarray((ranks[:, positive].sum(axis=1) - hits * (hits + 1) / 2) / (hits * misses))
