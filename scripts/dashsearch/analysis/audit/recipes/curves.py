"""Values and laws of published best-so-far curves."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.audit.claims import Claim
from dashsearch.analysis.audit.outcome import Check, Outcome
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.wording import count, number, share
from dashsearch.analysis.convergence.power_law import PowerLawFit, fit_power_law
from dashsearch.analysis.results import Interval
from dashsearch.errors import InputError

LOOSE_CEILING = 1.5  # the asymptote that the published fit allowed
GRID = 3  # it took every third of 3,003 experiments; the published curve is every fifteenth


def value_at(
    published: Published, claim: Claim, *, table: str, column: str, n: int, rival: str = ""
) -> Outcome:
    """Read a best-so-far curve at a budget; between two equal points it is known exactly."""
    rows = published.table(table)
    before, after = rows[rows["n"] <= n], rows[rows["n"] >= n]
    if before.empty or after.empty:
        raise InputError(
            f"claims.yaml: claim {claim.id}: n = {n} lies outside {table}.csv, which holds "
            f"{rows['n'].min()} to {rows['n'].max()}."
        )
    low, high = float(before.iloc[-1][column]), float(after.iloc[0][column])
    checks: tuple[Check, ...] = ()
    if rival:
        theirs = float(np.interp(n, rows["n"], rows[rival]))
        checks = (
            Check(
                "above random orders of the same scores",
                low > theirs,
                f"random orders of the same results reach {number(theirs)} there",
            ),
        )
    return Outcome(
        value=low,
        method=f"{table}.csv at {n} experiments",
        n=n,
        allowed=None if low == high else Interval(low, high, "between two published points"),
        checks=checks,
    )


def power_law(
    published: Published, claim: Claim, *, table: str, column: str, parameter: str, total: int
) -> Outcome:
    """Fit a − b N^−c as published, and with a ≤ 1; the thinned curve bounds what it determines.

    The published curve is thinned. A rising curve between two points lies between their values, so
    the fit is made to the points alone, and to the lowest, the straight and the highest completion
    on the published fit's grid: the figure has to lie in the range of the four.

    Parameters
    ----------
    parameter
        ``"a"``, ``"c"`` or ``"r_squared"``.
    total
        Number of experiments of the full curve.
    """
    if parameter not in ("a", "c", "r_squared"):
        raise InputError(
            f"claims.yaml: claim {claim.id}: parameter is {parameter!r}; choose a, c or r_squared."
        )
    rows = published.table(table)
    budgets = rows["n"].to_numpy(dtype=np.float64)
    best = rows[column].to_numpy(dtype=np.float64)
    loose = [
        fit_power_law(n, values, ceiling=LOOSE_CEILING, spacing="all")
        for n, values in ((budgets, best), *_completions(budgets, best, total))
    ]
    bound = fit_power_law(budgets, best, spacing="all")
    values = [float(getattr(fit, parameter)) for fit in loose]
    checks = [_admissible(claim, parameter, loose[0], bound)]
    if parameter == "r_squared":
        checks = [
            _above_shuffled(published, float(claim.published or 0)),
            _admissible(claim, parameter, loose[0], bound),
        ]
    return Outcome(
        value=values[0],
        method=(
            f"least squares on the {len(rows)} published points, asymptote up to "
            f"{LOOSE_CEILING:g} as published"
        ),
        n=total,
        n_of="experiments",
        allowed=Interval(min(values), max(values), "range over completions of the thinned curve"),
        checks=tuple(checks),
        exhibit={
            "n": budgets.tolist(),
            "best": best.tolist(),
            "loose": _law(loose[0]),
            "bound": _law(bound),
        },
    )


def _above_shuffled(published: Published, r_squared: float) -> Check:
    """Whether an R squared is above the companion's own for shuffled orders."""
    q95, mean = (published.fact(name).value for name in ("shuffled_r2_q95", "shuffled_r2_mean"))
    return Check(
        "above its permutation null",
        r_squared > q95,
        f"shuffled orders of the same results reach {number(q95)} in one case of twenty "
        f"(mean {number(mean)})",
    )


def highest(
    published: Published,
    claim: Claim,
    *,
    table: str,
    column: str,
    rows: str = "",
    equals: str = "",
    above: str = "",
) -> Outcome:
    """Take the largest value of a column.

    Parameters
    ----------
    rows
        A filter ``column = text; column = text``; every row without one.
    equals
        Another place ``table.column`` that has to hold the same best value.
    above
        A filter for rivals in the same column, which the value has to exceed.
    """
    everything = published.table(table)
    chosen = _filtered(everything, rows, claim)
    value = float(chosen[column].max())
    checks = []
    if equals:
        other, name = equals.split(".")
        same = float(published.table(other)[name].max())
        checks.append(
            Check(
                "the same elsewhere",
                abs(same - value) <= (claim.tolerance or 0),
                f"{other}.csv ends at {number(same)}",
                contradicts=True,
            )
        )
    if above:
        rivals = _filtered(everything, above, claim)
        rival = float(rivals[column].max())
        place = rivals.sort_values(column).iloc[-1]
        checks.append(
            Check(
                "above uniform random search",
                value > rival,
                f"uniform random search in the space that the agents built reaches {number(rival)} "
                f"with {count(place['n_evaluated'])} experiments",
            )
        )
    where = f"of {len(chosen)} rows of" if len(chosen) > 1 else "in its row of"
    return Outcome(
        value=value,
        method=f"largest {column.replace('_', ' ')} {where} {table}.csv",
        checks=tuple(checks),
    )


def _filtered(rows: pd.DataFrame, text: str, claim: Claim) -> pd.DataFrame:
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, _, wanted = (piece.strip() for piece in part.partition("="))
        if name not in rows.columns or not (rows[name].astype(str) == wanted).any():
            raise InputError(
                f"claims.yaml: claim {claim.id}: no row has {name} = {wanted}; correct the filter."
            )
        rows = rows[rows[name].astype(str) == wanted]
    return rows


def _completions(
    budgets: NDArray[np.float64], best: NDArray[np.float64], total: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Lowest, straight and highest rising curve through the points, on the fit's grid."""
    n = np.arange(1, total + 1, GRID, dtype=np.float64)
    before = np.searchsorted(budgets, n, side="right") - 1
    after = np.minimum(np.searchsorted(budgets, n, side="left"), budgets.size - 1)
    return [(n, best[before]), (n, np.interp(n, budgets, best)), (n, best[after])]


def _admissible(claim: Claim, parameter: str, loose: PowerLawFit, bound: PowerLawFit) -> Check:
    """Whether the claim can be of a score that ends at 1."""
    published = float(claim.published or 0)
    fine = published <= 1 if parameter == "a" else loose.a <= 1
    words = {
        "a": f"an asymptote of {number(published)} is above the largest AP there is, 1",
        "c": f"that fit lets AP reach {number(loose.a)}; held to 1 it gives c = "
        f"{number(bound.c, 3)} with R² = {number(bound.r_squared, 3)}",
        "r_squared": f"held to AP of at most 1, the fit explains {share(bound.r_squared)}",
    }
    return Check("the asymptote is at most 1", fine, words[parameter])


def _law(fit: PowerLawFit) -> dict[str, float]:
    return {"a": fit.a, "b": fit.b, "c": fit.c, "r_squared": fit.r_squared}
