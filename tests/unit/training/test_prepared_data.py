"""Preparing data: fitted on training windows only, divided by clip, refused if it cannot work."""

from dataclasses import replace

import numpy as np
import pytest

from dashsearch.errors import InputError
from dashsearch.training import prepare as preparation
from dashsearch.training.prepare import fit_reduction, prepare


def rows_of(features, splits, *names):
    wanted = [clip for name in names for clip in splits["clips"][name]]
    return np.isin(features.clip_id, wanted)


def test_shapes_labels_and_times_follow_the_clips(make_world):
    features, splits = make_world()
    prepared = prepare(features, splits, components=4)
    assert prepared.train.values.shape == (24, 3, 8, 4)
    assert prepared.train.values.dtype == np.float32
    assert prepared.validation.values.shape == (36, 8, 4)
    assert prepared.input_size == 4
    assert prepared.train.tte_s.tolist() == [0.5, 1.0, 1.5]
    assert prepared.train.clip_id.tolist() == splits["clips"]["train"]
    assert sorted(set(prepared.test.clip_id)) == splits["clips"]["test"]
    label_of = dict(zip(features.clip_id, features.label, strict=True))
    assert [label_of[clip] for clip in prepared.train.clip_id] == prepared.train.label.tolist()
    assert [label_of[clip] for clip in prepared.test.clip_id] == prepared.test.label.tolist()


def test_every_window_stays_with_its_clip_and_time(make_world):
    features, splits = make_world()
    shuffled = np.random.default_rng(5).permutation(len(features.label))
    mixed = replace(
        features,
        values=features.values[shuffled],
        clip_id=features.clip_id[shuffled],
        tte_s=features.tte_s[shuffled],
        label=features.label[shuffled],
    )
    expected, found = prepare(features, splits, None), prepare(mixed, splits, None)
    assert np.allclose(found.train.values, expected.train.values, atol=1e-6)
    assert np.allclose(found.test.values, expected.test.values, atol=1e-6)
    assert found.validation.tte_s.tolist() == expected.validation.tte_s.tolist()


def test_without_reduction_training_dimensions_have_mean_zero_and_deviation_one(make_world):
    features, splits = make_world()
    values = prepare(features, splits, None).train.values.reshape(-1, 6)
    assert np.allclose(values.mean(0), 0, atol=1e-6)
    assert np.allclose(values.std(0), 1, atol=1e-5)


def test_principal_components_keep_relative_sizes_with_mean_variance_one(make_world):
    features, splits = make_world(dimensions=12)
    values = prepare(features, splits, 5).train.values.reshape(-1, 5).astype(np.float64)
    covariance = np.cov(values.T)
    variance = np.diag(covariance)
    assert np.allclose(covariance, np.diag(variance), atol=1e-5)
    assert variance.mean() == pytest.approx(1.0, abs=1e-5)
    assert np.all(np.diff(variance) < 0)
    assert variance[0] > 1.5 * variance[-1]


@pytest.mark.parametrize("components", [4, None])
def test_nothing_of_validation_or_test_changes_the_fit(make_world, components):
    features, splits = make_world()
    held_out = rows_of(features, splits, "validation", "test")
    values = features.values.copy()
    values[held_out] = 100 + 50 * values[held_out]
    changed = prepare(replace(features, values=values), splits, components)
    expected = prepare(features, splits, components)
    assert np.array_equal(changed.train.values, expected.train.values)
    assert not np.allclose(changed.test.values, expected.test.values)


def test_test_windows_go_through_the_map_fitted_on_training(make_world):
    features, splits = make_world(dimensions=12)
    train = features.values[rows_of(features, splits, "train")].reshape(-1, 12)
    train = train.astype(np.float64)
    mean, deviation = train.mean(0), train.std(0)
    _, singular, directions = np.linalg.svd((train - mean) / deviation, full_matrices=False)
    directions = directions[:5]
    scale = np.sqrt((singular[:5] ** 2 / (len(train) - 1)).mean())
    test = features.values[rows_of(features, splits, "test")].astype(np.float64)
    expected = ((test - mean) / deviation) @ directions.T / scale
    found = prepare(features, splits, 5).test.values
    assert np.allclose(np.abs(found), np.abs(expected), atol=1e-4)


def test_the_fit_is_the_same_every_time_also_when_thinned(make_world, monkeypatch):
    features, splits = make_world(dimensions=12)
    whole = prepare(features, splits, 5)
    assert np.array_equal(whole.train.values, prepare(features, splits, 5).train.values)
    monkeypatch.setattr(preparation, "MAX_FITTED_FRAMES", 300)
    thinned = prepare(features, splits, 5)
    assert np.array_equal(thinned.train.values, prepare(features, splits, 5).train.values)
    assert not np.array_equal(thinned.train.values, whole.train.values)


