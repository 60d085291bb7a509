"""Descriptors see what they say they see."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dashsearch.errors import InputError
from dashsearch.features.descriptors import (
    FRAME_DESCRIPTORS,
    MOTION_DESCRIPTORS,
    color,
    flow,
    frame_difference,
    hog,
)
from dashsearch.features.registry import load_registry

REGISTRY = Path(__file__).parents[3] / "resources/backbones.yaml"


@pytest.fixture
def texture():
    noise = np.random.default_rng(1).integers(0, 255, (140, 140), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)
    return np.repeat(smooth[..., None], 3, axis=2)


def test_every_descriptor_of_the_registry_has_its_dimension(texture):
    frame = texture[:112, :112]
    registry = load_registry(REGISTRY)
    for name, descriptor in FRAME_DESCRIPTORS.items():
        assert registry.get(name).sees == "frame"
        assert descriptor(frame).shape == (registry.get(name).dimension,)
    for name, descriptor in MOTION_DESCRIPTORS.items():
        assert registry.get(name).sees == "motion"
        assert descriptor(frame, frame).shape == (registry.get(name).dimension,)


def test_colour_histograms_are_roots_of_shares():
    frame = np.zeros((20, 30, 3), np.uint8)
    frame[:, :15] = (255, 0, 0)
    squares = color(frame).reshape(3, 16) ** 2
    assert squares.sum(axis=1) == pytest.approx([1, 1, 1])
    assert squares[2, [0, 15]] == pytest.approx([0.5, 0.5])  # half black, half of full value


def test_colour_bins_are_those_of_numpys_histogram(texture):
    hue, saturation, value = np.random.default_rng(1).integers(0, 256, (3, 64, 64))
    hsv = np.stack([hue * 180 // 256, saturation, value], axis=-1).astype(np.uint8)
    for frame in (cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), texture):
        seen = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
        expected = [
            np.histogram(seen[..., channel], 16, (0, limit))[0]
            for channel, limit in enumerate((180, 256, 256))
        ]
        shares = np.concatenate(expected) / seen[..., 0].size
        assert np.array_equal(color(frame), np.sqrt(shares).astype(np.float32))


def test_colour_does_not_see_where_things_are(texture):
    frame = texture[:112, :112]
    assert color(frame) == pytest.approx(color(frame[::-1, ::-1]))


def test_gradients_across_and_down_fall_into_other_bins():
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    across, down = (
        hog(np.repeat(picture[..., None], 3, axis=2)).reshape(-1, 9).sum(axis=0)
        for picture in (ramp, ramp.T)
    )
    assert across.argmax() == 0
    assert down.argmax() == 4  # 90 degrees lies in the middle of nine bins over 180


def test_nothing_moves_in_equal_frames(texture):
    frame = texture[:112, :112]
    assert not flow(frame, frame).any()
    assert not frame_difference(frame, frame).any()


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (-2, 1)])
def test_flow_measures_how_far_a_texture_moved(texture, right, down):
    previous = texture[14:126, 14:126]
    frame = texture[14 - down : 126 - down, 14 - right : 126 - right]
    vector = flow(frame, previous)
    speeds = np.sign(vector) * vector**2
    assert np.median(speeds[:96]) == pytest.approx(right, abs=0.25)
    assert np.median(speeds[96:192]) == pytest.approx(down, abs=0.25)


def test_flow_finds_the_divergence_of_what_comes_nearer(texture):
    previous = texture[14:126, 14:126]
    grown = cv2.resize(previous, None, fx=1.1, fy=1.1, interpolation=cv2.INTER_CUBIC)
    margin = (len(grown) - 112) // 2
    frame = grown[margin : margin + 112, margin : margin + 112]
    nearer, farther = flow(frame, previous)[-36:], flow(previous, frame)[-36:]
    assert np.median(nearer) > 0.5
    assert np.median(farther) < -0.5


def test_frame_differences_do_not_grow_with_contrast(texture):
    previous, frame = texture[:112, :112], texture[2:114, :112]
    dark = [(picture * 0.5).astype(np.uint8) for picture in (frame, previous)]
    ratio = np.abs(frame_difference(*dark)).sum() / np.abs(frame_difference(frame, previous)).sum()
    assert 0.8 < ratio < 1.1  # unscaled it would be 0.5


def test_an_unknown_backbone_gets_a_suggestion():
    with pytest.raises(InputError, match="'flou' is not in the registry; did you mean flow"):
        load_registry(REGISTRY).require(["hog", "flou"])


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            "{name: a, family: descriptor, sees: sound, dimension: 3, description: x, licence: y}",
            "'sound' is unknown; use frame or motion",
        ),
        (
            "{name: a, family: magic, sees: frame, dimension: 3, description: x, licence: y}",
            "'magic' is unknown; use descriptor or efficientnet",
        ),
        ("{name: a, colour: red}", "entry 1: .*colour"),
    ],
)
def test_a_wrong_registry_is_refused(tmp_path, entry, sentence):
    path = tmp_path / "backbones.yaml"
    path.write_text(f"backbones:\n- {entry}\n")
    with pytest.raises(InputError, match=sentence):
        load_registry(path)
