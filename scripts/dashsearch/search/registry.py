"""Which policy a name stands for; its module, with its libraries, is imported only when asked."""

from collections.abc import Callable, Mapping
from importlib import import_module

import numpy as np

from dashsearch.errors import InputError
from dashsearch.search.policy import Policy
from dashsearch.space.space import Space

# By name: module and callable that builds the policy from a space, a generator and its settings.
POLICIES: Mapping[str, tuple[str, str]] = {
    "designed": ("designed", "DesignedSample"),
    "grid": ("grid", "GridSearch"),
    "random": ("random_search", "RandomSearch"),
    "evolution": ("evolution", "RegularisedEvolution"),
    "local_search": ("local_search", "LocalSearch"),
    "tpe": ("optuna_search", "tree_parzen"),
    "gp": ("optuna_search", "gaussian_process"),
    "smac": ("forest", "ForestSearch"),
    "bohb_style": ("hyperband", "HyperbandSearch"),
    "own": ("own", "OwnPolicy"),
}
# One sequence over all rounds; every other policy draws anew in every round.
WHOLE_SEQUENCE = ("designed",)


def build_policy(
    name: str, space: Space, rng: np.random.Generator, settings: Mapping[str, object]
) -> Policy:
    """Build a policy.

    Raises
    ------
    InputError
        If no policy has this name.
    """
    if name not in POLICIES:
        raise InputError(f"there is no policy {name!r}; use {', '.join(POLICIES)}.")
    module, builder = POLICIES[name]
    build: Callable[..., Policy] = getattr(
        import_module(f"dashsearch.search.policies.{module}"), builder
    )
    return build(space, rng, **settings)
