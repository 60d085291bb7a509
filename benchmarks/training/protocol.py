"""What is equal in every trainer that is compared: hyper-parameters and the learning rate."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """How one experiment is trained; weight decay applies to all parameters."""

    epochs: int = 15
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    gradient_clip: float = 1.0
    warmup_fraction: float = 0.1


def rate_share(step: int, steps: int, warmup_fraction: float) -> float:
    """Share of the learning rate at `step` of `steps`: a linear rise, then half a cosine to 0."""
    warmup = round(warmup_fraction * steps)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
