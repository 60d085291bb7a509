"""Dropout whose bits depend on the experiment's seed, the step and the place in the model alone.

Unit i of site s at step t of an experiment is dropped by 16 bits of SplitMix64 at the counter
(seed, t, s, i). There is no state to advance, so a mask is the same alone, in any stack, after a
restart and on any device.

References
----------
Srivastava et al. (2014), *Dropout*, JMLR 15. Steele, Lea & Flood (2014), *Fast Splittable
Pseudorandom Number Generators*, OOPSLA: SplitMix64 and its finaliser. Salmon et al. (2011),
*Parallel Random Numbers: As Easy as 1, 2, 3*, SC: counters instead of states.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Four units share one 64-bit draw, so probabilities are multiples of 1 / 65,536.
UNITS_PER_DRAW = 4
GOLDEN = 0x9E3779B97F4A7C15
FINALISER = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31
STEPS_PER_SITE = 1 << 32


def _signed(value: int) -> int:
    """Return the int64 with the same bits as a uint64."""
    return value - 2**64 if value >= 2**63 else value


@lru_cache(maxsize=64)
def _counters(count: int, device: torch.device) -> Tensor:
    """Return GOLDEN times 1 ... count, int64, modulo 2^64."""
    return torch.arange(1, count + 1, dtype=torch.int64, device=device) * _signed(GOLDEN)


def random_bits(keys: Tensor, count: int) -> Tensor:
    """Return SplitMix64 of every key at `count` counters, (E, count) int64 of random bits.

    Parameters
    ----------
    keys
        (E,) int64, one stream each.
    """
    z = keys[:, None] + _counters(count, keys.device)
    shifted = torch.empty_like(z)
    for shift, factor in FINALISER:
        _xor_shifted(z, shift, shifted)
        z.mul_(_signed(factor))
    return _xor_shifted(z, LAST_SHIFT, shifted)


def _xor_shifted(z: Tensor, shift: int, room: Tensor) -> Tensor:
    """Z ^= z >> shift in place; int64 shifts copy the sign, so its copies are cleared."""
    torch.bitwise_right_shift(z, shift, out=room)
    return z.bitwise_xor_(room.bitwise_and_((1 << (64 - shift)) - 1))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser of uint64 values."""
    for shift, factor in FINALISER:
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(LAST_SHIFT))


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
        if not (self.training and self._active):
            return x
        step, site = self.take_site()
        counter = np.array([step * STEPS_PER_SITE + site], dtype=np.uint64)
        with np.errstate(over="ignore"):
            keys = _mixed(_mixed(self._seeds + np.uint64(GOLDEN)) ^ _mixed(counter))
        units = x.numel() // len(x)
        bits = random_bits(
            torch.from_numpy(keys.view(np.int64)).to(x.device), -(-units // UNITS_PER_DRAW)
        )
        draws = bits.view(torch.int16)[:, :units]
        kept = (draws >= self._limits[:, None]).to(x.dtype).mul_(self._scales[:, None].to(x.dtype))
        return x * kept.view(x.shape)
