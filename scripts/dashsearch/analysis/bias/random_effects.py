"""Shares of the whole space's variance from cells that a policy chose: a random-effects model."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from threadpoolctl import threadpool_limits

from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.variance.contrasts import Columns, Term, columns_of, main_effects
from dashsearch.space.space import Space

LEAST_SCORES = 20
BURN_IN = 200


@dataclass(frozen=True)
class VarianceDraws:
    """Draws from the posterior of what the variance over all cells is made of.

    Attributes
    ----------
    terms
        Main effects and all pairs.
    variances
        V_S of every term in every draw, shape (draws, terms), in squared units of the score.
    residual
        Variance of a single experiment around them, shape (draws,): higher orders and seed noise.
    n
        Number of scores.
    """

    terms: tuple[Term, ...]
    variances: NDArray[np.float64]
    residual: NDArray[np.float64]
    n: int

    def shares(self, wanted: Collection[Term]) -> NDArray[np.float64]:
        """Share that these terms have of the variance of single experiments: shape (draws,)."""
        inside = [term in wanted for term in self.terms]
        total = self.variances.sum(axis=1) + self.residual
        return np.asarray(self.variances[:, inside].sum(axis=1) / total)


def draw_variances(
    positions: NDArray[np.int64],
    scores: NDArray[np.float64],
    space: Space,
    *,
    draws: int,
    seed: int,
) -> VarianceDraws:
    """Sample the variance of every term over the whole space, given the scores of some cells.

    The score of an experiment is a mean + main effects + all pair interactions + a residual of
    constant variance. The coefficients of a term (orthonormal contrasts over the space) are normal
    with a variance of the term's own; its root is half-Cauchy, with a scale that all terms of the
    same order share and that is half-Cauchy, too. A term's variance over the space is the sum of
    its squared coefficients **in every draw**, so what the data leave open is part of it: a ridge's
    predictions, shrunk towards 0, lack just that.

    A policy that chose the cells by the scores of earlier ones, and by nothing else that is related
    to later ones, has no part in the likelihood: the posterior is the same as if the cells had been
    fixed before. What the sample does not show of the space comes from the model.

    Parameters
    ----------
    positions
        Places of the levels of distinct cells, shape (n, factors).
    scores
        One score each, shape (n,).
    draws
        Number of draws of a Gibbs sampler, behind 200 that are thrown away.

    Raises
    ------
    TooFewScores
        If there are fewer than 20 scores, they do not vary, or the space has no two factors.

    References
    ----------
    Rubin (1976), Biometrika 63(3) (ignorable selection); Gelman (2005), Ann. Stat. 33(1) (analysis
    of variance by batches of coefficients); Gelman (2006), Bayesian Anal. 1(3) (half-Cauchy
    scales); Makalic & Schmidt (2016), IEEE Signal Process. Lett. 23(1) (their conditional laws).
    """
    singles = main_effects(space)
    if len(singles) < 2:
        raise TooFewScores(
            f"space {space.name} has {len(singles)} factors with two levels; two are needed."
        )
    if scores.size < LEAST_SCORES:
        raise TooFewScores(
            f"{scores.size} scored cells cannot carry a model of the whole space; "
            f"give at least {LEAST_SCORES}."
        )
    spread = float(scores.std())
    if spread <= 1e-12 * float(np.abs(scores).max()):
        raise TooFewScores(f"the {scores.size} scores are all equal; there is nothing to share.")
    terms = [*singles, *((a[0], b[0]) for a, b in combinations(singles, 2))]
    columns = columns_of(space, positions, terms)
    standardised = (scores - scores.mean()) / spread
    # Matrices of a few hundred columns: threads only wait for each other, thirty times slower on
    # a busy machine, and would make the draws depend on their number.
    with threadpool_limits(limits=1):
        variances, residual = _gibbs(columns, standardised, draws, np.random.default_rng(seed))
    return VarianceDraws(columns.terms, variances * spread**2, residual * spread**2, scores.size)


def _gibbs(
    columns: Columns, y: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    design = np.hstack([np.ones((y.size, 1)), columns.matrix])
    gram, target, squares = design.T @ design, design.T @ y, float(y @ y)
    orders = np.array([len(term) for term in columns.terms]) - 1
    counts = np.bincount(orders, minlength=2)
    degrees = columns.degrees.astype(np.float64)
    term, mixing = np.full(degrees.size, 0.1) / degrees, np.ones(degrees.size)
    order, order_mixing = np.ones(2), np.ones(2)
    noise, noise_mixing = 0.5, 1.0
    variances, residual = np.empty((draws, degrees.size)), np.empty(draws)
    for step in range(BURN_IN + draws):
        precision = np.concatenate([[0.0], 1 / term[columns.owner]])
        factor = gram / noise
        factor[np.diag_indices_from(factor)] += precision
        lower = cho_factor(factor, lower=True, overwrite_a=True, check_finite=False)
        mean = cho_solve(lower, target / noise, check_finite=False)
        beta = mean + solve_triangular(
            lower[0], rng.standard_normal(mean.size), lower=True, trans="T", check_finite=False
        )
        found = columns.variances(beta[1:])
        left = max(squares - 2 * float(beta @ target) + float(beta @ gram @ beta), 1e-12)
        term = (found / 2 + 1 / mixing) / rng.gamma((degrees + 1) / 2)
        scale = order[orders] / degrees
        mixing = (1 / term + 1 / scale) / rng.gamma(1.0, size=degrees.size)
        pulled = np.bincount(orders, weights=degrees / mixing, minlength=2)
        order = (pulled + 1 / order_mixing) / rng.gamma((counts + 1) / 2)
        order_mixing = (1 + 1 / order) / rng.gamma(1.0, size=2)
        noise = (left / 2 + 1 / noise_mixing) / float(rng.gamma((y.size + 1) / 2))
        noise_mixing = (1 + 1 / noise) / float(rng.gamma(1.0))
        if step >= BURN_IN:
            variances[step - BURN_IN], residual[step - BURN_IN] = found, noise
    return variances, residual
