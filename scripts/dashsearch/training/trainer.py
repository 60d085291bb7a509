"""Training one experiment: a cell, a seed and prepared data in, scores out, always the same.

AdamW with a warm-up and a cosine; every epoch visits every training clip once, with one of its
windows (times to event) drawn at random: a temporal augmentation that also keeps epochs short. The
weights after the last epoch are the ones that are scored, so nothing is selected on validation.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dashsearch.errors import InputError
from dashsearch.seeds import derive_seed
from dashsearch.training.data import PreparedData, ScoredWindows
from dashsearch.training.losses import LOSSES
from dashsearch.training.metrics import SplitScores, score_split
from dashsearch.training.model import TemporalModel, build_model
from dashsearch.training.settings import TRAINER_VERSION, Cell, TrainerSettings

__all__ = ["TRAINER_VERSION", "Outcome", "TrainerSettings", "train_experiment"]

SCORING_BATCH = 64
MAX_REASON = 200


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to.

    Attributes
    ----------
    status
        ``"ok"``; ``"diverged"`` if loss, gradient or logits left the finite numbers; ``"failed"``
        if the machine could not train it.
    reason
        One sentence unless the status is ``"ok"``, at most 200 characters.
    validation, test
        Scores of the final weights; None unless the status is ``"ok"``.
    validation_probability, test_probability
        float64 probabilities in the order of the prepared data: (n_windows,) of the second class
        in a binary task, else (n_windows, C); None unless the status is ``"ok"``, and None when
        read back from a journal.
    train_loss
        Mean loss of the last epoch, while its weights still changed; None unless ``"ok"``.
    duration_s
        Wall time.
    """

    status: Literal["ok", "diverged", "failed"]
    reason: str
    validation: SplitScores | None
    test: SplitScores | None
    validation_probability: NDArray[np.float64] | None
    test_probability: NDArray[np.float64] | None
    train_loss: float | None
    duration_s: float


class _DivergedError(Exception):
    """Numbers ceased to be finite; the message is the sentence for `Outcome.reason`."""


def train_experiment(
    cell: Cell, seed: int, data: PreparedData, settings: TrainerSettings
) -> Outcome:
    """Train one cell with one seed and score it on validation and test.

    The same arguments give bit-identical scores, whatever ran before and with any number of
    threads (one is used). The global random state is left as it was.

    Parameters
    ----------
    cell
        Levels of the factors encoder, pooling, loss, hidden_size, dropout, learning_rate and
        weight_decay (others are ignored).
    seed
        The experiment's seed: initial weights, order of clips, windows drawn, dropout.
    data
        Features of the cell's backbone.
    settings
        What all experiments share.

    Raises
    ------
    InputError
        If the cell names an unknown encoder, pooling or loss.
    """
    start = time.perf_counter()
    try:
        with _alone(derive_seed(seed, "dropout")):
            model = build_model(cell, data.input_size, seed, len(data.classes))
            train_loss = _train(model, cell, seed, data, settings)
            validation = _probabilities(model, data.validation)
            test = _probabilities(model, data.test)
    except _DivergedError as error:
        return _without_scores("diverged", str(error), start)
    except (RuntimeError, MemoryError) as error:
        return _without_scores("failed", f"{type(error).__name__}: {error}", start)
    return Outcome(
        status="ok",
        reason="",
        validation=score_split(data.validation.label, validation, data.validation.tte_s),
        test=score_split(data.test.label, test, data.test.tte_s),
        validation_probability=validation,
        test_probability=test,
        train_loss=train_loss,
        duration_s=time.perf_counter() - start,
    )


def _without_scores(status: Literal["diverged", "failed"], reason: str, start: float) -> Outcome:
    reason = " ".join(reason.split())[:MAX_REASON]
    return Outcome(status, reason, None, None, None, None, None, time.perf_counter() - start)


@contextmanager
def _alone(seed: int) -> Iterator[None]:
    """Run with one thread and a random state of its own, and put both back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _train(
    model: TemporalModel, cell: Cell, seed: int, data: PreparedData, settings: TrainerSettings
) -> float:
    """Train `model` in place and return the mean loss of the last epoch."""
    if cell["loss"] not in LOSSES:
        raise InputError(
            f"loss {cell['loss']!r} is not one that the trainer knows; use {', '.join(LOSSES)}."
        )
    binary = len(data.classes) == 2
    loss = LOSSES[str(cell["loss"])]
    loss_of = loss.binary if binary else loss.many_class
    learning_rate = float(cell["learning_rate"])
    optimizer = torch.optim.AdamW(
        parameter_groups(model, float(cell["weight_decay"])), lr=learning_rate, fused=True
    )
    parameters = list(model.parameters())
    values, masks = torch.tensor(data.train.values), torch.tensor(data.train.mask)
    labels = torch.tensor(data.train.label, dtype=torch.float32 if binary else torch.int64)
    clips, windows = values.shape[:2]
    batches = math.ceil(clips / settings.batch_size)
    generator = np.random.default_rng(derive_seed(seed, "order of clips"))
    model.train()
    epoch_loss = 0.0
    for epoch in range(settings.epochs):
        order = torch.from_numpy(generator.permutation(clips))
        drawn = torch.from_numpy(generator.integers(windows, size=clips))
        epoch_loss = 0.0
        for batch in range(batches):
            step = epoch * batches + batch
            factor = schedule(step, settings.epochs * batches, settings.warmup_fraction)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * factor
            chosen = order[batch * settings.batch_size : (batch + 1) * settings.batch_size]
            window = (chosen, drawn[chosen])
            optimizer.zero_grad(set_to_none=True)
            error: Tensor = loss_of(model(values[window], masks[window]), labels[chosen])
            error.backward()  # type: ignore[no-untyped-call]
            norm = torch.nn.utils.clip_grad_norm_(parameters, settings.gradient_clip)
            if not (math.isfinite(error.item()) and math.isfinite(norm.item())):
                raise _DivergedError(
                    f"Loss {error.item():.3g} and gradient norm {norm.item():.3g} in epoch "
                    f"{epoch + 1} of {settings.epochs}; lower the learning rate."
                )
            optimizer.step()
            epoch_loss += error.item() * len(chosen) / clips
    return epoch_loss


def schedule(step: int, steps: int, warmup_fraction: float) -> float:
    """Share of the learning rate at `step` of `steps`: a linear rise, then half a cosine to 0.

    The first step is never 0, and neither is the last.
    """
    warmup = round(warmup_fraction * steps)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Divide parameters into those that decay (matrices and kernels) and those that do not.

    Biases, norms, bypasses and the rates of state space models do not decay. Parameters carry what
    they are in the last part of their name: ``weight`` or ``..._weight`` with two axes or more.
    """
    decayed: list[torch.nn.Parameter] = []
    free: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_weight = name.rpartition(".")[2].endswith("weight") and parameter.ndim >= 2
        (decayed if is_weight else free).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


@torch.no_grad()
def _probabilities(model: TemporalModel, windows: ScoredWindows) -> NDArray[np.float64]:
    """Probabilities of every window, float64: (n_windows,) of label 1, or (n_windows, C)."""
    model.eval()
    parts = (torch.tensor(windows.values), torch.tensor(windows.mask))
    batches = (torch.split(part, SCORING_BATCH) for part in parts)
    logit = torch.cat([model(x, valid) for x, valid in zip(*batches, strict=True)]).double()
    if not bool(torch.isfinite(logit).all()):
        raise _DivergedError("A logit of the trained model is not finite; lower the learning rate.")
    return (logit.sigmoid() if logit.ndim == 1 else logit.softmax(dim=1)).numpy()
