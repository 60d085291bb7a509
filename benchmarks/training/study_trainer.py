"""One experiment the usual way: a process of its own that trains one model with data loaders.

A stand-in for the training script that agents of the study ran once an experiment. As there: two
loaders with worker processes that begin anew every epoch, AdamW, cosine with warm-up, clipping,
average precision on validation after each epoch, the best model kept in memory, and as many threads
as torch takes by itself.
"""

import argparse
import copy
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from data import load
from numpy.typing import NDArray
from plain_encoders import ENCODERS, PlainModel
from protocol import Protocol, rate_share
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Windows(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Features, mask and label of each window of a split."""

    def __init__(
        self, x: NDArray[np.float32], mask: NDArray[np.bool_], label: NDArray[np.int64]
    ) -> None:
        self.x, self.mask, self.label = x, mask, label.astype(np.float32)

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return one window."""
        return (
            torch.from_numpy(self.x[index]),
            torch.from_numpy(self.mask[index]),
            torch.tensor(self.label[index]),
        )


def train_epoch(
    model: PlainModel,
    loader: DataLoader[tuple[Tensor, Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LambdaLR,
    gradient_clip: float,
) -> float:
    """Visit every training window once and return the mean loss."""
    model.train()
    loss_of = nn.BCEWithLogitsLoss()
    total = 0.0
    for x, mask, label in loader:
        optimizer.zero_grad()
        loss = loss_of(model(x, mask), label)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), gradient_clip)
        optimizer.step()
        scheduler.step()
        total += loss.item() * len(label)
    return total / len(loader.dataset)  # type: ignore[arg-type]


@torch.no_grad()
def evaluate(model: PlainModel, loader: DataLoader[tuple[Tensor, Tensor, Tensor]]) -> float:
    """Return the average precision on a split."""
    model.eval()
    scores, labels = [], []
    for x, mask, label in loader:
        scores.append(torch.sigmoid(model(x, mask)))
        labels.append(label)
    return float(average_precision_score(torch.cat(labels).numpy(), torch.cat(scores).numpy()))


def train(arguments: argparse.Namespace) -> dict[str, object]:
    """Train one model; return its scores and how long training took."""
    began = time.perf_counter()
    torch.manual_seed(arguments.seed)
    data = load(arguments.data)
    train_loader = DataLoader(
        Windows(data.train_x, data.train_mask, data.train_label),
        batch_size=arguments.batch,
        shuffle=True,
        num_workers=arguments.workers,
    )
    validation_loader = DataLoader(
        Windows(data.validation_x, data.validation_mask, data.validation_label),
        batch_size=arguments.batch,
        num_workers=arguments.workers,
    )
    model = PlainModel(
        arguments.encoder, data.dimensions, arguments.hidden, arguments.layers, arguments.dropout
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=arguments.lr, weight_decay=arguments.weight_decay
    )
    steps = arguments.epochs * len(train_loader)
    warmup = Protocol.warmup_fraction
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_share(step, steps, warmup)
    )
    history, losses = [], []
    best_ap, best_state = -1.0, copy.deepcopy(model.state_dict())
    for _ in range(arguments.epochs):
        losses.append(
            train_epoch(model, train_loader, optimizer, scheduler, Protocol.gradient_clip)
        )
        history.append(evaluate(model, validation_loader))
        if history[-1] > best_ap:
            best_ap, best_state = history[-1], copy.deepcopy(model.state_dict())
    return {
        "ap": history[-1],
        "best_ap": best_ap,
        "history": history,
        "losses": losses,
        "parameters": sum(value.numel() for value in best_state.values()),
        "threads": torch.get_num_threads(),
        "seconds_after_imports": time.perf_counter() - began,
    }


def main() -> None:
    """Train one experiment and write its scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", choices=ENCODERS, required=True)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=Protocol.epochs)
    parser.add_argument("--batch", type=int, default=Protocol.batch_size)
    parser.add_argument("--lr", type=float, default=Protocol.learning_rate)
    parser.add_argument("--weight-decay", type=float, default=Protocol.weight_decay)
    parser.add_argument("--dropout", type=float, default=Protocol.dropout)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=4, help="processes of each loader")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    # On machines with fewer cores than workers torch says so once an epoch.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    arguments.out.write_text(json.dumps(train(arguments), indent=2) + "\n")


if __name__ == "__main__":
    main()
