"""The power law a - b N^-c of a best-so-far curve, with a <= 1."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE
from dashsearch.errors import InputError

CEILING = 1.0
EXPONENTS = np.geomspace(0.01, 5.0, 200)
POINTS = 30
PARAMETERS = 3
TOUCHING = 1e-9

Spacing = Literal["log", "all"]


@dataclass(frozen=True)
class PowerLawFit:
    """Least squares fit of best(N) = a - b N^-c, with best <= a <= 1 and b >= 0.

    A fit without the ceiling is for comparison with published ones and never a finding.

    Attributes
    ----------
    a, b, c
        Asymptote, amplitude and exponent.
    r_squared
        Share of the curve's variance that the fit explains. High for any rising curve: read it
        beside its permutation null only. NaN if the curve is flat.
    points, n_max
        Number of N that were fitted, and the largest.
    at_bound
        Every bound that the fit, or the profile interval of c, ends on.
    identified
        Whether no bound was touched. If not, a, b and c are not findings.
    c_interval
        Exponents whose residuals are not significantly larger than the best. Descriptive: the
        points of one curve are not independent.
    """

    a: float
    b: float
    c: float
    r_squared: float
    points: int
    n_max: int
    at_bound: tuple[str, ...]
    identified: bool
    c_interval: Interval


def fit_power_law(
    n: ArrayLike,
    best: ArrayLike,
    *,
    ceiling: float | None = CEILING,
    spacing: Spacing = "log",
) -> PowerLawFit:
    """Fit a - b N^-c with the asymptote between the best value and 1.

    For every exponent of a grid the two linear parameters have a closed solution within their
    bounds; the best exponent is then refined and solved once more by `scipy.optimize.lsq_linear`.

    Parameters
    ----------
    n
        Budgets, at least 1, increasing.
    best
        Best score so far at each budget, at most 1; leading NaN (no success yet) are left out.
    ceiling
        Largest asymptote. None lets it pass every score that can be: for comparison with
        published fits alone, never a finding about a score that ends at 1.
    spacing
        ``"log"`` fits about 30 log-spaced budgets of those given, ``"all"`` every one.

    Raises
    ------
    TooFewScores
        If fewer than four distinct budgets remain.
    InputError
        If a score is above the ceiling.

    References
    ----------
    Golub & Pereyra (1973), SIAM J. Numer. Anal. 10 (separable least squares).
    """
    highest = np.inf if ceiling is None else ceiling
    budgets, values = _checked(n, best, highest)
    if spacing == "log":
        chosen = log_spaced(budgets.size)
        budgets, values = budgets[chosen], values[chosen]
    profile = profile_of_exponents(
        budgets, values[np.newaxis], EXPONENTS, float(values.max()), highest
    )
    errors = profile.errors[0]
    place = int(errors.argmin())
    low, high = EXPONENTS[max(place - 1, 0)], EXPONENTS[min(place + 1, EXPONENTS.size - 1)]

    def error_at(c: float) -> float:
        single = profile_of_exponents(
            budgets, values[np.newaxis], np.array([c]), float(values.max()), highest
        )
        return float(single.errors[0, 0])

    refined = optimize.minimize_scalar(
        error_at, bounds=(low, high), method="bounded", options={"xatol": 1e-10}
    )
    c = float(refined.x) if refined.fun <= errors[place] else float(EXPONENTS[place])
    a, b, error = _solve(budgets, values, c, highest)
    total = float(((values - values.mean()) ** 2).sum())
    rises = float(np.ptp(values)) > TOUCHING
    threshold = error * (1 + _profile_width(budgets.size)) + TOUCHING * total
    inside = errors <= threshold
    inside[place] = True
    at_bound = _touched_bounds(
        a=a,
        b=b,
        c=c,
        values=values,
        rises=rises,
        inside=inside,
        asymptotes=profile.asymptotes[0],
        ceiling=highest,
    )
    return PowerLawFit(
        a=a,
        b=b,
        c=c,
        r_squared=1 - error / total if rises else float("nan"),
        points=budgets.size,
        n_max=int(budgets[-1]),
        at_bound=at_bound,
        identified=not at_bound,
        c_interval=Interval(
            min(c, float(EXPONENTS[inside].min())),
            max(c, float(EXPONENTS[inside].max())),
            "profile of residuals, descriptive",
        ),
    )


def log_spaced(size: int) -> NDArray[np.intp]:
    """About 30 log-spaced positions out of 0 … size - 1, first and last included."""
    spaced = np.geomspace(1, size, POINTS) if size > 1 else np.ones(1)
    return np.unique(np.round(spaced).astype(np.intp)) - 1


def _checked(
    n: ArrayLike, best: ArrayLike, ceiling: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    budgets = np.asarray(n, dtype=np.float64)
    values = np.asarray(best, dtype=np.float64)
    finite = np.isfinite(values)
    budgets, values = budgets[finite], values[finite]
    if budgets.size < PARAMETERS + 1:
        raise TooFewScores(
            f"{budgets.size} budgets with a best score; a power law needs at least four."
        )
    if budgets[0] < 1 or (np.diff(budgets) <= 0).any():
        raise InputError("budgets must start at 1 or later and increase; sort them.")
    if values.max() > ceiling:
        raise InputError(
            f"a best score of {values.max():.4g} is above {ceiling:g}; give a score in "
            f"[0, {ceiling:g}]."
        )
    return budgets, values


@dataclass(frozen=True)
class BoxedFits:
    """Least squares fits of a - b x, shape (curves, designs) each.

    Attributes
    ----------
    errors
        Residual sums of squares.
    asymptotes, amplitudes
        The parameters a and b.
    """

    errors: NDArray[np.float64]
    asymptotes: NDArray[np.float64]
    amplitudes: NDArray[np.float64]


def boxed_fits(
    x: NDArray[np.float64],
    curves: NDArray[np.float64],
    floor: float | NDArray[np.float64],
    ceiling: float = CEILING,
) -> BoxedFits:
    """Fit a - b x with floor <= a <= ceiling and b >= 0, for every curve and every design at once.

    The sum of squares is a convex quadratic of two parameters in a box: its minimum is the free
    one if that lies inside, else the lowest of the minima on the edges. Points that are NaN do not
    count.

    Parameters
    ----------
    x
        One design a column, shape (points, designs).
    curves
        Shape (curves, points).
    floor
        Smallest asymptote, one for all curves or shape (curves,).
    ceiling
        Largest asymptote; it may be infinite.
    """
    weights = np.isfinite(curves).astype(np.float64)
    count = weights.sum(axis=1, keepdims=True)
    filled = np.where(weights > 0, curves, 0.0)
    centre = filled.sum(axis=1, keepdims=True) / np.maximum(count, 1)
    y = np.where(weights > 0, filled - centre, 0.0)
    sx, sxx, sxy = weights @ x, weights @ x**2, y @ x
    syy = (y**2).sum(axis=1, keepdims=True)
    lowest = np.reshape(floor, (-1, 1)) - centre
    highest = np.broadcast_to(ceiling - centre, sx.shape)
    lowest = np.broadcast_to(lowest, sx.shape)

    def sum_of_squares(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        # y is centred, so its own sum is 0 and the term 2 a sum(y) vanishes.
        return np.asarray(
            syy + 2 * b * sxy + a**2 * count - 2 * a * b * sx + b**2 * sxx, dtype=np.float64
        )

    determinant = count * sxx - sx**2
    # An infinite ceiling gives no candidate: infinities and what comes of them are not allowed.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        free_b = -count * sxy / determinant
        free_a = free_b * sx / count
        b_low = np.maximum(0.0, (lowest * sx - sxy) / sxx)
        b_high = np.maximum(0.0, (highest * sx - sxy) / sxx)
        flat = np.clip(0.0, lowest, highest)
        candidates_a = np.stack([free_a, lowest, highest, flat])
        candidates_b = np.stack([free_b, b_low, b_high, np.zeros_like(flat)])
        allowed = (
            (candidates_a >= lowest - 1e-12)
            & (candidates_a <= highest + 1e-12)
            & (candidates_b >= 0)
            & np.isfinite(candidates_a)
        )
        errors = np.where(allowed, sum_of_squares(candidates_a, candidates_b), np.inf)
    best = errors.argmin(axis=0)[np.newaxis]
    return BoxedFits(
        errors=np.maximum(np.take_along_axis(errors, best, axis=0)[0], 0.0),
        asymptotes=np.take_along_axis(candidates_a, best, axis=0)[0] + centre,
        amplitudes=np.take_along_axis(candidates_b, best, axis=0)[0],
    )


def profile_of_exponents(
    budgets: NDArray[np.float64],
    curves: NDArray[np.float64],
    exponents: NDArray[np.float64],
    floor: float | NDArray[np.float64],
    ceiling: float = CEILING,
) -> BoxedFits:
    """Return the boxed fits of every exponent to every curve (curves, points)."""
    return boxed_fits(budgets[:, np.newaxis] ** -exponents, curves, floor, ceiling)


def _solve(
    budgets: NDArray[np.float64], values: NDArray[np.float64], c: float, ceiling: float
) -> tuple[float, float, float]:
    design = np.column_stack([np.ones_like(budgets), -(budgets**-c)])
    floor = float(values.max())
    # lsq_linear wants bounds that differ; at the ceiling the asymptote has nowhere to go.
    floor = min(floor, ceiling - 1e-12)
    result = optimize.lsq_linear(
        design, values, bounds=([floor, 0.0], [ceiling, np.inf]), method="bvls", tol=1e-14
    )
    a, b = (float(parameter) for parameter in result.x)
    return a, b, float(((values - design @ result.x) ** 2).sum())


def _profile_width(points: int) -> float:
    freedom = max(points - PARAMETERS, 1)
    return float(stats.f.ppf(CONFIDENCE, 1, freedom)) / freedom


def _touched_bounds(
    *,
    a: float,
    b: float,
    c: float,
    values: NDArray[np.float64],
    rises: bool,
    inside: NDArray[np.bool_],
    asymptotes: NDArray[np.float64],
    ceiling: float,
) -> tuple[str, ...]:
    """Name every bound that the fit or its profile ends on."""
    # How close counts as touching: parameters of a fit to scores mean nothing finer.
    near = 1e-6
    touched = {
        f"a = {ceiling:g}": a >= ceiling - near,
        "a = best score": a <= values.max() + near,
        "b = 0": b <= near or not rises,
        f"c = {EXPONENTS[0]:g}": c <= EXPONENTS[0] * (1 + near),
        f"c = {EXPONENTS[-1]:g}": c >= EXPONENTS[-1] * (1 - near),
        f"profile of c reaches a = {ceiling:g}": bool((asymptotes[inside] >= ceiling - near).any()),
        f"profile of c reaches {EXPONENTS[0]:g}": bool(inside[0]),
        f"profile of c reaches {EXPONENTS[-1]:g}": bool(inside[-1]),
    }
    return tuple(name for name, touches in touched.items() if touches)
