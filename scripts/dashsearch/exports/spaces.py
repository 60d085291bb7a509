"""The configuration space as others describe theirs."""

import os
from typing import Any

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    Hyperparameter,
    OrdinalHyperparameter,
)
from optuna.distributions import BaseDistribution, CategoricalDistribution

from dashsearch.files import replacing
from dashsearch.space.space import Factor, Space


def config_space(space: Space) -> ConfigurationSpace:
    """Return the space in ConfigSpace's terms: ordinals, categoricals, and constants."""
    found = ConfigurationSpace(name=space.name)
    found.add([_hyperparameter(factor) for factor in space.factors])
    return found


def write_config_space(target: str | os.PathLike[str], space: Space) -> None:
    """Write the space as ConfigSpace's JSON, which `ConfigurationSpace.from_json` reads."""
    with replacing(target) as path:
        config_space(space).to_json(path)


def optuna_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the space in Optuna's terms: every factor is categorical, its levels as they are."""
    return {factor.name: CategoricalDistribution(factor.levels) for factor in space.factors}


def _hyperparameter(factor: Factor) -> Hyperparameter[Any, Any]:
    if len(factor.levels) == 1:
        return Constant(factor.name, factor.levels[0])
    if factor.ordered:
        return OrdinalHyperparameter(factor.name, list(factor.levels))
    return CategoricalHyperparameter(factor.name, list(factor.levels))
