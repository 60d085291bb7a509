"""Parts of the page that have answers of their own: clips, clock, thinning, proposals over time."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashsearch.report.clips import choose_examples
from dashsearch.report.clock import arm_costs, rule_durations, without_clock
from dashsearch.report.dynamics import proposed_shares
from dashsearch.report.experiments import experiment_chart, thinned
from dashsearch.report.style import backbone_colours, duration
from dashsearch.report.task import numbered


def test_clips_are_told_by_the_threshold_that_calls_as_many_positive_as_there_are():
    mean = {"a": (1, 0.9), "b": (1, 0.3), "c": (0, 0.6), "d": (0, 0.1)}
    scores = pd.DataFrame(
        [
            {"experiment_id": e, "clip_id": clip, "tte_s": tte, "label": label,
             "score": score + (0.05 if tte == 0.5 else -0.05)}
            for clip, (label, score) in mean.items()
            for tte in (0.5, 1.5)
            for e in ("x", "y")
        ]
    )  # fmt: skip
    found = {example.clip_id: example for example in choose_examples(scores)}
    assert {clip: example.outcome for clip, example in found.items()} == {
        "a": "hit", "b": "miss", "c": "false alarm", "d": "rightly calm",
    }  # fmt: skip
    assert found["a"].tte_s == (1.5, 0.5) and found["a"].scores == pytest.approx((0.85, 0.95))
    assert found["a"].n == 2 and "0.95 at 0.5 s" in found["a"].curve


def test_clips_of_one_class_or_of_many_have_no_outcome():
    frame = pd.DataFrame({"experiment_id": ["x"], "clip_id": ["a"], "tte_s": [0.5], "label": [1]})
    assert choose_examples(frame.assign(score=0.5)) == []
    assert choose_examples(frame.assign(score_0=0.5, score_1=0.5)) == []


def test_durations_are_summed_by_rule(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    (tmp_path / "town/train").mkdir(parents=True)
    for name, line in (
        ("town/train/1.tsv", "2.5\t0:00:02\t100\t1\t1\t1\t1\t1\t50\t2.0\n"),
        ("town/train/2.tsv", "1.5\t0:00:01\t300\t1\t1\t1\t1\t1\t50\tNA\n"),
        ("report.tsv", "1.0\t0:00:01\t-\t-\t-\t-\t-\t-\t-\t-\n"),
    ):
        (tmp_path / name).write_text(header + line)
    assert rule_durations(tmp_path) == [
        {"rule": "train", "jobs": 2, "wall_s": 4.0, "cpu_s": 2.0, "peak_mb": 300.0},
        {"rule": "report", "jobs": 1, "wall_s": 1.0, "cpu_s": None, "peak_mb": None},
    ]


def test_costs_are_priced_only_where_there_is_a_price():
    frame = pd.DataFrame({"arm": ["a", "a"], "train_duration_s": [1800.0] * 2, "device": "gpu"})
    assert arm_costs(frame, 2.5)[0]["usd"] == 2.5
    assert arm_costs(frame, 0.0)[0]["usd"] is None


def test_only_what_is_between_the_marks_is_the_clocks():
    page = "a<!-- by the clock -->1\n2<!-- end of the clock -->b"
    assert without_clock(page) == "ab"


def test_thinning_keeps_every_new_best_and_about_as_many_as_asked_for():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"arm": "a", "arm_seed": 1, "n": np.arange(1, 2001), "val_map": rng.random(2000)}
    )
    kept = thinned(rows, "val_map", 100)
    records = rows.index[rows["val_map"] > rows["val_map"].cummax().shift(fill_value=-1)]
    assert set(records) <= set(kept.index) and 100 <= len(kept) <= 100 + len(records)
    assert thinned(rows, "val_map", 2000) is rows


def test_shares_of_what_was_proposed_add_up_and_follow_the_run():
    rows = pd.DataFrame(
        {"arm_seed": [1] * 8, "n": range(1, 9), "backbone": ["hog"] * 4 + ["hog", "flow"] * 2}
    )
    shares = proposed_shares(rows, bins=2)
    assert list(shares["hog"]) == [1.0, 0.5] and list(shares.sum(axis=1)) == [1, 1]
    assert list(shares.index) == [2.5, 6.5]


def test_runs_are_numbered_in_proposal_order_and_ideas_found_by_their_cell():
    ledger = pd.DataFrame(
        {"arm": ["a", "b", "a"], "arm_seed": 1, "round": [0, 0, 1], "cell": [3, 3, 4]}
    )
    found = numbered(ledger, {("a", 1, 1, 4): "wider"})
    assert list(found["n"]) == [1, 1, 2] and list(found["idea"]) == ["", "", "wider"]


def test_ten_thousand_experiments_make_a_chart_of_bounded_size(town):
    many = pd.concat([town.experiments] * 70, ignore_index=True)
    many["n"] = many.groupby(["arm", "arm_seed"]).cumcount() + 1
    chart = experiment_chart(replace(town, experiments=many), dict.fromkeys(town.arms, "#000000"))
    assert chart["of"] > 10_000 >= chart["n"] - 300
    assert len(chart["svg"]) + len(chart["data"]) < 2_000_000
    assert len(json.loads(chart["data"].replace("\\u003c", "<"))["rows"]) == chart["n"]


def test_a_backbone_has_one_colour_wherever_it_stands():
    assert backbone_colours(["hog", "mine"])["hog"] == backbone_colours(["flow", "hog"])["hog"]
    assert len(set(backbone_colours(["flow", "hog", "mine", "yours"]).values())) == 4


@pytest.mark.parametrize(("seconds", "text"), [(3.14, "3.1 s"), (200, "3.3 min"), (7200, "2.0 h")])
def test_durations_are_told_in_the_unit_that_fits(seconds, text):
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == text
