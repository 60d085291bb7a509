"""SplitMix64 as a counter: random bits of a key and a place, without a state to advance.

References
----------
Steele, Lea & Flood (2014), *Fast Splittable Pseudorandom Number Generators*, OOPSLA: SplitMix64 and
its finaliser. Salmon et al. (2011), *Parallel Random Numbers: As Easy as 1, 2, 3*, SC: counters
instead of states.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Four units share one 64-bit draw.
UNITS_PER_DRAW = 4
GOLDEN = 0x9E3779B97F4A7C15
FINALISER = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT = 31


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


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser of uint64 values."""
    for shift, factor in FINALISER:
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(LAST_SHIFT))
