"""Answer the study's statements from the campaign's own analyses."""

from pathlib import Path

from dashsearch.analysis.audit.campaign import TaskAnalysis, restate, write_answers
from dashsearch.jobs import job

with job(snakemake.log[0]):
    tasks = [
        TaskAnalysis.read(name, Path(document).parent)
        for name, document in zip(snakemake.params.tasks, snakemake.input.variance, strict=True)
    ]
    write_answers(restate(tasks, snakemake.params.agents), Path(snakemake.output.answers))
