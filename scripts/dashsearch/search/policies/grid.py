"""Grid search: every combination of chosen levels, the last factor fastest."""

from collections.abc import Collection, Mapping, Sequence
from math import prod

import numpy as np

from dashsearch.errors import InputError
from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.space import Level, Space


class GridSearch:
    """Visit a grid in the order of the cell index.

    Parameters
    ----------
    levels
        By factor, the levels that the grid has; a factor that is not listed keeps all of its own.

    Raises
    ------
    InputError
        If `levels` names a factor or a level that the space does not have, or no level.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        levels: Mapping[str, Sequence[Level]] | None = None,
    ) -> None:
        self._space = space
        self._places = grid_places(space, levels or {})
        self._told = 0

    def tell(self, results: Sequence[Result]) -> None:
        """Count the results: the grid goes on behind them."""
        self._told += len(results)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Return the next `n` cells of the grid; InputError if it does not have that many."""
        shape = [len(places) for places in self._places]
        if self._told + n > prod(shape):
            raise InputError(
                f"the grid has {prod(shape)} cells but {self._told + n} were asked for; lower the "
                "arm's rounds or experiments_per_round, or give the grid more levels."
            )
        steps = np.unravel_index(np.arange(self._told, self._told + n), shape)
        places = [np.asarray(own)[step] for own, step in zip(self._places, steps, strict=True)]
        return [Suggestion(int(cell)) for cell in np.ravel_multi_index(places, self._space.shape)]


def grid_places(space: Space, levels: Mapping[str, Sequence[Level]]) -> list[list[int]]:
    """Return the places of a grid's levels, one ascending list a factor; InputError as above."""
    for name, chosen in levels.items():
        space.factor(name)
        if not chosen:
            raise InputError(f"the grid has no level of the factor {name}; list at least one.")
    return [
        sorted({factor.position(level) for level in levels.get(factor.name, factor.levels)})
        for factor in space.factors
    ]
