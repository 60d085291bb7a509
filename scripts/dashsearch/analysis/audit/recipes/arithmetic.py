"""Claims that arithmetic on other published figures settles."""

import math
from collections.abc import Mapping, Sequence

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.wording import count, number
from dashsearch.analysis.results import Interval
from dashsearch.errors import InputError


def product_of_levels(published: Published, claim: Claim, *, table: str) -> Outcome:
    """Multiply the numbers of levels of all factors of a space."""
    levels = published.table(table)["levels"]
    return Outcome(
        value=float(math.prod(int(size) for size in levels)),
        method=f"product of the numbers of levels of {len(levels)} factors",
        n=len(levels),
        n_of="factors",
    )


def quotient(
    published: Published,
    claim: Claim,
    *,
    above: Sequence[str],
    below: Sequence[str],
    also: Sequence[Mapping[str, object]] = (),
) -> Outcome:
    """Divide a product of facts by another.

    Parameters
    ----------
    above, below
        Facts that are multiplied above and below the line.
    also
        Other readings of the same figure, each with `above`, `below` and `reading`: the clause
        that says what it is. A reading outside the tolerance is a failed check.
    """
    checks = []
    for other in also:
        value = _quotient(published, other["above"], other["below"])
        near = abs(value - _figure(claim)) <= (claim.tolerance or 0.0)
        checks.append(
            Check("other reading", near, f"{other['reading']} it is {number(value)}{_unit(claim)}")
        )
    return Outcome(
        value=_quotient(published, above, below),
        method=" × ".join(_named(published, above))
        + " over "
        + " × ".join(_named(published, below)),
        basis="figures",
        checks=tuple(checks),
    )


def total(published: Published, claim: Claim, *, terms: Sequence[str]) -> Outcome:
    """Add facts up."""
    value = sum(published.fact(name).value for name in terms)
    return Outcome(
        value=value,
        method=" + ".join(_named(published, terms)),
        basis="figures",
    )


def cycles_times(
    published: Published,
    claim: Claim,
    *,
    cycles: Sequence[str],
    low: str,
    high: str,
) -> Outcome:
    """Multiply cycles by a published range a cycle: the figure has to lie in it."""
    turns = sum(published.fact(name).value for name in cycles)
    bounds = (turns * published.fact(low).value, turns * published.fact(high).value)
    rates = list(dict.fromkeys(number(published.fact(name).value) for name in (low, high)))
    return Outcome(
        value=sum(bounds) / 2,
        method=f"{count(turns)} cycles times {' to '.join(rates)} a cycle",
        n=int(turns),
        n_of="cycles",
        allowed=Interval(*bounds, "range that the cycles allow") if len(rates) > 1 else None,
        basis="figures",
    )


def lead(
    published: Published, claim: Claim, *, pair: Sequence[str], later: Sequence[str], when: str
) -> Outcome:
    """Subtract the second fact of a pair from the first; the lead has to last.

    Parameters
    ----------
    later
        The same pair at another time, and `when` that is.
    """
    first, second = (published.fact(name).value for name in pair)
    after = published.fact(later[0]).value - published.fact(later[1]).value
    return Outcome(
        value=first - second,
        method=f"{number(first)} − {number(second)}",
        basis="figures",
        checks=(
            Check("the lead lasts", after > 0, f"{when} it is {number(after, 2)}{_unit(claim)}"),
        ),
    )


def same_figure(published: Published, claim: Claim, *, other: str) -> Outcome:
    """Take the figure that another edition gives for the same quantity."""
    fact = published.fact(other)
    return Outcome(
        value=fact.value,
        method=f"the same quantity in {fact.edition}, {fact.source}",
        basis="figures",
    )


def bounded(
    published: Published,
    claim: Claim,
    *,
    at_most: Sequence[Mapping[str, object]] = (),
    at_least: Sequence[Mapping[str, object]] = (),
) -> Outcome:
    """Hold a figure that nothing published determines against figures that bound it.

    Each bound has `factors`, facts that are multiplied, and `what`: the clause that names it. A
    figure beyond a bound contradicts it.
    """
    checks = []
    value = _figure(claim)
    for bounds, sign, words in ((at_most, 1, "at most"), (at_least, -1, "at least")):
        for bound in bounds:
            limit = math.prod(published.fact(name).value for name in _names(bound["factors"]))
            checks.append(
                Check(
                    f"{words} {number(limit)} ({bound['what']})",
                    sign * value <= sign * limit,
                    f"it has to be {words} {number(limit)} ({bound['what']})",
                    contradicts=True,
                )
            )
    return Outcome(value=None, method="bounded by other published figures", checks=tuple(checks))


def _quotient(published: Published, above: object, below: object) -> float:
    products = [
        math.prod(published.fact(name).value for name in _names(names)) for names in (above, below)
    ]
    if products[1] == 0:
        raise InputError(f"{published.folder}: the facts {below} multiply to 0; none may divide.")
    return products[0] / products[1]


def _names(names: object) -> list[str]:
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InputError(f"claims.yaml: {names!r} is no list of facts; name facts of facts.csv.")
    return list(names)


def _named(published: Published, names: Sequence[str]) -> list[str]:
    """Facts with their values, as prose has them."""
    facts = [published.fact(name) for name in names]
    return [
        number(fact.value) + ("" if fact.unit == "share" else f" {fact.unit}") for fact in facts
    ]


def _figure(claim: Claim) -> float:
    if isinstance(claim.published, str) or claim.published is None:
        raise InputError(
            f"claims.yaml: claim {claim.id}: recipe {claim.recipe} compares numbers, but published "
            f"is {claim.published!r}; give a number."
        )
    return float(claim.published)


def _unit(claim: Claim) -> str:
    return f" {claim.unit}" if claim.unit else ""
