"""Sums over frames weighted by products of queries and keys, with their gradients written out.

Softmax attention and retention differ in what becomes of the products Q K^T / sqrt(d): a softmax
over the valid frames, or a product with fixed decays. Here heads are laid out once, forwards and
backwards, and every product runs on contiguous matrices; autograd through the same steps copies
them at each and takes about twice as long.
"""

from typing import Any

import torch
from torch import Tensor

from dashsearch.training.stacked.layers import without_autocast


def attend(projected: Tensor, blocked: Tensor | None) -> Tensor:
    """Scaled dot-product attention.

    Parameters
    ----------
    projected
        (W, T, 3, heads, d) queries, keys and values of W windows.
    blocked
        (W, T) bool, True where a frame is not to be looked at; None: nowhere.

    Returns
    -------
    Tensor
        (W, T, heads d), heads side by side.

    References
    ----------
    Vaswani et al. (2017), *Attention Is All You Need*, NeurIPS, equation 1.
    """
    return without_autocast(_Attention.apply, projected, blocked)


def retain(projected: Tensor, decay: Tensor) -> Tensor:
    """Retention in its parallel form: (Q K^T / sqrt(d) * decay) V.

    Parameters
    ----------
    projected
        (W, T, 3, heads, d) rotated queries and keys, and values, of W windows.
    decay
        (W, heads, T, T), or (1, heads, T, T) for all windows; 0 where nothing is to be looked at.

    Returns
    -------
    Tensor
        (W, T, heads, d).
    """
    return without_autocast(_Retention.apply, projected, decay)


def _by_head(projected: Tensor) -> Tensor:
    """Lay (W, T, 3, heads, d) out as (3, W heads, T, d)."""
    windows, steps, parts, heads, size = projected.shape
    laid = projected.permute(2, 0, 3, 1, 4).contiguous()
    return laid.view(parts, windows * heads, steps, size)


def _by_frame(x: Tensor, heads: int) -> Tensor:
    """Lay (W heads, T, d) out as (W, T, heads, d)."""
    _, steps, size = x.shape
    return x.view(-1, heads, steps, size).transpose(1, 2)


def _gradients(parts: Tensor, weights: Tensor, outer: Tensor, to_scores: Any, heads: int) -> Tensor:
    """Return the gradient of `projected` from that of the sums.

    Parameters
    ----------
    parts
        (3, W heads, T, d) as `_by_head`.
    weights
        (W heads, T, T) of the sums.
    outer
        (W, T, heads, d) gradient of the sums.
    to_scores
        Turns the gradient of `weights` into that of Q K^T.
    """
    query, key, value = parts.unbind(0)
    grad = torch.empty_like(parts)
    outer = outer.transpose(1, 2).reshape(value.shape)
    torch.bmm(weights.transpose(1, 2), outer, out=grad[2])
    scores = to_scores(torch.bmm(outer, value.transpose(1, 2)))
    torch.bmm(scores, key, out=grad[0])
    torch.bmm(scores.transpose(1, 2), query, out=grad[1])
    _, rows, steps, size = parts.shape
    return grad.view(3, rows // heads, heads, steps, size).permute(1, 3, 0, 2, 4)


def _times(x: Tensor, decay: Tensor) -> Tensor:
    """Multiply (W heads, T, T) in place by (W, heads, T, T), or (1, heads, T, T)."""
    x.view(-1, *decay.shape[1:]).mul_(decay)
    return x


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, blocked: Tensor | None) -> Tensor:
        windows, steps, _, heads, size = projected.shape
        parts = _by_head(projected)
        scores = torch.bmm(parts[0], parts[1].transpose(1, 2)).mul_(size**-0.5)
        if blocked is not None:
            by_head = scores.view(windows, heads, steps, steps)
            by_head.masked_fill_(blocked[:, None, None], -torch.inf)
        weights = scores.softmax(dim=-1)
        ctx.save_for_backward(parts, weights)
        ctx.heads = heads
        return _by_frame(torch.bmm(weights, parts[2]), heads).flatten(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        parts, weights = ctx.saved_tensors
        scale = parts.shape[-1] ** -0.5

        def to_scores(grad: Tensor) -> Tensor:
            """Go back through the softmax: a (g - sum of a g)."""
            product = grad.mul_(weights)
            total = product.sum(dim=-1, keepdim=True)
            return product.addcmul_(weights, total, value=-1).mul_(scale)

        outer = gradients[0].view(*gradients[0].shape[:2], ctx.heads, -1)
        return _gradients(parts, weights, outer, to_scores, ctx.heads), None


class _Retention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, decay: Tensor) -> Tensor:
        size = projected.shape[-1]
        parts = _by_head(projected)
        # Scaled here, so that the backward pass meets one factor.
        decay = decay * size**-0.5
        weights = _times(torch.bmm(parts[0], parts[1].transpose(1, 2)), decay)
        ctx.save_for_backward(parts, weights, decay)
        ctx.heads = projected.shape[3]
        return _by_frame(torch.bmm(weights, parts[2]), ctx.heads)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        parts, weights, decay = ctx.saved_tensors
        grad = _gradients(parts, weights, gradients[0], lambda g: _times(g, decay), ctx.heads)
        return grad, None
