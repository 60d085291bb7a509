"""Choose the best configurations of a task's closed arms, and cross them with every backbone."""

from dashsearch.jobs import job
from dashsearch.ledger.proposals import write_proposals
from dashsearch.ledger.transfer import best_configurations, read_without_test, transfer_proposals
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params = snakemake.params
    space = load_space(snakemake.input.space)
    rows = read_without_test(snakemake.input.ledgers, space, tuple(params.tte_s))
    proposals = transfer_proposals(
        best_configurations(rows, space, params.top, params.arms),
        space,
        task=snakemake.wildcards.task,
        seeds=params.seeds,
        campaign_seed=params.campaign_seed,
        trainer=params.trainer,
    )
    write_proposals(snakemake.output.proposals, proposals, space)
