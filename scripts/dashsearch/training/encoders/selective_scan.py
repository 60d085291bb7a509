"""The recurrence of a selective state space model, with its gradient written out.

For every direction g, window b, channel e and state n, over time t:

    h_t = exp(delta_t A) h_(t-1) + u_t B_t        y_t = sum over n of C_t h_t

A is diagonal and constant in time; delta, u, B and C depend on the input. On a CPU and in float32
the loops are compiled (`kernels.scan`). Elsewhere torch walks over time, and the backward pass
walks the same states in reverse; autograd through that loop takes several times longer.

References
----------
Gu & Dao (2023), *Mamba: Linear-Time Sequence Modeling with Selective State Spaces*,
arXiv 2312.00752, algorithm 2, with B discretised as delta B.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dashsearch.training.kernels.scan import scan, scan_gradients
from dashsearch.training.stacked.layers import without_autocast


def selective_scan(delta: Tensor, u: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Run the recurrence from a zero state.

    Parameters
    ----------
    delta
        (G, T, B, E) step sizes; 0 keeps the state.
    u
        (G, T, B, E) inputs, already multiplied by delta.
    a
        (G, N, E) diagonal of A, negative.
    b, c
        (G, T, B, N) what an input writes to the state and what an output reads from it.

    Returns
    -------
    Tensor
        (G, T, B, E) outputs.
    """
    compiled = delta.device.type == "cpu" and delta.dtype in (torch.float32, torch.bfloat16)
    form = _CompiledScan if compiled else _SelectiveScan
    return without_autocast(form.apply, delta, u, a, b, c)


class _CompiledScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        inputs = tuple(tensor.contiguous() for tensor in inputs)
        ctx.save_for_backward(*inputs)
        y = torch.empty_like(inputs[0])
        scan(y.numpy(), _arrays(inputs))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        inputs = ctx.saved_tensors
        found = tuple(torch.empty_like(tensor) for tensor in inputs)
        scan_gradients(_arrays(found), _arrays(inputs), gradients[0].contiguous().numpy())
        return found


def _arrays(tensors: Sequence[Tensor]) -> tuple[NDArray[np.float32], ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


class _SelectiveScan(torch.autograd.Function):
    # A frame's states lie as (G, B, N, E), so that every product runs along contiguous channels.
    # Sums over states or channels are a product and a sum: batched matrix-vector products of these
    # small shapes take five times as long. Saved tensors are never written to.

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        delta, u, a, b, c = inputs
        groups, steps, batch, channels = delta.shape
        shape = (steps, groups, batch, a.shape[1], channels)
        states, decays = delta.new_empty(shape), delta.new_empty(shape)
        rate = a.unsqueeze(1)
        product = torch.empty_like(states[0])
        outputs = []
        previous: Tensor | None = None
        for delta_t, u_t, write_t, read_t, state, decay in zip(
            delta.unsqueeze(3).unbind(1),
            u.unsqueeze(3).unbind(1),
            b.unsqueeze(4).unbind(1),
            c.unsqueeze(4).unbind(1),
            states.unbind(0),
            decays.unbind(0),
            strict=True,
        ):
            torch.mul(delta_t, rate, out=decay).exp_()
            torch.mul(u_t, write_t, out=state)
            if previous is not None:
                state.addcmul_(decay, previous)
            outputs.append(torch.mul(state, read_t, out=product).sum(2))
            previous = state
        ctx.save_for_backward(delta, u, a, b, c, states, decays)
        return torch.stack(outputs, dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        delta, u, a, b, c, states, decays = ctx.saved_tensors
        rate = a.unsqueeze(1)
        delta_t = delta.unsqueeze(3).unbind(1)
        u_t = u.unsqueeze(3).unbind(1)
        write_t = b.unsqueeze(4).unbind(1)
        read_t = c.unsqueeze(4).unbind(1)
        grad_y_t = gradients[0].unsqueeze(3).unbind(1)
        state, decay = states.unbind(0), decays.unbind(0)

        grad_delta, grad_u, grad_b, grad_c = [], [], [], []
        grad_a = torch.zeros_like(a)
        # The gradient of h_t: from y_t, and from h_(t+1) through its decay.
        grad_state = torch.zeros_like(state[0])
        product = torch.empty_like(grad_state)
        for t in reversed(range(len(state))):
            grad_c.append(torch.mul(state[t], grad_y_t[t], out=product).sum(3))
            grad_state.addcmul_(read_t[t], grad_y_t[t])
            grad_u.append(torch.mul(grad_state, write_t[t], out=product).sum(2))
            grad_b.append(torch.mul(grad_state, u_t[t], out=product).sum(3))
            if t == 0:
                break
            grad_state.mul_(decay[t])
            torch.mul(grad_state, state[t - 1], out=product)
            grad_a += (product * delta_t[t]).sum(1)
            grad_delta.append(product.mul_(rate).sum(2))
        grad_delta.append(torch.zeros_like(delta[:, 0]))  # there is nothing before h_0 to decay
        return (
            torch.stack(grad_delta[::-1], dim=1),
            torch.stack(grad_u[::-1], dim=1),
            grad_a,
            torch.stack(grad_b[::-1], dim=1),
            torch.stack(grad_c[::-1], dim=1),
        )
