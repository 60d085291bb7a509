"""Arms as Optuna studies, which optuna-dashboard and Optuna's plots open."""

import math
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from dashsearch.exports.spaces import optuna_distributions
from dashsearch.files import replacing
from dashsearch.space.space import Space

Storage = Literal["journal", "sqlite"]
# A ledger holds no clock: training times are laid end to end from here.
BEGINNING = datetime(2000, 1, 1)
ATTRIBUTES = (
    "experiment_id", "round", "agent", "model", "source", "kind", "parent", "cell", "replicate",
    "fidelity", "status", "reason",
)  # fmt: skip


def write_studies(
    target: str | os.PathLike[str],
    ledger: pd.DataFrame,
    space: Space,
    selection: str,
    storage: Storage = "journal",
) -> None:
    """Write one study an arm and seed, every experiment a trial.

    A scored experiment is a complete trial whose value is its validation score; one that was
    trained for a share of the epochs is pruned, with its score as an intermediate value at the
    percentage of the epochs; all others failed. Test scores are attributes of a trial and never its
    value.

    Parameters
    ----------
    target
        A journal file, or an SQLite file.
    ledger
        Closed ledgers of one task with a column train_duration_s, in proposal order.
    selection
        Column of the value, which studies maximise.
    storage
        Journals are written several times faster.
    """
    with replacing(target) as path:
        backend = _storage(path, storage)
        for (task, arm, seed), rows in ledger.groupby(["task", "arm", "arm_seed"], sort=False):
            study = optuna.create_study(
                study_name=f"{task}/{arm}/seed{seed}", direction="maximize", storage=backend
            )
            study.set_user_attr("space", space.digest)
            study.set_user_attr("value", selection)
            study.set_user_attr("test scores", "attributes of trials; no arm has seen them")
            study.set_user_attr("times", "training times, laid end to end from 2000-01-01")
            study.add_trials(list(_trials(rows, optuna_distributions(space), selection)))
        if isinstance(backend, RDBStorage):
            backend.engine.dispose()


def open_studies(path: str | os.PathLike[str], storage: Storage = "journal") -> list[optuna.Study]:
    """Open all studies of a file that `write_studies` wrote."""
    backend = _storage(path, storage)
    names = optuna.get_all_study_names(backend)
    return [optuna.load_study(study_name=name, storage=backend) for name in names]


def _storage(path: str | os.PathLike[str], storage: Storage) -> BaseStorage:
    if storage == "sqlite":
        return RDBStorage(f"sqlite:///{os.fspath(path)}")
    return JournalStorage(JournalFileBackend(os.fspath(path)))


def _trials(
    rows: pd.DataFrame, distributions: dict[str, BaseDistribution], selection: str
) -> Iterator[FrozenTrial]:
    at = BEGINNING
    for record in rows.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        until = at + timedelta(seconds=_finite(row["train_duration_s"]) or 0.0)
        trial = _trial(row, distributions, selection)
        trial.datetime_start, trial.datetime_complete = at, until
        yield trial
        at = until


def _trial(
    row: dict[str, Any], distributions: dict[str, BaseDistribution], selection: str
) -> FrozenTrial:
    score = _finite(row[selection]) if row["status"] == "ok" else None
    is_whole = row["fidelity"] == 1
    state = TrialState.FAIL
    if score is not None:
        state = TrialState.COMPLETE if is_whole else TrialState.PRUNED
    tests = {name: _finite(row[name]) for name in row if name.startswith("test_")}
    attributes = {name: _plain(row[name]) for name in ATTRIBUTES} | tests
    held = {} if row["cell"] < 0 else distributions
    return create_trial(
        state=state,
        value=score if state == TrialState.COMPLETE else None,
        params={name: _level(row[name], each) for name, each in held.items()},
        distributions=held,
        intermediate_values={}
        if score is None or is_whole
        else {round(100 * float(row["fidelity"])): score},
        user_attrs=attributes,
    )


def _level(value: Any, distribution: Any) -> Any:
    """Return the level as the distribution holds it: tables read 16.0 where the level is 16."""
    return next(level for level in distribution.choices if level == value)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
