"""Training a stack: E experiments of one shape, step by step together, each as if alone.

AdamW with a warm-up and a schedule; every epoch visits every training clip once, with one of its
windows (times to event) drawn at random: a temporal augmentation that also keeps epochs short. The
weights after the last epoch are the ones that are scored, so nothing is selected on validation.
Batches have equal shapes throughout (the last one of an epoch is filled up with windows of weight
0), which keeps every kernel on the same path for every experiment of every stack.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dashsearch.seeds import derive_seed
from dashsearch.training.losses import StackedLoss
from dashsearch.training.model import build_model, joined
from dashsearch.training.recipe import Recipe
from dashsearch.training.resident import ResidentData
from dashsearch.training.settings import TrainerSettings
from dashsearch.training.stacked.optimizer import StackedAdamW, clip, gradient_norm
from dashsearch.training.stacked.parameters import StackedParameters

# A stack of one would take other matrix kernels than a larger one, so it is given a double.
LEAST_ROWS = 2
# Rows of a batch are filled up to a multiple, so that vectorised kernels have no remainders, which
# would round the last numbers of a tensor otherwise than the others.
ROWS_MULTIPLE = 16
SCORED_ROWS = 64


@dataclass(frozen=True)
class Member:
    """One experiment of a stack: what it is trained with, from which seed, on which features."""

    recipe: Recipe
    seed: int
    data: ResidentData


@dataclass
class Trained:
    """What training left of a member.

    Attributes
    ----------
    problem
        One sentence if it diverged, else "".
    train_loss
        Mean loss of the last epoch, while its weights still changed.
    validation, test
        float64 probabilities as `Outcome`'s; None if it diverged.
    history
        Validation mAP after each epoch that was watched.
    epochs
        Epochs that were trained.
    weights
        Named parameters with a leading axis of 1; empty if it diverged.
    """

    problem: str = ""
    train_loss: float = math.nan
    validation: NDArray[np.float64] | None = None
    test: NDArray[np.float64] | None = None
    history: dict[int, float] = field(default_factory=dict)
    epochs: int = 0
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class Stack:
    """E experiments in training.

    Parameters
    ----------
    members
        Experiments whose recipes have the same architecture but for the pooling, and the same batch
        size, epochs and sequence length, and whose features have the same shapes. Those with the
        same pooling, and with the same features, are best side by side.
    """

    def __init__(
        self, members: Sequence[Member], settings: TrainerSettings, device: torch.device
    ) -> None:
        first = members[0]
        self.recipe, self.settings, self.device = first.recipe, settings, device
        self.classes = len(first.data.classes)
        self.members = list(members)
        self.results = [Trained() for _ in members]
        # Places in `members` by row, of the experiments that are still trained and of fillers.
        self.rows = list(range(len(members)))
        self.fillers = max(0, LEAST_ROWS - len(members))
        self.rows += [0] * self.fillers
        models = [
            build_model(m.recipe.architecture, m.data.input_size, m.seed, self.classes)
            for m in self._row_members()
        ]
        self.parameters = StackedParameters(models, joined(models), device)
        self.model = self.parameters.model
        self._begin_dropout()
        self.loss = StackedLoss([m.recipe.loss for m in self._row_members()], device)
        self.steps = math.ceil(first.data.train_clips / self.recipe.batch_size)
        rates = [
            learning_rates(m.recipe, self.recipe.epochs * self.steps) for m in self._row_members()
        ]
        self.rates = torch.tensor(np.stack(rates, axis=1), dtype=torch.float32, device=device)
        self.optimizer = StackedAdamW(
            self.parameters.values,
            self.parameters.decayed,
            self._per_row("weight_decay"),
            self._per_row("beta2"),
        )
        self.largest = self._per_row("gradient_clip")
        self.gradient = torch.zeros_like(self.parameters.values)

    def _row_members(self) -> list[Member]:
        return [self.members[row] for row in self.rows]

    @property
    def trained_rows(self) -> list[int]:
        """Places in `members` of the experiments that are still trained, in the order of rows."""
        return self.rows[: len(self.rows) - self.fillers]

    def _per_row(self, name: str) -> Tensor:
        values = [getattr(m.recipe, name) for m in self._row_members()]
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def _begin_dropout(self) -> None:
        for module, name in (
            (self.model.dropout, "dropout"),
            (self.model.feature_dropout, "feature_dropout"),
        ):
            module.begin_training(
                [derive_seed(m.seed, name) for m in self._row_members()],
                [getattr(m.recipe, name) for m in self._row_members()],
                self.device,
            )

    def train_epoch(self, epoch: int, steps: int | None = None) -> None:
        """Train one epoch, or its first steps; who diverged in it is no longer a row afterwards."""
        self.model.train()
        data = [member.data for member in self._row_members()]
        seeds = [member.seed for member in self._row_members()]
        order = EpochOrder(seeds, epoch, data[0], self.recipe.batch_size)
        clips, windows = order.clips.to(self.device), order.windows.to(self.device)
        weights = order.weights.to(self.device)
        total = torch.zeros(len(data), dtype=torch.float64, device=self.device)
        finite = torch.ones(len(data), dtype=torch.bool, device=self.device)
        leaves = self.parameters.leaves()
        for batch in range(min(self.steps, steps or self.steps)):
            step = epoch * self.steps + batch
            self.model.dropout.begin_step(step)
            self.model.feature_dropout.begin_step(step)
            x, mask, label = gather(data, clips[:, batch], windows[:, batch])
            with self._precision():
                logit = self.model(x, mask)
            weight = weights[batch]
            loss = (self.loss(logit, label) * weight).sum(dim=1) / weight.sum()
            gradients = torch.autograd.grad(loss.sum(), leaves, allow_unused=True)
            gradient = self.parameters.gather(gradients, self.gradient)
            norm = gradient_norm(gradient, self.parameters.shared)
            finite &= torch.isfinite(loss.detach()) & torch.isfinite(norm)
            clip(gradient, norm, self.largest)
            self.optimizer.step(self.parameters.values, gradient, self.rates[step])
            total += loss.detach() * (weight.sum() / data[0].train_clips)
        self._close_epoch(epoch, total.tolist(), finite.tolist())

    def _close_epoch(self, epoch: int, losses: list[float], finite: list[bool]) -> None:
        diverged = []
        for place, row in enumerate(self.trained_rows):
            self.results[row].epochs = epoch + 1
            self.results[row].train_loss = losses[place]
            if not finite[place]:
                diverged.append(place)
                self.results[row].problem = (
                    f"Loss or gradient was not finite in epoch {epoch + 1} of "
                    f"{self.recipe.epochs}; lower the learning rate."
                )
        self.leave(diverged)

    def leave(self, places: Sequence[int]) -> None:
        """Free the slots of experiments, by their places among `trained_rows`."""
        if not places:
            return
        kept = [place for place in range(len(self.trained_rows)) if place not in set(places)]
        self.fillers = max(0, LEAST_ROWS - len(kept))
        # What leaves, and the old fillers, serve as fillers.
        spare = [place for place in range(len(self.rows)) if place not in set(kept)]
        kept += spare[: self.fillers]
        if len(kept) == self.fillers:
            self.rows, self.fillers = [], 0
            return
        self.rows = [self.rows[place] for place in kept]
        chosen = torch.tensor(kept, device=self.device)
        self.parameters.keep(chosen)
        self.optimizer.keep(chosen)
        self.loss.keep(chosen)
        self.model.dropout.keep(kept)
        self.model.feature_dropout.keep(kept)
        self.model.pooling.keep(kept)
        self.rates, self.largest = self.rates[:, chosen], self.largest[chosen]
        self.gradient = torch.zeros_like(self.parameters.values)

    @torch.no_grad()
    def probabilities(self, split: str) -> NDArray[np.float64]:
        """Return probabilities of all windows of a split, NaN where they are not finite.

        Returns
        -------
        (rows, n) float64 of label 1, or (rows, n, C)
            In the order of `trained_rows`.
        """
        self.model.eval()
        data = [getattr(member.data, split) for member in self._row_members()]
        count = len(data[0].mask)
        parts = []
        for start in range(0, count, SCORED_ROWS):
            # The last piece is filled up with the first windows, whose scores are cut off again.
            chosen = torch.arange(start, start + SCORED_ROWS, device=self.device) % count
            x = torch.stack([part.values[chosen] for part in data])
            mask = None
            if not all(part.whole for part in data):
                mask = torch.stack([part.mask[chosen] for part in data])
            with self._precision():
                logit = self.model(x, mask).double()
            parts.append(logit.sigmoid() if logit.ndim == 2 else logit.softmax(dim=-1))
        share = torch.cat(parts, dim=1)[: len(self.trained_rows), :count]
        found: NDArray[np.float64] = share.cpu().numpy()
        return found

    def _precision(self) -> AbstractContextManager[None]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


class EpochOrder:
    """Which clips an epoch's batches hold, and which window of each, for every experiment.

    Attributes
    ----------
    clips, windows
        (E, steps, B) int64 places of clips, and of windows within their clips.
    weights
        (steps, B) float64: 1, and 0 for what fills up the last batch.
    """

    def __init__(
        self, seeds: Sequence[int], epoch: int, data: ResidentData, batch_size: int
    ) -> None:
        count, steps = data.train_clips, math.ceil(data.train_clips / batch_size)
        rows = -(-min(batch_size, count) // ROWS_MULTIPLE) * ROWS_MULTIPLE
        weights = np.zeros((steps, rows))
        place = np.zeros((steps, rows), dtype=np.int64)
        for step in range(steps):
            own = np.arange(step * batch_size, min((step + 1) * batch_size, count))
            place[step, : len(own)], weights[step, : len(own)] = own, 1.0
        clips, windows = [], []
        for seed in seeds:
            generator = np.random.default_rng(derive_seed(seed, "order of clips", epoch))
            order = generator.permutation(count)
            drawn = generator.integers(data.train_windows, size=count)
            clips.append(order[place])
            windows.append(drawn[order][place])
        self.clips = torch.from_numpy(np.stack(clips))
        self.windows = torch.from_numpy(np.stack(windows))
        self.weights = torch.from_numpy(weights)


def gather(
    data: Sequence[ResidentData], clips: Tensor, windows: Tensor
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Fetch a batch (E, B, T, D), its mask (E, B, T) and labels (E, B); one gather a data set.

    There is no mask if all data are whole.
    """
    values, masks, labels = [], [], []
    start = 0
    while start < len(data):
        stop = start + 1
        while stop < len(data) and data[stop] is data[start]:
            stop += 1
        chosen = (clips[start:stop], windows[start:stop])
        values.append(data[start].train.values[chosen])
        masks.append(data[start].train.mask[chosen])
        labels.append(data[start].train.label[chosen[0]])
        start = stop
    mask = None if all(each.train.whole for each in data) else torch.cat(masks)
    return torch.cat(values), mask, torch.cat(labels)


def learning_rates(recipe: Recipe, steps: int) -> NDArray[np.float64]:
    """Return the learning rate of every step, (steps,)."""
    shares = [schedule(recipe.schedule, s, steps, recipe.warmup_fraction) for s in range(steps)]
    return recipe.learning_rate * np.array(shares)


def schedule(name: str, step: int, steps: int, warmup_fraction: float) -> float:
    """Share of the learning rate at `step` of `steps`: a linear rise, then the schedule.

    The first step is never 0, and neither is the last.
    """
    warmup = round(warmup_fraction * steps)
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[
        name
    ]
