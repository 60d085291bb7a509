"""Propose one round of an arm, knowing the validation results of its earlier rounds only."""

from dashsearch.jobs import job
from dashsearch.ledger.closing import read_history
from dashsearch.ledger.proposals import write_proposals
from dashsearch.search.propose import Arm, propose_round
from dashsearch.space.files import load_space

BUDGET_KEYS = ("policy", "seeds", "rounds", "experiments_per_round")

with job(snakemake.log[0]):
    settings = snakemake.params.arm
    space = load_space(snakemake.input.space)
    arm = Arm(
        task=snakemake.wildcards.task,
        name=snakemake.wildcards.arm,
        seed=int(snakemake.wildcards.seed),
        policy=settings["policy"],
        campaign_seed=snakemake.params.campaign_seed,
        settings={key: value for key, value in settings.items() if key not in BUDGET_KEYS},
        trainer_version=snakemake.params.trainer,
    )
    history = read_history(snakemake.input.history, space, tuple(snakemake.params.tte_s))
    proposals = propose_round(
        arm, space, history, int(snakemake.wildcards.round), settings["experiments_per_round"]
    )
    write_proposals(snakemake.output.proposals, proposals, space)
