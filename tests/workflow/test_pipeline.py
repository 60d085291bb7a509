"""The whole pipeline, from H.264 files to the report, as a user runs it."""

import copy
import csv
import json
import re
import subprocess
import sys

import pandas as pd
import pytest

from workflow.campaign import CONFIG, NO_TRANSFER, ROOT, Campaign, copy_of, run_campaign
from workflow.kill_moments import draw_moments, run_through


def test_a_run_ends_with_a_report_that_calls_the_clips_synthetic(tiny):
    page = (tiny.folder / "results/report/index.html").read_text()
    assert "synthetic" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for name in ("variance.json", "convergence.json", "dynamics.json", "validity.json"):
        json.loads((tiny.folder / "results/tiny/analysis" / name).read_text())


def test_every_arm_has_a_row_for_every_slot(tiny):
    for arm, seed, expected in (
        ("designed", 1, 20),
        ("random", 1, 3),
        ("random", 2, 3),
        ("evolution", 1, 9),
    ):
        ledger = pd.read_parquet(tiny.folder / f"results/tiny/arms/{arm}/seed{seed}/ledger.parquet")
        assert len(ledger) == expected
        assert (ledger["status"] == "ok").all()
        assert ledger[["val_map", "test_map", "val_logloss"]].notna().all(axis=None)


def test_the_best_configuration_is_trained_again_with_every_backbone(tiny):
    folder = tiny.folder / "results/tiny"
    results = pd.read_parquet(folder / "transfer/results.parquet")
    assert len(results) == 2 * 2
    assert results.groupby("backbone")["seed"].apply(frozenset).nunique() == 1
    clips = pd.read_parquet(folder / "transfer/clip_scores.parquet")
    assert set(clips["experiment_id"]) == set(results["experiment_id"])
    document = json.loads((folder / "analysis/transfer.json").read_text())
    (gap,) = document["transfer"]["gaps"]
    assert gap["n_pairs"] == 2
    assert gap["over_clips"]["kind"] == "95 % percentile bootstrap over 6 clips"
    assert not (folder / "transfer/journal.jsonl").exists()
    assert not (folder / "transfer/test_scores").exists()


def test_equal_work_has_equal_scores_in_every_arm(tiny):
    ledgers = [pd.read_parquet(p) for p in tiny.folder.glob("results/tiny/arms/*/*/ledger.parquet")]
    rows = pd.concat(ledgers)
    assert (rows.groupby("experiment_id")["val_map"].nunique() == 1).all()


def test_a_second_run_has_nothing_to_do(tiny, tmp_path):
    done = copy_of(tiny, tmp_path / "copy").snakemake()
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_proposal_can_only_read_earlier_validation_and_the_space(tiny, tmp_path):
    summary = copy_of(tiny, tmp_path / "copy").snakemake("--detailed-summary").stdout
    rows = list(csv.DictReader(summary.splitlines(), delimiter="\t"))
    every = [row for row in rows if row["output_file"].endswith("proposals.jsonl")]
    proposals = [row for row in every if row["output_file"].startswith("results/tiny/arms/")]
    assert (len(proposals), len(every)) == (6, 7)
    for row in proposals:
        for path in row["input-file(s)"].split(","):
            assert path.endswith(("/validation.parquet", "space.yaml")), path
    ids = set(json.loads((tiny.folder / "results/tiny/splits.json").read_text())["clips"]["test"])
    for path in tiny.folder.glob("results/tiny/arms/*/*/*/validation.parquet"):
        table = pd.read_parquet(path)
        assert not [name for name in table.columns if "test" in name]
        assert not ids & set(table.select_dtypes("str").to_numpy().ravel())


def test_nexars_layout_and_a_generic_manifest_run_unchanged(nexar_folder, tmp_path):
    """The same clips by two doors: everything behind the manifest has to come out the same."""
    table = pd.read_csv(nexar_folder / "train.csv", dtype=str, keep_default_na=False)
    manifest = pd.DataFrame(
        {
            "clip_id": table["id"],
            "path": "train/" + table["id"] + ".mp4",
            "label": table["target"],
            "event_time_s": table["time_of_event"],
            "alert_time_s": table["time_of_alert"],
        }
    )
    manifest.to_csv(nexar_folder / "manifest.csv", index=False)
    sources = {
        "nexar": {"source": "nexar", "folder": str(nexar_folder)},
        "csv": {"source": "csv", "file": str(nexar_folder / "manifest.csv")},
    }
    made = {}
    ledger = "arms/random/seed1/ledger.parquet"
    for name, source in sources.items():
        config = copy.deepcopy(CONFIG) | {"tasks": {"mine": source}} | NO_TRANSFER
        config["arms"] = {"random": CONFIG["arms"]["random"]}
        campaign = run_campaign(tmp_path / name, config, f"results/mine/{ledger}")
        made[name] = campaign.folder / "results/mine"
    for part in ("splits.json", ledger):
        ledgers = [(folder / part) for folder in made.values()]
        if part.endswith("json"):
            assert ledgers[0].read_bytes() == ledgers[1].read_bytes()
        else:
            pd.testing.assert_frame_equal(*map(pd.read_parquet, ledgers))


