"""Depthwise convolution over time, with its gradient written out.

One tap is one product of the whole window with one weight a channel; for the short kernels and
windows of the encoders this takes half the time of the general convolution on a CPU.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dashsearch.training.stacked.layers import without_autocast


def depthwise_convolution(x: Tensor, weight: Tensor, bias: Tensor, lead: int) -> Tensor:
    """Convolve every channel by itself; frames outside the window count as zeros.

    y[:, t] = bias + sum over k of weight[k] x[:, t + k - lead]

    Parameters
    ----------
    x
        (G, T, B, C) input, time second.
    weight
        (K, G, 1, 1, C), or (K, 1, 1, 1, C) for one kernel for all groups.
    bias
        (G, 1, 1, C) or (1, 1, 1, C).
    lead
        How many frames before its own the kernel reaches back to: K - 1 makes it causal.
    """
    return without_autocast(partial(_Depthwise.apply, lead), x, weight, bias)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, lead: int, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        taps, steps = len(weight), x.shape[1]
        padded = functional.pad(x, (0, 0, 0, 0, lead, taps - 1 - lead))
        ctx.save_for_backward(padded, weight)
        ctx.lead, ctx.bias_shape = lead, bias.shape
        result = torch.addcmul(bias, padded[:, :steps], weight[0])
        for tap in range(1, taps):
            result.addcmul_(padded[:, tap : tap + steps], weight[tap])
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, Tensor, Tensor]:
        padded, weight = ctx.saved_tensors
        grad = gradients[0]
        steps = grad.shape[1]
        grad_padded = torch.zeros_like(padded)
        grad_weight = []
        for tap in range(len(weight)):
            grad_padded[:, tap : tap + steps].addcmul_(grad, weight[tap])
            product = padded[:, tap : tap + steps] * grad
            grad_weight.append(product.sum_to_size(weight[tap].shape))
        return (
            None,
            grad_padded[:, ctx.lead : ctx.lead + steps],
            torch.stack(grad_weight),
            grad.sum_to_size(ctx.bias_shape),
        )
