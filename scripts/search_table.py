"""Run all rounds of several seeds of an arm against a factorial table, without training."""

from dashsearch.factorial.table import FactorialTable
from dashsearch.files import file_digest
from dashsearch.jobs import job
from dashsearch.ledger.schema import COST_COLUMNS, LEDGER_SCHEMA, ledger_columns
from dashsearch.provenance import provenance
from dashsearch.search.propose import Arm
from dashsearch.search.table_runs import Evaluation, run_arm
from dashsearch.search.terms import Terms
from dashsearch.space.files import load_space
from dashsearch.tables import write_table

with job(snakemake.log[0]) as logger:
    params, wildcards = snakemake.params, snakemake.wildcards
    space = load_space(snakemake.input.space)
    tte_s = tuple(params.tte_s)
    table = FactorialTable.load(snakemake.input.table, space, tte_s)

    def evaluate(proposal):
        """Look an experiment up: validation only, as a policy may know it."""
        return Evaluation(**table.validation(proposal))

    proposals = []
    for seed in params.seeds:
        arm = Arm(
            task=wildcards.task,
            name=wildcards.arm,
            seed=seed,
            policy=params.policy,
            campaign_seed=params.campaign_seed,
            settings=params.settings,
            trainer_version=table.trainer,
            terms=Terms(**params.terms, **params.budget),
        )
        proposals += run_arm(arm, space, params.rounds, params.experiments, evaluate)
        logger.info("seed %d: %d experiments in all", seed, len(proposals))
    inputs = {"table": file_digest(snakemake.input.table)}
    note = provenance(LEDGER_SCHEMA, inputs=inputs, settings={"space": space.digest})
    columns = ledger_columns(space, tte_s)
    write_table(snakemake.output.ledger, table.ledger(proposals), columns, note)
    costs = table.costs(proposals)
    write_table(snakemake.output.costs, costs, COST_COLUMNS, provenance("costs/1", inputs=inputs))
