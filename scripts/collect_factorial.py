"""Join the shards of a factorial into one table, and refuse it if a cell is missing."""

import pandas as pd

from dashsearch.factorial.plan import part_of
from dashsearch.factorial.table import check_complete, table_columns, write_factorial
from dashsearch.files import file_digest
from dashsearch.jobs import job
from dashsearch.space.files import load_space
from dashsearch.tables import read_table

with job(snakemake.log[0]):
    params, inputs = snakemake.params, snakemake.input
    space = part_of(load_space(inputs.space), params.levels, params.part)
    tte_s = tuple(params.tte_s)
    shards = [
        read_table(path, table_columns(tte_s)) for path in (*inputs.cells, *inputs.replicates)
    ]
    rows = pd.concat([each for each in shards if len(each)], ignore_index=True)
    rows = rows.sort_values(["fidelity", "replicate", "cell"], ignore_index=True)
    check_complete(rows, space)
    write_factorial(
        snakemake.output.table,
        rows,
        space,
        tte_s,
        {
            "task": snakemake.wildcards.task,
            "tte_s": list(tte_s),
            "epochs": params.epochs,
            "campaign_seed": params.campaign_seed,
            "trainer": params.trainer,
        },
        inputs={
            name: file_digest(path)
            for name, path in zip(params.backbones, inputs.prepared, strict=True)
        },
    )
