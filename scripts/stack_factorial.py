"""Stack the tables of all tasks into one array that can be mapped into memory."""

from dashsearch.factorial.arrays import write_arrays
from dashsearch.factorial.benchmark import FactorialBenchmark
from dashsearch.jobs import job

with job(snakemake.log[0]):
    outputs = snakemake.output
    tables = {
        task: FactorialBenchmark.load(path)
        for task, path in zip(snakemake.params.tasks, snakemake.input.tables, strict=True)
    }
    write_arrays(tables, outputs.metrics, outputs.cells, outputs.space, outputs.index)
