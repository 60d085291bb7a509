"""A ridge surrogate of the whole space, its shares of variance, and how well it predicts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict

from dashsearch.analysis.bias.ridge import LeaveOneOutRidge
from dashsearch.analysis.inference.seed_intervals import expanded_interval
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE, SEEDS_FOR_BOOTSTRAP
from dashsearch.analysis.variance.contrasts import Columns, Term, columns_of, main_effects
from dashsearch.space.space import Space

LEAST_SCORES = 20
FOLDS = 5
STRENGTHS = tuple(np.logspace(-2, 4, 13).tolist())
BACKBONE = "backbone"


@dataclass(frozen=True)
class Surrogate:
    """A ridge regression on the cells that were scored, and what it is worth.

    Attributes
    ----------
    columns, coefficients, strength
        Main effects, pairs of architecture factors, and backbone with every training factor;
        their coefficients, and the penalty that leave-one-out validation chose.
    residual
        Mean squared error at cells that were held out.
    n
        Number of scores.
    r2_cells, r2_architectures
        R squared at held-out cells, and where all cells of an architecture are held out together;
        None where there are too few architectures. At 0 or below the surrogate carries nothing.
    r2_uniform
        R squared at the cells that were drawn uniformly (start and audits) of a surrogate fitted to
        all others: whether it carries from where the policy went to the space. None where either
        part is too small.
    """

    columns: Columns
    coefficients: NDArray[np.float64]
    strength: float
    residual: float
    n: int
    r2_cells: float
    r2_architectures: float | None
    r2_uniform: float | None

    def share(self, wanted: Collection[Term]) -> float:
        """Share of these terms in the predictions of all cells and the held-out error."""
        return float(_share(self.columns, self.coefficients, self.residual, wanted))


def surrogate_terms(space: Space) -> list[Term]:
    """Return the surrogate's terms: none that a few hundred experiments could not carry."""
    singles = main_effects(space)
    varied = {name for (name,) in singles}
    architecture = [f.name for f in space.group("architecture") if f.name in varied]
    training = [f.name for f in space.group("training") if f.name in varied]
    pairs: list[Term] = list(combinations(architecture, 2))
    if BACKBONE in varied:
        pairs += [(BACKBONE, name) for name in training]
    return [*singles, *pairs]


def fit_surrogate(
    positions: NDArray[np.int64],
    scores: NDArray[np.float64],
    space: Space,
    *,
    is_uniform: NDArray[np.bool_],
    seed: int,
) -> Surrogate:
    """Fit a ridge regression to distinct cells and hold some of them out to judge it.

    Parameters
    ----------
    positions
        Places of the levels of distinct cells, shape (n, factors).
    scores
        One score each, shape (n,).
    is_uniform
        Which cells were drawn uniformly.
    seed
        Seed of the folds.

    Raises
    ------
    TooFewScores
        If there are fewer than 20 scores, they do not vary, or held-out cells are predicted no
        better than by the mean.
    """
    if scores.size < LEAST_SCORES:
        raise TooFewScores(
            f"{scores.size} scored cells cannot carry a surrogate of the whole space; "
            f"give at least {LEAST_SCORES}."
        )
    if np.ptp(scores) <= 1e-12 * np.abs(scores).max():
        raise TooFewScores(f"the {scores.size} scores are all equal; there is nothing to share.")
    columns = columns_of(space, positions, surrogate_terms(space))
    model = _ridge().fit(columns.matrix, scores)
    predicted = cross_val_predict(
        _ridge(),
        columns.matrix,
        scores,
        cv=KFold(FOLDS, shuffle=True, random_state=seed % 2**32),
    )
    r2_cells = _r_squared(scores, predicted, float(scores.mean()))
    if r2_cells <= 0:
        raise TooFewScores(
            f"the surrogate predicts {scores.size} held-out cells no better than their mean "
            f"(R squared {r2_cells:.2f}), so its shares say nothing; run more experiments."
        )
    return Surrogate(
        columns=columns,
        coefficients=np.asarray(model.coef_, dtype=np.float64),
        strength=float(model.alpha_),
        residual=float(((scores - predicted) ** 2).mean()),
        n=scores.size,
        r2_cells=r2_cells,
        r2_architectures=_without_architectures(columns, positions, scores, space),
        r2_uniform=_on_uniform(columns, scores, is_uniform),
    )


