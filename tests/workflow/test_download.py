"""`snakemake download`: a hosted data set is fetched once, and not before it is asked for."""

import copy
import json

import pandas as pd

from servers.hub import COMMIT, StandInHub, serve
from workflow.campaign import CONFIG, Campaign

NAME = "made-up/nexar"


def hosted_files(nexar_folder):
    """The embedded clips as Hugging Face hosts Nexar's."""
    table = pd.read_csv(nexar_folder / "train.csv", dtype=str, keep_default_na=False)
    files = {}
    for target, kind in (("1", "positive"), ("0", "negative")):
        rows = ["file_name,time_of_event,time_of_alert"]
        for row in table[table["target"] == target].to_dict("records"):
            name = f"{row['id']}.mp4"
            rows.append(f"{name},{row['time_of_event']},{row['time_of_alert']}")
            files[f"train/{kind}/{name}"] = (nexar_folder / "train" / name).read_bytes()
        files[f"train/{kind}/metadata.csv"] = ("\n".join(rows) + "\n").encode()
    return files


def test_a_hosted_data_set_is_fetched_and_then_used(nexar_folder, tmp_path):
    task = {"source": "nexar", "folder": str(tmp_path / "hosted"), "download": {"repository": NAME}}
    campaign = Campaign(tmp_path)
    campaign.write_config(copy.deepcopy(CONFIG) | {"tasks": {"hosted": task}})
    early = campaign.snakemake("--dry-run")
    assert early.returncode != 0
    assert "run `snakemake download --cores 1` first" in early.stdout + early.stderr
    files = hosted_files(nexar_folder)
    with serve(StandInHub(repository=NAME, files=files)) as hub:
        place = {"HF_ENDPOINT": hub.endpoint, "NO_PROXY": "127.0.0.1", "HF_TOKEN": ""}
        done = campaign.snakemake("download", **place)
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(hub.asked()) == set(files)
        record = json.loads((campaign.folder / "hosted/download.json").read_text())
        assert record["commit"] == COMMIT
        asked = len(hub.requests)
        again = campaign.snakemake("download", **place)
        assert "Nothing to be done" in again.stdout + again.stderr
        assert len(hub.requests) == asked
    done = campaign.snakemake("results/hosted/splits.json")
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = pd.read_parquet(campaign.folder / "results/hosted/clips/manifest.parquet")
    assert (manifest["status"] == "ok").all()
    assert len(manifest) == len(files) - 2
