import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from dashsearch.analysis.convergence.change_point import change_points
from dashsearch.analysis.convergence.growth_laws import start_sensitivity
from dashsearch.analysis.convergence.segmentation import segment, smallest_penalty
from dashsearch.analysis.results import TooFewScores
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space

SPACE = Space("two", (Factor("backbone", "architecture", ("flow", "hog")),
                      Factor("loss", "training", ("bce", "focal"))))  # fmt: skip
SETTINGS = AnalysisSettings(permutations=199, bootstraps=99)


def run(noise, shift=0.0, at=0, **columns):
    n = len(noise)
    cells = np.arange(n) % 4
    scores = 0.5 + 0.1 * (cells >= 2) + noise + shift * (np.arange(n) >= at)
    return pd.DataFrame({"arm": "agents", "arm_seed": 1, "cell": cells, "val_map": scores,
                         **columns})  # fmt: skip


def test_a_planted_shift_is_found_near_its_place():
    rows = run(np.random.default_rng(1).normal(scale=0.02, size=400), 0.05, 200)
    found = change_points(rows, SPACE, SETTINGS)
    assert found.p <= 0.01 and len(found.found) == 1
    change = found.found[0]
    assert abs(change.n - 200) <= 2 * found.block
    assert change.interval.low <= 200 <= change.interval.high
    assert change.shift_interval.low <= 0.05 <= change.shift_interval.high


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_without_a_change_alarms_come_at_about_the_nominal_rate(rho):
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(100):
        noise = rng.normal(scale=0.02, size=300)
        for place in range(1, 300):
            noise[place] += rho * noise[place - 1]
        alarms += bool(change_points(run(noise), SPACE, SETTINGS).found)
    assert binomtest(alarms, 100, 0.05, alternative="greater").pvalue > 0.001


def test_columns_of_commits_and_dates_declare_regimes():
    noise = np.random.default_rng(3).normal(scale=0.02, size=300)
    commits = ["a"] * 100 + ["b"] * 200
    dates = ["2026-02-27"] * 200 + ["2026-03-04"] * 100
    rows = run(noise, 0.06, 100, code_sha=commits, code_date=dates)
    found = change_points(rows, SPACE, SETTINGS, regimes=("code_sha", "code_date"))
    mended, idle = found.declared
    assert (mended.n, idle.n) == (100, 200)
    assert mended.p <= 0.01 and mended.shift_interval.low <= 0.06 <= mended.shift_interval.high
    assert idle.p > 0.05
    with pytest.raises(InputError, match="'data_sha'"):
        change_points(rows, SPACE, SETTINGS, regimes=("data_sha",))


def test_proposals_that_could_not_run_count_where_a_change_is():
    noise = np.random.default_rng(3).normal(scale=0.02, size=300)
    rows = run(noise, 0.06, 100, code_sha=["a"] * 100 + ["b"] * 200)
    invalid = rows.head(7).assign(cell=-1, val_map=np.nan)
    first = change_points(rows, SPACE, SETTINGS, regimes=("code_sha",))
    later = change_points(pd.concat([invalid, rows]), SPACE, SETTINGS, regimes=("code_sha",))
    assert [change.n for change in later.declared] == [107]
    assert later.found[0].n == first.found[0].n + 7


def test_a_declared_change_at_the_edge_says_why_it_has_no_p():
    rows = run(np.random.default_rng(4).normal(size=100) / 50)
    edge = change_points(rows, SPACE, SETTINGS, positions=(1,)).declared[0]
    assert np.isnan(edge.p) and "either side needs" in edge.reason


def test_a_short_run_is_refused():
    with pytest.raises(TooFewScores, match="50 that differ"):
        change_points(run(np.zeros(20)), SPACE, SETTINGS)


def test_the_exponent_is_fitted_again_behind_a_change():
    rows = run(np.random.default_rng(5).normal(scale=0.02, size=200), 0.2, 90)
    table = start_sensitivity(rows, SETTINGS, [90])
    assert [row.start for row in table] == [0, 20, 40, 60, 80, 90, 100]
    assert table[0].n == 200 and table[5].n == 110


def test_the_smallest_penalty_is_where_the_exact_search_stops_finding_changes():
    series = np.random.default_rng(6).normal(size=(20, 40))
    for row, penalty in zip(series, smallest_penalty(series), strict=True):
        assert segment(row, penalty) == []
        assert segment(row, penalty * 0.999) != []
