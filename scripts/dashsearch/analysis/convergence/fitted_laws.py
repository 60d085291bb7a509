"""Laws of growth with ceilings of at most 1, fitted to many curves at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dashsearch.analysis.convergence.power_law import CEILING, EXPONENTS, boxed_fits

Law = Literal["power", "logarithmic", "exponential", "logistic"]
LAWS: tuple[Law, ...] = ("power", "logarithmic", "exponential", "logistic")
FORMULAS: Mapping[Law, str] = {
    "power": "a - b N^-c, best <= a <= 1, b >= 0",
    "logarithmic": "min(1, e - b log(M/N)), e <= 1 at the largest fitted N = M, b >= 0",
    "exponential": "a - b exp(-c N), best <= a <= 1, b >= 0",
    "logistic": "a / (1 + d exp(-c N)), best <= a <= 1, d > 0",
}
PARAMETERS: Mapping[Law, tuple[str, ...]] = {
    "power": ("a", "b", "c"),
    "logarithmic": ("e", "b"),
    "exponential": ("a", "b", "c"),
    "logistic": ("a", "c", "d"),
}
# Fits to scores mean nothing finer than this.
NEAR = 1e-6
# A coarser grid loses a planted logistic's tail by more than standing still does.
RATES, SCALES = 160, 80
# Fitted curves times candidate designs that are held at once.
CHUNK = 1_000_000


@dataclass(frozen=True)
class FittedLaws:
    """One law fitted to several curves.

    Attributes
    ----------
    parameters
        One array of shape (curves,) by name.
    errors
        Residual sums of squares, shape (curves,).
    at_bound
        For every curve, whether a parameter lies on a bound, by the bound's name.
    """

    law: Law
    parameters: dict[str, NDArray[np.float64]]
    errors: NDArray[np.float64]
    at_bound: dict[str, NDArray[np.bool_]]

    def predict(self, n: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
        """Return the laws at budgets `n`, shape (curves, n); `largest` is the fitted maximum."""
        p = {name: values[:, np.newaxis] for name, values in self.parameters.items()}
        if self.law == "power":
            return np.asarray(p["a"] - p["b"] * n ** -p["c"], dtype=np.float64)
        if self.law == "logarithmic":
            return np.minimum(p["e"] - p["b"] * np.log(largest / n), CEILING)
        if self.law == "exponential":
            return np.asarray(p["a"] - p["b"] * np.exp(-p["c"] * n))
        return np.asarray(p["a"] / (1 + p["d"] * np.exp(-p["c"] * n)))


def fit_law(law: Law, n: NDArray[np.float64], curves: NDArray[np.float64]) -> FittedLaws:
    """Fit one law to several curves by least squares, all ceilings at most 1.

    The one or two parameters that enter non-linearly are taken from a grid (steps of 3 % for c of
    the power law), the others have a closed solution within their bounds.

    Parameters
    ----------
    n
        Budgets, shape (points,), at least four.
    curves
        Shape (curves, points), finite and at most 1.
    """
    parts = []
    step = max(1, CHUNK // _designs(law))
    for begin in range(0, len(curves), step):
        chunk = curves[begin : begin + step]
        parts.append(_fit_logistic(n, chunk) if law == "logistic" else _fit_linear(law, n, chunk))
    return FittedLaws(
        law,
        {name: np.concatenate([part[0][name] for part in parts]) for name in PARAMETERS[law]},
        np.concatenate([part[1] for part in parts]),
        {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]},
    )


def power_exponents(n: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponent of every curve's power law, between grid points by a parabola in log c.

    Parameters
    ----------
    n
        Budgets, shape (points,).
    curves
        Shape (curves, points), finite and at most 1.
    """
    errors = boxed_fits(n[:, np.newaxis] ** -EXPONENTS, curves, curves.max(axis=1)).errors
    best = errors.argmin(axis=1)
    inner = np.clip(best, 1, EXPONENTS.size - 2)
    row = np.arange(len(errors))
    left, middle, right = (errors[row, inner + shift] for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(bend > 0, 0.5 * (left - right) / bend, 0.0)
    spacing = float(np.log(EXPONENTS[1] / EXPONENTS[0]))
    moved = EXPONENTS[inner] * np.exp(np.clip(shift, -1, 1) * spacing)
    return np.asarray(np.where(best == inner, moved, EXPONENTS[best]), dtype=np.float64)


Part = tuple[dict[str, NDArray[np.float64]], NDArray[np.float64], dict[str, NDArray[np.bool_]]]


def _designs(law: Law) -> int:
    sizes = {"power": EXPONENTS.size, "exponential": RATES, "logistic": RATES * SCALES}
    return sizes.get(law, 1)


def _rates(n: NDArray[np.float64]) -> NDArray[np.float64]:
    # From nearly straight over the whole curve to done within its first few experiments.
    return np.geomspace(0.1 / n[-1], 5.0, RATES)


def _fit_linear(law: Law, n: NDArray[np.float64], curves: NDArray[np.float64]) -> Part:
    floor = curves.max(axis=1)
    if law == "logarithmic":
        fits = boxed_fits(np.log(n[-1] / n)[:, np.newaxis], curves, curves.min(axis=1))
        a, b = fits.asymptotes[:, 0], fits.amplitudes[:, 0]
        bounds = {"e = 1": a >= CEILING - NEAR, "b = 0": b <= NEAR}
        return {"e": a, "b": b}, fits.errors[:, 0], bounds
    grid = EXPONENTS if law == "power" else _rates(n)
    x = n[:, np.newaxis] ** -grid if law == "power" else np.exp(-np.outer(n, grid))
    fits = boxed_fits(x, curves, floor)
    best = fits.errors.argmin(axis=1)
    row = np.arange(len(curves))
    a, b = fits.asymptotes[row, best], fits.amplitudes[row, best]
    bounds = {
        "a = 1": a >= CEILING - NEAR,
        "a = best score": a <= floor + NEAR,
        "b = 0": b <= NEAR,
        f"c = {grid[0]:.3g}": best == 0,
        f"c = {grid[-1]:.3g}": best == grid.size - 1,
    }
    return {"a": a, "b": b, "c": grid[best]}, fits.errors[row, best], bounds


def _fit_logistic(n: NDArray[np.float64], curves: NDArray[np.float64]) -> Part:
    """Fit a / (1 + d exp(-c N)), which is linear in a alone: its box is an interval."""
    rates = np.repeat(_rates(n), SCALES)
    scales = np.tile(np.geomspace(1e-3, 1e2, SCALES), RATES)
    x = 1 / (1 + scales * np.exp(-np.outer(n, rates)))
    floor = curves.max(axis=1)
    xy, xx = curves @ x, (x**2).sum(axis=0)
    asymptotes = np.clip(xy / xx, floor[:, np.newaxis], CEILING)
    errors = (curves**2).sum(axis=1)[:, np.newaxis] - 2 * asymptotes * xy + asymptotes**2 * xx
    best = errors.argmin(axis=1)
    a = asymptotes[np.arange(len(curves)), best]
    # The difference of large sums has lost its digits: measure the chosen fit again.
    residuals = curves - a[:, np.newaxis] * x[:, best].T
    bounds = {
        "a = 1": a >= CEILING - NEAR,
        "a = best score": a <= floor + NEAR,
        f"c = {rates[0]:.3g}": rates[best] == rates[0],
        f"c = {rates[-1]:.3g}": rates[best] == rates[-1],
        f"d = {scales[0]:g}": scales[best] == scales[0],
        f"d = {scales[-1]:g}": scales[best] == scales[-1],
    }
    return {"a": a, "c": rates[best], "d": scales[best]}, (residuals**2).sum(axis=1), bounds
