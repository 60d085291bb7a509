"""Two-way analysis of variance of unbalanced designs, by comparison of nested linear models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dashsearch.analysis.inference.one_way_tests import ROUNDING
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.variance.effects import Effect, effect_of_sums
from dashsearch.analysis.variance.group_table import GroupTable
from dashsearch.errors import InputError

SumsOfSquares = Literal[2, 3]
Terms = tuple[str, ...]
A, B, BOTH = "a", "b", "ab"


@dataclass(frozen=True)
class NamedEffect:
    """One effect of a two-way analysis: a factor, or the interaction ``"one × other"``."""

    name: str
    estimate: Effect


@dataclass(frozen=True)
class TwoWay:
    """A two-way analysis of variance.

    Attributes
    ----------
    sums_of_squares
        2 or 3: the type. Type II compares each main effect with the other one in the model, type
        III with the other one and the interaction, at equal weights of all cells.
    additive
        Whether the model leaves the interaction out: it is part of the residual then.
    factors, levels
        Names of the two factors, and how many levels each has.
    n, cells, empty_cells
        Number of scores, of cells with scores, and of cells without. With empty cells the
        interaction holds only the contrasts that the filled cells can show.
    effects
        Main effects, then the interaction unless the model is additive.
    ss_total, ss_residual, df_residual
        Sum of squares around the mean, and of the residual that all effects are tested against.
    residual_share
        The residual's part of the total.
    ss_unassigned, unassigned_share
        What the effects and the residual leave of the total, in units of the score squared and as
        a part of the total: in unbalanced designs the factors share some variance that neither
        explains alone. Negative where it is counted twice. The shares are never scaled to 1.
    note
        How to read the analysis.
    """

    sums_of_squares: int
    additive: bool
    factors: tuple[str, str]
    levels: tuple[int, int]
    n: int
    cells: int
    empty_cells: int
    effects: tuple[NamedEffect, ...]
    ss_total: float
    ss_residual: float
    df_residual: int
    residual_share: float
    ss_unassigned: float
    unassigned_share: float
    note: str


@dataclass(frozen=True)
class _Cells:
    """The filled cells: levels of both factors, sizes and means, and the variation within."""

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    sizes: NDArray[np.float64]
    means: NDArray[np.float64]
    within: float
    n: int


def two_way(
    codes_a: ArrayLike,
    codes_b: ArrayLike,
    scores: ArrayLike,
    typ: SumsOfSquares = 2,
    *,
    additive: bool = False,
    names: tuple[str, str] = ("a", "b"),
) -> TwoWay:
    """Split the variance of scores into two main effects, their interaction and a residual.

    Parameters
    ----------
    codes_a, codes_b
        Level of either factor for each score, shape (n,).
    scores
        Scores, shape (n,).
    typ
        Type of the sums of squares: 2 (does not depend on the coding), or 3 with sum-to-zero
        coding.
    additive
        Leave the interaction out of the model.
    names
        Names of the factors.

    Raises
    ------
    InputError
        If `typ` is neither 2 nor 3, or the arrays differ in length.
    TooFewScores
        If a score is not finite, a factor has one level, type III is asked for with empty cells,
        the cells fall into parts that share no level, the interaction has no degrees of freedom,
        or the model leaves none or no variance.

    References
    ----------
    Fox (2016), *Applied Regression Analysis*, ch. 8; Langsrud (2003), Stat. Comput. 13(2) (why
    type II).
    """
    values = np.asarray(scores, dtype=np.float64).ravel()
    first, second = np.asarray(codes_a).ravel(), np.asarray(codes_b).ravel()
    if not first.size == second.size == values.size:
        raise InputError(
            f"{first.size} and {second.size} codes stand beside {values.size} scores; "
            "give one code of each factor for each score."
        )
    broken = int((~np.isfinite(values)).sum())
    if broken:
        raise TooFewScores(
            f"{broken} of {values.size} scores are not finite; leave failed experiments out."
        )
    if not values.size:
        raise TooFewScores("there is no score to analyse; run more experiments.")
    a, b = (np.unique(each, return_inverse=True)[1] for each in (first, second))
    width = int(b.max()) + 1
    codes, inverse = np.unique(a * width + b, return_inverse=True)
    values = values - values.mean()
    sizes = np.bincount(inverse).astype(np.float64)
    means = np.bincount(inverse, weights=values) / sizes
    within = float(((values - means[inverse]) ** 2).sum())
    cells = _Cells(codes // width, codes % width, sizes, means, within, values.size)
    return _analyse(cells, typ, additive, names)


def two_way_of_groups(
    table: GroupTable, typ: SumsOfSquares = 2, *, additive: bool = False
) -> TwoWay:
    """Make the analysis of `two_way` from the sizes, means and deviations of the cells.

    Raises
    ------
    InputError
        If the table's groups are not named by exactly two factors.
    TooFewScores
        As of `two_way`.
    """
    if len(table.factors) != 2:
        raise InputError(
            f"{table.source}: its {len(table.n)} groups are named by {len(table.factors)} factors; "
            "a two-way analysis takes two."
        )
    labels = np.array(table.labels, dtype=object)
    a, b = (np.unique(labels[:, place].astype(str), return_inverse=True)[1] for place in (0, 1))
    sizes = table.n.astype(np.float64)
    means = table.mean - float(sizes @ table.mean) / float(sizes.sum())
    cells = _Cells(a, b, sizes, means, float(table.ss.sum()), int(table.n.sum()))
    return _analyse(cells, typ, additive, (table.factors[0], table.factors[1]))


def _analyse(cells: _Cells, typ: int, additive: bool, names: tuple[str, str]) -> TwoWay:
    levels = int(cells.a.max()) + 1, int(cells.b.max()) + 1
    _refuse(cells, levels, typ, additive, names)
    filled = len(cells.sizes)
    parameters = sum(levels) - 1 if additive else filled
    designs = _designs(cells, levels)
    everything: Terms = (A, B) if additive else (A, B, BOTH)
    ss_total = _residual(cells, designs, ())
    ss_residual = _residual(cells, designs, everything) if additive else cells.within
    df_residual = cells.n - parameters
    if df_residual < 1 or ss_residual <= ROUNDING * ss_total:
        raise TooFewScores(
            f"{cells.n} scores in {filled} cells of {names[0]} × {names[1]} leave no variance "
            f"to tell a model of {parameters} parameters from chance; run more experiments."
        )
    effects = []
    for term in everything:
        with_it, without = _comparison(term, typ, additive)
        ss = _residual(cells, designs, without) - _residual(cells, designs, with_it)
        df = {A: levels[0] - 1, B: levels[1] - 1, BOTH: filled - sum(levels) + 1}[term]
        name = {A: names[0], B: names[1], BOTH: " × ".join(names)}[term]
        estimate = effect_of_sums(
            # Rounding alone can take the difference of two nested models below 0.
            max(ss, 0.0),
            df,
            ss_residual,
            df_residual,
            ss_total=ss_total,
            n=cells.n,
        )
        effects.append(NamedEffect(name, estimate))
    unassigned = ss_total - ss_residual - sum(each.estimate.ss for each in effects)
    empty = levels[0] * levels[1] - filled
    return TwoWay(
        sums_of_squares=typ,
        additive=additive,
        factors=names,
        levels=levels,
        n=cells.n,
        cells=filled,
        empty_cells=empty,
        effects=tuple(effects),
        ss_total=ss_total,
        ss_residual=ss_residual,
        df_residual=df_residual,
        residual_share=ss_residual / ss_total,
        ss_unassigned=unassigned,
        unassigned_share=unassigned / ss_total,
        note=_note(additive, empty, levels, typ),
    )


def _note(additive: bool, empty: int, levels: tuple[int, int], typ: int) -> str:
    parts = [f"Type {'I' * typ} sums of squares."]
    if additive:
        parts.append("Additive model: the interaction is part of the residual.")
    elif empty:
        parts.append(
            f"{empty} of {levels[0] * levels[1]} cells are empty: the interaction holds only the "
            "contrasts of the filled ones."
        )
    return " ".join(parts)


def _refuse(
    cells: _Cells, levels: tuple[int, int], typ: int, additive: bool, names: tuple[str, str]
) -> None:
    if typ not in (2, 3):
        raise InputError(f"typ is {typ}; choose 2 or 3, the type of the sums of squares.")
    for name, count in zip(names, levels, strict=True):
        if count < 2:
            raise TooFewScores(
                f"factor {name} has one level in {cells.n} scores; a main effect needs two."
            )
    filled, possible = len(cells.sizes), levels[0] * levels[1]
    if typ == 3 and not additive and filled < possible:
        raise TooFewScores(
            f"{possible - filled} of {possible} cells of {names[0]} × {names[1]} are empty, so "
            "type III sums of squares do not exist; take type II."
        )
    places = (cells.a, cells.b + levels[0])
    graph = coo_array((np.ones(filled), places), shape=(sum(levels), sum(levels)))
    parts, _ = connected_components(graph, directed=False)
    if parts > 1:
        raise TooFewScores(
            f"the {filled} filled cells of {names[0]} × {names[1]} fall into {parts} parts that "
            "share no level, so the factors cannot be told apart; analyse each part by itself."
        )
    if not additive and filled == sum(levels) - 1:
        raise TooFewScores(
            f"{filled} filled cells of {possible} leave no degrees of freedom to the interaction "
            f"of {names[0]} and {names[1]}; run more experiments."
        )


def _comparison(term: str, typ: int, additive: bool) -> tuple[Terms, Terms]:
    """Return the terms of the model with `term` and of the one without."""
    everything: Terms = (A, B) if additive else (A, B, BOTH)
    # Marginality: type II leaves the interaction out of the models that a main effect is between.
    larger = everything if typ == 3 or term == BOTH else (A, B)
    return larger, tuple(each for each in larger if each != term)


def _designs(cells: _Cells, levels: tuple[int, int]) -> Mapping[str, NDArray[np.float64]]:
    """Sum-coded columns of every term, one row per cell."""
    a, b = (
        _sum_coded(codes, count) for codes, count in zip((cells.a, cells.b), levels, strict=True)
    )
    both = (a[:, :, np.newaxis] * b[:, np.newaxis, :]).reshape(len(a), -1)
    return {A: a, B: b, BOTH: both}


def _sum_coded(codes: NDArray[np.intp], levels: int) -> NDArray[np.float64]:
    columns = np.eye(levels)[:, :-1]
    columns[-1] = -1
    return np.asarray(columns[codes])


def _residual(cells: _Cells, designs: Mapping[str, NDArray[np.float64]], terms: Terms) -> float:
    """Residual sum of squares of the model with an intercept and these terms."""
    root = np.sqrt(cells.sizes)[:, np.newaxis]
    design = np.hstack([np.ones_like(root), *(designs[term] for term in terms)]) * root
    target = cells.means * root[:, 0]
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    return cells.within + float(((target - design @ solution) ** 2).sum())
