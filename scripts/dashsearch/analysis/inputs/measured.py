"""Scores of every cell of a space, where all of them were measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashsearch.analysis.inputs.any_table import read_any_table
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError


@dataclass(frozen=True)
class MeasuredSpace:
    """Score of every cell, mean over its replicates; NaN for cells that fail. Shape (cells,)."""

    selection: NDArray[np.float64]
    score: NDArray[np.float64]


def read_measured(
    path: str | Path, settings: AnalysisSettings, factors: Sequence[str] | None = None
) -> MeasuredSpace:
    """Read a table of measured cells, one row a cell and replicate.

    Parameters
    ----------
    path
        Parquet or CSV with the two score columns, and the column `cell` or those of the factors;
        rows with a `fidelity` below 1 are left out.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a column, or holds a score outside [0, 1].
    """
    frame = read_any_table(path, "measured cells")
    keys = ["cell"] if "cell" in frame.columns else list(factors or ())
    scores = [settings.selection, settings.score]
    for column in (*(keys or ["cell"]), *scores):
        if column not in frame.columns:
            raise InputError(
                f"{path} ({len(frame)} rows) has no column {column!r} of measured cells; add it."
            )
    if "fidelity" in frame.columns:
        frame = frame[frame["fidelity"] == 1]
    for column in scores:
        outside = int(((frame[column] < 0) | (frame[column] > 1)).sum())
        if outside:
            raise InputError(
                f"{path} ({len(frame)} rows): column {column} is outside 0 to 1 in {outside} of "
                "them; give average precisions."
            )
    means = frame.groupby(keys, sort=True)[scores].mean()
    selection, score = (means[column].to_numpy(dtype=np.float64) for column in scores)
    return MeasuredSpace(selection, score)
