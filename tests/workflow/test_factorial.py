"""A factorial as a user measures it: complete, resumable, equal to cells that are trained alone."""

import shutil

import numpy as np
import pandas as pd
import pytest

from dashsearch.config.validation import validate_config
from dashsearch.factorial import FactorialBenchmark
from dashsearch.factorial.plan import FactorialPlan
from dashsearch.files import read_json
from dashsearch.space.files import load_space
from dashsearch.training.proposals import train_proposals
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.store import PreparedFiles
from workflow.campaign import CONFIG, ROOT, Campaign, copy_of

FACTORIAL = {
    "part": "few",
    "levels": {"learning_rate": [0.003, 0.01]},
    "fidelities": [0.5],
    "seeds": 3,
    "uniform": 6,
    "best": 4,
    "cells_per_shard": 20,
}


@pytest.fixture(scope="module")
def measured(tiny, tmp_path_factory):
    """The tiny campaign's features, and what a factorial of them came to."""
    campaign = copy_of(tiny, tmp_path_factory.mktemp("factorial") / "copy")
    campaign.write_config(CONFIG | {"factorial": FACTORIAL})
    done = campaign.snakemake("factorial")
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign


def test_every_cell_was_measured_and_some_with_more_seeds(measured):
    benchmark = FactorialBenchmark.load(measured.folder / "results/tiny/factorial/table.parquet")
    assert benchmark.space.size == 32 and benchmark.coverage == 1
    assert benchmark.fidelities == (1, 2)
    chosen = read_json(measured.folder / "results/tiny/factorial/replicates.json")
    again = sorted(chosen["uniform"] + chosen["best"])
    assert list(np.flatnonzero(benchmark.seeds > 1)) == again and len(chosen["uniform"]) == 6
    assert set(benchmark.seeds[again]) == {3}
    table = pd.read_parquet(measured.folder / "results/tiny/factorial/table.parquet")
    assert len(table) == 2 * 32 + 2 * len(again)
    values = np.load(measured.folder / "results/factorial/metrics.npy", mmap_mode="r")
    assert values.shape[:4] == (1, 32, 3, 2)


def test_the_exact_shares_of_the_table_add_up(measured):
    document = read_json(measured.folder / "results/tiny/factorial/functional_anova.json")
    for score in document["scores"].values():
        orders = [each["share"] for each in score["whole"]["shares"] if each["role"] == "order"]
        assert sum(orders) == pytest.approx(1, abs=1e-9)
        assert score["whole"]["noise"]["cells"] == FACTORIAL["uniform"]


def test_cells_that_are_measured_alone_have_the_scores_of_the_table(measured, tmp_path):
    benchmark = FactorialBenchmark.load(measured.folder / "results/tiny/factorial/table.parquet")
    config = validate_config(CONFIG)
    settings = TrainerSettings.of(config["training"])
    plan = FactorialPlan(benchmark.space, "tiny", config["seed"], settings.identity)
    space = load_space(measured.folder / "space.yaml")
    prepared = measured.folder / "results/tiny/prepared"
    files = PreparedFiles({b: prepared / f"{b}.h5" for b in space.factor("backbone").levels})
    for cell in (0, 13, 31):
        ledger = train_proposals(
            [plan.cells()[cell]],
            benchmark.space,
            files,
            settings,
            journal=tmp_path / f"{cell}.jsonl",
            tte_s=benchmark.table.tte_s,
            resources=Resources.of(config["training"], 1),
        ).tables.ledger()
        for name, scores in benchmark.query(cell).scores.items():
            assert ledger[name][0] == pytest.approx(scores[0], abs=1e-6, nan_ok=True)


def test_a_second_run_measures_nothing(measured):
    again = measured.snakemake("factorial", "--dry-run")
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"levels": {"learning_rate": [0.5]}}, "factor learning_rate: 0.5 is not a level"),
        ({"fidelities": [1.0]}, "factorial.fidelities"),
    ],
)
def test_a_wrong_part_fails_before_the_first_job(campaign, change, sentence):
    campaign.write_config(CONFIG | {"factorial": FACTORIAL | change})
    done = campaign.snakemake("factorial", "--dry-run")
    assert done.returncode != 0 and sentence in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("preset", "target", "rule"),
    [("factorial", "factorial", "measure_replicates"), ("tables", "all", "search_table")],
)
def test_the_presets_plan_what_they_say(tmp_path, preset, target, rule):
    path = ROOT / f"resources/presets/{preset}.yaml"
    shutil.copy(path, tmp_path / "config.yaml")
    done = Campaign(tmp_path).snakemake(target, "--dry-run", "--quiet", "progress")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rule in done.stdout + done.stderr
