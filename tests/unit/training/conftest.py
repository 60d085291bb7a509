"""Small worlds for the training room: features whose label is a matter of order, or of nothing."""

import numpy as np
import pytest
import torch

from dashsearch.features.store import FeatureSet

TTE_S = np.array([0.5, 1.0, 1.5])


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def make_world():
    """Features and splits: ramps that rise (label 1) or fall (label 0), or pure noise."""

    def make(*, clips=(24, 12, 12), steps=8, dimensions=6, seed=0, slope=1.5, name="flow"):
        generator = np.random.default_rng(seed)
        total = sum(clips)
        clip_id = np.array([f"clip{number:03d}" for number in range(total)])
        label = np.arange(total) % 2
        direction = generator.normal(size=dimensions)
        ramp = slope * np.linspace(-1, 1, steps)
        values = generator.normal(size=(total, len(TTE_S), steps, dimensions))
        values += (2 * label - 1)[:, None, None, None] * ramp[:, None] * direction
        features = FeatureSet(
            backbone=name,
            values=values.reshape(-1, steps, dimensions).astype(np.float16),
            mask=np.ones((total * len(TTE_S), steps), bool),
            clip_id=np.repeat(clip_id, len(TTE_S)),
            tte_s=np.tile(TTE_S, total),
            label=np.repeat(label, len(TTE_S)),
            classes=("no collision", "collision"),
            digest=f"{name}-{seed}",
        )
        first, second = clips[0], clips[0] + clips[1]
        parts = {"train": clip_id[:first], "validation": clip_id[first:second]}
        parts["test"] = clip_id[second:]
        splits = {
            "schema": "splits/1",
            "clips": {split: ids.tolist() for split, ids in parts.items()},
        }
        return features, splits

    return make


@pytest.fixture
def cell():
    return {
        "backbone": "flow",
        "encoder": "gru",
        "pooling": "mean",
        "loss": "bce",
        "hidden_size": 16,
        "dropout": 0.1,
        "learning_rate": 1e-2,
        "weight_decay": 1e-2,
    }
