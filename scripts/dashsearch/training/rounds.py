"""Training a round of experiments, with a journal so that a killed round goes on where it was."""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dashsearch.errors import InputError
from dashsearch.files import canonical_json, digest
from dashsearch.training.data import PreparedData
from dashsearch.training.metrics import SplitScores
from dashsearch.training.settings import TRAINER_VERSION, Cell, TrainerSettings
from dashsearch.training.trainer import MAX_REASON, Outcome, train_experiment

PROGRESS_EVERY = 10

logger = logging.getLogger("dashsearch.training")


@dataclass(frozen=True)
class Experiment:
    """One cell to be trained once with one seed; `experiment_id` is equal for equal work."""

    experiment_id: str
    cell: Cell
    seed: int


def run_round(
    experiments: Sequence[Experiment],
    data_of: Callable[[str], PreparedData],
    settings: TrainerSettings,
    journal: Path,
) -> list[Outcome]:
    """Train a round's experiments in order; one that fails does not stop the others.

    Every outcome is in the journal, on disk, before the next experiment starts. Experiments whose
    outcome is there already are not trained again, unless trainer, settings or data have changed
    since. Outcomes read back carry no probabilities.

    Parameters
    ----------
    experiments
        What to train; an experiment that is listed twice is trained once.
    data_of
        Prepared data of a backbone by its name. It is asked often and should remember.
    settings
        What all experiments share.
    journal
        JSON Lines file, made if it does not exist; only this call may write to it.

    Returns
    -------
    list of Outcome
        One an experiment, in order.

    Raises
    ------
    InputError
        If a cell names something that the trainer does not know, or a line inside the journal is
        broken. A torn last line is what a killed run leaves, and is dropped.
    """
    finished = _open_journal(journal)
    trained = 0
    outcomes = []
    with journal.open("ab") as stream:
        for done, experiment in enumerate(experiments, start=1):
            data = data_of(str(experiment.cell["backbone"]))
            key = _key(experiment, settings, data)
            if key not in finished:
                finished[key] = _train(experiment, data, settings)
                line = {"key": key, "experiment_id": experiment.experiment_id}
                line |= {"trainer": TRAINER_VERSION, **_as_json(finished[key])}
                stream.write(canonical_json(line).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
                trained += 1
            outcomes.append(finished[key])
            if done % PROGRESS_EVERY == 0 or done == len(experiments):
                _log_progress(outcomes, len(experiments), trained)
    return outcomes


def _key(experiment: Experiment, settings: TrainerSettings, data: PreparedData) -> str:
    """Name everything that an outcome depends on and the experiment's identity may not hold."""
    return digest(
        {
            "experiment": experiment.experiment_id,
            "trainer": TRAINER_VERSION,
            "settings": asdict(settings),
            "data": data.digest,
        }
    )


def _train(experiment: Experiment, data: PreparedData, settings: TrainerSettings) -> Outcome:
    try:
        return train_experiment(experiment.cell, experiment.seed, data, settings)
    except InputError:
        raise
    except Exception as error:
        logger.exception("experiment %s failed", experiment.experiment_id)
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON]
        return Outcome("failed", reason, None, None, None, None, None, 0.0)


def _log_progress(outcomes: Sequence[Outcome], total: int, trained: int) -> None:
    broken = sum(outcome.status != "ok" for outcome in outcomes)
    mean = sum(outcome.duration_s for outcome in outcomes) / len(outcomes)
    logger.info(
        "%d of %d experiments done (%d trained now, %d without scores), %.2f s each",
        len(outcomes),
        total,
        trained,
        broken,
        mean,
    )


def _open_journal(journal: Path) -> dict[str, Outcome]:
    """Read the outcomes of a journal by key, after cutting off a torn last line."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    content = journal.read_bytes() if journal.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(journal, len(whole))
    outcomes = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = json.loads(line)
            outcomes[row["key"]] = _from_json(row)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{journal} line {number} is not an outcome ({type(error).__name__}); delete the "
                "line, and its experiment is trained again."
            ) from None
    return outcomes


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "validation": _scores_as_json(outcome.validation),
        "test": _scores_as_json(outcome.test),
        "train_loss": outcome.train_loss,
        "duration_s": outcome.duration_s,
    }


def _scores_as_json(scores: SplitScores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {**asdict(scores), "ap_at": [[tte, ap] for tte, ap in scores.ap_at.items()]}


def _from_json(row: dict[str, Any]) -> Outcome:
    return Outcome(
        status=row["status"],
        reason=row["reason"],
        validation=_scores_from_json(row["validation"]),
        test=_scores_from_json(row["test"]),
        validation_probability=None,
        test_probability=None,
        train_loss=row["train_loss"],
        duration_s=row["duration_s"],
    )


def _scores_from_json(row: dict[str, Any] | None) -> SplitScores | None:
    if row is None:
        return None
    return SplitScores(
        ap=row["ap"],
        map=row["map"],
        logloss=row["logloss"],
        accuracy=row["accuracy"],
        ap_at={float(tte): float(ap) for tte, ap in row["ap_at"]},
    )
