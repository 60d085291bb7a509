"""Poolings of the space: from one vector a frame to one a window, blind to masked frames.

Each maps (E, B, T, H) and a mask (E, B, T), True where a frame is valid, to (E, B, H). Every row of
the mask needs at least one valid frame; no mask (None) says that all are valid.
"""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dashsearch.training.encoders.layer_stack import mean_frame, silenced
from dashsearch.training.stacked.layers import Linear


class AttentionPooling(nn.Module):
    """Weighted mean with learned weights: softmax over frames of v . tanh(W x_t + b).

    References
    ----------
    Bahdanau et al. (2015), *Neural Machine Translation by Jointly Learning to Align and
    Translate*, ICLR; here without a query.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.key = Linear(hidden_size, hidden_size)
        self.score = Linear(hidden_size, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool (E, B, T, H) to (E, B, H)."""
        score = self.score(torch.tanh(self.key(x)))
        if mask is not None:
            score = score.masked_fill(~mask.unsqueeze(-1), -torch.inf)
        weight = score.softmax(dim=2)
        pooled: Tensor = (silenced(x, mask) * weight).sum(dim=2)
        return pooled


class MeanPooling(nn.Module):
    """Mean over the valid frames."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool (E, B, T, H) to (E, B, H)."""
        return mean_frame(x, mask)


class LastPooling(nn.Module):
    """The last valid frame: the one closest to the event."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool (E, B, T, H) to (E, B, H)."""
        if mask is None:
            return x[:, :, -1]
        steps = torch.arange(mask.shape[2], device=mask.device)
        last = (steps * mask).argmax(dim=2)[:, :, None, None]
        return x.gather(2, last.expand(-1, -1, 1, x.shape[-1])).squeeze(2)


class MaxPooling(nn.Module):
    """Largest value of each dimension over the valid frames."""

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool (E, B, T, H) to (E, B, H)."""
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), -torch.inf)
        return x.amax(dim=2)


POOLINGS: dict[str, Callable[[int], nn.Module]] = {
    "attention": AttentionPooling,
    "mean": lambda hidden_size: MeanPooling(),
    "last": lambda hidden_size: LastPooling(),
    "max": lambda hidden_size: MaxPooling(),
}


class StackedPooling(nn.ModuleDict):
    """The pooling of each experiment of a stack: neighbours with the same one share a pass.

    Its items are the poolings by name; all have parameters for every experiment.
    """

    def __init__(self, name: str, hidden_size: int) -> None:
        super().__init__({name: POOLINGS[name](hidden_size)})
        self._names = [name]

    def join(self, others: Sequence["StackedPooling"]) -> None:
        """Pool as the others do: an experiment each."""
        for other in others:
            self.update({name: pooling for name, pooling in other.items() if name not in self})
        self._names = [name for other in others for name in other._names]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the experiments, by their places in the stack."""
        self._names = [self._names[row] for row in rows]

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Pool (E, B, T, H) to (E, B, H)."""
        if len(self) == 1:
            pooled: Tensor = self[self._names[0]](x, mask)
            return pooled
        runs = [(name, len(list(run))) for name, run in itertools.groupby(self._names)]
        sizes = [size for _, size in runs]
        masks = [None] * len(runs) if mask is None else torch.split(mask, sizes)
        starts = itertools.accumulate(sizes, initial=0)
        return torch.cat(
            [
                self._run(name, start, part, own)
                for (name, _), start, part, own in zip(
                    runs, starts, torch.split(x, sizes), masks, strict=False
                )
            ]
        )

    def _run(self, name: str, start: int, x: Tensor, mask: Tensor | None) -> Tensor:
        parameters = {n: p[start : start + len(x)] for n, p in self[name].named_parameters()}
        size = len(x)
        if size == 1:
            # Alone, a row would take other matrix kernels than among others: it gets a double.
            x, mask = torch.cat((x, x)), None if mask is None else torch.cat((mask, mask))
            parameters = {n: torch.cat((p, p)) for n, p in parameters.items()}
        pooled: Tensor = functional_call(self[name], parameters, (x, mask))
        return pooled[:size]
