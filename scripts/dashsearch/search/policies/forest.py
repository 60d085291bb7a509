"""SMAC: a random forest as surrogate, expected improvement by local search over the space.

Hutter, Hoos & Leyton-Brown (2011), "Sequential Model-Based Optimization for General Algorithm
Configuration", LION 5; Lindauer et al. (2022), "SMAC3", JMLR 23(54).
"""

import logging
import tempfile
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    Constant,
    OrdinalHyperparameter,
)
from ConfigSpace.hyperparameters import Hyperparameter
from smac import HyperparameterOptimizationFacade, Scenario
from smac.acquisition.maximizer import LocalAndSortedRandomSearch, LocalSearch
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.runhistory import StatusType, TrialInfo, TrialValue

from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.sampling import draw_cells
from dashsearch.space.space import Factor, Space

# It would say at every round that there is no initial design, and it is right.
logging.getLogger("smac").setLevel(logging.ERROR)

MOST_TRIALS = 1_000_000
# A failure is told as crashed, with the worst mean average precision there is.
WORST_COST = 1.0


class ForestSearch:
    """Ask SMAC's facade for hyper-parameter optimisation, told anew of everything at every round.

    Unordered factors are categorical, ordered ones ordinal; their values are the ranks of the
    levels. SMAC's own initial design is switched off: all arms share one start. Until `startup`
    experiments have been told, cells are drawn uniformly.
    """

    def __init__(self, space: Space, rng: np.random.Generator, *, startup: int) -> None:
        self._space = space
        self._rng = rng
        self._startup = startup
        self._seed = int(rng.integers(2**31))
        self._configurations = ConfigurationSpace(seed=self._seed)
        self._configurations.add([_hyperparameter(factor) for factor in space.factors])
        self._results: dict[int, Result] = {}

    def tell(self, results: Sequence[Result]) -> None:
        """Remember the results; a repeated cell is told once."""
        for result in results:
            self._results.setdefault(result.cell, result)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest `n` cells that were not seen before."""
        seen = set(self._results) | set(pending)
        if len(self._results) < self._startup:
            return [Suggestion(cell) for cell in draw_cells(self._space, n, self._rng, seen)]
        cells: list[int] = []
        with tempfile.TemporaryDirectory() as folder:
            smac = self._facade(folder)
            for result in self._results.values():
                smac.tell(self._info(result.cell), _value(result), save=False)
            # SMAC gives up where nearly all cells are known; the last ones are drawn uniformly.
            with suppress(ConfigurationSpaceExhaustedException):
                while len(cells) < n:
                    cell = self._cell(smac.ask().config)
                    if cell not in seen:
                        seen.add(cell)
                        cells.append(cell)
        cells += draw_cells(self._space, n - len(cells), self._rng, seen)
        return [Suggestion(cell) for cell in cells]

    def _facade(self, folder: str) -> HyperparameterOptimizationFacade:
        scenario = Scenario(
            self._configurations,
            deterministic=True,
            n_trials=MOST_TRIALS,
            seed=self._seed,
            output_directory=Path(folder),
            crash_cost=WORST_COST,
        )
        facade = HyperparameterOptimizationFacade
        return facade(
            scenario,
            None,
            initial_design=facade.get_initial_design(scenario, n_configs=0),
            logging_level=False,
            acquisition_maximizer=_maximizer(scenario),
            overwrite=True,
        )

    def _info(self, cell: int) -> TrialInfo:
        places = self._space.positions([cell])[0]
        values = {f.name: int(at) for f, at in zip(self._space.factors, places, strict=True)}
        return TrialInfo(config=Configuration(self._configurations, values=values), seed=0)

    def _cell(self, configuration: Configuration) -> int:
        places = [int(configuration[factor.name]) for factor in self._space.factors]
        return int(np.ravel_multi_index(places, self._space.shape))


class _OrderedLocalSearch(LocalSearch):
    """SMAC's local search, from starting points in an order that no hash of the process decides."""

    def _get_init_points_from_previous_configs(
        self, *arguments: Any, **named: Any
    ) -> list[Configuration]:
        points = super()._get_init_points_from_previous_configs(*arguments, **named)
        return sorted(points, key=lambda point: tuple(point.get_array()))


def _maximizer(scenario: Scenario) -> LocalAndSortedRandomSearch:
    maximizer = HyperparameterOptimizationFacade.get_acquisition_maximizer(scenario)
    maximizer._local_search = _OrderedLocalSearch(scenario.configspace, seed=scenario.seed)
    return maximizer


def _value(result: Result) -> TrialValue:
    if result.status == "ok":
        return TrialValue(cost=1 - result.val_map)
    return TrialValue(cost=WORST_COST, status=StatusType.CRASHED)


def _hyperparameter(factor: Factor) -> Hyperparameter[Any, Any]:
    places = range(len(factor.levels))
    if len(places) == 1:
        return Constant(factor.name, 0)
    kind = OrdinalHyperparameter if factor.ordered else CategoricalHyperparameter
    return kind(factor.name, list(places))
