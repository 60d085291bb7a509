"""The questions that are put to a ledger, and what a ledger has to be for that."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.inputs.clip_scores import ClipScores
from dashsearch.analysis.inputs.measured import MeasuredSpace
from dashsearch.analysis.questions.bias import bias_findings
from dashsearch.analysis.questions.convergence import convergence_findings
from dashsearch.analysis.questions.dynamics import dynamics_findings
from dashsearch.analysis.questions.summary import summary_findings
from dashsearch.analysis.questions.transfer import transfer_findings
from dashsearch.analysis.questions.validity import validity_findings
from dashsearch.analysis.questions.variance import variance_findings
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.space.space import Space

COLUMNS = (
    *("experiment_id", "task", "arm", "arm_seed", "cell", "seed", "fidelity", "status", "reason"),
)
Question = Callable[[pd.DataFrame, Space, AnalysisSettings], Findings]
QUESTIONS: Mapping[str, Question] = {
    "variance": variance_findings,
    "convergence": convergence_findings,
    "dynamics": dynamics_findings,
    "validity": validity_findings,
    "bias": bias_findings,
    "summary": summary_findings,
}


def analyse(
    question: str,
    ledger: pd.DataFrame,
    space: Space,
    settings: AnalysisSettings,
    measured: MeasuredSpace | None = None,
) -> Findings:
    """Answer one of `QUESTIONS` from the joined ledger of one task.

    Parameters
    ----------
    ledger
        The ledgers of all arms and seeds, one after another, each in proposal order.
    measured
        Scores of every cell, where there is a table of them: regrets are then the table's.

    Raises
    ------
    InputError
        If a column is missing, the ledger is empty or of several tasks, a cell is outside the
        space, a score is outside [0, 1], or a successful experiment has no score.
    """
    whole = usable_ledger(ledger, space, settings)
    if question == "convergence":
        return convergence_findings(whole, space, settings, measured)
    return QUESTIONS[question](whole, space, settings)


def usable_ledger(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> pd.DataFrame:
    """Refuse what `analyse` refuses, and return the ledger that questions are put to."""
    _check(ledger, space, settings)
    return hide_partial_scores(ledger.reset_index(drop=True), settings)


def analyse_task(ledger: pd.DataFrame, space: Space, settings: AnalysisSettings) -> Findings:
    """Answer all questions; errors as of `analyse`."""
    answers = [analyse(question, ledger, space, settings) for question in QUESTIONS]
    return Findings(
        {name: each for answer in answers for name, each in answer.documents.items()},
        {name: each for answer in answers for name, each in answer.tables.items()},
    )


def analyse_transfer(
    results: pd.DataFrame, space: Space, settings: AnalysisSettings, clips: ClipScores | None
) -> Findings:
    """Compare backbones at equal configuration from a transfer check; errors as of `analyse`."""
    return transfer_findings(usable_ledger(results, space, settings), space, settings, clips)


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
    """Refuse a ledger that no question can be put to; errors as of `analyse`."""
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
