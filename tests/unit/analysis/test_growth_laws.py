import numpy as np
import pytest

from dashsearch.analysis.convergence.fitted_laws import fit_law
from dashsearch.analysis.convergence.growth_laws import compare_laws
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings

SETTINGS = AnalysisSettings(permutations=99, bootstraps=199)
N = np.arange(1.0, 401)
PLANTED = {
    "power": 0.9 - 0.5 * N**-0.6,
    "logarithmic": 0.3 + 0.05 * np.log(N),
    "exponential": 0.8 - 0.4 * np.exp(-0.02 * N),
    "logistic": 0.8 / (1 + 5 * np.exp(-0.03 * N)),
}


def seeds_of(curve, count=6, noise=0.004):
    shifts = np.random.default_rng(1).normal(scale=noise, size=count)
    return np.stack([curve + shift for shift in shifts])


@pytest.mark.parametrize("law", PLANTED)
def test_the_held_out_tail_picks_the_planted_law(law):
    found = compare_laws("agents", seeds_of(PLANTED[law]), SETTINGS)
    assert found.laws[0].law == law
    assert found.laws[0].tail_error < found.constant_error
    assert sum(fit.wins for fit in found.laws) + found.constant_wins == pytest.approx(1)


def test_a_planted_exponent_is_recovered_within_its_interval():
    rng = np.random.default_rng(2)
    curves = np.stack([
        0.9 - 0.5 * N ** -(0.6 + shift) for shift in rng.normal(scale=0.03, size=10)
    ])  # fmt: skip
    found = compare_laws("agents", curves, SETTINGS)
    assert found.c_interval.low <= 0.6 <= found.c_interval.high
    assert "10 seeds" in found.c_interval.kind
    power = next(fit for fit in found.laws if fit.law == "power")
    assert power.identified and power.parameters["a"] == pytest.approx(0.9, abs=0.01)
    assert all(fit.parameters.get("a", 0) <= 1 for fit in found.laws)


def test_a_fit_that_ends_on_a_bound_is_flagged():
    found = compare_laws("agents", seeds_of(0.2 + 0.12 * np.log(N), noise=0)[:1], SETTINGS)
    power = next(fit for fit in found.laws if fit.law == "power")
    assert "a = 1" in power.at_bound and not power.identified and not found.c_identified


def test_a_flat_curve_has_no_law():
    with pytest.raises(TooFewScores, match="does not rise"):
        compare_laws("agents", np.full((2, 100), 0.5), SETTINGS)


def test_every_law_fits_its_own_curve():
    for law, curve in PLANTED.items():
        fit = fit_law(law, N, curve[np.newaxis])
        assert fit.errors[0] / ((curve - curve.mean()) ** 2).sum() < 2e-3