def test_a_task_of_three_classes_with_windows_of_its_own_runs_to_the_report(nexar_folder, tmp_path):
    """Pictures and videos, three classes, short clips that are padded, two shards."""
    table = pd.read_csv(nexar_folder / "train.csv", dtype=str, keep_default_na=False)
    rows = [
        {
            "clip_id": clip["id"],
            "path": f"train/{clip['id']}.mp4",
            "label": ("still", "left", "right")[number % 3],
            "event_time_s": 2.0 + number / 100,
            "alert_time_s": "",
            "group": f"g{number // 2}",
        }
        for number, clip in enumerate(table.to_dict("records"))
    ]
    pd.DataFrame(rows).to_csv(nexar_folder / "three.csv", index=False)
    windows = {"frames": 6, "rate_hz": 4.0, "tte_s": [0.5, 1.0], "height": 64, "width": 64}
    task = {
        "source": "csv",
        "file": str(nexar_folder / "three.csv"),
        "classes": ["still", "left", "right"],
        "windows": windows,
    }
    config = copy.deepcopy(CONFIG) | {"tasks": {"three": task}, "clips_per_shard": 14} | NO_TRANSFER
    config["arms"] = {"random": CONFIG["arms"]["random"]}
    campaign = run_campaign(tmp_path, config)
    assert "synthetic" not in (campaign.folder / "results/report/index.html").read_text()
    index = pd.read_parquet(campaign.folder / "results/three/clips/windows.parquet")
    assert len(index) == 2 * len(table)
    assert index["real_frames"].min() < 6
    assert list(index["window"]) == list(range(len(index)))
    ledger = pd.read_parquet(campaign.folder / "results/three/arms/random/seed1/ledger.parquet")
    assert ledger["test_map"].between(0.1, 1).all()
    assert ledger["val_accuracy"].between(0, 1).all()
    assert "val_ap_at_1.0s" in ledger
    assert "val_ap_at_1.5s" not in ledger
    splits = json.loads((campaign.folder / "results/three/splits.json").read_text())["clips"]
    of = {clip: split for split, clips in splits.items() for clip in clips}
    groups = (
        pd.DataFrame(rows).groupby("group")["clip_id"].agg(lambda ids: len({of[i] for i in ids}))
    )
    assert (groups == 1).all()
    assert not list(campaign.folder.glob("results/three/clips/shards/*"))


def test_a_run_killed_at_random_moments_ends_with_the_same_files(tiny, campaign):
    moments = draw_moments(tiny, kills=3, seed=24)
    finished = run_through(campaign, tiny, moments)
    assert max(finished) > len(tiny.files()) / 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sed": 3}, "config: sed: unknown key; did you mean seed."),
        ({"space": "unknown_backbone.yaml"}, "frame_diference"),
        ({"space": "missing.yaml"}, "missing.yaml does not exist"),
    ],
)
def test_a_wrong_config_fails_before_the_first_job(tmp_path, change, sentence):
    campaign = Campaign(tmp_path)
    campaign.write_config({**CONFIG, **change})
    text = (tmp_path / "space.yaml").read_text().replace("frame_difference", "frame_diference")
    (tmp_path / "unknown_backbone.yaml").write_text(text)
    done = campaign.snakemake()
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


def test_the_default_config_plans_both_tasks_and_all_arms(tmp_path):
    snakefile = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *snakefile, "--cores", "1", "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))
    assert jobs["generate_clips"] == "2"
    assert jobs["extract_features"] == "8"
    assert jobs["extract_network"] == "2"
    assert jobs["prepare_features"] == "12"
    # By task: designed and random in one round, tpe and evolution in three; then the model's three.
    assert jobs["propose_round"] == str(2 * (1 + 1 + 3 + 3))
    assert jobs["ask_agents"] == str(2 * 3)
    assert jobs["train_round"] == str(2 * (1 + 1 + 3 + 3 + 3))
    assert (jobs["analyse_validity"], jobs["compare_tasks"]) == ("2", "1")
