"""The recurrence of a gated recurrent unit, with its gradient written out.

What can be done for all frames at once is done outside the loops over time; a step is then one
batched matrix product and a few elementwise operations. Autograd through the same loop takes half
as long again.
"""

from typing import Any

import torch
from torch import Tensor

from dashsearch.training.stacked.layers import without_autocast


def gated_recurrence(projected: Tensor, hold: Tensor, weight: Tensor, new_bias: Tensor) -> Tensor:
    """Run the recurrence from a zero state.

    Parameters
    ----------
    projected
        (G, T, B, 3 H) what the inputs add to the update gate, the reset gate and the new state.
    hold
        (G, T, B, 1), or (1, 1, 1, 1), added to the update gate; a large value keeps the state.
    weight
        (G, H, 3 H) from the state to the three.
    new_bias
        (G, 1, H) added to the state's part of the new state, inside the reset gate.

    Returns
    -------
    Tensor
        (G, T, B, H) states.
    """
    return without_autocast(_GatedRecurrence.apply, projected, hold, weight, new_bias)


class _GatedRecurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        projected, hold, weight, new_bias = inputs
        groups, steps, batch, columns = projected.shape
        size = columns // 3
        gates = projected[..., : 2 * size].clone()
        gates[..., :size] += hold
        states = projected.new_zeros(steps + 1, groups, batch, size)
        opened = projected.new_empty(steps, groups, batch, 2 * size)
        news = projected.new_empty(steps, groups, batch, size)
        from_state = projected.new_empty(steps, groups, batch, columns)
        bias = torch.nn.functional.pad(new_bias, (2 * size, 0))
        for t, (gate_t, new_t) in enumerate(
            zip(gates.unbind(1), projected[..., 2 * size :].unbind(1), strict=True)
        ):
            inner = torch.baddbmm(bias, states[t], weight, out=from_state[t])
            gate = torch.add(gate_t, inner[..., : 2 * size], out=opened[t]).sigmoid_()
            update, reset = gate[..., :size], gate[..., size:]
            new = torch.addcmul(new_t, reset, inner[..., 2 * size :], out=news[t]).tanh_()
            torch.lerp(new, states[t], update, out=states[t + 1])
        ctx.save_for_backward(states, opened, news, from_state[..., 2 * size :], weight)
        return states[1:].transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        states, opened, news, recurrents, weight = ctx.saved_tensors
        steps, groups, batch, size = news.shape
        update, reset = opened[..., :size], opened[..., size:]
        # What a gradient is multiplied by on its way: from the state to the new state and the
        # update gate, and from the new state to the reset gate and the state's part in it.
        shape = (steps, groups, batch, 2, size)
        from_whole, from_new = news.new_empty(shape), news.new_empty(shape)
        torch.mul(1 - update, 1 - news.square(), out=from_whole[..., 0, :])
        torch.mul(states[:-1] - news, update * (1 - update), out=from_whole[..., 1, :])
        torch.mul(recurrents, reset * (1 - reset), out=from_new[..., 0, :])
        from_new[..., 1, :] = reset

        # Of every frame: new state, update gate, reset gate, the state's part of the new state.
        parts = news.new_empty(steps, groups, batch, 4, size)
        grad_state = news.new_zeros(groups, batch, size)
        room = torch.empty_like(grad_state)
        transposed = weight.transpose(1, 2)
        outer = gradients[0].transpose(0, 1)
        for t in reversed(range(steps)):
            grad_state = grad_state.add_(outer[t])
            part = parts[t]
            torch.mul(grad_state.unsqueeze(2), from_whole[t], out=part[:, :, :2])
            torch.mul(part[:, :, :1], from_new[t], out=part[:, :, 2:])
            torch.mul(grad_state, update[t], out=room)
            grad_state = torch.baddbmm(room, part[:, :, 1:].flatten(2), transposed)

        rows = (groups, steps * batch, -1)
        before = states[:-1].transpose(0, 1).reshape(rows)
        inner = parts[..., 1:, :].transpose(0, 1).reshape(rows)
        grad_weight = torch.bmm(before.transpose(1, 2), inner)
        grad_bias = inner[..., 2 * size :].sum(dim=1, keepdim=True)
        grad_projected = inner.view(groups, steps, batch, 3 * size)
        grad_projected[..., 2 * size :] = parts[..., 0, :].transpose(0, 1)
        return grad_projected, None, grad_weight, grad_bias
