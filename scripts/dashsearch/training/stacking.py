"""Which experiments are trained together, and how many at once."""

import itertools
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch

from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.stack import LEAST_ROWS, Member, Stack

Item = TypeVar("Item")
CANDIDATES = {"cpu": (4, 8, 16, 32), "cuda": (16, 32, 64, 128, 256, 512, 1024)}
# Pieces of a trial and their steps; the fastest piece counts, as other work only ever slows one.
TRIAL_PIECES, TRIAL_STEPS = 4, 2
# A larger stack has to be faster by this much, as it also waits longer for its last member and
# leaves less of a shared cache to the other processes.
WORTH = 1.05

logger = logging.getLogger(__name__)


def shape_key(member: Member) -> Hashable:
    """Return what members of a stack have in common."""
    recipe, data = member.recipe, member.data
    return (
        replace(recipe.architecture, pooling=""),
        recipe.batch_size,
        recipe.epochs,
        recipe.sequence_length,
        data.shapes,
    )


def grouped(items: Sequence[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    """Divide items into lists of equal keys, in the order of their first ones."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def divided(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Divide items into as few lists of at most `size` as possible, of nearly equal lengths."""
    count = -(-len(items) // size)
    bounds = [round(place * len(items) / count) for place in range(count + 1)]
    return [list(items[low:high]) for low, high in itertools.pairwise(bounds)]


def measured_stack_size(
    members: Sequence[Member], settings: TrainerSettings, resources: Resources
) -> int:
    """Find the stack size that trains these members fastest, by a few steps of each candidate.

    Scores do not depend on it. Candidates above the number of members are not tried, and neither
    are those that would take more memory than `resources.memory_gb`.
    """
    device = torch.device(resources.device)
    best, best_rate = LEAST_ROWS, 0.0
    for size in (LEAST_ROWS, *CANDIDATES[device.type]):
        if size > len(members):
            break
        if size * bytes_per_member(members[0], settings) > resources.memory_gb * 1e9:
            logger.info("stacks of %d would take more than %g GB", size, resources.memory_gb)
            break
        rate = _trial(members[:size], settings, device)
        if rate < best_rate * WORTH:
            break
        best, best_rate = size, rate
    architecture = members[0].recipe.architecture
    logger.info(
        "%s of size %d x %d: stacks of %d",
        architecture.encoder,
        architecture.layers,
        architecture.hidden_size,
        best,
    )
    return best


def _trial(members: Sequence[Member], settings: TrainerSettings, device: torch.device) -> float:
    """Train a few steps; members x steps a second."""
    stack = Stack(members, settings, device)
    stack.train_epoch(0, steps=1)  # allocates and compiles
    seconds = []
    for _ in range(TRIAL_PIECES):
        start = time.perf_counter()
        stack.train_epoch(0, steps=TRIAL_STEPS)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return len(members) * TRIAL_STEPS / min(seconds)


def bytes_per_member(member: Member, settings: TrainerSettings) -> int:
    """Count the bytes that one more member adds: what a step keeps for its gradient, and the state.

    Weights, gradient, a room of the optimiser's and its two moments are five times the parameters.
    """
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    stack = Stack([member], settings, torch.device("cpu"))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        stack.train_epoch(0, steps=1)
    activations = sum(kept.values()) // LEAST_ROWS
    # Gradients of activations and temporaries take about as much again.
    return 2 * activations + 5 * 4 * stack.parameters.values.shape[1]
