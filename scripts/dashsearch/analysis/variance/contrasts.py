"""Orthonormal contrasts of a space's factors: terms of the functional ANOVA, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from dashsearch.space.space import Space

Term = tuple[str, ...]


def contrasts(levels: int) -> NDArray[np.float64]:
    """Return Helmert contrasts of a factor, shape (levels, levels - 1).

    Over equally frequent levels each column has mean 0 and mean square 1, and any two are
    uncorrelated. Products of such columns of several factors are orthonormal over the whole space
    as well, so the variance of a term is the sum of its squared coefficients.
    """
    columns = np.zeros((levels, levels - 1))
    for place in range(1, levels):
        columns[:place, place - 1] = -1.0
        columns[place, place - 1] = place
    return np.asarray(columns * np.sqrt(levels / (columns**2).sum(axis=0)))


def term_variances(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of every term of the functional ANOVA of a full factorial.

    With f_S = E[Y | x_S] - (all f_T with T inside S), V_S is the mean of f_S squared over the
    cells. Instead of the f_S themselves, one orthonormal transform along each axis gives the
    coefficients of all of them, and V_S is the sum of the squares of its own.

    Parameters
    ----------
    table
        One axis a factor, every cell measured.

    Returns
    -------
    float64 array, shape (2 ** axes,)
        Entry sum(2 ** axis for axis in S) is V_S; entry 0 is 0. Their sum is the table's variance.

    References
    ----------
    Hoeffding (1948), Ann. Math. Stat. 19; Sobol' (1993), Math. Model. Comput. Exp. 1(4).
    """
    coefficients = table - table.mean()
    for axis, levels in enumerate(table.shape):
        basis = np.hstack([np.ones((levels, 1)), contrasts(levels)]) / levels
        coefficients = np.moveaxis(np.tensordot(coefficients, basis, axes=(axis, 0)), -1, axis)
    masks = np.zeros(table.shape, dtype=np.intp)
    for axis, levels in enumerate(table.shape):
        shape = [1] * table.ndim
        shape[axis] = levels
        masks |= np.where(np.arange(levels) > 0, 1 << axis, 0).reshape(shape)
    found = np.bincount(
        masks.ravel(), weights=coefficients.ravel() ** 2, minlength=1 << table.ndim
    ).astype(np.float64)
    found[0] = 0.0
    return found


@dataclass(frozen=True)
class Columns:
    """Terms as columns of a linear model's design.

    Attributes
    ----------
    terms
        The terms, in the order of their columns.
    degrees
        Number of columns of each.
    owner
        Place in `terms` of every column's term, shape (columns,).
    matrix
        The contrasts of every experiment, shape (experiments, columns).
    """

    terms: tuple[Term, ...]
    degrees: NDArray[np.int64]
    owner: NDArray[np.intp]
    matrix: NDArray[np.float64]

    def variances(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance of each term over the whole space: shape (..., columns) to (..., terms).

        It is exactly what `term_variances` says of the predictions of all cells.
        """
        starts = np.concatenate([[0], np.cumsum(self.degrees)[:-1]])
        return np.asarray(np.add.reduceat(coefficients**2, starts, axis=-1))


def columns_of(space: Space, positions: NDArray[np.int64], terms: Sequence[Term]) -> Columns:
    """Make the columns of `terms` at the given cells.

    Parameters
    ----------
    positions
        Places of the cells' levels, shape (experiments, factors), as of `Space.positions`.
    terms
        Each the names of its factors; every factor has at least two levels.
    """
    single = {
        factor.name: contrasts(len(factor.levels))[positions[:, place]]
        for place, factor in enumerate(space.factors)
    }
    blocks = [reduce(_products, [single[name] for name in term]) for term in terms]
    degrees = np.array([block.shape[1] for block in blocks], dtype=np.int64)
    return Columns(
        tuple(terms), degrees, np.repeat(np.arange(len(terms)), degrees), np.hstack(blocks)
    )


def main_effects(space: Space) -> list[Term]:
    """Return the terms of single factors; a factor with one level has no effect."""
    return [(factor.name,) for factor in space.factors if len(factor.levels) > 1]


def _products(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)
