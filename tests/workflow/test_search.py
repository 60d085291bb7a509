"""Arms as a user runs them: rounds and seeds that are added, shards, budgets, tables, the wall."""

import copy
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from dashsearch.factorial.table import table_columns, write_factorial
from dashsearch.ledger.schema import score_columns
from dashsearch.space.files import load_space
from planted import TTE_S, plant_task
from workflow.campaign import CONFIG, NO_TRANSFER, copy_of

ARMS = "results/tiny/arms"
TPE = {"policy": "tpe", "rounds": 6, "experiments_per_round": 2, "startup": 4}


@pytest.fixture
def trained(tiny, tmp_path):
    """The tiny campaign with its prepared features, in a folder of its own."""
    return copy_of(tiny, tmp_path / "copy")


def with_arms(**arms):
    return copy.deepcopy(CONFIG) | {"arms": arms}


def planned(campaign, *arguments):
    done = campaign.snakemake("--dry-run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))


def run(campaign, *arguments):
    done = campaign.snakemake(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_more_rounds_seeds_and_arms_run_only_what_is_new(trained):
    trained.write_config(with_arms(tpe=TPE))
    target = f"{ARMS}/tpe/seed1/ledger.parquet"
    run(trained, target)
    first = pd.read_parquet(trained.folder / target)
    assert list(first["source"]) == ["start"] * 4 + ["policy"] * 8

    more = with_arms(tpe=TPE | {"rounds": 8, "seeds": [1, 2]}, random=CONFIG["arms"]["random"])
    trained.write_config(more)
    jobs = planned(trained, target)
    assert (jobs["propose_round"], jobs["train_round"]) == ("2", "2")
    assert jobs["total"] == "5"
    jobs = planned(trained, f"{ARMS}/tpe/seed2/ledger.parquet")
    assert (jobs["propose_round"], jobs["total"]) == ("8", "17")
    assert "Nothing to be done" in run(trained, f"{ARMS}/random/seed1/ledger.parquet")

    run(trained, target)
    second = pd.read_parquet(trained.folder / target)
    pd.testing.assert_frame_equal(second.iloc[: len(first)], first)
    assert len(second) == 16


def test_shards_train_a_round_to_the_same_tables(trained, tiny):
    shutil.rmtree(trained.folder / ARMS / "designed")
    config = copy.deepcopy(CONFIG)
    config["training"]["shards"] = 3
    trained.write_config(config)
    log = run(trained, f"{ARMS}/designed/seed1/ledger.parquet")
    assert log.count("rule train_round:") == 3
    for name in ("ledger.parquet", "round0/validation.parquet", "round0/test.parquet"):
        path = f"{ARMS}/designed/seed1/{name}"
        assert (trained.folder / path).read_bytes() == (tiny.folder / path).read_bytes()
    kept = [
        sorted(p.name for p in (c.folder / ARMS / "designed/seed1/checkpoints").glob("*"))
        for c in (trained, tiny)
    ]
    assert kept[0] == kept[1]


def test_a_budget_of_seconds_ends_an_arm_and_says_so(trained):
    budget = TPE | {"rounds": 3, "budget_train_s": 1e-6}
    trained.write_config(with_arms(tpe=budget))
    run(trained, f"{ARMS}/tpe/seed1/ledger.parquet")
    assert len(pd.read_parquet(trained.folder / ARMS / "tpe/seed1/ledger.parquet")) == 2
    log = (trained.folder / "logs/tiny/propose_round/tpe-1-1.log").read_text()
    assert "0 of 0 s of training are spent after 2 experiments; nothing more is proposed" in log


def test_hyperband_trains_shares_of_the_epochs(trained):
    config = with_arms(
        bohb={
            "policy": "bohb_style",
            "rounds": 4,
            "experiments_per_round": 4,
            "startup": 4,
            "eta": 2,
            "rungs": 2,
            "audit_share": 0.0,
        }
    )
    config["training"]["epochs"] = 4
    trained.write_config(config)
    run(trained, f"{ARMS}/bohb/seed1/ledger.parquet")
    ledger = pd.read_parquet(trained.folder / ARMS / "bohb/seed1/ledger.parquet")
    assert (ledger["fidelity"][:4] == 1).all()
    assert set(ledger["fidelity"]) == {0.5, 1.0}
    promoted = ledger[ledger["parent"] != ""]
    assert len(promoted)
    parents = ledger.set_index("experiment_id").loc[promoted["parent"]]
    assert list(parents["cell"]) == list(promoted["cell"])
    assert (parents["fidelity"] == 0.5).all()
    assert (promoted["fidelity"] == 1).all()


@pytest.fixture
def table(campaign):
    """A campaign of a planted factorial table of the tiny space, two failures among its cells."""
    space = load_space(campaign.folder / "space.yaml")
    task = plant_task("tiny", space, {("backbone",): 0.5, ("learning_rate",): 0.2}, seed=2)
    cells = np.arange(space.size)
    scores = task.scores(cells, [0] * space.size)
    frame = pd.DataFrame(dict.fromkeys(table_columns(TTE_S), scores))
    frame["cell"], frame["replicate"], frame["fidelity"] = cells, 0, 1.0
    frame["status"], frame["reason"], frame["train_duration_s"] = "ok", "", 2.0
    frame["sample"] = "all"
    broken = [3, 30]
    frame.loc[broken, ["status", "reason"]] = ["diverged", "the loss is not finite"]
    names = [*score_columns("val", TTE_S), *score_columns("test", TTE_S)]
    frame.loc[broken, names] = np.nan
    write_factorial(campaign.folder / "table.parquet", frame, space, TTE_S)
    return campaign


def test_arms_on_a_table_end_in_the_same_report_without_training(table):
    budget = {"rounds": 4, "experiments_per_round": 5}
    config = with_arms(
        random={"policy": "random", "seeds": "1-60", "experiments_per_round": 20},
        tpe={"policy": "tpe", "seeds": "1-3", **budget},
        local={"policy": "local_search", "seeds": [1, 2], **budget, "budget_train_s": 25},
    )
    config |= {"evaluator": "table", "tables": {"tiny": "table.parquet"}} | NO_TRANSFER
    table.write_config(config)
    run(table)
    assert "random" in (table.folder / "results/report/index.html").read_text()
    assert not (table.folder / "results/tiny/clips").exists()
    summary = json.loads((table.folder / "results/tiny/analysis/summary.json").read_text())
    assert summary
    files = sorted(p.name for p in (table.folder / ARMS / "random").iterdir())
    assert files == ["seeds1-50", "seeds51-60"]
    ledger = pd.read_parquet(table.folder / ARMS / "random/seeds1-50/ledger.parquet")
    assert ledger.groupby("arm_seed").size().eq(20).all()
    assert set(ledger["status"]) == {"ok", "diverged"}
    short = pd.read_parquet(table.folder / ARMS / "local/seeds1-2/ledger.parquet")
    assert (short.groupby("arm_seed").size() == 15).all()  # 13 experiments of 2 s, by rounds of 5
    starts = {
        arm: ledger[(ledger["arm_seed"] == 1) & (ledger["source"] == "start")]["cell"].to_list()
        for arm, ledger in (("random", ledger), ("local", short))
    }
    assert starts["random"] == starts["local"]

    before = (table.folder / ARMS / "random/seeds1-50/ledger.parquet").stat().st_mtime_ns
    config["arms"]["random"]["seeds"] = "1-101"
    table.write_config(config)
    jobs = planned(table)
    assert jobs["search_table"] == "2"
    assert before == (table.folder / ARMS / "random/seeds1-50/ledger.parquet").stat().st_mtime_ns


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tables": {"tiny": "missing.parquet"}}, "tables.tiny is 'missing.parquet', which does"),
        ({"space": "other.yaml"}, "use the space file that it was measured with"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(table, change, sentence):
    text = (table.folder / "space.yaml").read_text()
    (table.folder / "other.yaml").write_text(text.replace("- 0.003", "- 0.004"))
    arms = with_arms(random={"policy": "random", "experiments_per_round": 5}) | NO_TRANSFER
    table.write_config(arms | {"evaluator": "table", "tables": {"tiny": "table.parquet"}} | change)
    done = table.snakemake()
    assert done.returncode != 0
    assert sentence in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_no_proposal_reads_a_test_file_a_split_or_another_arm(trained):
    trained.write_config(
        with_arms(tpe=TPE | {"rounds": 3, "budget_train_s": 1000}, random=CONFIG["arms"]["random"])
    )
    run(trained, f"{ARMS}/tpe/seed1/ledger.parquet")
    summary = trained.snakemake("--detailed-summary").stdout.splitlines()
    columns = summary[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=False)) for line in summary[1:]]
    proposed = [row for row in rows if row["output_file"].endswith("proposals.jsonl")]
    found = [row for row in proposed if row["output_file"].startswith(ARMS)]
    assert len(found) >= 3
    for row in found:
        own = row["output_file"].rsplit("/round", 1)[0]
        for path in row["input-file(s)"].split(","):
            allowed = path == "space.yaml" or (
                path.startswith(f"{own}/round")
                and path.endswith(("/validation.parquet", "/costs.parquet"))
            )
            assert allowed, f"{row['output_file']} reads {path}"
