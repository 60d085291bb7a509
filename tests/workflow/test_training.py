"""A round of many experiments in several processes, by the rule itself."""

import copy

from dashsearch.training.load import load
from workflow.campaign import CONFIG, copy_of

ARM = "results/tiny/arms/designed/seed1"


def test_processes_train_a_round_to_the_same_files(tiny, tmp_path):
    config = copy.deepcopy(CONFIG)
    config["arms"]["designed"]["experiments_per_round"] = 64
    config["training"]["checkpoints"] = 2
    files = []
    for cores in (2, 1):
        campaign = copy_of(tiny, tmp_path / str(cores))
        campaign.write_config(config)
        done = campaign.snakemake(f"{ARM}/ledger.parquet", cores=cores)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"threads: {cores}" in done.stdout + done.stderr or cores == 1
        kept = sorted((campaign.folder / ARM / "checkpoints").glob("[!.]*"))
        assert [path.suffix for path in kept] == [".json", ".safetensors"] * 2
        assert load(kept[1]).card["validation"]["clips"] == 6
        files.append({path.name: path.read_bytes() for path in kept})
        files[-1]["ledger"] = (campaign.folder / ARM / "ledger.parquet").read_bytes()
        assert not (campaign.folder / ARM / "round0/best").exists()
    assert files[0] == files[1]
