"""Regularised evolution: tournament among the youngest, one mutation, the oldest dies.

Real, Aggarwal, Huang & Le (2019), "Regularized Evolution for Image Classifier Architecture Search",
AAAI 33; arXiv 1802.01548, Algorithm 1, with a round's children drawn from the same population.
"""

from collections.abc import Collection, Sequence

import numpy as np

from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.sampling import draw_cells
from dashsearch.space.space import Space


class RegularisedEvolution:
    """Mutate one factor of the best of `sample` random members of the `population` youngest.

    A failed experiment lives and ages like every other member, with the worst score. Until
    `population` experiments have been told, cells are drawn uniformly.
    """

    def __init__(
        self, space: Space, rng: np.random.Generator, *, population: int, sample: int
    ) -> None:
        self._space = space
        self._rng = rng
        self._population = population
        self._sample = sample
        self._told: list[Result] = []

    def tell(self, results: Sequence[Result]) -> None:
        """Add a round's results to the population, in slot order."""
        self._told.extend(results)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest `n` children, none of them a cell that was seen before."""
        seen = {result.cell for result in self._told} | set(pending)
        strangers = max(0, self._population - len(self._told) - len(pending))
        # Without a member nobody can be a parent: the round is filled uniformly.
        first = n if not self._told else min(n, strangers)
        children = [Suggestion(cell) for cell in draw_cells(self._space, first, self._rng, seen)]
        seen.update(child.cell for child in children)
        while len(children) < n:
            child = self._child(seen)
            seen.add(child.cell)
            children.append(child)
        return children

    def _child(self, seen: set[int]) -> Suggestion:
        """Mutate a tournament's winner until the cell is new; else draw a new cell uniformly."""
        for _ in range(100):
            parent = self._tournament()
            cell = mutate(self._space, parent.cell, self._rng)
            if cell not in seen:
                return Suggestion(cell, parent=parent.experiment_id)
        return Suggestion(draw_cells(self._space, 1, self._rng, seen)[0])

    def _tournament(self) -> Result:
        living = self._told[-self._population :]
        size = min(self._sample, len(living))
        members = self._rng.choice(len(living), size=size, replace=False)
        return max((living[int(place)] for place in members), key=lambda member: member.score)


def mutate(space: Space, cell: int, rng: np.random.Generator) -> int:
    """Give one random factor of `cell` another of its levels; a one-level factor never changes."""
    levels = space.cell(cell)
    free = [factor for factor in space.factors if len(factor.levels) > 1]
    factor = free[int(rng.integers(len(free)))]
    others = [level for level in factor.levels if level != levels[factor.name]]
    levels[factor.name] = others[int(rng.integers(len(others)))]
    return space.index(levels)
