"""What a recipe finds about a claim: a value, how it was made, and the checks beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from dashsearch.analysis.results import Interval

Basis = Literal["tables", "figures"]


@dataclass(frozen=True)
class Check:
    """A stated condition beside a number.

    Attributes
    ----------
    name
        What is asked, in a few words.
    passed
        Whether the condition holds.
    found
        What was found, as a clause with its numbers; the explanation quotes it if the check fails.
    contradicts
        Whether a failure means that two published figures cannot both be right.
    """

    name: str
    passed: bool
    found: str
    contradicts: bool = False


@dataclass(frozen=True)
class Outcome:
    """A claim recomputed.

    Attributes
    ----------
    value
        The recomputed number or name; None where the published figures do not determine one.
    method
        How it was made, in one clause.
    n, n_of
        How many of what it rests on.
    interval
        Uncertainty of the value.
    allowed
        Where the published figures bound the value instead of fixing it.
    holds
        Of a comparison: whether it holds. None for everything else.
    basis
        ``"tables"`` if the value is recomputed from data, ``"figures"`` if it is what other
        published figures imply: disagreement is a contradiction among them then.
    checks
        Conditions beside the number.
    exhibit
        Data of the claim's figure, ready for JSON.
    """

    value: float | str | None
    method: str
    n: int | None = None
    n_of: str = ""
    interval: Interval | None = None
    allowed: Interval | None = None
    holds: bool | None = None
    basis: Basis = "tables"
    checks: tuple[Check, ...] = ()
    exhibit: Mapping[str, Any] = field(default_factory=dict)


def quantile_interval(values: ArrayLike, kind: str) -> Interval:
    """Return the middle 95 % of simulated values."""
    low, high = (float(limit) for limit in np.quantile(np.asarray(values), [0.025, 0.975]))
    return Interval(low, high, kind)
