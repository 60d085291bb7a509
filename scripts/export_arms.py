"""Write a task's arms in the formats of other programs."""

import pandas as pd

from dashsearch.analysis.inputs.ledgers import read_ledgers
from dashsearch.exports.deepcave import write_deepcave
from dashsearch.exports.flat import with_costs, write_flat
from dashsearch.exports.spaces import write_config_space
from dashsearch.exports.studies import write_studies
from dashsearch.files import replacing_folder
from dashsearch.jobs import job
from dashsearch.space.files import load_space

with job(snakemake.log[0]):
    params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
    space, tte_s = load_space(inputs.space), tuple(params.tte_s)
    ledger, _ = read_ledgers(inputs.ledgers, space, tte_s)
    costs = pd.concat([pd.read_parquet(path) for path in inputs.costs], ignore_index=True)
    ledger = with_costs(ledger, costs)
    write_config_space(outputs.space, space)
    write_studies(outputs.studies, ledger, space, params.selection, params.storage)
    with replacing_folder(outputs.deepcave) as folder:
        write_deepcave(folder, ledger, space, params.selection)
    with replacing_folder(outputs.flat) as folder:
        write_flat(folder, ledger, space, tte_s)
