"""A campaign in the formats of other programs, as a user makes them."""

import optuna
import pandas as pd
import pytest

from dashsearch.exports.studies import open_studies
from workflow.campaign import Campaign, copy_of


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    campaign = copy_of(tiny, tmp_path_factory.mktemp("exports") / "copy")
    done = campaign.snakemake("exports")
    assert done.returncode == 0, done.stdout + done.stderr
    return campaign.folder / "results/tiny"


def test_every_run_is_a_study_with_its_experiments(exported):
    studies = {s.study_name: s for s in open_studies(exported / "exports/studies.journal")}
    assert set(studies) == {
        f"tiny/{run}"
        for run in ("designed/seed1", "random/seed1", "random/seed2", "evolution/seed1")
    }
    ledger = pd.read_parquet(exported / "arms/evolution/seed1/ledger.parquet")
    trials = studies["tiny/evolution/seed1"].trials
    assert [t.user_attrs["experiment_id"] for t in trials] == list(ledger["experiment_id"])
    assert [t.value for t in trials] == list(ledger["val_map"])
    # Optuna's own plots take them as they are.
    optuna.visualization.matplotlib.plot_optimization_history(studies["tiny/evolution/seed1"])


def test_the_flat_ledger_holds_all_arms(exported):
    flat = pd.read_parquet(exported / "exports/ledger/ledger.parquet")
    assert len(flat) == 20 + 2 * 3 + 9 and flat["train_duration_s"].gt(0).any()
    assert (exported / "exports/deepcave/random-seed2/history.jsonl").is_file()
    assert (exported / "exports/configspace.json").is_file()


def test_snakemakes_own_report_holds_the_page_the_figures_and_the_tables(exported):
    campaign = Campaign(exported.parents[1])
    done = campaign.snakemake("--report", "results/report/snakemake.html")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("index.html", "tiny-shares.svg", "tiny-arms.csv", "contact_sheet.png"):
        assert f"Adding {name}" in done.stdout + done.stderr
    assert (campaign.folder / "results/report/snakemake.html").stat().st_size > 1e6
