import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dashsearch.report import figures


@pytest.fixture
def axis():
    return Figure(figsize=(6, 4)).add_subplot()


def texts(axis):
    return [text.get_text() for text in axis.texts]


def test_bars_have_the_length_of_the_shares_and_chance_is_marked(axis, town):
    figures.draw_shares(axis, town.primary_shares)
    rows = [row for row in figures.share_rows(town.primary_shares) if row["value"] is not None]
    widths = [patch.get_width() for patch in axis.patches]
    assert widths == pytest.approx([max(row["value"], 0) for row in rows])
    ticks = {line.get_xdata()[0] for line in axis.lines if line.get_color() == "#b00020"}
    chances = {row["estimate"]["chance_level"] for row in rows if row["estimate"]}
    assert chances <= ticks


def test_every_pair_of_the_heat_map_shows_its_mean_and_n(axis, town):
    pairs = town.pair_means[town.pair_means["arm"] == "designed"]
    figures.draw_pairs(axis, pairs, "test_map")
    for _, row in pairs.iterrows():
        assert f"{row['mean_test_map']:.3f}" in texts(axis)
        assert f"n = {row['n']}" in texts(axis)


def test_an_unvisited_pair_is_a_dash_with_n_0(axis, town):
    pairs = town.pair_means[town.pair_means["arm"] == "designed"].copy()
    pairs.iloc[0, pairs.columns.get_loc("mean_test_map")] = np.nan
    pairs.iloc[0, pairs.columns.get_loc("n")] = 0
    figures.draw_pairs(axis, pairs, "test_map")
    assert "–" in texts(axis) and "n = 0" in texts(axis)


def test_every_arm_is_named_beside_its_line_without_overlap(axis, town):
    arms = town.convergence["arms"]
    colours = dict.fromkeys(town.arms, "#000000")
    figures.draw_best_so_far(axis, arms, "reported", colours, "test mAP")
    assert set(texts(axis)) == {"designed", "random", "evolution"}
    heights = sorted(label.xyann[1] for label in axis.texts)
    low, high = axis.get_ylim()
    assert min(np.diff(heights)) > 0.03 * (high - low)
    assert axis.get_xscale() == "log"


def test_an_arm_without_a_single_score_is_left_out(axis, town):
    arms = json.loads(json.dumps(town.convergence["arms"]))
    for curve in ("selection", "reported"):
        arms[0][curve]["mean"] = [None] * len(arms[0][curve]["mean"])
    figures.draw_best_so_far(axis, arms, "selection", dict.fromkeys(town.arms, "k"), "mAP")
    assert arms[0]["arm"] not in texts(axis)


def test_a_flat_curve_gets_no_power_law(axis, town):
    arms = json.loads(json.dumps(town.convergence["arms"]))
    for arm in arms:
        arm["power_law"] = {"a": 0.5, "b": 0.0, "c": 1.0, "r_squared": None}
    figures.draw_best_so_far(axis, arms, "selection", dict.fromkeys(town.arms, "k"), "mAP")
    assert {line.get_linestyle() for line in axis.lines} == {"-"}


def test_noise_beyond_all_variance_stays_on_the_axis_and_its_interval_does_not_stretch_it(
    axis, town
):
    arm = json.loads(json.dumps(town.primary_shares))
    arm["noise"] |= {"share": 1.4, "interval": {"low": 0.4, "high": 500.0}}
    for draw in (
        lambda axis: figures.draw_shares(axis, arm),
        lambda axis: figures.draw_shares_of_tasks(axis, [("town", arm)]),
    ):
        axis.clear()
        draw(axis)
        assert 1.4 < axis.get_xlim()[1] < 2


def test_runs_shorter_than_a_window_say_so(axis, town):
    runs = json.loads(json.dumps(town.dynamics["runs"]))
    for run in runs:
        for series in run["series"]:
            series["ends"], series["entropy_bits"] = [], []
    figures.draw_entropy(axis, runs, "architecture", {})
    assert texts(axis) == ["no run is as long as a window"]


def test_entropy_lines_are_those_of_the_table(axis, town):
    table = pd.read_csv(town.analysis_folder / "entropy.csv")
    figures.draw_entropy(axis, town.dynamics["runs"], "training", dict.fromkeys(town.arms, "k"))
    drawn = np.concatenate([line.get_ydata() for line in axis.lines if len(line.get_xdata()) > 2])
    expected = table[table["group"] == "training"]["entropy_bits"]
    assert set(expected) <= set(drawn) | set(
        np.concatenate([line.get_ydata() for line in axis.lines])
    )
