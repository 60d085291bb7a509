"""The designed sample: balanced over architectures, even over training factors, replicated.

No score can influence it, so variance shares computed on it are free of the bias that an adaptive
policy's choice of cells brings (paper README, "Known weaknesses").
"""

from collections.abc import Collection, Sequence
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.space import Level, Space


class DesignedSample:
    """Visit all architecture cells in passes, each pass in a new random order.

    Parameters
    ----------
    space
        The space; its architecture factors are balanced, its training factors drawn evenly.
    rng
        Must be seeded alike for every round of an arm: the design is one sequence, and a round
        takes the part of it that follows what has been told.
    replicates
        Number of seeds for a replicated cell.
    replicated_share
        Share of the cells that are replicated, in [0, 1]: in every pass, this share of the
        architecture cells, chosen at random.
    training_levels
        How training levels are drawn: ``"uniform"``, independently; ``"sobol"``, along a scrambled
        Sobol sequence over all training factors (scipy.stats.qmc; Owen (1998), J. Complexity
        14(4)), which also evens out their combinations. Each level of a factor has the same
        probability either way.
    """

    def __init__(
        self,
        space: Space,
        rng: np.random.Generator,
        *,
        replicates: int,
        replicated_share: float,
        training_levels: Literal["uniform", "sobol"] = "uniform",
    ) -> None:
        self._space = space
        self._rng = rng
        self._replicates = replicates
        self._replicated_share = replicated_share
        self._told = 0
        training = len(space.group("training"))
        self._sobol = None
        if training_levels == "sobol" and training:
            from scipy.stats import qmc  # noqa: PLC0415  (a second to load)

            self._sobol = qmc.Sobol(training, scramble=True, rng=rng)

    def tell(self, results: Sequence[Result]) -> None:
        """Count the results: the design goes on behind them."""
        self._told += len(results)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Return the next `n` experiments of the design, which nothing pending can change."""
        design: list[Suggestion] = []
        used: set[int] = set()
        while len(design) < self._told + n:
            design += self._next_pass(used)
        return design[self._told : self._told + n]

    def _next_pass(self, used: set[int]) -> list[Suggestion]:
        """One experiment for each architecture cell, followed by the replicates of some."""
        architectures = self._space.group("architecture")
        combinations = list(product(*(factor.levels for factor in architectures)))
        replicated = round(self._replicated_share * len(combinations))
        names = [factor.name for factor in architectures]
        cells = []
        for place in self._rng.permutation(len(combinations)):
            cell = self._draw_cell(dict(zip(names, combinations[place], strict=True)), used)
            used.add(cell)
            cells.append(cell)
        extra = [
            Suggestion(cell, replicate)
            for replicate in range(1, self._replicates)
            for cell in cells[:replicated]
        ]
        return [Suggestion(cell) for cell in cells] + extra

    def _draw_cell(self, architecture: dict[str, Level], used: set[int]) -> int:
        """Draw training levels uniformly; draw again if the cell was used in an earlier pass."""
        training = self._space.group("training")
        tries = 1000
        for _ in range(tries):
            places = np.floor(self._point(len(training)) * [len(f.levels) for f in training])
            levels = {f.name: f.levels[int(at)] for f, at in zip(training, places, strict=True)}
            cell = self._space.index({**architecture, **levels})
            if cell not in used:
                break
        # A space with few training cells runs out of new ones: a repeated cell is then a
        # duplicate row of the ledger, which is the truth about such a space.
        return cell

    def _point(self, dimensions: int) -> NDArray[np.float64]:
        """Draw a point of the unit cube: float64 (dimensions,) in [0, 1)."""
        if self._sobol is None:
            return self._rng.random(dimensions)
        point: NDArray[np.float64] = self._sobol.random(1)[0]
        return point
