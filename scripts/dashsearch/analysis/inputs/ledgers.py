"""The ledgers that an analysis is made from, and the note that says so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dashsearch.analysis.results import plain
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.files import file_digest
from dashsearch.ledger.schema import ledger_columns
from dashsearch.provenance import provenance
from dashsearch.space.space import Space
from dashsearch.tables import read_table

ANALYSIS_SCHEMA = "analysis/1"


def read_ledgers(
    paths: Sequence[str | Path], space: Space, tte_s: Sequence[float]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Join the ledgers of all arms of a task; a file may hold several seeds of an arm name.

    Returns
    -------
    ledger
        All experiments, one arm after another, each in proposal order.
    digests
        SHA-256 of each ledger file by ``"arm name/seed"``.

    Raises
    ------
    InputError
        If a ledger has other columns or no rows, two are of the same arm, or there is none.
    """
    columns = ledger_columns(space, tuple(tte_s))
    ledgers, digests = [], {}
    for path in paths:
        ledger = read_table(path, columns)
        if ledger.empty:
            raise InputError(f"{path} has no rows; close the arm again.")
        file = file_digest(path)
        for name, seed in ledger[["arm", "arm_seed"]].drop_duplicates().itertuples(index=False):
            arm = f"{name}/{seed}"
            if arm in digests:
                raise InputError(f"{path} is a second ledger of the arm {arm}; give one of them.")
            digests[arm] = file
        ledgers.append(ledger)
    if not ledgers:
        raise InputError("there is no ledger to analyse; add an arm to the config.")
    return pd.concat(ledgers, ignore_index=True), digests


def analysis_note(
    digests: Mapping[str, str], space: Space, settings: AnalysisSettings, trainer: str
) -> dict[str, Any]:
    """Describe what made an analysis: versions, ledgers and everything that was set.

    Parameters
    ----------
    digests
        From `read_ledgers`.
    trainer
        Identity of the trainer that the ledgers' scores are from.
    """
    estimators: dict[str, Any] = plain(settings)
    return provenance(
        ANALYSIS_SCHEMA,
        libraries=("numpy", "pandas", "scipy"),
        inputs={f"ledger of {arm}": digest for arm, digest in digests.items()},
        settings={
            "campaign_seed": estimators.pop("seed"),
            "trainer": trainer,
            "space": space.digest,
            "analysis": estimators,
        },
    )
