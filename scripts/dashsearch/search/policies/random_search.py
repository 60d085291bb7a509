"""Uniform random search over the space's cells, without replacement."""

from collections.abc import Sequence

import numpy as np

from dashsearch.errors import InputError
from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.space import Space


class RandomSearch:
    """Draw every cell with the same probability among those not yet drawn."""

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._seen: set[int] = set()

    def tell(self, results: Sequence[Result]) -> None:
        """Remember the cells; their scores do not matter."""
        self._seen.update(result.cell for result in results)

    def ask(self, n: int) -> list[Suggestion]:
        """Draw `n` unseen cells; InputError if the space does not hold that many."""
        cells = draw_unseen(self._space, self._seen, n, self._rng)
        return [Suggestion(cell) for cell in cells]


def draw_unseen(space: Space, seen: set[int], n: int, rng: np.random.Generator) -> list[int]:
    """Draw `n` distinct cells uniformly from those not in `seen`.

    Raises
    ------
    InputError
        If fewer than `n` cells are left.
    """
    left = space.size - len(seen)
    if n > left:
        raise InputError(
            f"space {space.name} has {left} cells left but {n} were asked for; "
            "lower the arm's rounds or experiments_per_round."
        )
    # Ranks among the unseen cells, mapped to cells: exact, also when nearly all have been seen.
    unseen = np.setdiff1d(np.arange(space.size), np.fromiter(seen, dtype=np.int64, count=len(seen)))
    return [int(cell) for cell in rng.choice(unseen, size=n, replace=False)]
