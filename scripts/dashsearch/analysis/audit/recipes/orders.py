"""Whether the order of experiments says anything: improvements against the records law."""

import math
from typing import Any

import numpy as np
import pandas as pd

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.wording import count, number, probability
from dashsearch.analysis.convergence.records import poisson_binomial
from dashsearch.analysis.results import Interval
from dashsearch.errors import InputError

LEVEL = 0.05


def improvements(published: Published, claim: Claim, *, sequence: str) -> Outcome:
    """Hold a number of improvements against what an order without information gives.

    In a random order the t-th experiment improves on all before with probability 1/t, each for
    itself, so the count is Poisson-binomial with mean 1 + 1/2 + … + 1/n (Rényi 1962).
    """
    n = int(_row(published, claim, sequence)["n"])
    observed = int(float(claim.published or 0))
    pmf = poisson_binomial(1 / np.arange(1, n + 1), at_least=observed)
    below = np.cumsum(pmf)
    low, high = (int(np.searchsorted(below, edge)) for edge in (0.025, 0.975))
    p = float(pmf[observed:].sum())
    expected = float((1 / np.arange(1, n + 1)).sum())
    return Outcome(
        value=expected,
        method=(
            f"a random order of {count(n)} different scores gives {number(expected, 3)} "
            f"improvements; as many as {observed} or more have probability {probability(p)}"
        ),
        n=n,
        n_of="experiments",
        interval=Interval(low, high, "middle 95 % of random orders"),
        holds=p < LEVEL,
        exhibit={
            "sequence": sequence,
            "n": n,
            "observed": observed,
            "expected": expected,
            "low": low,
            "high": high,
            "p": p,
        },
    )


def innovation_rate(published: Published, claim: Claim, *, sequence: str, n: str) -> Outcome:
    """Divide improvements by the number of experiments; a table's n has to give the same rate."""
    row = _row(published, claim, sequence)
    table_n = published.fact(n)
    rate = float(row["improvements"]) / float(row["n"])
    other = float(row["improvements"]) / table_n.value
    near = abs(other - float(claim.published or 0)) <= (claim.tolerance or 0)
    whole = float(claim.published or 0) * table_n.value
    return Outcome(
        value=rate,
        method=f"{int(row['improvements'])} improvements in {count(row['n'])} experiments",
        n=int(row["n"]),
        n_of="experiments",
        checks=(
            Check(
                "the n printed beside it gives the same rate",
                near,
                f"the table prints n = {count(table_n.value)} beside it, with which the rate would "
                f"be {number(other, 3)} (or the count {number(math.floor(whole * 10) / 10, 2)})",
                contradicts=True,
            ),
        ),
    )


def _row(published: Published, claim: Claim, sequence: str) -> "pd.Series[Any]":
    rows = published.table("improvements")
    found = rows[rows["sequence"] == sequence]
    if len(found) != 1:
        raise InputError(
            f"claims.yaml: claim {claim.id}: improvements.csv has {len(found)} rows for "
            f"{sequence!r}; it needs one."
        )
    return found.iloc[0]
