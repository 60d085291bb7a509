"""The embedded backbones give the features that they gave when golden.json was written."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dashsearch.clips.windows import ClipWindows
from dashsearch.features.extract import describer
from dashsearch.features.registry import load_registry

ROOT = Path(__file__).parents[3]
REGISTRY = load_registry(ROOT / "resources/backbones.yaml")
GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
EMBEDDED = [
    name for name, b in REGISTRY.backbones.items() if b.family in ("descriptor", "efficientnet")
]


def scene():
    """Six frames of two shapes that move over a gradient."""
    frames = []
    for step in range(6):
        frame = np.linspace(30, 200, 112 * 112 * 3).reshape(112, 112, 3).astype(np.uint8)
        cv2.rectangle(frame, (10 + 6 * step, 30), (40 + 6 * step, 70), (220, 60, 40), -1)
        cv2.circle(frame, (80 - 3 * step, 80 + 2 * step), 12 + step, (20, 180, 90), -1)
        frames.append(cv2.GaussianBlur(frame, (0, 0), 1.2))
    return ClipWindows(
        "golden", 1, np.stack(frames), np.arange(6)[None], np.ones((1, 6), bool), (0.5,)
    )


def summary(values):
    """What golden.json keeps of (T, D) features: 32 of them, and their overall size."""
    flat = values.astype(np.float64).ravel()
    return {
        "shape": list(values.shape),
        "norm": float(np.linalg.norm(flat)),
        "values": flat[:: max(1, len(flat) // 32)][:32].round(6).tolist(),
    }


def describe(name):
    torch.set_num_threads(1)
    return describer([REGISTRY.get(name)])(scene())[name][0]


def test_every_embedded_backbone_is_golden():
    assert sorted(GOLDEN) == sorted(EMBEDDED)


@pytest.mark.parametrize("name", EMBEDDED)
def test_features_are_golden(name):
    found, golden = summary(describe(name)), GOLDEN[name]
    assert found["shape"] == golden["shape"]
    assert found["norm"] == pytest.approx(golden["norm"], rel=1e-3)
    assert found["values"] == pytest.approx(golden["values"], rel=1e-3, abs=1e-3)
