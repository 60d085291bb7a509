"""The parameters of a stack as one matrix (E, P): a row an experiment, a view a parameter.

Optimiser, clipping and the removal of experiments work on the matrix; layers see their parameters
as usual. Those that decay (matrices and kernels) come first in a row; those of the pooling, which
some experiments of a stack may lack, are at its two ends. Every parameter begins at a multiple of
64 bytes, in every row alike: vectorised kernels then see each experiment at the same alignment
wherever it stands in a stack, and give it the same bits.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

ALIGNED = 16
POOLING = "pooling."
Model = TypeVar("Model", bound=nn.Module)


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies: matrices and kernels, but no biases, norms, bypasses or rates.

    Parameters carry what they are in the last part of their name: ``weight`` or ``..._weight``.
    """
    return name.rpartition(".")[2].endswith("weight") and parameter.ndim >= 3


class StackedParameters(Generic[Model]):
    """Owns the parameters of a stack's model, which begin as those of models of one experiment.

    Parameters
    ----------
    models
        One an experiment.
    model
        The model of all experiments, of any values; it has the parameters of every one of them.

    Attributes
    ----------
    model
        As given, with its parameters as views of `values`.
    values
        (E, P) float32; what an experiment does not have is 0.
    decayed
        How many of the P columns, from the first on, are subject to weight decay.
    shared
        Columns of the parameters that all experiments have.
    """

    def __init__(self, models: Sequence[Model], model: Model, device: torch.device) -> None:
        named = dict(model.named_parameters())

        def order(name: str) -> int:
            pools, decayed = name.startswith(POOLING), decays(name, named[name])
            return (0 if pools else 1) if decayed else (3 if pools else 2)

        self._names = sorted(named, key=order)
        sizes = [-(-named[name].numel() // ALIGNED) * ALIGNED for name in self._names]
        self._starts = [0, *itertools.accumulate(sizes)]
        columns = [0, 0, 0, 0]
        for name, size in zip(self._names, sizes, strict=True):
            columns[order(name)] += size
        self.decayed = columns[0] + columns[1]
        self.shared = slice(columns[0], self.decayed + columns[2])
        values = torch.zeros(len(models), self._starts[-1])
        self._own = [dict(each.named_parameters()).keys() for each in models]
        for row, each in zip(values, models, strict=True):
            own = dict(each.named_parameters())
            for name, start in zip(self._names, self._starts, strict=False):
                if name in own:
                    row[start : start + own[name].numel()] = own[name].detach().flatten()
        self.model = model.to(device)
        self._shapes = {name: named[name].shape[1:] for name in self._names}
        self._parameters = dict(self.model.named_parameters())
        self._use(values.to(device))

    def _use(self, values: Tensor) -> None:
        self.values = values
        for (name, shape), start in zip(self._shapes.items(), self._starts, strict=False):
            part = values[:, start : start + shape.numel()]
            self._parameters[name].data = part.view(len(values), *shape)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the experiments, by their places."""
        self._own = [self._own[row] for row in rows.tolist()]
        self._use(self.values[rows].contiguous())

    def leaves(self) -> list[nn.Parameter]:
        """Return the parameters in the order of the columns."""
        return [self._parameters[name] for name in self._names]

    def named(self) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters with their names, in the order of the columns."""
        return list(zip(self._names, self.leaves(), strict=True))

    def gather(self, gradients: Sequence[Tensor | None], room: Tensor) -> Tensor:
        """Write gradients of `leaves()` into (E, P); what got none has 0."""
        for gradient, start in zip(gradients, self._starts, strict=False):
            if gradient is not None:
                flat = gradient.reshape(len(gradient), -1)
                room[:, start : start + flat.shape[1]] = flat
        return room

    def of(self, row: int) -> Iterator[tuple[str, Tensor]]:
        """Yield the named parameters of one experiment, each with a leading axis of 1."""
        for name in self._names:
            if name in self._own[row]:
                yield name, self._parameters[name].detach()[row : row + 1].clone()
