"""Propose one round of an arm, knowing the validation results of its earlier rounds only."""

from dashsearch.jobs import job
from dashsearch.ledger.closing import read_history
from dashsearch.ledger.proposals import write_proposals
from dashsearch.search.propose import Arm, propose_round
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params, wildcards = snakemake.params, snakemake.wildcards
    space = load_space(snakemake.input.space)
    arm = Arm(
        task=wildcards.task,
        name=wildcards.arm,
        seed=int(wildcards.seed),
        policy=params.policy,
        campaign_seed=params.campaign_seed,
        settings=params.settings,
        trainer_version=params.trainer,
    )
    history = read_history(snakemake.input.history, space, tuple(params.tte_s))
    proposals = propose_round(arm, space, history, int(wildcards.round), params.experiments)
    write_proposals(snakemake.output.proposals, proposals, space)
