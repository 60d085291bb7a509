"""Dropout drops the stated share, keeps the mean, and sleeps in evaluation."""

import pytest
import torch

from dashsearch.training.dropout import Dropout


def test_the_stated_share_is_dropped_and_the_mean_is_kept():
    torch.manual_seed(0)
    dropped = Dropout(0.3)(torch.ones(400, 501))
    share = (dropped == 0).double().mean().item()
    assert share == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 200_400) ** 0.5)
    assert dropped.max().item() == pytest.approx(1 / 0.7, rel=1e-4)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)


def test_neighbouring_units_are_dropped_independently():
    torch.manual_seed(1)
    kept = (Dropout(0.5)(torch.ones(100_000)) > 0).double() - 0.5
    for lag in (1, 2, 3, 4):
        assert abs((kept[lag:] * kept[:-lag]).mean().item()) < 4 * 0.25 / 100_000**0.5


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 5, 7)])
def test_any_shape_is_kept(shape):
    assert Dropout(0.5)(torch.ones(shape)).shape == shape


def test_evaluation_and_zero_probability_change_nothing():
    x = torch.randn(5, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_a_probability_of_one_is_refused():
    with pytest.raises(ValueError, match="not in"):
        Dropout(1.0)
