"""Test scores by clip: what resampling the test clips does to a mean average precision."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.inputs.any_table import read_any_table
from dashsearch.errors import InputError
from dashsearch.ledger.schema import clip_score_columns
from dashsearch.ranking import resampled_average_precisions

KEY = list(clip_score_columns(2))[:4]
WINDOW = ["clip_id", "tte_s", "label"]
# Replicates that are ranked at a time: more of them leave the processor's cache.
BLOCK = 500


@dataclass(frozen=True)
class ClipScores:
    """Scores of E experiments on the N windows of one test split.

    Attributes
    ----------
    source
        Where they were read, for sentences.
    experiments
        Identities, (E,).
    clip_id, tte_s, label
        Clip, time to event in seconds and label of each window, (N,).
    scores
        (E, N, 1), probability of the second class, or (E, N, C), of every class.
    """

    source: str
    experiments: tuple[str, ...]
    clip_id: NDArray[np.str_]
    tte_s: NDArray[np.float64]
    label: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def clips(self) -> int:
        """Number of clips."""
        return int(np.unique(self.clip_id).size)


def read_clip_scores(path: str | Path) -> ClipScores:
    """Read a Parquet or CSV table of scores by clip.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a column, is empty, holds a score that is not finite, or
        its experiments were not scored on the same windows.
    """
    frame = read_any_table(path, "scores by clip")
    return clip_scores_of(frame, str(path))


def clip_scores_of(frame: pd.DataFrame, source: str) -> ClipScores:
    """Check a table of scores by clip; errors as of `read_clip_scores`."""
    rows = f"{source} ({len(frame)} rows)"
    columns = [str(name) for name in frame.columns if str(name) not in KEY]
    expected = ["score"] if columns == ["score"] else [f"score_{n}" for n in range(len(columns))]
    missing = [name for name in KEY if name not in frame.columns]
    if missing or not columns or sorted(columns) != sorted(expected):
        raise InputError(
            f"{rows} has the columns {', '.join(map(str, frame.columns[:20]))}; give "
            f"{', '.join(KEY)} and score, or score_0, score_1, … of every class."
        )
    if frame.empty:
        raise InputError(f"{rows} is empty; give the scores of at least one experiment.")
    frame = frame.sort_values(KEY[:3], kind="stable")
    values = frame[expected].to_numpy(dtype=np.float64)
    broken = int((~np.isfinite(values)).any(axis=1).sum())
    if broken:
        raise InputError(f"{rows}: {broken} of them hold a score that is not finite; drop them.")
    names = frame["experiment_id"].astype(str)
    experiments = tuple(map(str, pd.unique(names)))
    size = len(frame) // len(experiments)
    same = bool((names.value_counts() == size).all())
    for name in WINDOW if same else []:
        block = frame[name].to_numpy().reshape(len(experiments), size)
        same &= bool((block == block[0]).all())
    windows = frame.iloc[:size]
    if not same or windows.duplicated(WINDOW[:2]).any():
        raise InputError(
            f"{rows}: its {len(experiments)} experiments were not scored on the same windows, each "
            "once; give one row per experiment, clip and time to event."
        )
    return ClipScores(
        source,
        experiments,
        windows["clip_id"].to_numpy(dtype=np.str_),
        windows["tte_s"].to_numpy(dtype=np.float64),
        windows["label"].to_numpy(dtype=np.int64),
        values.reshape(len(experiments), size, -1),
    )


def mean_average_precisions(
    clips: ClipScores, experiments: Sequence[str], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean over the times to event of the exact AP of each experiment in each replicate.

    Windows with equal scores share one threshold. With more classes than two, the mean over classes
    of each against the rest.

    Parameters
    ----------
    experiments
        Which of them, by identity.
    counts
        (draws, N), from `ranking.draw_clips`; ones give the score itself.

    Returns
    -------
    float64 array, (len(experiments), draws)
        NaN where a replicate lacks a class at some time to event.
    """
    places = {name: place for place, name in enumerate(clips.experiments)}
    many = clips.scores.shape[2] > 1
    found = np.empty((len(experiments), len(counts)))
    times = [clips.tte_s == time for time in np.unique(clips.tte_s)]
    for start in range(0, len(counts), BLOCK):
        block = slice(start, start + BLOCK)
        for row, name in enumerate(experiments):
            scores = clips.scores[places[name]]
            parts = [
                resampled_average_precisions(
                    clips.label[at] == (place if many else 1),
                    scores[at, place],
                    counts[block][:, at],
                )
                for at in times
                for place in range(scores.shape[1])
            ]
            found[row, block] = np.mean(parts, axis=0)
    return found
