"""Fetch a data set that is hosted on the Hugging Face Hub."""

from pathlib import Path

from dashsearch.clips.hub import RECORD, download
from dashsearch.files import read_json, write_json
from dashsearch.jobs import job

with job(snakemake.log[0]) as logger:
    folder = Path(snakemake.params.folder)
    fetched = download(
        snakemake.params.repository,
        snakemake.params.revision,
        folder,
        patterns=snakemake.params.patterns,
        workers=snakemake.threads,
    )
    logger.info("%d files of commit %s are complete", len(fetched.files), fetched.commit)
    # The same bytes in both places: the data set's folder may be shared by several campaigns.
    write_json(snakemake.output.record, read_json(folder / RECORD))
