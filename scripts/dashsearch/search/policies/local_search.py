"""Iterated local search: climb through neighbouring cells, start anew where no step is left.

A strong and cheap baseline on small spaces: White, Nolen & Savani (2021), "Exploring the Loss
Landscape in Neural Architecture Search", UAI; arXiv 2005.02960.
"""

from collections.abc import Collection, Sequence

import numpy as np

from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.sampling import draw_cells
from dashsearch.space.space import Space


class LocalSearch:
    """Propose untried neighbours of the best cell of the present climb, in random order.

    A climb begins with the arm's first results. When all neighbours of its best cell have been
    tried, the rest of the round is drawn uniformly, and a new climb begins with it.
    """

    def __init__(self, space: Space, rng: np.random.Generator) -> None:
        self._space = space
        self._rng = rng
        self._seen: set[int] = set()
        self._best: Result | None = None

    def tell(self, results: Sequence[Result]) -> None:
        """Climb to a better cell of the round; where there is none, start anew from its strangers.

        Strangers are what the policy drew uniformly, because no step was left.
        """
        self._seen.update(result.cell for result in results)
        strangers = [r for r in results if r.source == "policy" and not r.parent]
        known = [r for r in results if r not in strangers]
        if self._best is None:
            known = list(results)
        better = max(known, key=_score, default=None)
        if better is not None and (self._best is None or better.score > self._best.score):
            self._best = better
        elif strangers:
            self._best = max(strangers, key=_score)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest `n` cells that were not seen before."""
        seen = self._seen | set(pending)
        steps: list[Suggestion] = []
        if self._best is not None:
            parent = self._best.experiment_id
            untried = [c for c in self._space.neighbours(self._best.cell) if c not in seen]
            order = self._rng.permutation(len(untried))[:n]
            steps = [Suggestion(untried[int(place)], parent=parent) for place in order]
        seen.update(step.cell for step in steps)
        strangers = draw_cells(self._space, n - len(steps), self._rng, seen)
        return steps + [Suggestion(cell) for cell in strangers]


def _score(result: Result) -> float:
    return result.score
