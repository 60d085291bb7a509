import numpy as np
import pytest
from scipy import stats

from dashsearch.analysis.inference.intervals import log10_f_sf, log10_f_sf_series


@pytest.mark.parametrize(("f", "between", "within"), [(3, 2, 20), (9, 29, 400), (30, 11, 99_000)])
def test_the_series_of_an_upper_tail_is_the_tail(f, between, within):
    tail = stats.f.sf(f, between, within)
    assert log10_f_sf_series(f, between, within) == pytest.approx(np.log10(tail), rel=1e-9)


def test_the_logarithm_of_p_is_finite_at_a_million_rows_and_falls_without_a_jump():
    f = np.linspace(50, 60_000, 400)
    logs = np.array([log10_f_sf(each, 29, 1_000_000) for each in f])
    assert np.isfinite(logs).all() and (np.diff(logs) < 0).all()
    assert logs[-1] < -100_000
    around = np.array([log10_f_sf(each, 29, 1_000_000) for each in np.linspace(48, 54, 60)])
    assert around[0] > -290 > around[-1] and np.abs(np.diff(around, 2)).max() < 0.01
