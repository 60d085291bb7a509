"""Close an arm: join validation and sealed test scores of all its rounds into one ledger."""

from dashsearch.files import file_digest
from dashsearch.jobs import job
from dashsearch.ledger.checkpoints import keep_best
from dashsearch.ledger.closing import close_arm, join_costs
from dashsearch.ledger.schema import COST_COLUMNS, LEDGER_SCHEMA, ledger_columns
from dashsearch.provenance import provenance
from dashsearch.space.files import load_space
from dashsearch.tables import write_table

with job(snakemake.log[0]):
    space = load_space(snakemake.input.space)
    tte_s = tuple(snakemake.params.tte_s)
    ledger = close_arm(snakemake.input.validation, snakemake.input.test, space, tte_s)
    note = provenance(
        LEDGER_SCHEMA,
        libraries=("pandas", "pyarrow"),
        inputs={
            f"{name}/{round_}": file_digest(path)
            for name in ("validation", "test")
            for round_, path in enumerate(snakemake.input[name])
        },
        settings={"space": space.digest, "tte_s": list(tte_s)},
    )
    write_table(snakemake.output.ledger, ledger, ledger_columns(space, tte_s), note)
    keep_best(
        snakemake.input.checkpoints, snakemake.output.checkpoints, snakemake.params.checkpoints
    )
    costs = join_costs(snakemake.input.costs)
    write_table(snakemake.output.costs, costs, COST_COLUMNS, provenance("costs/1"))
