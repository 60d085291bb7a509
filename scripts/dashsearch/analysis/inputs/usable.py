"""What a ledger has to be for questions to be put to it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.space.space import Space

COLUMNS = (
    *("experiment_id", "task", "arm", "arm_seed", "cell", "seed", "fidelity", "status", "reason"),
)


def usable_ledger(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> pd.DataFrame:
    """Return the ledger that questions are put to: of whole experiments, numbered from 0.

    Raises
    ------
    InputError
        If a column is missing, the ledger is empty or of several tasks, a cell is outside the
        space, a score is outside [0, 1], or a successful experiment has no score.
    """
    _check(ledger, space, settings)
    return hide_partial_scores(ledger.reset_index(drop=True), settings)


def hide_partial_scores(ledger: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """Take the scores from experiments that were trained for a share of the epochs only.

    They spend budget like any other, but a score of another protocol can neither be an incumbent
    nor enter a variance share.
    """
    hidden = ledger.copy()
    for score in {settings.score, settings.selection}:
        hidden.loc[ledger["fidelity"] < 1, score] = np.nan
    return hidden


def _check(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> None:
    """Refuse a ledger that no question can be put to; errors as of `usable_ledger`."""
    needed = [*COLUMNS, settings.score, settings.selection, *space.names]
    missing = [name for name in needed if name not in ledger.columns]
    if missing:
        raise InputError(
            f"the ledger ({len(ledger)} rows) has no column {missing[0]!r}; "
            "join the closed ledgers of the arms."
        )
    if ledger.empty:
        raise InputError("the ledger has no rows; run at least one arm.")
    tasks = sorted(map(str, pd.unique(ledger["task"])))
    if len(tasks) > 1:
        raise InputError(
            f"the ledger mixes the tasks {', '.join(tasks)}; analyse one task at a time."
        )
    cells = ledger.loc[ledger["status"] != "invalid", "cell"].to_numpy(dtype=np.int64)
    outside = int(((cells < 0) | (cells >= space.size)).sum())
    if outside:
        raise InputError(
            f"column cell: {outside} of {len(ledger)} rows hold a cell outside 0 to "
            f"{space.size - 1}; use the space that the ledger was made with."
        )
    succeeded = (ledger["status"] == "ok").to_numpy()
    for score in (settings.score, settings.selection):
        values: NDArray[np.float64] = ledger[score].to_numpy(dtype=np.float64)
        finite = np.isfinite(values)
        if (succeeded != finite).any():
            raise InputError(
                f"column {score}: {int((succeeded != finite).sum())} of {len(ledger)} rows have a "
                "score without status ok, or status ok without a score; close the arm again."
            )
        beyond = int(((values[finite] < 0) | (values[finite] > 1)).sum())
        if beyond:
            raise InputError(
                f"column {score}: {beyond} of {len(ledger)} scores are outside 0 to 1; "
                "give average precisions."
            )