def bootstrap_shares(
    surrogate: Surrogate,
    scores: NDArray[np.float64],
    blocks: NDArray[np.intp],
    wanted: Sequence[Collection[Term]],
    *,
    kind: str,
    bootstraps: int,
    seed: int,
) -> tuple[Interval | None, ...]:
    """Intervals of shares by resampling blocks of experiments: independent seeds, or rounds.

    The strength of the penalty and the held-out error are kept. Rounds of one run depend on each
    other, and what ridge shrinks away is missing in every resample as well, so the interval says
    how much the estimate moves, not where the truth is.

    Parameters
    ----------
    blocks
        Number of every score's block, from 0, shape (n,).
    wanted
        Terms of each share.
    kind
        What a block is.

    Returns
    -------
    tuple of Interval or None
        None with fewer than five blocks.
    """
    count = int(blocks.max()) + 1
    if count < SEEDS_FOR_BOOTSTRAP:
        return tuple(None for _ in wanted)
    design = np.hstack([np.ones((scores.size, 1)), surrogate.columns.matrix])
    parts = [design[blocks == block] for block in range(count)]
    grams = np.stack([part.T @ part for part in parts])
    targets = np.stack([part.T @ scores[blocks == block] for block, part in enumerate(parts)])
    penalty = np.diag([1e-9, *np.full(design.shape[1] - 1, surrogate.strength)])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=bootstraps).astype(np.float64)
    flat = grams.reshape(count, -1)
    found = np.empty((bootstraps, len(wanted)))
    for place, weights in enumerate(drawn):
        gram = (weights @ flat).reshape(penalty.shape)
        solution = np.linalg.solve(gram + penalty, weights @ targets)
        found[place] = [
            _share(surrogate.columns, solution[1:], surrogate.residual, terms) for terms in wanted
        ]
    if kind == "seeds":
        return tuple(expanded_interval(column, count) for column in found.T)
    tail = (1 - CONFIDENCE) / 2
    name = f"{CONFIDENCE:.0%} bootstrap over {count} {kind}"
    limits = np.quantile(found, [tail, 1 - tail], axis=0)
    return tuple(Interval(float(low), float(high), name) for low, high in limits.T)


def _share(
    columns: Columns, coefficients: NDArray[np.float64], residual: float, wanted: Collection[Term]
) -> float:
    variances = columns.variances(coefficients)
    inside = [term in wanted for term in columns.terms]
    return float(variances[inside].sum() / (variances.sum() + residual))


def _ridge() -> LeaveOneOutRidge:
    return LeaveOneOutRidge(STRENGTHS)


def _r_squared(scores: NDArray[np.float64], predicted: NDArray[np.float64], mean: float) -> float:
    return float(1 - ((scores - predicted) ** 2).sum() / ((scores - mean) ** 2).sum())


def _without_architectures(
    columns: Columns, positions: NDArray[np.int64], scores: NDArray[np.float64], space: Space
) -> float | None:
    axes = [space.names.index(factor.name) for factor in space.group("architecture")]
    if not axes:
        return None
    _, groups = np.unique(positions[:, axes], axis=0, return_inverse=True)
    folds = min(FOLDS, int(groups.max()) + 1)
    if folds < 2:
        return None
    predicted = cross_val_predict(
        _ridge(), columns.matrix, scores, groups=groups, cv=GroupKFold(folds)
    )
    return _r_squared(scores, predicted, float(scores.mean()))


def _on_uniform(
    columns: Columns, scores: NDArray[np.float64], is_uniform: NDArray[np.bool_]
) -> float | None:
    chosen = ~is_uniform
    if chosen.sum() < LEAST_SCORES or is_uniform.sum() < LEAST_SCORES:
        return None
    truth = scores[is_uniform]
    if np.ptp(truth) <= 0:
        return None
    model = _ridge().fit(columns.matrix[chosen], scores[chosen])
    return _r_squared(truth, model.predict(columns.matrix[is_uniform]), float(truth.mean()))
