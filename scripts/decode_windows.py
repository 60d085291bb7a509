"""Decode every window of a task once, into one HDF5 file."""

from pathlib import Path

from dashsearch.clips.decode import decode_windows
from dashsearch.clips.manifest import read_manifest
from dashsearch.clips.windows import WindowSettings
from dashsearch.jobs import job

with job(snakemake.log[0]):
    decode_windows(
        read_manifest(snakemake.input.manifest),
        Path(snakemake.input.table).parent,
        WindowSettings(**snakemake.params.windows),
        snakemake.output.windows,
        max_marked_share=snakemake.params.max_marked_share,
        workers=snakemake.threads,
    )
