"""Ask an arm's agents for one round: prompts from validation results, every call recorded."""

from pathlib import Path

from dashsearch.files import write_json_lines
from dashsearch.jobs import job
from dashsearch.ledger.calls import join_calls
from dashsearch.ledger.closing import join_costs, read_history
from dashsearch.ledger.proposals import write_proposals
from dashsearch.ledger.schema import CALL_COLUMNS
from dashsearch.provenance import provenance
from dashsearch.search.agents.budget import left_of
from dashsearch.search.agents.build import Places, build_agents, call_rows, idea_rows
from dashsearch.search.agents.recording import round_folder
from dashsearch.search.agents.settings import AgentCalls
from dashsearch.search.propose import arm_of, propose_round, results_of
from dashsearch.space.files import load_space
from dashsearch.tables import frame_of, write_table

with job(snakemake.log[0]) as logger:
    params, wildcards = snakemake.params, snakemake.wildcards
    space = load_space(snakemake.input.space)
    settings = snakemake.config["arms"][wildcards.arm]
    arm = arm_of(dict(wildcards.items()), dict(params.items()), snakemake.config)
    round_ = int(wildcards.round)
    history = read_history(snakemake.input.history, space, tuple(params.tte_s))
    calls = join_calls(snakemake.input.calls)
    train_s = float(join_costs(snakemake.input.costs)["train_duration_s"].sum())
    caps = {name: settings[f"budget_{name}"] for name in ("calls", "tokens", "usd", "wall_s")}
    allowance = left_of(caps, calls).less(0, 0, arm.terms.price_of(train_s), 0.0)
    ended = arm.terms.spent(train_s) or allowance.ended
    how = AgentCalls.model_validate(snakemake.config["agents"])
    places = Places(
        prompts=Path(snakemake.input.prompts),
        recordings=round_folder(snakemake.config, arm.task, arm.name, arm.seed, round_),
        prices=Path(snakemake.input.prices),
        model=Path(snakemake.input.model) if snakemake.input.model else None,
    )
    policy, recorder = build_agents(
        arm, space, round_, places=places, calls=how, allowance=allowance
    )
    proposals = []
    if ended:
        logger.info("budget: %s; after %d experiments the arm has ended", ended, len(history))
    else:
        past = results_of(history, round_)
        proposals = propose_round(arm, space, past, round_, params.experiments, policy=policy)
    if how.mode != "replay":
        recorder.finish()
    asked = call_rows(arm, round_, policy)
    for row in asked:
        logger.info("%(agent)s, turn %(turn)d: %(outcome)s, %(attempts)d attempts", row)
    table = frame_of(asked, CALL_COLUMNS)
    usd = [row["usd"] for row in asked if row["usd"] is not None]
    logger.info(
        "round %d of %d: %d proposals, %d calls, %.4f USD in this round and %.4f before",
        round_ + 1,
        settings["rounds"],
        len(proposals),
        len(asked),
        sum(usd),
        calls["usd"].sum(),
    )
    write_table(snakemake.output.calls, table, CALL_COLUMNS, provenance("calls/1"))
    write_json_lines(snakemake.output.ideas, idea_rows(policy))
    write_proposals(snakemake.output.proposals, proposals, space)
