"""Experiments and what they are trained as."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from dashsearch.training.data import PreparedData
from dashsearch.training.recipe import resolve
from dashsearch.training.resident import ResidentData, put_on
from dashsearch.training.settings import Cell, TrainerSettings
from dashsearch.training.stack import Member


@dataclass(frozen=True)
class Experiment:
    """One cell to be trained once with one seed; `experiment_id` is equal for equal work."""

    experiment_id: str
    cell: Cell
    seed: int


class MemberOf:
    """Makes members of experiments; each data set is put on the device once."""

    def __init__(
        self, data_of: Callable[[str], PreparedData], settings: TrainerSettings, device: str
    ) -> None:
        self._settings = settings

        @cache
        def resident(backbone: str, sequence_length: int | None) -> ResidentData:
            return put_on(data_of(backbone), torch.device(device), sequence_length)

        self._resident = resident

    def __call__(self, experiment: Experiment) -> Member:
        """Return the member of an experiment.

        Raises
        ------
        InputError
            As `resolve` and `put_on`.
        """
        recipe = resolve(experiment.cell, self._settings)
        data = self._resident(str(experiment.cell["backbone"]), recipe.sequence_length)
        return Member(recipe, experiment.seed, data)
