"""Dropout whose bits depend on the experiment's seed, the step and the place in the model alone.

Unit i of site s at step t of an experiment is dropped by 16 bits of SplitMix64 at the counter
(seed, t, s, i). There is no state to advance, so a mask is the same alone, in any stack, after a
restart and on any device.

References
----------
Srivastava et al. (2014), *Dropout*, JMLR 15.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dashsearch.training.kernels.drop import drop
from dashsearch.training.stacked.splitmix import GOLDEN, UNITS_PER_DRAW, mixed, random_bits

STEPS_PER_SITE = 1 << 32


class Dropout(nn.Module):
    """Set units to zero while training, and scale the others to keep the mean.

    One instance serves all places of a model; its calls within a step are counted, and that count
    is the site. Probabilities may differ between the experiments of a stack.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begin_training([0], [0.0], torch.device("cpu"))
        self.training = False

    def begin_training(
        self, seeds: Sequence[int], probabilities: Sequence[float], device: torch.device
    ) -> None:
        """Take the seeds (E,) of a stack's dropout and its probabilities in [0, 1).

        Raises
        ------
        ValueError
            If a probability is not in [0, 1).
        """
        for probability in probabilities:
            if not 0 <= probability < 1:
                raise ValueError(f"dropout probability {probability} is not in [0, 1).")
        thresholds = [round(probability * 2**16) for probability in probabilities]
        self._seeds = np.array([seed % 2**64 for seed in seeds], dtype=np.uint64)
        self._limits = torch.tensor([t - 2**15 for t in thresholds], dtype=torch.int32).to(device)
        self._scales = torch.tensor([2**16 / (2**16 - t) for t in thresholds]).to(device)
        self._active = any(thresholds)
        self.begin_step(0)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the experiments, by their places in the stack."""
        self._seeds = self._seeds[list(rows)]
        chosen = torch.tensor(rows, device=self._limits.device)
        self._limits, self._scales = self._limits[chosen], self._scales[chosen]

    def begin_step(self, step: int) -> None:
        """Count sites from 0 again, for the forward pass of step `step`."""
        self._step, self._site = step, 0

    def seed_of(self, row: int) -> int:
        """Return the seed of an experiment's dropout, by its place in the stack."""
        return int(self._seeds[row])

    def take_site(self) -> tuple[int, int]:
        """Return step and site for a module with draws of its own, and count the site."""
        self._site += 1
        return self._step, self._site - 1

    def forward(self, x: Tensor) -> Tensor:
        """Drop units of (E, ...)."""
        if not self.training:
            return x
        compiled = x.device.type == "cpu" and x.dtype == torch.float32
        if not self._active:
            return _apply(_Identity, x) if compiled else x
        step, site = self.take_site()
        counter = np.array([step * STEPS_PER_SITE + site], dtype=np.uint64)
        with np.errstate(over="ignore"):
            keys = mixed(mixed(self._seeds + np.uint64(GOLDEN)) ^ mixed(counter))
        if compiled:
            return _apply(_CompiledDropout, x, keys, self._limits.numpy(), self._scales.numpy())
        units = x.numel() // len(x)
        bits = random_bits(
            torch.from_numpy(keys.view(np.int64)).to(x.device), -(-units // UNITS_PER_DRAW)
        )
        draws = bits.view(torch.int16)[:, :units]
        kept = (draws >= self._limits[:, None]).to(x.dtype).mul_(self._scales[:, None].to(x.dtype))
        return x * kept.view(x.shape)


def _apply(function: type[torch.autograd.Function], *inputs: Any) -> Tensor:
    return cast("Tensor", function.apply(*inputs))  # type: ignore[no-untyped-call]


class _Identity(torch.autograd.Function):
    """Drops nothing, but leaves the same memory layout behind as `_CompiledDropout`.

    Sums depend on it in their last bits, and an experiment without dropout may be stacked with
    others that have some.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.contiguous().view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].contiguous()


class _CompiledDropout(torch.autograd.Function):
    """Draws its bits again on the way back, which takes less time than to keep them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *drawn: NDArray[Any]) -> Tensor:
        ctx.drawn = drawn
        return _dropped(x, drawn)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return _dropped(gradients[0], ctx.drawn), None, None, None


def _dropped(x: Tensor, drawn: tuple[NDArray[Any], ...]) -> Tensor:
    x = x.detach().contiguous()
    y = torch.empty_like(x)
    drop(y.view(len(x), -1).numpy(), x.view(len(x), -1).numpy(), *drawn)
    return y
