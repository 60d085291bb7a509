"""Hyperband over the epochs, with a tree of Parzen estimators instead of random draws.

"In the style of BOHB": the model of Falkner, Klein & Hutter (2018), "BOHB", ICML, arXiv 1807.01774,
but Optuna's implementation of it, and the asynchronous promotion of Li et al. (2020), "A System for
Massively Parallel Hyperparameter Tuning", MLSys, arXiv 1810.05934, Algorithm 2, in brackets.
"""

from collections.abc import Collection, Sequence

import numpy as np

from dashsearch.search.policies.optuna_search import OptunaSearch, tree_parzen
from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.space import Space


class HyperbandSearch:
    """Train many cells for few epochs, and the best of them for more.

    A rung is a share of the epochs: eta^(1 - rungs), ..., 1/eta, 1. A bracket begins at one of
    them; new cells are dealt to the brackets so that each spends about the same. Of the finished
    experiments of a rung, one in eta goes on to the next, where it is trained from the start with
    that rung's schedule. The model learns from the highest rung that each cell has reached.
    """

    def __init__(
        self, space: Space, rng: np.random.Generator, *, startup: int, eta: int, rungs: int
    ) -> None:
        self._sampler: OptunaSearch = tree_parzen(space, rng, startup=startup)
        self._eta = eta
        self._rungs = [float(eta) ** (rung + 1 - rungs) for rung in range(rungs)]
        self._results: dict[int, list[Result]] = {}
        self._begun: list[int] = []

    def tell(self, results: Sequence[Result]) -> None:
        """Add a round: what the start and the audits trained counts at the top rung."""
        for result in results:
            earlier = self._results.setdefault(result.cell, [])
            if not earlier and result.source == "policy":
                self._begun.append(self._rung(result))
            earlier.append(result)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest promotions first, then new cells at the lowest rung of their brackets."""
        highest = [max(each, key=lambda result: result.fidelity) for each in self._results.values()]
        self._sampler.tell_rungs(highest)
        promotions = self._promotions(highest)[:n]
        fresh = self._sampler.ask(n - len(promotions), pending)
        begun = list(self._begun)
        for suggestion in fresh:
            rung = self._next_bracket(begun)
            begun.append(rung)
            promotions.append(Suggestion(suggestion.cell, fidelity=self._rungs[rung]))
        return promotions

    def _rung(self, result: Result) -> int:
        return min(
            range(len(self._rungs)), key=lambda rung: abs(self._rungs[rung] - result.fidelity)
        )

    def _promotions(self, highest: Sequence[Result]) -> list[Suggestion]:
        """Cells that are among the best of their rung and have not gone on, from the top down."""
        found = []
        for rung in reversed(range(len(self._rungs) - 1)):
            here = [
                result
                for each in self._results.values()
                for result in each
                if self._rung(result) == rung and result.status == "ok"
            ]
            here.sort(key=lambda result: -result.score)
            best = {result.cell: result for result in here[: len(here) // self._eta]}
            waiting = [result for result in highest if self._rung(result) == rung]
            found += [
                Suggestion(result.cell, parent=result.experiment_id, fidelity=self._rungs[rung + 1])
                for result in sorted(waiting, key=lambda result: -result.score)
                if result.cell in best
            ]
        return found

    def _next_bracket(self, begun: Sequence[int]) -> int:
        """Return the rung where the bracket begins that has spent the least so far.

        A cell that begins at rung k of K spends about (K - k) times its share of the epochs, as
        each further rung trains one in eta of the cells for eta times as long.
        """
        steps = len(self._rungs)
        spent = [begun.count(rung) * self._rungs[rung] * (steps - rung) for rung in range(steps)]
        return min(range(steps), key=lambda rung: spent[rung])
