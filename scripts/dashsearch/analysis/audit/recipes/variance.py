"""Shares of variance: from tables of groups, and from a published F with its design."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome
from dashsearch.analysis.audit.published import Design, Published
from dashsearch.analysis.audit.wording import count, number, probability, span
from dashsearch.analysis.inference.intervals import difference_limits, share_interval
from dashsearch.analysis.results import Interval
from dashsearch.analysis.variance.group_table import GroupTable, one_way_of_groups, read_group_table
from dashsearch.errors import InputError

# A share that shrinks by more than this when chance is taken off is mostly a matter of its design.
BIAS = 0.01
LEVEL = 0.05


def one_way(
    published: Published,
    claim: Claim,
    *,
    table: str,
    statistic: str,
    factors: Sequence[str] = ("backbone", "encoder"),
    min_n: int = 10,
    named: Sequence[Sequence[str]] = (),
) -> Outcome:
    """Recompute a one-way analysis from sizes, means and deviations of groups.

    Parameters
    ----------
    statistic
        ``"f"``, ``"eta_squared"`` or ``"variance_ratio"`` (largest over smallest group variance).
    min_n
        Smallest group that counts.
    named
        Two groups that the study names as an example of a variance ratio: theirs has to agree.
    """
    groups = read_group_table(published.path(table), tuple(factors), "population", min_n)
    found = one_way_of_groups(groups)
    alike = _equal_variances(groups)
    checks: tuple[Check, ...]
    interval = None
    if statistic == "f":
        value, checks = found.f, (_above_zero(found.interval), alike)
    elif statistic == "eta_squared":
        value = found.eta_squared
        interval = _named_interval(found.interval)
        checks = (
            _above_zero(found.interval),
            _unbiased(found.eta_squared, found.omega_squared, found.chance_level),
            alike,
        )
    elif statistic == "variance_ratio":
        value = _variance_ratio(groups, groups.labels)
        checks = (_named_ratio(groups, claim, named),) if named else ()
    else:
        raise InputError(
            f"claims.yaml: claim {claim.id}: statistic is {statistic!r}; choose f, eta_squared or "
            "variance_ratio."
        )
    return Outcome(
        value=value,
        method=f"one-way analysis of {found.groups} groups of {table}.csv",
        n=found.n,
        n_of="scores",
        interval=interval,
        checks=checks,
        exhibit={
            "eta_squared": found.eta_squared,
            "omega_squared": found.omega_squared,
            "low": found.interval.low,
            "high": found.interval.high,
            "chance_level": found.chance_level,
        },
    )


def share_of_design(
    published: Published, claim: Claim, *, design: str, like_for_like: str = "", estimate: str
) -> Outcome:
    """Recompute a share of variance from a published F, its number of groups and of scores.

    Parameters
    ----------
    estimate
        ``"eta_squared"``, the published measure, or ``"omega_squared"``, corrected for chance.
    like_for_like
        A design whose cells were not chosen by their scores: the share has to hold there too.
    """
    shares = shares_of(published.design(design))
    checks = [_above_zero(shares.interval)]
    if estimate == "eta_squared":
        checks.append(_unbiased(shares.eta_squared, shares.omega_squared, shares.chance_level))
    if like_for_like:
        checks.append(_same_when_uniform(shares, shares_of(published.design(like_for_like))))
    return Outcome(
        value=shares.eta_squared if estimate == "eta_squared" else shares.omega_squared,
        method=(
            f"{'η²' if estimate == 'eta_squared' else 'ω²'} of F = {number(shares.f)}"
            f" with {shares.groups} groups"
        ),
        n=shares.n,
        n_of="scores",
        interval=_named_interval(shares.interval),
        checks=tuple(checks),
        exhibit=shares.exhibit(),
    )


def implied_by_designs(
    published: Published,
    claim: Claim,
    *,
    design: str,
    gives: str,
    rounding: float,
    designs: Sequence[str],
    cells: Sequence[str],
    table: str,
) -> Outcome:
    """Hold an F and a share without a published n against the designs that are published.

    F = share/(1 - share) (n - k)/(k - 1). Each published design gives the value that the other
    figure implies, within its rounding; the nearest one is reported.

    Parameters
    ----------
    gives
        ``"f"`` or ``"eta_squared"``: which of the two the claim is about.
    rounding
        Half a unit of the other figure's last digit.
    designs
        Published designs to try. Where one has no number of groups, that of the whole space is the
        most there can be.
    cells, table
        Factors whose levels multiply to that number, and the table that holds the levels.
    """
    stated = published.design(design)
    if stated.f is None or stated.eta_squared is None:
        raise InputError(f"designs.csv: design {design} needs f and eta_squared; give both.")
    levels = published.table(table).set_index("factor")["levels"]
    most = math.prod(int(levels[name]) for name in cells)
    other = stated.eta_squared if gives == "f" else stated.f
    implied = _f_of_share if gives == "f" else _share_of_f
    figure = float(claim.published or 0)
    tried = [(each.groups or most, each.n or 0) for each in map(published.design, designs)]
    k, n = min(tried, key=lambda size: abs(implied(other, *size) - figure))
    odds = stated.eta_squared / (1 - stated.eta_squared)
    needed = stated.f * (k - 1) / odds + k
    return Outcome(
        value=implied(other, k, n),
        method=(
            f"{'η²' if gives == 'f' else 'F'} = {number(other)} in the nearest published design, "
            f"{k} groups and {count(n)} scores, where both figures together need {count(needed)}"
        ),
        n=n,
        n_of="scores",
        basis="figures",
        allowed=Interval(
            implied(other - rounding, k, n), implied(other + rounding, k, n), "range by rounding"
        ),
    )


def _f_of_share(share: float, groups: int, n: int) -> float:
    return share / (1 - share) * (n - groups) / (groups - 1)


def _share_of_f(f: float, groups: int, n: int) -> float:
    return f * (groups - 1) / (f * (groups - 1) + n - groups)


def complement(published: Published, claim: Claim, *, of: str, table: str) -> Outcome:
    """One minus a share; the same from the table of groups has to agree."""
    share = published.fact(of).value
    groups = read_group_table(published.path(table))
    found = one_way_of_groups(groups)
    rest = 1 - found.eta_squared
    near = abs(rest - (1 - share)) <= (claim.tolerance or 0.0)
    return Outcome(
        value=1 - share,
        method=f"1 − {number(share)}",
        basis="figures",
        checks=(
            Check(
                "the published group table gives the same",
                near,
                f"the published table of {found.groups} groups leaves {number(rest, 3)}, and "
                "without repeated seeds that holds training noise too",
            ),
        ),
    )


def equal_design(published: Published, claim: Claim, *, first: str, second: str) -> Outcome:
    """Compare two shares that were measured alike: difference of ω² with its interval."""
    one, two = (shares_of(published.design(name)) for name in (first, second))
    difference = one.omega_squared - two.omega_squared
    low, high = difference_limits(
        (one.omega_squared, one.interval), (two.omega_squared, two.interval)
    )
    return Outcome(
        value=difference,
        method=(
            f"ω² differs by {number(difference, 2)} ({span(low, high, 2)}): "
            f"{number(one.omega_squared, 3)} ({span(one.interval.low, one.interval.high)}, "
            f"n = {count(one.n)}) minus "
            f"{number(two.omega_squared, 3)} ({span(two.interval.low, two.interval.high)}, "
            f"n = {count(two.n)})"
        ),
        n=one.n + two.n,
        n_of="scores",
        interval=Interval(low, high, "95 %, from both noncentral F intervals"),
        holds=low > 0,
        exhibit={
            "first": {"name": one.name, **one.exhibit()},
            "second": {"name": two.name, **two.exhibit()},
            "difference": difference,
            "low": low,
            "high": high,
        },
    )


class Shares:
    """The shares of variance of a published design, from its F, groups and scores."""

    def __init__(self, name: str, f: float, groups: int, n: int) -> None:
        between, within = groups - 1, n - groups
        self.name, self.f, self.groups, self.n = name, f, groups, n
        self.eta_squared = _share_of_f(f, groups, n)
        self.omega_squared = (f - 1) * between / ((f - 1) * between + n)
        self.chance_level = between / (n - 1)
        self.interval = share_interval(f, between, within)

    def exhibit(self) -> dict[str, float]:
        """Return what a figure of shares needs."""
        return {
            "eta_squared": self.eta_squared,
            "omega_squared": self.omega_squared,
            "low": self.interval.low,
            "high": self.interval.high,
            "chance_level": self.chance_level,
        }


def shares_of(design: Design) -> Shares:
    """Return the shares of a design, from F or, where only η² is published, from that."""
    if design.groups is None or design.n is None:
        raise InputError(f"designs.csv: design {design.key} needs groups and n; give both.")
    f = design.f
    if f is None:
        if design.eta_squared is None:
            raise InputError(f"designs.csv: design {design.key} has neither f nor eta_squared.")
        f = _f_of_share(design.eta_squared, design.groups, design.n)
    return Shares(design.name, f, design.groups, design.n)


def _named_interval(interval: Interval) -> Interval:
    return Interval(interval.low, interval.high, f"95 %, {interval.kind}")


def _above_zero(interval: Interval) -> Check:
    return Check(
        "the interval of the population's share leaves out zero",
        interval.low > 0,
        f"the interval of the population's share, {span(interval.low, interval.high)}, holds zero",
    )


def _unbiased(eta_squared: float, omega_squared: float, chance: float) -> Check:
    return Check(
        "chance adds next to nothing",
        eta_squared - omega_squared <= BIAS,
        f"chance alone gives {number(chance, 3)}, and ω², corrected for it, is "
        f"{number(omega_squared, 3)}",
    )


def _same_when_uniform(adaptive: Shares, uniform: Shares) -> Check:
    return Check(
        "the same where scores did not choose the cells",
        uniform.interval.low <= adaptive.omega_squared <= uniform.interval.high,
        f"the cells were chosen by earlier scores, and {uniform.name} give ω² = "
        f"{number(uniform.omega_squared, 3)} "
        f"({span(uniform.interval.low, uniform.interval.high)})",
    )


def _variances(groups: GroupTable) -> NDArray[np.float64]:
    several = groups.n > 1
    return np.asarray(groups.ss[several] / (groups.n[several] - 1), dtype=np.float64)


def _variance_ratio(groups: GroupTable, chosen: Sequence[Sequence[str]]) -> float:
    places = [groups.labels.index(tuple(label)) for label in chosen]
    variances = (groups.ss / groups.n)[places]
    return float(variances.max() / variances.min())


def _named_ratio(groups: GroupTable, claim: Claim, named: Sequence[Sequence[str]]) -> Check:
    missing = [label for label in named if tuple(label) not in groups.labels]
    if missing:
        raise InputError(
            f"claims.yaml: claim {claim.id}: {groups.source} has no group {missing[0]}; name "
            "groups of the table."
        )
    ratio = _variance_ratio(groups, named)
    return Check(
        "the groups named as an example differ as much",
        abs(ratio - float(claim.published or 0)) <= (claim.tolerance or 0),
        f"the two groups that the study names for it differ by {number(ratio, 2)} times",
    )


def _equal_variances(groups: GroupTable) -> Check:
    """Bartlett's test, from sizes and deviations alone."""
    variances = _variances(groups)
    freedom = groups.n[groups.n > 1] - 1
    if len(variances) < 2 or (variances <= 0).any():
        return Check("equal variances", True, "too few groups to compare variances")
    pooled = float(freedom @ variances) / float(freedom.sum())
    statistic = float(freedom.sum() * np.log(pooled) - freedom @ np.log(variances))
    correction = 1 + (np.sum(1 / freedom) - 1 / freedom.sum()) / (3 * (len(variances) - 1))
    p = float(stats.chi2.sf(statistic / correction, len(variances) - 1))
    ratio = float(variances.max() / variances.min())
    return Check(
        "the groups vary alike (Bartlett)",
        p >= LEVEL,
        f"the groups' variances differ by up to {number(ratio, 3)} times (Bartlett's p "
        f"{probability(p)}), which this F takes to be equal",
    )
