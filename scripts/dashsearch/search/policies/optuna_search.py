"""Bayesian optimisation by Optuna's samplers: a tree of Parzen estimators, and a Gaussian process.

Akiba et al. (2019), "Optuna", KDD; arXiv 1907.10902. The joint Parzen estimator is that of Falkner,
Klein & Hutter (2018), "BOHB", ICML; arXiv 1807.01774. The Gaussian process uses log expected
improvement: Ament et al. (2023), NeurIPS; arXiv 2310.20708.
"""

import warnings
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from dashsearch.search.policy import Result, Suggestion
from dashsearch.space.space import Factor, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaSearch:
    """Ask an Optuna sampler, whose study is rebuilt from the results at every round.

    Unordered factors are categorical. Ordered ones are integers, the ranks of their levels, so that
    the sampler knows which levels are near. Failures are told as failed trials. A cell that comes
    up again is suggested again: the arm's ledger counts it as a duplicate.
    """

    def __init__(self, space: Space, sampler: BaseSampler) -> None:
        self._space = space
        self._varied = [factor for factor in space.factors if len(factor.levels) > 1]
        self._distributions = {factor.name: _distribution(factor) for factor in self._varied}
        self._study = optuna.create_study(sampler=sampler, direction="maximize")

    def tell(self, results: Sequence[Result]) -> None:
        """Add finished trials to the study."""
        self._study.add_trials([self._finished(result) for result in results])

    def tell_rungs(self, results: Sequence[Result]) -> None:
        """Add one trial a cell; one that was trained for a part of the epochs only was pruned.

        Optuna's estimator ranks pruned trials below finished ones, by how far they came.
        """
        trials = []
        for result in results:
            if result.status != "ok" or result.fidelity == 1:
                trials.append(self._finished(result))
                continue
            at = {round(1e6 * result.fidelity): result.val_map}
            trials.append(self._trial(result.cell, state=TrialState.PRUNED, intermediate_values=at))
        self._study.add_trials(trials)

    def ask(self, n: int, pending: Collection[int] = ()) -> list[Suggestion]:
        """Suggest `n` cells; earlier ones of the round count as running trials."""
        self._study.add_trials(
            [self._trial(cell, state=TrialState.RUNNING) for cell in sorted(pending)]
        )
        return [
            Suggestion(self._cell(self._study.ask(self._distributions).params)) for _ in range(n)
        ]

    def _finished(self, result: Result) -> FrozenTrial:
        if result.status == "ok":
            return self._trial(result.cell, state=TrialState.COMPLETE, value=result.val_map)
        return self._trial(result.cell, state=TrialState.FAIL)

    def _trial(self, cell: int, **outcome: Any) -> FrozenTrial:
        levels = self._space.cell(cell)
        params = {
            factor.name: factor.position(levels[factor.name])
            if factor.ordered
            else levels[factor.name]
            for factor in self._varied
        }
        return create_trial(params=params, distributions=self._distributions, **outcome)

    def _cell(self, params: dict[str, Any]) -> int:
        levels = {factor.name: factor.levels[0] for factor in self._space.factors}
        for factor in self._varied:
            value = params[factor.name]
            levels[factor.name] = factor.levels[value] if factor.ordered else value
        return self._space.index(levels)


def tree_parzen(space: Space, rng: np.random.Generator, *, startup: int) -> OptunaSearch:
    """Build the joint tree-structured Parzen estimator.

    Parameters
    ----------
    startup
        Finished trials before which it draws at random.
    """
    with warnings.catch_warnings():  # these options are named experimental, and pinned here
        warnings.simplefilter("ignore", ExperimentalWarning)
        sampler = TPESampler(
            seed=_seed(rng),
            multivariate=True,
            group=True,
            constant_liar=True,
            n_startup_trials=startup,
        )
    return OptunaSearch(space, sampler)


def gaussian_process(space: Space, rng: np.random.Generator, *, startup: int) -> OptunaSearch:
    """Build the Gaussian process (needs torch), with `startup` as in `tree_parzen`."""
    return OptunaSearch(space, GPSampler(seed=_seed(rng), n_startup_trials=startup))


def _distribution(factor: Factor) -> BaseDistribution:
    if factor.ordered:
        return IntDistribution(0, len(factor.levels) - 1)
    return CategoricalDistribution(factor.levels)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))