def test_constant_dimensions_become_zeros_not_noise():
    frames = np.random.default_rng(0).normal(size=(500, 3)) + 1.0
    frames[:, 1] = 0.1
    frames[:, 2] = 0.0
    mapped = fit_reduction(frames, None).apply(frames, np.ones(500, bool))
    assert np.abs(mapped[:, 1:]).max() < 1e-6
    assert mapped[:, 0].std() == pytest.approx(1.0, abs=1e-5)


def test_marked_clips_without_windows_are_left_out(make_world):
    features, splits = make_world()
    kept = ~np.isin(features.clip_id, ["clip000", "clip024"])
    fewer = replace(
        features,
        values=features.values[kept],
        mask=features.mask[kept],
        clip_id=features.clip_id[kept],
        tte_s=features.tte_s[kept],
        label=features.label[kept],
    )
    prepared = prepare(fewer, splits, None)
    assert len(prepared.train.label) == 23
    assert len(prepared.validation.label) == 33


def test_the_digest_names_features_clips_and_components(make_world):
    features, splits = make_world()
    digest = prepare(features, splits, 4).digest
    assert prepare(features, splits, 4).digest == digest
    assert prepare(features, splits, 3).digest != digest
    assert prepare(replace(features, digest="other"), splits, 4).digest != digest


def test_a_split_of_one_class_is_refused(make_world):
    features, splits = make_world()
    clips = splits["clips"]
    splits["clips"] = {**clips, "validation": clips["validation"][::2]}
    with pytest.raises(
        InputError, match="validation split holds no window of the class 'collision'"
    ):
        prepare(features, splits, None)


def test_an_empty_split_is_refused(make_world):
    features, splits = make_world()
    splits["clips"]["test"] = []
    with pytest.raises(InputError, match="test split holds no windows"):
        prepare(features, splits, None)


def test_a_clip_in_two_splits_is_refused(make_world):
    features, splits = make_world()
    splits["clips"]["test"].append("clip000")
    with pytest.raises(InputError, match="clip000 is listed twice"):
        prepare(features, splits, None)


def test_a_clip_without_one_of_the_times_is_refused(make_world):
    features, splits = make_world()
    kept = np.arange(len(features.label)) != 4
    fewer = replace(
        features,
        values=features.values[kept],
        mask=features.mask[kept],
        clip_id=features.clip_id[kept],
        tte_s=features.tte_s[kept],
        label=features.label[kept],
    )
    with pytest.raises(InputError, match="training clip clip001 does not have one window"):
        prepare(fewer, splits, None)


def test_features_that_are_not_finite_are_refused(make_world):
    features, splits = make_world()
    features.values[7, 2, 1] = np.nan
    with pytest.raises(InputError, match="backbone flow: clip clip002 has values"):
        prepare(features, splits, None)


def with_padding(features, rows, frames, filler):
    """The first frames of some windows are padding that holds anything."""
    values, mask = features.values.copy(), features.mask.copy()
    values[rows, :frames] = filler
    mask[rows, :frames] = False
    return replace(features, values=values, mask=mask)


@pytest.mark.parametrize("components", [4, None])
def test_nothing_of_padding_reaches_the_fit_or_a_model(make_world, components):
    features, splits = make_world()
    rows = np.arange(0, len(features.label), 2)
    zeros, large = (
        prepare(with_padding(features, rows, 3, filler), splits, components) for filler in (0, 900)
    )
    for split in ("train", "validation", "test"):
        one, other = getattr(zeros, split), getattr(large, split)
        assert np.array_equal(one.values, other.values)
        assert np.array_equal(one.mask, other.mask)
        assert not one.values[~one.mask].any()
        assert not one.mask.all()
    if components is None:
        real = zeros.train.values[zeros.train.mask]
        assert np.allclose(real.mean(0), 0, atol=1e-6)
        assert np.allclose(real.std(0), 1, atol=1e-5)


def test_a_window_of_padding_alone_is_refused(make_world):
    features, splits = make_world()
    with pytest.raises(InputError, match="clip clip001 has a window of padding alone"):
        prepare(with_padding(features, [4], 8, 0), splits, None)


def test_test_clips_may_have_one_time_each(make_world):
    """Nexar's test clips end 0.5, 1.0 or 1.5 s before the event, and hold one window."""
    features, splits = make_world()
    numbers = np.array([int(clip[4:]) for clip in features.clip_id])
    kept = (numbers < 36) | (features.tte_s == np.array([0.5, 1.0, 1.5])[numbers // 2 % 3])
    fewer = replace(
        features,
        **{n: getattr(features, n)[kept] for n in ("values", "mask", "clip_id", "tte_s", "label")},
    )
    prepared = prepare(fewer, splits, None)
    assert len(prepared.test.label) == 12
    assert sorted(set(prepared.test.tte_s)) == [0.5, 1.0, 1.5]
    gone = replace(
        fewer, label=np.where((numbers[kept] >= 36) & (fewer.tte_s == 1.0), 0, fewer.label)
    )
    with pytest.raises(InputError, match="test split holds no window of the class 'collision' 1 s"):
        prepare(gone, splits, None)
