"""One experiment after the other in one process, as fast as usual torch code goes.

The same model and protocol as `study_trainer.py` without what costs time there: features are
tensors in memory, batches are gathered by index, and AdamW is fused.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from data import Data
from plain_encoders import PlainModel
from protocol import Protocol, rate_share
from sklearn.metrics import average_precision_score
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class LeanResult:
    """What one experiment took and gave.

    Attributes
    ----------
    seconds
        From building the model to the last score.
    ap
        Average precision on validation after the last epoch.
    history
        The same after each epoch.
    parameters
        Numbers that were trained.
    """

    seconds: float
    ap: float
    history: list[float]
    parameters: int


def train_lean(
    encoder: str,
    data: Data,
    *,
    hidden_size: int = 32,
    layers: int = 1,
    seed: int = 0,
    protocol: Protocol = Protocol(),  # noqa: B008  # frozen
) -> LeanResult:
    """Train one experiment with the process's current number of threads.

    Parameters
    ----------
    encoder
        A name of `plain_encoders.ENCODERS`.
    """
    x, mask = torch.from_numpy(data.train_x), torch.from_numpy(data.train_mask)
    label = torch.from_numpy(data.train_label.astype(np.float32))
    validation_x = torch.from_numpy(data.validation_x)
    validation_mask = torch.from_numpy(data.validation_mask)

    began = time.perf_counter()
    torch.manual_seed(seed)
    model = PlainModel(encoder, data.dimensions, hidden_size, layers, protocol.dropout)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, weight_decay=protocol.weight_decay, fused=True)
    steps = protocol.epochs * -(-len(x) // protocol.batch_size)
    step, history = 0, []
    for _ in range(protocol.epochs):
        model.train()
        for chosen in torch.randperm(len(x)).split(protocol.batch_size):
            optimizer.param_groups[0]["lr"] = protocol.learning_rate * rate_share(
                step, steps, protocol.warmup_fraction
            )
            logit = model(x[chosen], mask[chosen])
            loss = functional.binary_cross_entropy_with_logits(logit, label[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, protocol.gradient_clip)
            optimizer.step()
            step += 1
        model.eval()
        with torch.no_grad():
            scores = model(validation_x, validation_mask).numpy()
        history.append(float(average_precision_score(data.validation_label, scores)))
    seconds = time.perf_counter() - began
    return LeanResult(seconds, history[-1], history, sum(p.numel() for p in parameters))
