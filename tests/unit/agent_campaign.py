"""A campaign of agents against a planted landscape: what the workflow does, without training.

`python agent_campaign.py FOLDER SETTINGS.json` plays it in a process of its own, which a test may
kill; played again, it goes on from its files.
"""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from dashsearch.files import read_json, write_json
from dashsearch.ledger.proposals import read_proposals, write_proposals
from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.search.agents.budget import left_of
from dashsearch.search.agents.build import Places, build_agents, call_rows
from dashsearch.search.agents.settings import AgentCalls
from dashsearch.search.policy import Result
from dashsearch.search.propose import Arm, propose_round
from dashsearch.search.settings import ARM_SETTINGS, TERMS
from dashsearch.search.terms import Terms
from dashsearch.space.files import load_space
from dashsearch.tables import frame_of
from planted import plant_task

ROOT = Path(__file__).parents[2]
SPACE = load_space(ROOT / "resources/spaces/embedded.yaml")
TASK = plant_task("planted", SPACE, {("backbone",): 0.4, ("encoder", "loss"): 0.3}, seed=2)
CAPS = ("calls", "tokens", "usd", "wall_s")
FAST = {
    "timeout_s": 1.0,
    "deadline_s": 30.0,
    "attempts": 5,
    "first_wait_s": 0.01,
    "longest_wait_s": 0.05,
}


def agents(url):
    """Claude and Gemini, at a stand-in."""
    return [
        {"provider": "anthropic", "name": "claude", "model": "claude-opus-5-5", "base_url": url},
        {"provider": "google", "name": "gemini", "model": "gemini-3.5-flash", "base_url": url},
    ]


def play(folder, settings):
    """Play the rounds that are not there yet.

    Parameters
    ----------
    settings
        ``arm``: as in a config, ``rounds`` included; ``calls``: of `AgentCalls`; ``start``,
        ``model`` (folder of the local model), and ``failing``: message of every tenth cell.

    Returns
    -------
    ledger, calls
        One row an experiment, and one a call.
    """
    folder = Path(folder)
    model = ARM_SETTINGS["agents"].model_validate({"policy": "agents", **settings["arm"]})
    own = {name: value for name, value in model.model_dump().items() if name not in TERMS}
    terms = Terms(settings.get("start", 4), settings["arm"].get("audit_share", 0.1))
    arm = Arm("planted", "agents", 1, "agents", 1, own, "trainer/1", terms)
    caps = {name: getattr(model, f"budget_{name}") for name in CAPS}
    past, ledger, calls = [], [], []
    for round_ in range(model.rounds):
        place = folder / f"results/round{round_}"
        if not (place / "calls.json").exists():
            allowance = left_of(caps, frame_of(calls, CALL_COLUMNS))
            policy, recorder = build_agents(
                arm,
                SPACE,
                round_,
                places=Places(
                    prompts=ROOT / "resources/prompts",
                    recordings=folder / f"recordings/round{round_}",
                    prices=ROOT / "resources/prices.yaml",
                    model=Path(settings["model"]) if settings.get("model") else None,
                ),
                calls=AgentCalls.model_validate(settings.get("calls", {})),
                allowance=allowance,
            )
            n = 0 if allowance.ended else model.experiments_per_round
            proposals = propose_round(arm, SPACE, past, round_, n, policy=policy)
            if settings.get("calls", {}).get("mode") != "replay":
                recorder.finish()
            write_proposals(place / "proposals.jsonl", proposals, SPACE)
            rows = [{**row, "usd": _plain(row["usd"])} for row in call_rows(arm, round_, policy)]
            write_json(place / "calls.json", rows)
        calls += [_numbers(row) for row in read_json(place / "calls.json")]
        results = []
        for proposal in read_proposals(place / "proposals.jsonl", SPACE):
            results.append(_result(proposal, [*past, results], settings.get("failing", "")))
            ledger.append({**proposal.row(SPACE), "val_map": results[-1].val_map})
        past.append(results)
    return pd.DataFrame(ledger), frame_of(calls, CALL_COLUMNS)


def _result(proposal, past, failing):
    known = {result.experiment_id: result for results in past for result in results}
    if once := known.get(proposal.experiment_id):
        own = {"parent": proposal.parent, "source": proposal.source, "agent": proposal.agent}
        return replace(once, **own)
    status, score, reason = "ok", float("nan"), ""
    if proposal.status == "invalid":
        status, reason = "invalid", proposal.reason
    elif failing and proposal.cell % 10 == 0:
        status, reason = "failed", failing
    else:
        score = float(TASK.scores([proposal.cell], [0])[0])
    return Result(
        proposal.experiment_id, proposal.cell, 0, status, score, proposal.parent,
        proposal.source, 1.0, proposal.agent, reason,
    )  # fmt: skip


def _plain(usd):
    return None if math.isnan(usd) else usd


def _numbers(row):
    return {**row, "usd": float("nan") if row["usd"] is None else row["usd"]}


if __name__ == "__main__":
    play(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
