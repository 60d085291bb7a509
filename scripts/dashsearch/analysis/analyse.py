"""The questions that are put to a task's ledger."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

import pandas as pd

from dashsearch.analysis.findings import Findings
from dashsearch.analysis.inputs.clip_scores import ClipScores
from dashsearch.analysis.inputs.measured import MeasuredSpace
from dashsearch.analysis.inputs.usable import usable_ledger
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Space

# Of each, the module in questions/.
QUESTIONS = ("variance", "convergence", "dynamics", "validity", "bias", "summary")


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
        As `usable_ledger` does.
    """
    whole = usable_ledger(ledger, space, settings)
    findings = _findings(question)
    if question == "convergence":
        return findings(whole, space, settings, measured)
    return findings(whole, space, settings)


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
    return _findings("transfer")(usable_ledger(results, space, settings), space, settings, clips)


def _findings(question: str) -> Callable[..., Findings]:
    """Import what is asked alone: the libraries behind all questions take seconds to load."""
    module = import_module(f"dashsearch.analysis.questions.{question}")
    return cast(Callable[..., Findings], getattr(module, f"{question}_findings"))
