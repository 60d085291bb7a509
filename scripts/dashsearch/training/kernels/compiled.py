"""How kernels are compiled, and the exponential function they share."""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit
from numba.extending import intrinsic

# Sums may be split over the lanes of a vector: always alike, so that results repeat. NaN and
# infinity keep their meaning: they are how a diverged experiment is found.
FAST = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on the first call; keep the machine code on disk where there is a folder for it.

    A change of the kernel's own file makes that code stale, a change of this one does not: delete
    `__pycache__` then.
    """
    options: dict[str, Any] = {"fastmath": FAST, "nogil": True, "error_model": "numpy"}
    try:
        kernel: Callable[..., Any] = njit(**options, cache=True)(function)
    except RuntimeError:  # neither beside the source nor in the user's cache may files be written
        kernel = njit(**options)(function)
    return kernel


def _bitcast(context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return float32(int32), generate


# The float32 with the same bits as an int32.
_from_bits: Any = intrinsic(_bitcast)

LOG2_E = np.float32(1.44269504088896341)
# ln 2 in two parts: products of the first with small integers are exact.
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
HALF, ONE, LEAST = np.float32(0.5), np.float32(1.0), np.float32(-87.0)
P0, P1, P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
P3, P4, P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
EXPONENT_BIAS, MANTISSA_BITS = np.int32(127), np.int32(23)


@njit(fastmath=FAST, inline="always")
def exp_of_negative(x: Any) -> Any:
    """Return exp(x) of a float32 x <= 0, and exp(-87) below -87; NaN of NaN and infinity.

    Unlike the library's function it works on whole vectors. The relative error is below 2e-7.

    References
    ----------
    Moshier, *Cephes Mathematical Library*, expf.c: reduction by ln 2, then a polynomial.
    """
    bounded = x if x > LEAST else LEAST
    power = np.int32(bounded * LOG2_E - HALF)
    r = bounded - power * LN2_HIGH - power * LN2_LOW
    tail = ((((P0 * r + P1) * r + P2) * r + P3) * r + P4) * r + P5
    share = tail * r * r + r + ONE
    return share * _from_bits((power + EXPONENT_BIAS) << MANTISSA_BITS) + (x - x)
