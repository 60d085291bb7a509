"""Which factors does the variance between all cells of a space belong to, exactly?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.results import TooFewScores, interval_columns, plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.functional_anova import (
    POOLED_ORDER,
    TOP_SHARE,
    FunctionalAnova,
    SeedNoise,
    functional_anova,
    seed_noise,
    top_scores,
)
from dashsearch.space.space import Space

COLUMNS = [
    "score", "region", "name", "role", "terms", "df", "variance", "share", "noise_variance",
    "noise_share", "corrected_share", "low", "high", "interval_kind", "cells",
]  # fmt: skip
WHOLE, TOP = "whole space", f"top {TOP_SHARE:.0%}"
ONE_SEED = (
    f"Every cell was measured with one seed: terms of {POOLED_ORDER} and more factors cannot be "
    "told from seed noise, and stand together."
)


@dataclass(frozen=True)
class CellScores:
    """Mean score of every cell of a table.

    Attributes
    ----------
    means, counts
        Mean over the measurements of a cell and their number, shape (size,); a failed or missing
        cell has NaN and 0.
    failed
        Number of cells whose measurements all failed.
    missing
        Number of cells that the table does not hold.
    noise, noise_reason
        Seed noise, or None and why.
    """

    means: NDArray[np.float64]
    counts: NDArray[np.float64]
    failed: int
    missing: int
    noise: SeedNoise | None
    noise_reason: str


def cell_scores(table: pd.DataFrame, space: Space, score: str) -> CellScores:
    """Average the measurements of every cell.

    Parameters
    ----------
    table
        One row a measurement: cell, fidelity, and the score, NaN where it failed. Only whole
        trainings (fidelity 1) count. Where a column `sample` says which cells were drawn uniformly
        to be measured again, the noise comes from those alone.
    """
    whole = table[(table["fidelity"] == 1) & (table["status"] != "invalid")]
    values = whole[score].to_numpy(dtype=np.float64)
    cells = whole["cell"].to_numpy(dtype=np.int64)
    scored = np.isfinite(values)
    counts = np.bincount(cells[scored], minlength=space.size).astype(np.float64)
    sums = np.bincount(cells[scored], weights=values[scored], minlength=space.size)
    held = np.bincount(cells, minlength=space.size) > 0
    means = np.full(space.size, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    repeated = whole[scored & (counts[cells] > 1)]
    if "sample" in repeated and (repeated["sample"] == "uniform").any():
        # Noise as the whole space has it: the best cells, measured again too, may have less.
        drawn = repeated.loc[repeated["sample"] == "uniform", "cell"]
        repeated = repeated[repeated["cell"].isin(drawn)]
    noise, reason = None, ""
    try:
        noise = seed_noise([one.to_numpy() for _, one in repeated.groupby("cell")[score]])
    except TooFewScores as refusal:
        reason = str(refusal)
    missing = int((~held).sum())
    return CellScores(means, counts, int((counts == 0).sum()) - missing, missing, noise, reason)


def exact_shares(found: CellScores, space: Space, settings: AnalysisSettings) -> FunctionalAnova:
    """Analyse a table of all cells; a failed one by the declared rule.

    Raises
    ------
    TooFewScores
        If a cell is missing, or failed and the rule is to refuse, or the scores do not vary.
    """
    means, counts = _filled(found, space, settings)
    return functional_anova(
        means, space, counts=counts, noise=found.noise, noise_reason=found.noise_reason
    )


def truth_of(
    table: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> tuple[FunctionalAnova | None, str]:
    """Analyse the reported score of a table of all cells, or say why that cannot be."""
    try:
        return exact_shares(cell_scores(table, space, settings.score), space, settings), ""
    except TooFewScores as refusal:
        return None, str(refusal)


def factorial_findings(table: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Exact shares of the whole space and of its top cells, on both scores.

    Parameters
    ----------
    table
        As of `cell_scores`, with a column task.
    """
    scores: dict[str, Any] = {}
    rows: list[tuple[Any, ...]] = []
    for score in dict.fromkeys((settings.score, settings.selection)):
        found = cell_scores(table, space, score)
        regions: dict[str, FunctionalAnova] = {}
        reason = ""
        try:
            means, counts = _filled(found, space, settings)
            regions[WHOLE] = exact_shares(found, space, settings)
            regions[TOP] = functional_anova(
                top_scores(means), space, counts=counts,
                noise_reason="clipped scores have no constant noise, so nothing is subtracted.",
            )  # fmt: skip
        except TooFewScores as refusal:
            reason = f"column {score}: {refusal}"
        scores[score] = {
            "cells": space.size,
            "failed": found.failed,
            "missing": found.missing,
            "failed_cells": settings.failed_cells,
            "whole": plain(regions.get(WHOLE)),
            "top": plain(regions.get(TOP)),
            "note": ONE_SEED if found.noise is None and regions else "",
            "reason": reason,
        }
        rows += [row for region, anova in regions.items() for row in _rows(score, region, anova)]
    document = {
        "schema": "functional_anova/1",
        "task": str(table["task"].iloc[0]),
        "top_share": TOP_SHARE,
        "scores": scores,
    }
    return Findings(
        {"functional_anova.json": document},
        {"functional_anova.csv": pd.DataFrame(rows, columns=COLUMNS)},
    )


def _filled(
    found: CellScores, space: Space, settings: AnalysisSettings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if found.missing:
        raise TooFewScores(
            f"the table lacks {found.missing} of the {space.size} cells, and an exact analysis "
            "needs every cell; measure them."
        )
    means, counts = found.means.copy(), np.maximum(found.counts, 1)
    if settings.failed_cells == "lowest" and found.failed < space.size:
        means[~np.isfinite(means)] = np.nanmin(means)
    return means, counts


def _rows(score: str, region: str, anova: FunctionalAnova) -> list[tuple[Any, ...]]:
    return [
        (
            score, region, term.name, term.role, term.terms, term.df, term.variance, term.share,
            term.noise_variance, term.noise_share, term.corrected_share,
            *interval_columns(term.interval),
            anova.cells,
        )
        for term in anova.shares
    ]  # fmt: skip
