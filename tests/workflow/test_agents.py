"""Arms of language models in real Snakemake runs: keys, records, replays, and the wall."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from servers.models import StandInModels, serve_models
from workflow.campaign import CONFIG, SPACE, copy_of

ARMS = "results/tiny/arms"
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-very-secret", "GEMINI_API_KEY": "g-very-secret"}
ROUNDS = 2
# What a reader of a prompt could mistake for a name of ours, and is an ordinary word of it.
WORDS = {"mean", "loss", "last"}


def hosted(url, **ideas):
    """An arm of Claude and Gemini, at a stand-in."""
    return {
        "policy": "agents",
        "rounds": ROUNDS,
        "experiments_per_round": 6,
        "agents": [
            {"provider": "anthropic", "name": "a", "model": "claude-opus-5-5", "base_url": url},
            {"provider": "google", "name": "b", "model": "gemini-3.5-flash", "base_url": url},
        ],
        "ideas": ideas,
    }


def local():
    """An arm of the packaged model and evolution."""
    agents = [
        {"provider": "local", "name": "smollm2", "max_output_tokens": 600, "hypothesis_chars": 20},
        {"provider": "policy", "name": "evolution", "policy": "evolution"},
    ]
    ideas = {"least": 1, "most": 1, "top": 2, "sampled": 0}
    return {
        "policy": "agents",
        "rounds": 2,
        "experiments_per_round": 4,
        "agents": agents,
        "ideas": ideas,
    }


def write(campaign, mode="record", **arms):
    calls = {"mode": mode, "first_wait_s": 0.01, "longest_wait_s": 0.05}
    campaign.write_config(CONFIG | {"arms": arms, "agents": calls})


def run(campaign, *arguments, **environment):
    done = campaign.snakemake(*arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def proposals(campaign, arm):
    return {
        str(path.relative_to(campaign.folder)): path.read_bytes()
        for path in sorted((campaign.folder / ARMS / arm).rglob("*.jsonl"))
    }


def recorded(campaign, arm):
    folder = campaign.folder / "recordings/tiny" / arm
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def targets(*arms):
    return [f"{ARMS}/{arm}/seed1/{name}.parquet" for arm in arms for name in ("ledger", "calls")]


@pytest.fixture(scope="module")
def prepared(tiny, tmp_path_factory):
    """The tiny campaign with its prepared features, in a folder of its own."""
    return copy_of(tiny, tmp_path_factory.mktemp("agents") / "copy")


@pytest.fixture(scope="module")
def asked(prepared):
    """Arms `plain` and `opaque` of the stand-ins, run to their ledgers."""
    models = StandInModels({("google", 1, 1): ["429", "malformed"]})
    with serve_models(models):
        write(prepared, plain=hosted(models.url), opaque=hosted(models.url, obfuscated=True))
        log = run(prepared, *targets("plain", "opaque"), **KEYS)
        yield prepared, models, log


def test_arms_of_models_end_in_ledgers_and_bills(asked):
    campaign, models, _ = asked
    for arm in ("plain", "opaque"):
        ledger = pd.read_parquet(campaign.folder / ARMS / arm / "seed1/ledger.parquet")
        assert set(ledger["round"]) == set(range(ROUNDS))
        assert {"a", "b"} <= set(ledger["agent"])
        assert ledger.loc[ledger["agent"] == "a", "model"].eq("claude-opus-5-5").all()
        assert (ledger.loc[ledger["status"] == "ok", "val_map"] > 0).all()
    calls = pd.concat(
        pd.read_parquet(campaign.folder / ARMS / arm / "seed1/calls.parquet")
        for arm in ("plain", "opaque")
    )
    assert calls["attempts"].sum() == len(models.served)
    billed = models.billed("anthropic")["output"] + models.billed("google")["output"]
    assert calls["output_tokens"].sum() == billed


def test_no_key_is_written_anywhere(asked):
    campaign, models, log = asked
    assert {secret for _, secret in models.keys} == {"Bearer sk-ant-very-secret", "g-very-secret"}
    assert "very-secret" not in log
    for path in campaign.folder.rglob("*"):
        if path.is_file():
            assert b"very-secret" not in path.read_bytes(), path


def transcripts(folder):
    """Every request below a folder and its reply, by the name of its file."""
    documents = {
        path.name: json.loads(path.read_text())
        for path in sorted(folder.rglob("*.json"))
        if path.name != "finished.json"
    }
    return {name: (each["request"], each["response"]) for name, each in documents.items()}


def seen_by_models(campaign, arm):
    """Everything that an arm's models were told and said."""
    found = transcripts(campaign.folder / "recordings/tiny" / arm)
    assert len(found) >= 2 * ROUNDS
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in found.values())


def read_by_proposals(campaign, arm):
    """What `ask_agents` of an arm read: text of its inputs, tables as text with all digits."""
    summary = campaign.snakemake("--detailed-summary").stdout.splitlines()
    columns = summary[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=False)) for line in summary[1:]]
    wanted = [row for row in rows if f"/{arm}/" in row["output_file"]]
    wanted = [row for row in wanted if row["output_file"].endswith("/proposals.jsonl")]
    assert len(wanted) == ROUNDS
    return sorted({path for row in wanted for path in row["input-file(s)"].split(",")})


def numbers_of(frames, prefix):
    """The scores of a split, as they would be written with four digits or more."""
    columns = [name for frame in frames for name in frame.columns if name.startswith(prefix)]
    values = np.concatenate([frame[name].to_numpy() for frame in frames for name in set(columns)])
    return {f"{value:.4f}" for value in values[np.isfinite(values)]}


