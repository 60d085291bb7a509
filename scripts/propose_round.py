"""Propose one round of an arm, knowing the validation results of its earlier rounds only."""

from dashsearch.jobs import job
from dashsearch.ledger.closing import join_costs, read_history
from dashsearch.ledger.proposals import write_proposals
from dashsearch.search.propose import arm_of, propose_round, results_of
from dashsearch.space.files import load_space

with job(snakemake.log[0]) as logger:
    params, wildcards = snakemake.params, snakemake.wildcards
    space = load_space(snakemake.input.space)
    arm = arm_of(dict(wildcards.items()), dict(params.items()), snakemake.config)
    round_ = int(wildcards.round)
    history = read_history(snakemake.input.history, space, tuple(params.tte_s))
    costs = join_costs(snakemake.input.costs)
    ended = arm.terms.spent(float(costs["train_duration_s"].sum()))
    proposals = []
    if ended:
        logger.info("%s after %d experiments; nothing more is proposed", ended, len(history))
    else:
        past = results_of(history, round_)
        proposals = propose_round(arm, space, past, round_, params.experiments)
    write_proposals(snakemake.output.proposals, proposals, space)
