"""Test probabilities of every experiment of a round, kept on disk until they become one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dashsearch.errors import InputError
from dashsearch.files import replacing
from dashsearch.ledger.schema import clip_score_columns
from dashsearch.tables import frame_of
from dashsearch.training.data import PreparedData
from dashsearch.training.members import Experiment
from dashsearch.training.outcome import Outcome


@dataclass(frozen=True)
class TestScores:
    """A folder with one array an experiment, which outlives a killed round like its journal."""

    __test__ = False  # not a class of tests, whatever its name says
    folder: Path

    def keep(self, experiment: Experiment, outcome: Outcome) -> None:
        """Keep an experiment's test probabilities, if it has any."""
        if outcome.test_probability is not None:
            with replacing(self._path(experiment)) as path:
                np.save(path, outcome.test_probability, allow_pickle=False)

    def table(
        self,
        experiments: Sequence[Experiment],
        outcomes: Sequence[Outcome],
        data_of: Callable[[str], PreparedData],
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Put the probabilities of all scored experiments into one table, and name its columns.

        Probabilities stay float64: rounding would tie scores that are not equal, and average
        precision would be another one.

        Raises
        ------
        InputError
            If the probabilities of an experiment are gone that the journal says was scored.
        """
        classes = max(len(data_of(str(e.cell["backbone"])).classes) for e in experiments)
        columns = clip_score_columns(classes)
        parts = [frame_of([], columns)]
        for experiment, outcome in zip(experiments, outcomes, strict=True):
            if outcome.status == "ok":
                windows = data_of(str(experiment.cell["backbone"])).test
                scores = self._read(experiment).reshape(len(windows.label), -1)
                fixed = {
                    "experiment_id": experiment.experiment_id,
                    "clip_id": windows.clip_id,
                    "tte_s": windows.tte_s,
                    "label": windows.label,
                }
                named = dict(zip(list(columns)[len(fixed) :], scores.T, strict=True))
                parts.append(pd.DataFrame({**fixed, **named}))
        filled = parts[1:] or parts
        return pd.concat(filled, ignore_index=True), columns

    def _read(self, experiment: Experiment) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        path = self._path(experiment)
        if not path.is_file():
            raise InputError(
                f"{path} is gone, though its experiment is in the journal; delete the journal "
                f"beside {self.folder}, and all experiments are trained again."
            )
        values: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = np.load(
            path, allow_pickle=False
        )
        return values

    def _path(self, experiment: Experiment) -> Path:
        return self.folder / f"{experiment.experiment_id}.npy"
