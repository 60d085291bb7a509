"""The trainer's models as usual torch modules: one experiment, no leading axis.

Layers, sizes, initial weights and dropout are those of `dashsearch.training`, from which
`check_plain.py` copies weights and compares outputs. Each encoder maps (B, T, H) and a mask (B, T),
True where a frame is valid, to (B, T, H). Fused kernels of torch are used wherever there are any
(GRU, scaled dot-product attention, layer norm, convolution); all else is left to autograd.
"""

import math
from functools import lru_cache

import torch
from plain_zipformer import Zipformer, silenced
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

HEADS = 4
STATE_SIZE = 8
KERNEL = 4
STEP_RANGE = (2e-2, 5e-1)


class BiGRULayer(nn.Module):
    """`torch.nn.GRU` in both directions and a projection back to H."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(2 * hidden_size, hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H); padding must follow the valid frames."""
        if bool(mask.all()):
            states, _ = self.gru(x)
        else:
            lengths = mask.sum(dim=1).cpu()
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(
                self.gru(packed)[0], batch_first=True, total_length=x.shape[1]
            )
        output: Tensor = self.projection(self.dropout(states))
        return output


class BiGRU(nn.Module):
    """Bidirectional GRU layers."""

    def __init__(self, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(BiGRULayer(hidden_size, dropout) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        for layer in self.layers:
            x = layer(x, mask)
        return x


class LayerStack(nn.Module):
    """Layers one after the other and a final norm."""

    def __init__(self, hidden_size: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        x = silenced(x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        output: Tensor = self.norm(x)
        return output


@lru_cache(maxsize=64)
def positions(steps: int, size: int) -> Tensor:
    """Sines and cosines of every frame's place in turn, (T, size)."""
    place = torch.arange(steps)[:, None]
    rate = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
    return torch.stack(((place * rate).sin(), (place * rate).cos()), dim=-1).flatten(1)


class TransformerLayer(nn.Module):
    """Pre-norm attention and feed-forward of width 4 H."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.projections = nn.Linear(hidden_size, 3 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.feedforward_norm = nn.LayerNorm(hidden_size)
        self.expand = nn.Linear(hidden_size, 4 * hidden_size)
        self.contract = nn.Linear(4 * hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        batch, steps, hidden_size = x.shape
        parts = self.projections(self.attention_norm(x)).view(batch, steps, 3, HEADS, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        mixed = mixed.transpose(1, 2).reshape(batch, steps, hidden_size)
        x = x + self.dropout(self.output(mixed))
        hidden = functional.gelu(self.expand(self.feedforward_norm(x)))
        return x + self.dropout(self.contract(hidden))


class Transformer(LayerStack):
    """Pre-norm transformer layers."""

    def __init__(self, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__(
            hidden_size, [TransformerLayer(hidden_size, dropout) for _ in range(layers)]
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        return super().forward(x + positions(x.shape[1], x.shape[2]), mask)


@lru_cache(maxsize=64)
def decay_matrix(steps: int, head_size: int) -> Tensor:
    """gamma^(i - j) / sqrt(d) for i >= j and 0 else, of every head, (HEADS, T, T)."""
    gamma = 1 - 2.0 ** -(5 + torch.arange(HEADS))
    distance = torch.arange(steps)[:, None] - torch.arange(steps)
    return (gamma[:, None, None] ** distance.clamp(min=0)).tril() * head_size**-0.5


@lru_cache(maxsize=64)
def rotations(steps: int, size: int) -> Tensor:
    """e^(i n theta) of every frame n and each of `size` / 2 angles, (T, 1, size / 2)."""
    theta = 10_000.0 ** -torch.linspace(0, 1, size // 2)
    angle = torch.arange(steps)[:, None, None] * theta
    return torch.polar(torch.ones_like(angle), angle)


def rotate(x: Tensor) -> Tensor:
    """Turn pairs of columns of (B, T, heads, d) by their frame's angle."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rotations(x.shape[1], x.shape[3])).flatten(-2)


class RetentionLayer(nn.Module):
    """Pre-norm retention in parallel form and feed-forward of width 2 H."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.retention_norm = nn.LayerNorm(hidden_size)
        self.projections = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, hidden_size, bias=False)
        self.feedforward_norm = nn.LayerNorm(hidden_size)
        self.expand = nn.Linear(hidden_size, 2 * hidden_size)
        self.contract = nn.Linear(2 * hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        x = x + self.dropout(self._retain(self.retention_norm(x), mask))
        hidden = functional.gelu(self.expand(self.feedforward_norm(x)))
        return x + self.dropout(self.contract(hidden))

    def _retain(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, steps, hidden_size = x.shape
        query, key, value, gate = (
            self.projections(x).view(batch, steps, 4, HEADS, hidden_size // HEADS).unbind(2)
        )
        query, key = rotate(query).transpose(1, 2), rotate(key).permute(0, 2, 3, 1)
        decay = decay_matrix(steps, hidden_size // HEADS) * mask[:, None, None, :]
        retained = ((query @ key * decay) @ value.transpose(1, 2)).transpose(1, 2)
        normal = functional.layer_norm(retained, retained.shape[-1:])
        output: Tensor = self.output((normal * functional.silu(gate)).flatten(2))
        return output


class RetNet(LayerStack):
    """Retention layers."""

    def __init__(self, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__(hidden_size, [RetentionLayer(hidden_size, dropout) for _ in range(layers)])


class MambaBlock(nn.Module):
    """A selective state space block, forwards; the recurrence is a loop over time."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        inner, self.rank = 2 * hidden_size, math.ceil(hidden_size / 16)
        self.input = nn.Linear(hidden_size, 2 * inner, bias=False)
        self.convolution = nn.Conv1d(inner, inner, KERNEL, groups=inner, padding=KERNEL - 1)
        self.select = nn.Linear(inner, self.rank + 2 * STATE_SIZE, bias=False)
        self.step = nn.Linear(self.rank, inner)
        low, high = (math.log(step) for step in STEP_RANGE)
        step = torch.empty(inner).uniform_(low, high).exp()
        with torch.no_grad():
            self.step.bias.copy_(step + torch.log(-torch.expm1(-step)))
        rate = torch.arange(1, STATE_SIZE + 1, dtype=torch.float32)
        self.log_rate = nn.Parameter(rate.log()[:, None].repeat(1, inner))
        self.skip = nn.Parameter(torch.ones(inner))
        self.output = nn.Linear(inner, hidden_size, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix (B, T, H) over time; masked frames keep the state."""
        u, gate = self.input(silenced(x, mask)).chunk(2, dim=-1)
        u = self.convolution(u.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2)
        u = functional.silu(u)
        sizes = [self.rank, STATE_SIZE, STATE_SIZE]
        low, write, read = self.select(u).split(sizes, dim=-1)
        delta = functional.softplus(self.step(low)) * mask.unsqueeze(-1)
        rate = -self.log_rate.exp()
        state = x.new_zeros(len(x), *rate.shape)
        outputs = []
        # Products frame by frame stay in cache: faster than forming them for all frames before.
        for delta_t, u_t, write_t, read_t in zip(
            delta.unsqueeze(2).unbind(1),
            (delta * u).unsqueeze(2).unbind(1),
            write.unsqueeze(3).unbind(1),
            read.unsqueeze(3).unbind(1),
            strict=True,
        ):
            state = torch.addcmul(u_t * write_t, torch.exp(delta_t * rate), state)
            outputs.append((state * read_t).sum(1))
        y = torch.stack(outputs, dim=1)
        output: Tensor = self.output((y + u * self.skip) * functional.silu(gate))
        return output


class MambaLayer(nn.Module):
    """Pre-norm Mamba blocks in one or two directions; outputs are averaged."""

    def __init__(self, hidden_size: int, dropout: float, directions: int = 2) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size)
        self.blocks = nn.ModuleList(MambaBlock(hidden_size) for _ in range(directions))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Encode (B, T, H)."""
        normal = self.norm(x)
        mixed = self.blocks[0](normal, mask)
        if len(self.blocks) == 2:
            mixed = (mixed + self.blocks[1](normal.flip(1), mask.flip(1)).flip(1)) / 2
        output: Tensor = x + self.dropout(mixed)
        return output


class BiMamba(LayerStack):
    """Bidirectional Mamba layers."""

    def __init__(self, hidden_size: int, layers: int, dropout: float) -> None:
        super().__init__(hidden_size, [MambaLayer(hidden_size, dropout) for _ in range(layers)])


class Hybrid(LayerStack):
    """Pairs of a retention layer and a forward Mamba layer."""

    def __init__(self, hidden_size: int, layers: int, dropout: float) -> None:
        pairs = (
            (RetentionLayer(hidden_size, dropout), MambaLayer(hidden_size, dropout, directions=1))
            for _ in range(layers)
        )
        super().__init__(hidden_size, [layer for pair in pairs for layer in pair])


ENCODERS: dict[str, type[nn.Module]] = {
    "gru": BiGRU,
    "transformer": Transformer,
    "retnet": RetNet,
    "zipformer": Zipformer,
    "bimamba": BiMamba,
    "hybrid": Hybrid,
}


class PlainModel(nn.Module):
    """Projection, encoder, mean over the valid frames, linear head.

    Parameters
    ----------
    encoder
        A name of `ENCODERS`.
    input_size
        D, dimensions of a frame.
    dropout
        Probability, at the places of `dashsearch.training.model.TemporalModel`.
    """

    def __init__(
        self, encoder: str, input_size: int, hidden_size: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.projection = nn.Linear(input_size, hidden_size)
        self.norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.encoder = ENCODERS[encoder](hidden_size, layers, dropout)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Classify (B, T, D) and (B, T), True = valid: (B,) logits."""
        hidden = self.encoder(self.dropout(self.norm(self.projection(x))), mask)
        pooled = silenced(hidden, mask).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        logit: Tensor = self.head(self.dropout(pooled)).squeeze(-1)
        return logit
