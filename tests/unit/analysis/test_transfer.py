"""Transfer: planted gaps are found, and the clips' AP is scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from dashsearch.analysis.analyse import analyse_transfer
from dashsearch.analysis.inputs.clip_scores import clip_scores_of, mean_average_precisions
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.transfer import transfer_gaps
from dashsearch.errors import InputError
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog")),
        Factor("loss", "training", ("bce", "focal")),
    ),
)
SETTINGS = AnalysisSettings(bootstraps=99)


def results_of(rng, gap=0.1, noise=0.02, seeds=4):
    rows = [
        {
            "experiment_id": f"{cell}-{seed}", "task": "t", "arm": "transfer", "arm_seed": 1,
            "cell": cell, "seed": seed, "fidelity": 1.0, "status": "ok", "reason": "",
            "source": "transfer", "kind": "base" if cell < 2 else "sweep", **SPACE.cell(cell),
            "val_map": 0.7, "test_map": 0.7 - gap * (cell > 1) + noise * rng.normal(),
        }
        for cell in range(4)
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_intervals_over_seeds_cover_the_planted_gap():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(200):
        (gap,) = transfer_gaps(results_of(rng), SPACE, SETTINGS, None).gaps
        covered += gap.over_seeds.interval.low <= 0.1 <= gap.over_seeds.interval.high
    # 95 % of 200 with a margin of four standard errors.
    assert 178 <= covered <= 200


def test_a_failed_experiment_leaves_its_pair_out_and_is_counted():
    results = results_of(np.random.default_rng(2))
    results.loc[0, ["val_map", "test_map"]] = np.nan
    results.loc[0, ["status", "reason"]] = ["diverged", "not finite"]
    document = analyse_transfer(results, SPACE, SETTINGS, None).documents["transfer.json"]
    assert document["n_failed"] == 1
    assert document["transfer"]["gaps"][0]["n_pairs"] == 7
    assert document["transfer"]["gaps"][0]["over_clips"] is None


def test_scores_by_clip_give_scikit_learns_precision_with_ties():
    rng = np.random.default_rng(3)
    label, score = np.arange(30) % 2, rng.integers(0, 5, 30) / 4
    frame = pd.DataFrame(
        {"experiment_id": "a", "clip_id": [f"c{n:02d}" for n in range(30)], "tte_s": 0.5,
         "label": label, "score": score}
    )  # fmt: skip
    clips = clip_scores_of(frame.sample(frac=1, random_state=1), "f")
    found = mean_average_precisions(clips, ["a"], np.ones((1, 30), dtype=np.int64))
    assert found[0, 0] == pytest.approx(average_precision_score(label, score), rel=1e-12)
    with pytest.raises(InputError, match="is empty"):
        clip_scores_of(frame.iloc[:0], "f")
