"""Join the shards of a trained round; the tables are those that one job would have written."""

from dashsearch.jobs import job
from dashsearch.ledger.checkpoints import keep_best
from dashsearch.ledger.closing import join_shards
from dashsearch.ledger.schema import COST_COLUMNS, sealed_columns, validation_columns
from dashsearch.space.files import load_space
from dashsearch.tables import read_note, write_table

with job(snakemake.log[0]):
    inputs, outputs = snakemake.input, snakemake.output
    space = load_space(inputs.space)
    tte_s = tuple(snakemake.params.tte_s)
    rows, sealed, costs = join_shards(inputs.validation, inputs.test, inputs.costs, space, tte_s)
    columns = validation_columns(space, tte_s)
    write_table(outputs.validation, rows, columns, read_note(inputs.validation[0]))
    write_table(outputs.test, sealed, sealed_columns(tte_s), read_note(inputs.test[0]))
    write_table(outputs.costs, costs, COST_COLUMNS, read_note(inputs.costs[0]))
    keep_best(inputs.checkpoints, outputs.checkpoints, snakemake.params.checkpoints)
