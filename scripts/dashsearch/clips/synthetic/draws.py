"""Random streams of one clip: one generator per purpose, so a new draw changes nothing else."""

from dataclasses import dataclass

import numpy as np

from dashsearch.seeds import derive_seed

GENERATOR_VERSION = "1"
"""Part of every seed; raise it whenever the same arguments would give other clips."""


@dataclass(frozen=True)
class Draws:
    """The random streams of clip `ordinal` of a task."""

    task: str
    seed: int
    ordinal: int

    def stream(self, purpose: str) -> np.random.Generator:
        """Return a fresh generator for one purpose, such as ``"motion"``."""
        names = (self.task, self.seed, GENERATOR_VERSION, self.ordinal, purpose)
        return np.random.default_rng(derive_seed(*names))


def task_stream(task: str, seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of a draw that concerns a whole task, such as the order of the ids."""
    return np.random.default_rng(derive_seed(task, seed, GENERATOR_VERSION, "task", purpose))
