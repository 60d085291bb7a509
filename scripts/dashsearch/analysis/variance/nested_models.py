"""Linear models of a sample of cells: which terms it can carry, and residuals of nested models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
from numpy.typing import NDArray

from dashsearch.analysis.inference.one_way_tests import CHUNK
from dashsearch.analysis.variance.contrasts import Term, contrasts
from dashsearch.space.space import Space

RANK = 1e-10
ROUNDING = 1e-12


@dataclass(frozen=True)
class Terms:
    """Terms of a model, and why others were left out of it.

    Attributes
    ----------
    kept
        Terms of the model: main effects, then interactions.
    refused
        Reason of every term that the sample cannot carry.
    """

    kept: tuple[Term, ...]
    refused: dict[Term, str]


@dataclass(frozen=True)
class Spread:
    """How a sample sees the terms between two models.

    Attributes
    ----------
    n_effective
        How fast the sum of squares between the models grows with the terms' variance; n if the
        terms are orthogonal to the smaller model.
    others
        Variance of all else, once the fitted terms are taken from the scores; corrected for what
        the fit takes too much. The terms' own error hardly enters, as it would if their variance
        were taken from the total.
    """

    n_effective: float
    others: float


def choose_terms(space: Space, positions: NDArray[np.int64]) -> Terms:
    """Choose the main effects and two-way interactions that a sample can carry.

    Main effects come first, then the interactions of architecture factors, those of an architecture
    and a training factor, and those of training factors, small ones first. A term is kept if at
    least as many degrees of freedom as parameters are left to the residual. No score is looked at.

    Parameters
    ----------
    positions
        Places of the cells' levels, shape (n, factors), as of `Space.positions`.
    """
    n, kept, refused = len(positions), [], dict[Term, str]()
    seen = {
        name: int(np.unique(positions[:, place]).size) for place, name in enumerate(space.names)
    }
    parameters = 1
    for term in _candidates(space):
        constant = [name for name in term if seen[name] < 2]
        more = prod(seen[name] - 1 for name in term)
        if constant:
            refused[term] = f"factor {constant[0]} has one level in the {n} scored cells."
        elif 2 * (parameters + more) > n:
            refused[term] = (
                f"{' × '.join(term)} takes {more} parameters beside {parameters}, and {n} scored "
                "cells carry half their number; run more experiments."
            )
        else:
            kept.append(term)
            parameters += more
    return Terms(tuple(kept), refused)


def _candidates(space: Space) -> list[Term]:
    groups = {factor.name: factor.group for factor in space.factors}
    size = {factor.name: len(factor.levels) - 1 for factor in space.factors}
    pairs = sorted(
        combinations(space.names, 2),
        key=lambda pair: (
            sum(groups[name] == "training" for name in pair),
            prod(size[name] for name in pair),
        ),
    )
    return [*((name,) for name in space.names), *pairs]


class NestedModels:
    """Residual sums of squares of all models that a set of terms can form on one sample.

    One matrix of inner products serves every model. Columns are orthonormal contrasts over the
    levels that the sample holds, so that squared coefficients are variances over the whole space;
    columns that a model cannot tell apart (combinations never seen) count once.

    Parameters
    ----------
    space
        The space of the cells.
    positions
        Places of the cells' levels, shape (n, factors).
    terms
        The terms.
    scores
        Scores, shape (n,).
    """

    def __init__(
        self,
        space: Space,
        positions: NDArray[np.int64],
        terms: Sequence[Term],
        scores: NDArray[np.float64],
    ) -> None:
        main = {name: _contrasts(positions[:, place]) for place, name in enumerate(space.names)}
        blocks = [np.ones((len(positions), 1))]
        self._columns: dict[Term, NDArray[np.intp]] = {}
        width = 1
        for term in terms:
            block = main[term[0]]
            for name in term[1:]:
                block = (block[:, :, None] * main[name][:, None, :]).reshape(len(block), -1)
            self._columns[term] = np.arange(width, width + block.shape[1])
            width += block.shape[1]
            blocks.append(block)
        self._design = np.hstack(blocks)
        self._scores = scores - scores.mean()
        self._gram = self._design.T @ self._design
        self._products = self._design.T @ self._scores
        self.ss_total = float(self._scores @ self._scores)
        self.n = scores.size
        self._roots: dict[frozenset[Term], tuple[NDArray[np.intp], NDArray[np.float64]]] = {}

    def residual(self, terms: Iterable[Term]) -> tuple[float, int]:
        """Return the residual sum of squares and degrees of freedom of the model of these terms."""
        columns, root = self._root(terms)
        explained = root.T @ self._products[columns]
        # Rounding alone can leave less than nothing.
        return max(self.ss_total - float(explained @ explained), 0.0), self.n - root.shape[1]

    def spread(self, larger: Iterable[Term], smaller: Iterable[Term]) -> Spread:
        """Return how the variance of the terms between two models, and of all else, is seen.

        In a sample that is not orthogonal the growth differs between the directions that the terms
        can take. They are weighted by the posterior mean of the effect's square in each, with
        equal prior variances (empirical Bayes): what an effect that is well seen looks like is
        known, and without one the directions count alike. Directions that the
        sample does not tell apart (combinations never seen) grow by nothing, and are as much a part
        of the terms' variance: they count with its prior.

        References
        ----------
        Henderson (1953), Biometrics 9(2), method 3 (the expected sum of squares, of equal
        weights).
        """
        columns, root = self._root(smaller)
        added = np.setdiff1d(self._root(larger)[0], columns)
        fitted = root.T @ self._gram[np.ix_(columns, added)]
        own = self._gram[np.ix_(added, added)]
        growth, directions = np.linalg.eigh(own - fitted.T @ fitted)
        seen = growth > RANK * self.n
        unseen = int((~seen).sum())
        growth, directions = growth[seen], directions[:, seen]
        products = self._products[added] - fitted.T @ (root.T @ self._products[columns])
        effects = (directions.T @ products) / growth
        ss_error, df_error = self.residual(larger)
        error = ss_error / df_error
        rest = self._scores - self._design[:, added] @ (directions @ effects)
        doubled = np.einsum("ij,ik,kj->j", directions, own, directions) / growth
        others = float(rest @ rest) + error * (1 + 2 * growth.size - float(doubled.sum()))
        prior = (float(growth @ effects**2) - growth.size * error) / float(growth.sum())
        if prior <= 0:
            return Spread(float(growth.sum()) / added.size, others / self.n)
        kept = prior / (prior + error / growth)
        squares = (kept * effects) ** 2 + kept * error / growth
        whole = float(squares.sum()) + unseen * prior
        return Spread(float(growth @ squares) / whole, others / self.n)

    def permutation_p(
        self,
        comparisons: Sequence[tuple[tuple[Term, ...], tuple[Term, ...]]],
        permutations: int,
        rng: np.random.Generator,
    ) -> list[float]:
        """Permutation p value of each comparison of a larger with a smaller model.

        Ter Braak's: the residuals of the model of all terms are permuted and added to the fit. The
        fit has no part in F, because all models hold what they are compared by, so the residuals
        alone are permuted, once for all comparisons.

        Parameters
        ----------
        comparisons
            Terms of the larger and of the smaller model, the latter among the former.

        References
        ----------
        ter Braak (1992), in *Bootstrapping and Related Techniques*; Anderson & Legendre (1999),
        J. Stat. Comput. Simul. 62.
        """
        observed = [
            self._gain(self._products[:, None], self.ss_total, *comparison)[0] * (1 - ROUNDING)
            for comparison in comparisons
        ]
        residuals = self._residuals(self._columns)
        total = float(residuals @ residuals)
        exceeding = np.zeros(len(comparisons), dtype=np.int64)
        chunk = max(1, CHUNK // self.n)
        for start in range(0, permutations, chunk):
            rows = min(chunk, permutations - start)
            permuted = rng.permuted(np.tile(residuals, (rows, 1)), axis=1)
            products = (permuted @ self._design).T
            for place, comparison in enumerate(comparisons):
                gains = self._gain(products, total, *comparison)
                exceeding[place] += int((gains >= observed[place]).sum())
        return [(1 + int(count)) / (1 + permutations) for count in exceeding]

    def _gain(
        self,
        products: NDArray[np.float64],
        total: float,
        larger: tuple[Term, ...],
        smaller: tuple[Term, ...],
    ) -> NDArray[np.float64]:
        """Explained over residual variance of each set of scores: the same order as F.

        `products` (columns, sets) are the scores' inner products with the design, `total` is their
        sum of squares.
        """
        columns, root = self._root(larger)
        fewer, small_root = self._root(smaller)
        explained = ((root.T @ products[columns]) ** 2).sum(axis=0)
        before = ((small_root.T @ products[fewer]) ** 2).sum(axis=0)
        left = np.maximum(total - explained, np.finfo(np.float64).tiny)
        return np.asarray((explained - before) / left)

    def _residuals(self, terms: Iterable[Term]) -> NDArray[np.float64]:
        columns, root = self._root(terms)
        fit = self._design[:, columns] @ (root @ (root.T @ self._products[columns]))
        return np.asarray(self._scores - fit)

    def _root(self, terms: Iterable[Term]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the model's columns, and R with R R' the inverse of their inner products."""
        key = frozenset(terms)
        if key not in self._roots:
            columns = np.sort(
                np.concatenate([np.zeros(1, dtype=np.intp), *(self._columns[t] for t in key)])
            )
            values, vectors = np.linalg.eigh(self._gram[np.ix_(columns, columns)])
            full = values > RANK * values[-1]
            self._roots[key] = columns, vectors[:, full] / np.sqrt(values[full])
        return self._roots[key]


def _contrasts(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Contrasts of the levels that occur, one row an experiment."""
    levels, inverse = np.unique(codes, return_inverse=True)
    return contrasts(levels.size)[inverse]