def test_the_wall_stands_in_a_whole_recorded_campaign(asked):
    campaign, _, _ = asked
    clips = json.loads((campaign.folder / "results/tiny/splits.json").read_text())
    identities = {name for names in clips["clips"].values() for name in names} | {clips["digest"]}
    assert len(identities) == 25
    for arm in ("plain", "opaque"):
        rounds = sorted((campaign.folder / ARMS / arm / "seed1").glob("round*"))
        test = [pd.read_parquet(path / "test.parquet") for path in rounds]
        validation = [pd.read_parquet(path / "validation.parquet") for path in rounds]
        # Scores of few clips repeat: what validation gave as well is no evidence.
        secret = numbers_of(test, "test_") - numbers_of(validation, "val_")
        assert len(secret) > 10
        texts = [seen_by_models(campaign, arm)]
        for path in read_by_proposals(campaign, arm):
            place = Path(campaign.folder, path)
            if place.suffix == ".parquet":
                frame = pd.read_parquet(place)
                assert not [name for name in frame.columns if "test" in name], path
                texts.append(frame.to_csv(index=False))
            elif place.is_file():
                texts.append(place.read_text())
            else:
                texts += [each.read_text() for each in place.rglob("*") if each.is_file()]
            assert re.search(
                rf"^{ARMS}/{arm}/seed1/round\d/(validation|costs|calls)\.parquet$"
                r"|space\.yaml$|resources/prompts$|resources/prices\.yaml$",
                path,
            ), path
        text = "\n".join(texts)
        assert not [score for score in secret if score in text]
        assert not [name for name in identities if re.search(rf"(?<![\w.]){name}(?!\w)", text)]


def test_an_opaque_arm_tells_no_real_name(asked):
    campaign, _, _ = asked
    names = {"tiny", "highway", "collision"}
    for factor in SPACE["factors"]:
        names |= {factor["name"], *(each for each in factor["levels"] if isinstance(each, str))}
    plain, opaque = seen_by_models(campaign, "plain"), seen_by_models(campaign, "opaque")
    found = {name for name in names if re.search(rf"\b{name}\b", opaque)}
    assert found <= WORDS
    assert {"backbone", "encoder", "gru", "tiny", "learning_rate"} <= {
        name for name in names if re.search(rf"\b{name}\b", plain)
    }
    ledger = pd.read_parquet(campaign.folder / ARMS / "opaque/seed1/ledger.parquet")
    told = ledger.loc[ledger["agent"] == "a", "encoder"].dropna()
    assert set(told) <= {"gru", "retnet"} and len(told)


def test_other_test_scores_lead_to_the_same_prompts(asked):
    campaign, _, _ = asked
    last = ROUNDS - 1
    before = proposals(campaign, "plain")
    folder = campaign.folder / f"recordings/tiny/plain/seed1/round{last}"

    first = transcripts(folder)
    assert len(first) >= 2
    for round_ in range(last):
        path = campaign.folder / ARMS / f"plain/seed1/round{round_}/test.parquet"
        table = pq.read_table(path)
        for place, name in enumerate(table.column_names):
            if name.startswith("test_"):
                scores = pa.array([0.123456789] * table.num_rows)
                table = table.set_column(place, name, scores)
        pq.write_table(table, path)
    shutil.rmtree(folder)
    target = f"{ARMS}/plain/seed1/round{last}/proposals.jsonl"
    (campaign.folder / target).unlink()
    assert "1 of 1 steps" in run(campaign, target, **KEYS)
    assert transcripts(folder) == first
    assert proposals(campaign, "plain") == before


def test_a_missing_key_stops_before_the_first_job(campaign):
    write(campaign, plain=hosted(None))
    done = campaign.snakemake(ANTHROPIC_API_KEY="", GEMINI_API_KEY="g")
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert "ANTHROPIC_API_KEY" in text and "Traceback" not in text
    assert not (campaign.folder / "results").exists()


def test_the_packaged_model_proposes_without_a_key_and_is_replayed(prepared):
    write(prepared, local=local())
    run(prepared, *targets("local"))
    ledger = pd.read_parquet(prepared.folder / ARMS / "local/seed1/ledger.parquet")
    own = ledger[ledger["agent"] == "smollm2"]
    assert set(own["round"]) and set(own["status"]) <= {"ok", "duplicate"}
    assert own["model"].str.startswith("smollm2").all()
    assert set(ledger["agent"]) >= {"smollm2", "evolution"}
    write(prepared, mode="replay", local=local())
    assert "Nothing to be done" in run(prepared, "--dry-run", *targets("local"))
    first, kept = proposals(prepared, "local"), recorded(prepared, "local")
    # Whether it is told to or not, what is recorded is not asked for again.
    for mode, number in (("record", 0), ("replay", 1)):
        path = f"{ARMS}/local/seed1/round{number}/proposals.jsonl"
        (prepared.folder / path).unlink()
        write(prepared, mode=mode, local=local())
        run(prepared, path)
        assert proposals(prepared, "local") == first
        assert recorded(prepared, "local") == kept

    shutil.rmtree(prepared.folder / ARMS / "local")
    lost = next(path for path in kept if path.name != "finished.json")
    lost.unlink()
    done = prepared.snakemake(*targets("local"))
    assert done.returncode != 0
    log = (prepared.folder / "logs/tiny/ask_agents").glob("local-1-*.log")
    assert any(lost.name in path.read_text() for path in log)
