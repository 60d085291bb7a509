"""Training a round of experiments, with a journal so that a killed round goes on where it was."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dashsearch.errors import InputError
from dashsearch.files import canonical_json, digest, locked
from dashsearch.progress import Progress
from dashsearch.training.checkpoints import Checkpoints
from dashsearch.training.data import PreparedData
from dashsearch.training.members import Experiment, MemberOf
from dashsearch.training.memory import keep_freed_memory
from dashsearch.training.outcome import Outcome, as_json, from_json
from dashsearch.training.pool import train_stacks
from dashsearch.training.settings import TRAINER_VERSION, Resources, TrainerSettings
from dashsearch.training.stacking import divided, grouped, measured_stack_size, shape_key
from dashsearch.training.test_scores import TestScores

# Measuring takes a few seconds; smaller groups are not worth it.
LEAST_MEASURED = 16
UNMEASURED_SIZE = 8

logger = logging.getLogger("dashsearch.training")


def run_round(
    experiments: Sequence[Experiment],
    data_of: Callable[[str], PreparedData],
    settings: TrainerSettings,
    journal: Path,
    *,
    resources: Resources | None = None,
    checkpoints: Checkpoints | None = None,
    test_scores: TestScores | None = None,
) -> list[Outcome]:
    """Train a round's experiments, those of one shape together; one that fails stops no other.

    Outcomes are in the journal, on disk, as soon as their stack is done. Experiments whose outcome
    is there already are not trained again, unless trainer, settings or data have changed since.
    Outcomes read back carry no probabilities.

    Parameters
    ----------
    experiments
        What to train; an experiment that is listed twice is trained once.
    data_of
        Prepared data of a backbone by its name. It is asked often and should remember; with
        several workers it has to be picklable.
    settings
        What all experiments share.
    journal
        JSON Lines file, made if it does not exist; only this call may write to it.
    resources
        Device, processes and stack size; no score depends on them.
    checkpoints
        Where the weights of the best go, if they are kept.
    test_scores
        Where the test probabilities of every experiment go, if they are kept.

    Returns
    -------
    list of Outcome
        One an experiment, in order.

    Raises
    ------
    InputError
        If a cell names something that the trainer does not know, a worker is killed, another
        process trains the round, or a line inside the journal is broken. A torn last line is what
        a killed run leaves, and is dropped.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    with locked(journal, "training this round"):
        return _run_round(
            experiments,
            data_of,
            settings,
            journal,
            resources=resources or Resources(),
            checkpoints=checkpoints,
            test_scores=test_scores,
        )


def _run_round(
    experiments: Sequence[Experiment],
    data_of: Callable[[str], PreparedData],
    settings: TrainerSettings,
    journal: Path,
    *,
    resources: Resources,
    checkpoints: Checkpoints | None,
    test_scores: TestScores | None,
) -> list[Outcome]:
    finished = _open_journal(journal)
    keys = [_key(experiment, settings, data_of) for experiment in experiments]
    missing = {
        key: experiment
        for key, experiment in zip(keys, experiments, strict=True)
        if key not in finished
    }
    wanted = set(keys)
    progress = Progress("experiments trained", len(wanted), done=len(wanted & set(finished)))
    if checkpoints is not None:
        resources = replace(resources, keep=checkpoints.count)
        # Of experiments that the journal does not hold, as of other settings, weights may be old.
        checkpoints.keep_only(
            {e.experiment_id for e, key in zip(experiments, keys, strict=True) if key in finished}
        )
    trained = _train(list(missing.values()), data_of, settings, resources)
    key_of = {id(experiment): key for key, experiment in missing.items()}
    with journal.open("ab") as stream, progress:
        for stack, outcomes in trained:
            lines = b""
            for experiment, outcome in zip(stack, outcomes, strict=True):
                key = key_of[id(experiment)]
                finished[key] = outcome
                line = {"key": key, "experiment_id": experiment.experiment_id}
                line |= {"trainer": TRAINER_VERSION, **as_json(outcome)}
                lines += canonical_json(line).encode() + b"\n"
                if checkpoints is not None:
                    data = data_of(str(experiment.cell["backbone"]))
                    checkpoints.offer(experiment, outcome, data)
                if test_scores is not None:
                    test_scores.keep(experiment, outcome)
            stream.write(lines)
            stream.flush()
            os.fsync(stream.fileno())
            progress.add(len(outcomes), _broken(finished))
    return [finished[key] for key in keys]


def _train(
    experiments: Sequence[Experiment],
    data_of: Callable[[str], PreparedData],
    settings: TrainerSettings,
    resources: Resources,
) -> Iterator[tuple[list[Experiment], list[Outcome]]]:
    """Train experiments in stacks, in this process or in several; stacks as they are done."""
    if not experiments:
        return
    keep_freed_memory()
    make = MemberOf(data_of, settings, resources.device if resources.workers == 1 else "cpu")
    stacks: list[list[Experiment]] = []
    ordered = sorted(experiments, key=_neighbours)
    for group in grouped(ordered, lambda experiment: shape_key(make(experiment))):
        size = resources.stack_size or UNMEASURED_SIZE
        if resources.stack_size is None and len(group) >= LEAST_MEASURED:
            members = [make(experiment) for experiment in group]
            size = measured_stack_size(members, settings, resources)
        stacks += divided(group, min(size, -(-len(group) // resources.workers)))
    # The largest first, so that no process waits for a long one at the end.
    stacks.sort(key=len, reverse=True)
    yield from train_stacks(stacks, make, data_of, settings, resources)


def _neighbours(experiment: Experiment) -> tuple[str, str]:
    """Order by what is done in one pass for experiments that are side by side."""
    return str(experiment.cell["pooling"]), str(experiment.cell["backbone"])


def _key(
    experiment: Experiment,
    settings: TrainerSettings,
    data_of: Callable[[str], PreparedData],
) -> str:
    """Name everything that an outcome depends on and the experiment's identity may not hold."""
    return digest(
        {
            "experiment": experiment.experiment_id,
            "trainer": TRAINER_VERSION,
            "settings": settings.facts(),
            "data": data_of(str(experiment.cell["backbone"])).digest,
        }
    )


def _broken(finished: Mapping[str, Outcome]) -> str:
    without = sum(outcome.status != "ok" for outcome in finished.values())
    return f"{without} without scores" if without else ""


def _open_journal(journal: Path) -> dict[str, Outcome]:
    """Read the outcomes of a journal by key, after cutting off a torn last line."""
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(journal, len(whole))
    outcomes = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            row = json.loads(line)
            outcomes[row["key"]] = from_json(row)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{journal} line {number} is not an outcome ({type(error).__name__}); delete the "
                "line, and its experiment is trained again."
            ) from None
    return outcomes
