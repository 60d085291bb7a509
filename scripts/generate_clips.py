"""Render and encode an embedded task's clips, laid out like Nexar's data set."""

from pathlib import Path

from dashsearch.clips.synthetic.generate import generate_task
from dashsearch.jobs import job

if __name__ == "__main__":  # worker processes import this file again
    with job(snakemake.log[0]):
        generate_task(
            snakemake.params.scene,
            Path(snakemake.output.table).parent,
            clips=snakemake.params.clips,
            seed=snakemake.params.seed,
            workers=snakemake.threads,
        )
