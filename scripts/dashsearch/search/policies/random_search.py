"""Uniform random search over the space's cells, without replacement."""

from collections.abc import Collection, Sequence

import numpy as np

from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.sampling import draw_cells
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

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Draw `n` unseen cells; InputError if the space does not hold that many."""
        cells = draw_cells(self._space, n, self._rng, self._seen | set(pending))
        return [Suggestion(cell) for cell in cells]
