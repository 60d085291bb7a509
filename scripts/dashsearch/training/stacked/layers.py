"""Linear maps and norms of E experiments at once: batched matrix products over a leading axis."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


def uniform(fan_in: int, *shape: int) -> nn.Parameter:
    """Return a parameter (1, *shape), uniform within 1 / sqrt(fan_in), as in `torch.nn.Linear`."""
    bound = fan_in**-0.5
    return nn.Parameter(torch.empty(1, *shape).uniform_(-bound, bound))


def zeros(*shape: int) -> nn.Parameter:
    """Return a parameter (1, *shape) of zeros."""
    return nn.Parameter(torch.zeros(1, *shape))


def ones(*shape: int) -> nn.Parameter:
    """Return a parameter (1, *shape) of ones."""
    return nn.Parameter(torch.ones(1, *shape))


def over(parameter: Tensor, x: Tensor) -> Tensor:
    """View (E, C) so that it meets (E, ..., C)."""
    return parameter.view(len(parameter), *[1] * (x.ndim - 2), parameter.shape[-1])


class Linear(nn.Module):
    """X W + b with a W and b for each experiment; maps (E, ..., I) to (E, ..., O)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = uniform(inputs, inputs, outputs)
        self.bias = uniform(inputs, 1, outputs) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (E, ..., I) to (E, ..., O)."""
        rows = x.reshape(len(x), -1, x.shape[-1])
        if self.bias is None:
            product = torch.bmm(rows, self.weight)
        else:
            product = torch.baddbmm(self.bias, rows, self.weight)
        return product.view(*x.shape[:-1], -1)


class LayerNorm(nn.Module):
    """`torch.nn.LayerNorm` over the last axis with a scale and a shift for each experiment."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale, self.shift = ones(size), zeros(size)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (E, ..., C)."""
        normal = functional.layer_norm(x, x.shape[-1:])
        return torch.addcmul(over(self.shift, x), normal, over(self.scale, x))


def norm_then_map(norm: LayerNorm, linear: Linear, x: Tensor) -> Tensor:
    """Return linear(norm(x)) with the norm's scale and shift folded into the product.

    (s n + t) W + b = n (s W) + (t W + b): two small products instead of passes over the frames,
    forwards and backwards.
    """
    normal = functional.layer_norm(x, x.shape[-1:])
    shift = torch.bmm(norm.shift.unsqueeze(1), linear.weight)
    bias = shift if linear.bias is None else linear.bias + shift
    rows = normal.reshape(len(x), -1, x.shape[-1])
    product = torch.baddbmm(bias, rows, norm.scale.unsqueeze(2) * linear.weight)
    return product.view(*x.shape[:-1], -1)


def without_autocast(function: Callable[..., Any], *inputs: Tensor | None) -> Tensor:
    """Apply a hand-written function with its inputs in float32 or better, whatever autocast does.

    Recurrences sum over time, where bfloat16's eight bits would be felt.
    """
    device = next(x.device.type for x in inputs if x is not None)
    with torch.autocast(device, enabled=False):
        wide = (x.float() if x is not None and x.dtype == torch.bfloat16 else x for x in inputs)
        return cast("Tensor", function(*wide))


class _SiLU(torch.autograd.Function):
    """x sigmoid(x), times a gate's partner, in fewer passes than autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Tensor) -> Tensor:
        sigmoid = gate.sigmoid()
        open_gate = gate * sigmoid
        ctx.save_for_backward(x, sigmoid, open_gate)
        return x * open_gate

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, sigmoid, open_gate = ctx.saved_tensors
        grad = gradients[0]
        # d silu / d gate = sigmoid + gate sigmoid (1 - sigmoid)
        slope = torch.addcmul(sigmoid + open_gate, sigmoid, open_gate, value=-1)
        return grad * open_gate, slope.mul_(x).mul_(grad)


def gated(x: Tensor, gate: Tensor) -> Tensor:
    """Return x silu(gate), elementwise."""
    return cast("Tensor", _SiLU.apply(x, gate))  # type: ignore[no-untyped-call]
