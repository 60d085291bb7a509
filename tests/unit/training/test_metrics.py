"""Scores agree with scikit-learn to rounding, ties included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from dashsearch.training.metrics import accuracy, average_precision, log_loss, score_split

CLIPS = np.array(["a", "b", "a", "c", "d", "e"])
few_values = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0])
any_value = st.floats(0, 1, allow_nan=False)


@st.composite
def labelled_scores(draw, values):
    pairs = draw(st.lists(st.tuples(st.integers(0, 1), values), min_size=1, max_size=60))
    label, score = (np.array(column) for column in zip(*pairs, strict=True))
    label[draw(st.integers(0, len(label) - 1))] = 1
    return label, score


@given(labelled_scores(few_values))
def test_average_precision_is_scikit_learns_under_heavy_ties(world):
    label, score = world
    expected = reference.average_precision_score(label, score)
    assert average_precision(label, score) == pytest.approx(expected, rel=1e-12)


@given(labelled_scores(any_value))
def test_average_precision_is_scikit_learns_on_any_scores(world):
    label, score = world
    expected = reference.average_precision_score(label, score)
    assert average_precision(label, score) == pytest.approx(expected, rel=1e-12)


@given(labelled_scores(any_value))
def test_log_loss_is_scikit_learns(world):
    label, score = world
    ours = log_loss(label, score)
    assert ours == pytest.approx(reference.log_loss(label, score, labels=[0, 1]), rel=1e-12)


def test_perfect_tied_and_reversed_scores_have_known_average_precision():
    assert average_precision([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == 1.0
    assert average_precision([0, 1, 0, 1], [0.5] * 4) == 0.5
    assert average_precision([1, 0, 0, 0], [0.1, 0.2, 0.3, 0.4]) == 0.25


@given(labelled_scores(few_values), st.randoms(use_true_random=False))
def test_order_of_windows_does_not_matter(world, random):
    label, score = world
    order = list(range(len(label)))
    random.shuffle(order)
    assert average_precision(label[order], score[order]) == average_precision(label, score)


def test_map_is_the_mean_of_the_ap_at_each_tte():
    label = np.array([0, 1, 0, 1, 1, 0])
    score = np.array([0.2, 0.8, 0.9, 0.3, 0.6, 0.6])
    tte_s = np.array([0.5, 0.5, 1.0, 1.0, 1.5, 1.5])
    scores = score_split(label, score, tte_s, CLIPS)
    assert scores.ap_at == {0.5: 1.0, 1.0: 0.5, 1.5: 0.5}
    assert scores.map == pytest.approx(2 / 3)
    assert scores.ap == pytest.approx(reference.average_precision_score(label, score))
    assert scores.auc == pytest.approx(reference.roc_auc_score(label, score))
    assert scores.brier == pytest.approx(reference.brier_score_loss(label, score))
    assert scores.logloss == pytest.approx(reference.log_loss(label, score))


@pytest.mark.parametrize(
    ("label", "score", "sentence"),
    [
        ([0, 0], [0.1, 0.2], "no window has label 1"),
        ([0, 2], [0.1, 0.2], "not one of 0 to 1"),
        ([0, 1], [0.1, np.nan], "not finite"),
        ([0, 1], [0.1], "one score a label"),
    ],
)
def test_scores_that_mean_nothing_are_refused(label, score, sentence):
    with pytest.raises(ValueError, match=sentence):
        average_precision(label, score)


def test_logits_are_no_probabilities():
    with pytest.raises(ValueError, match="not logits"):
        log_loss([0, 1], [-3.0, 3.0])


def test_a_tte_without_positive_windows_is_refused():
    with pytest.raises(ValueError, match="no window has label 1"):
        score_split([1, 0], [0.5, 0.5], [0.5, 1.0], ["a", "b"])


@st.composite
def many_classes(draw):
    """Labels of C classes, each at least once, and probabilities."""
    classes = draw(st.integers(3, 6))
    label = np.array([*range(classes), *draw(st.lists(st.integers(0, classes - 1), max_size=40))])
    scores = draw(
        st.lists(
            st.lists(st.floats(0.01, 1), min_size=classes, max_size=classes),
            min_size=len(label),
            max_size=len(label),
        )
    )
    return label, np.array(scores) / np.sum(scores, axis=1, keepdims=True)


@given(many_classes())
def test_many_class_scores_are_scikit_learns(world):
    label, probability = world
    one_hot = np.eye(probability.shape[1])[label]
    expected = reference.average_precision_score(one_hot, probability, average="macro")
    assert average_precision(label, probability) == pytest.approx(expected, rel=1e-12)
    expected = reference.log_loss(label, probability, labels=range(probability.shape[1]))
    assert log_loss(label, probability) == pytest.approx(expected, rel=1e-9)
    assert accuracy(label, probability) == reference.accuracy_score(label, probability.argmax(1))


@given(labelled_scores(few_values))
def test_binary_accuracy_is_scikit_learns(world):
    label, probability = world
    expected = reference.accuracy_score(label, probability >= 0.5)
    assert accuracy(label, probability) == expected


def test_a_class_without_windows_is_refused():
    with pytest.raises(ValueError, match="no window has label 2"):
        average_precision([0, 1], np.full((2, 3), 1 / 3))
    with pytest.raises(ValueError, match="not one of 0 to 2"):
        average_precision([0, 1, 2, 3], np.full((4, 3), 1 / 3))
