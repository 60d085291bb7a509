"""Training experiments: cells, seeds and prepared data in, scores out, always the same.

An experiment's scores do not depend on what it is stacked with, on the order or the size of the
stack, or on how many processes there are.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.training.data import PreparedData, ScoredWindows
from dashsearch.training.metrics import SplitScores, mean_average_precision, score_stack
from dashsearch.training.outcome import MAX_REASON, Outcome, without_scores
from dashsearch.training.recipe import resolve
from dashsearch.training.resident import put_on
from dashsearch.training.settings import Cell, TrainerSettings
from dashsearch.training.stack import Member, Stack, Trained

logger = logging.getLogger(__name__)


def train_members(
    members: Sequence[Member], settings: TrainerSettings, device: str = "cpu", keep: int = 0
) -> list[Outcome]:
    """Train experiments of one shape in one stack, or in smaller ones if that fails.

    A stack that does not fit into memory, or that one member spoils, is halved and tried again
    until what fails is alone. The same arguments give bit-identical scores on the same machine,
    whatever ran before and with any number of threads (one is used). The global random state is
    left as it was.

    Parameters
    ----------
    members
        Experiments that `Stack` accepts together.
    settings
        What all experiments share.
    device
        ``"cpu"`` or ``"cuda"``.
    keep
        Of how many, the best on validation, the weights are returned.

    Returns
    -------
    list of Outcome
        One an experiment, in order.

    Raises
    ------
    InputError
        If an encoder of the user's cannot be loaded.
    """
    try:
        with _one_thread():
            return _with_weights_of_best(_train(members, settings, torch.device(device)), keep)
    except InputError:
        raise
    except Exception as error:
        if len(members) == 1:
            logger.exception("an experiment with seed %d failed", members[0].seed)
            return [without_scores("failed", f"{type(error).__name__}: {error}")]
        half = len(members) // 2
        problem = next(iter(str(error).splitlines()), "")
        logger.warning(
            "a stack of %d failed (%s: %s); trying %d and %d",
            len(members),
            type(error).__name__,
            problem[:MAX_REASON],
            half,
            len(members) - half,
        )
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    parts = (members[:half], members[half:])
    return [outcome for part in parts for outcome in train_members(part, settings, device, keep)]


def train_experiment(
    cell: Cell, seed: int, data: PreparedData, settings: TrainerSettings
) -> Outcome:
    """Train one cell with one seed on the CPU and score it on validation and test.

    Parameters
    ----------
    cell
        Levels of the factors; the backbone is not looked at.
    seed
        The experiment's seed: initial weights, order of clips, windows drawn, dropout.
    data
        Features of the cell's backbone.
    settings
        What the cell does not say.

    Raises
    ------
    InputError
        If the cell names an unknown encoder, pooling or loss, or `put_on` refuses the data.
    """
    recipe = resolve(cell, settings)
    resident = put_on(data, torch.device("cpu"), recipe.sequence_length)
    return train_members([Member(recipe, seed, resident)], settings)[0]


def _with_weights_of_best(outcomes: Sequence[Outcome], keep: int) -> list[Outcome]:
    """Drop the weights of all but the best `keep` on validation."""
    scored = {p: o.validation.map for p, o in enumerate(outcomes) if o.validation is not None}
    best = sorted(scored, key=lambda place: -scored[place])[:keep]
    return [
        outcome if place in best else replace(outcome, weights={})
        for place, outcome in enumerate(outcomes)
    ]


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train(
    members: Sequence[Member], settings: TrainerSettings, device: torch.device
) -> list[Outcome]:
    start = time.perf_counter()
    stack = Stack(members, settings, device)
    watches = settings.patience is not None or bool(settings.curve_epochs)
    for epoch in range(stack.recipe.epochs):
        if not stack.rows:
            break
        stack.train_epoch(epoch)
        if watches and stack.rows:
            _watch(stack, epoch + 1, settings)
    _finish(stack, list(range(len(stack.trained_rows))))
    scores = {split: _scores(stack, split) for split in ("validation", "test")}
    share = (time.perf_counter() - start) / len(members)
    return [
        _outcome(trained, scores["validation"][row], scores["test"][row], settings, share)
        for row, trained in enumerate(stack.results)
    ]


def _scores(stack: Stack, split: Literal["validation", "test"]) -> list[SplitScores | None]:
    """Score all experiments that have probabilities, those on the same data at once."""
    found: list[SplitScores | None] = [None] * len(stack.members)
    rows_of: dict[int, list[int]] = {}
    for row, (member, trained) in enumerate(zip(stack.members, stack.results, strict=True)):
        if not trained.problem:
            rows_of.setdefault(id(member.data), []).append(row)
    for rows in rows_of.values():
        windows: ScoredWindows = getattr(stack.members[rows[0]].data.prepared, split)
        probability = np.stack([getattr(stack.results[row], split) for row in rows])
        scores = score_stack(windows.label, probability, windows.tte_s, windows.clip_id)
        for row, each in zip(rows, scores, strict=True):
            found[row] = each
    return found


def _outcome(
    trained: Trained,
    validation: SplitScores | None,
    test: SplitScores | None,
    settings: TrainerSettings,
    duration_s: float,
) -> Outcome:
    if trained.problem:
        return without_scores(
            "diverged", trained.problem, epochs=trained.epochs, duration_s=duration_s
        )
    return Outcome(
        status="ok",
        reason="",
        validation=validation,
        test=test,
        validation_probability=trained.validation,
        test_probability=trained.test,
        train_loss=trained.train_loss,
        epochs=trained.epochs,
        curve={e: score for e, score in trained.history.items() if e in settings.curve_epochs},
        weights=trained.weights,
        duration_s=duration_s,
    )


def _watch(stack: Stack, epoch: int, settings: TrainerSettings) -> None:
    """Keep the validation mAP where the settings ask for it, and stop who no longer improves."""
    if settings.patience is None and epoch not in settings.curve_epochs:
        return
    probability = stack.probabilities("validation")
    leaving = []
    for place, row in enumerate(stack.trained_rows):
        trained = stack.results[row]
        trained.history[epoch] = _mean_average_precision(stack.members[row], probability[place])
        best = max(trained.history, key=trained.history.__getitem__)
        if settings.patience is not None and epoch - best >= settings.patience:
            leaving.append(place)
    if leaving:
        _finish(stack, leaving)


def _mean_average_precision(member: Member, probability: NDArray[np.float64]) -> float:
    split = member.data.prepared.validation
    if not np.isfinite(probability).all():
        return float("-inf")
    return mean_average_precision(split.label, probability, split.tte_s)


def _finish(stack: Stack, places: Sequence[int]) -> None:
    """Score experiments by their places, keep their weights, and free their slots."""
    if not places:
        return
    found = {split: stack.probabilities(split) for split in ("validation", "test")}
    for place in places:
        trained = stack.results[stack.trained_rows[place]]
        if not all(np.isfinite(each[place]).all() for each in found.values()):
            trained.problem = "A logit of the trained model is not finite; lower the learning rate."
            continue
        trained.validation, trained.test = found["validation"][place], found["test"][place]
        trained.weights = {n: value.cpu().numpy() for n, value in stack.parameters.of(place)}
    stack.leave(places)
