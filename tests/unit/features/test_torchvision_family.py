"""Torchvision's video networks: the same numbers as their own forward, read before pooling."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import get_model, get_model_weights

from dashsearch.errors import InputError
from dashsearch.features.networks import torchvision_family as family
from dashsearch.features.networks.load import load_network
from dashsearch.features.registry import Backbone

ROOT = Path(__file__).parents[3]
SIZES = {"r2plus1d_18": 512, "swin3d_t": 768, "mvit_v2_s": 768}
FRAMES = 9
WINDOWS = np.random.default_rng(4).integers(0, 255, (1, FRAMES, 120, 160, 3), dtype=np.uint8)
# Which step each of nine frames gets, counted by hand. Swin3D: frames 2k and 2k + 1 are step k.
# The others: the middle of the frame, (t + 1/2) / 9 of the window, lies in that step's equal part.
STEP_OF_FRAME = {
    "r2plus1d_18": [0, 0, 0, 0, 1, 1, 1, 1, 1],
    "swin3d_t": [0, 0, 1, 1, 2, 2, 3, 3, 4],
    "mvit_v2_s": [0, 1, 2, 3, 4, 4, 5, 6, 7],
}
# Which of nine frames MViTv2 is shown as its sixteen, nearest in time.
SHOWN = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 7, 8, 8]


def entry_of(name, **changes):
    facts = {"model": name, "takes": "windows", **changes}
    return Backbone(name, "torchvision", "motion", SIZES.get(name, 1), **facts)


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(1)
    return {name: get_model(name, weights=None).eval() for name in SIZES}


@pytest.fixture(scope="module")
def weights_dir(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name, model in models.items():
        torch.save(model.state_dict(), folder / f"{name}.pth")
    return folder


def own_steps(name, model, inputs):
    """What the network itself makes on its way to the classes: (T', D), and what it pools."""
    caught = {}
    for where in {"r2plus1d_18": ("layer4", "avgpool"), "swin3d_t": ("norm", "avgpool")}.get(
        name, ("norm",)
    ):
        getattr(model, where).register_forward_hook(
            lambda _, __, out, where=where: caught.update({where: out})
        )
    model(inputs)
    if name == "r2plus1d_18":
        steps = caught["layer4"][0].mean((2, 3)).T
    elif name == "swin3d_t":
        steps = caught["norm"][0].mean((1, 2))
    else:
        steps = caught["norm"][0, 1:].reshape(8, -1, 768).mean(1)
    pooled = caught.get("avgpool")
    return steps, steps.mean(0) if pooled is None else pooled.flatten()


@pytest.mark.parametrize("name", SIZES)
def test_every_frame_gets_its_step_of_what_the_network_pools(models, weights_dir, name):
    shown = WINDOWS[:, SHOWN] if name == "mvit_v2_s" else WINDOWS
    transforms = get_model_weights(name).DEFAULT.transforms()
    network = load_network(entry_of(name), weights_dir, "cpu")
    with torch.inference_mode():
        inputs = transforms(torch.from_numpy(shown).permute(0, 1, 4, 2, 3))
        steps, pooled = own_steps(name, models[name], inputs)
        made = network.preprocess(torch.from_numpy(WINDOWS))
        found = network(made)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(made).float()
    assert torch.equal(made, inputs)
    assert found.shape == (1, FRAMES, SIZES[name])
    assert torch.allclose(found[0], steps[STEP_OF_FRAME[name]], atol=1e-4)
    # Pooling over space, then over the steps, is pooling over both at once.
    distinct = found[0, [STEP_OF_FRAME[name].index(step) for step in range(len(steps))]]
    assert torch.allclose(distinct.mean(0), pooled, atol=1e-4)
    assert (rough - found).norm() < 0.02 * found.norm()


@pytest.mark.parametrize("name", ["r2plus1d_18", "swin3d_t"])
def test_windows_of_any_length(weights_dir, name):
    network = load_network(entry_of(name), weights_dir, "cpu")
    for frames in (1, 2, 5, 16, 20):
        found = network(torch.randn(1, 3, frames, 32, 32))
        assert found.shape == (1, frames, SIZES[name])
        assert not found.requires_grad
        distinct = {"r2plus1d_18": -(-frames // 8), "swin3d_t": -(-frames // 2)}[name]
        assert len(torch.unique(found[0], dim=0)) == distinct


def test_a_missing_file_a_pickled_module_and_other_weights_are_named(weights_dir, tmp_path):
    entry = entry_of("r2plus1d_18")
    path = tmp_path / "r2plus1d_18.pth"
    with pytest.raises(InputError, match=r"no file .*r2plus1d_18\.pth; fetch it with `curl .*http"):
        load_network(entry, tmp_path, "cpu")
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(InputError, match=r"is no state dict .*a pickled module"):
        load_network(entry, tmp_path, "cpu")
    complete = (weights_dir / "r2plus1d_18.pth").read_bytes()
    foreign = (weights_dir / "swin3d_t.pth").read_bytes()
    for content in (foreign, complete[: len(complete) // 2], b"<html>not here</html>", b""):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"is no state dict of r2plus1d_18 \(.*fetch it with"):
            load_network(entry, tmp_path, "cpu")
    with pytest.raises(InputError, match="torchvision's are r2plus1d_18, swin3d_t, mvit_v2_s"):
        load_network(entry_of("resnet18"), weights_dir, "cpu")


def test_a_download_is_checked_against_its_name_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    entry = entry_of("r2plus1d_18")
    served = tmp_path / "served"
    served.mkdir()
    right = served / f"net-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
    right.write_bytes(b"weights")
    kept = family._fetch(entry, right.as_uri())
    assert kept.read_bytes() == b"weights"
    right.unlink()
    assert family._fetch(entry, right.as_uri()) == kept
    wrong = served / "net-00000000.pth"
    wrong.write_bytes(b"weights")
    with pytest.raises(InputError, match=r"could not be fetched \(invalid hash value.*`curl "):
        family._fetch(entry, wrong.as_uri())
    # Nobody listens on port 9 of this machine.
    with pytest.raises(InputError, match=r"could not be fetched .*weights_dir.*`curl "):
        family._fetch(entry, "http://127.0.0.1:9/net-00000000.pth")
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_operators_are_declared_only_where_they_do_not_load():
    """In a process of its own: the compiled library loads, or else its operators are declared."""
    code = (
        "from dashsearch import torchvision_shim\n"
        "import torchvision\n"
        "from torchvision.extension import _has_ops\n"
        "assert (torchvision_shim.LIBRARY is None) == _has_ops(), torchvision_shim.LIBRARY\n"
    )
    there = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run([sys.executable, "-c", code], check=True, env=there)
