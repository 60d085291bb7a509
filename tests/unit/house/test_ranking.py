"""Rankings of many models at once are scikit-learn's; intervals cover what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from dashsearch.ranking import (
    areas_under_curve,
    average_precisions,
    resampled_average_precisions,
)
from dashsearch.training.metrics import REPLICATES, resample_clips, score_stack


@st.composite
def stacks(draw):
    count = draw(st.integers(2, 30))
    models = draw(st.integers(1, 5))
    positive = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    positive[:2] = (True, False)
    values = st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 0.9])
    rows = st.lists(values, min_size=count, max_size=count)
    return positive, np.array(draw(st.lists(rows, min_size=models, max_size=models)))


@given(stacks())
def test_every_row_is_scikit_learns(world):
    positive, scores = world
    precision = [reference.average_precision_score(positive, row) for row in scores]
    assert average_precisions(positive, scores) == pytest.approx(precision, rel=1e-12)
    area = [reference.roc_auc_score(positive, row) for row in scores]
    assert areas_under_curve(positive, scores) == pytest.approx(area, rel=1e-12)


@given(stacks(), st.integers(0, 99))
def test_a_replicate_is_the_score_of_the_windows_drawn(world, seed):
    positive, scores = world
    counts = np.random.default_rng(seed).integers(0, 3, (6, len(positive)))
    counts[:, 0] = 1
    found = resampled_average_precisions(positive, scores[0], counts)
    for row, drawn in zip(found, counts, strict=True):
        expected = reference.average_precision_score(positive, scores[0], sample_weight=drawn)
        assert row == pytest.approx(expected, rel=1e-12)


def test_a_replicate_without_positives_has_no_score():
    found = resampled_average_precisions(np.array([True, False]), np.ones(2), np.array([[0, 2]]))
    assert np.isnan(found).all()


def test_clips_are_drawn_whole_and_within_their_class():
    clips = np.repeat([f"c{n}" for n in range(10)], 3)
    label = np.repeat([0, 0, 0, 0, 1, 1, 1, 1, 1, 1], 3)
    counts = resample_clips(label, clips)
    assert counts.shape == (REPLICATES, 30)
    by_clip = counts.reshape(REPLICATES, 10, 3)
    assert (by_clip == by_clip[:, :, :1]).all()
    assert (by_clip[:, :4, 0].sum(axis=1) == 4).all()
    assert (by_clip[:, 4:, 0].sum(axis=1) == 6).all()
    assert counts.mean(axis=0) == pytest.approx(1.0, abs=0.15)
    assert np.array_equal(counts, resample_clips(label, clips))


def test_the_interval_covers_the_score_of_the_population():
    generator = np.random.default_rng(0)

    def sample(count):
        label = np.arange(count) % 2
        return label, 1 / (1 + np.exp(-generator.normal(1.2 * label)))

    label, probability = sample(200_000)
    truth = average_precisions(label == 1, probability[None])[0]
    covered = 0
    for _ in range(200):
        label, probability = sample(120)
        ids = np.array([f"c{n}" for n in range(120)])
        (scores,) = score_stack(label, probability[None], np.ones(120), ids)
        covered += scores.map_low <= truth <= scores.map_high
    # 95 % of 200 with a standard deviation of 3; the percentile interval is a little short.
    assert 178 <= covered <= 199


def test_multi_class_columns_are_scikit_learns():
    generator = np.random.default_rng(1)
    label = np.arange(60) % 3
    probability = generator.dirichlet(np.ones(3), size=(2, 60))
    ids = np.array([f"c{n}" for n in range(60)])
    for row, scores in zip(
        probability, score_stack(label, probability, np.ones(60), ids), strict=True
    ):
        expected = reference.roc_auc_score(label, row, multi_class="ovr")
        assert scores.auc == pytest.approx(expected)
        truth = np.eye(3)[label]
        assert scores.brier == pytest.approx(((row - truth) ** 2).sum(axis=1).mean())
        assert scores.map_low <= scores.map <= scores.map_high
