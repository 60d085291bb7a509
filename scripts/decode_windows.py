"""Decode every window of one shard of a task's clips, once."""

from dashsearch.clips.decode import decode_windows, shard_of
from dashsearch.clips.manifest import read_manifest
from dashsearch.clips.windows import WindowSettings
from dashsearch.jobs import job

with job(snakemake.log[0]):
    decode_windows(
        shard_of(
            read_manifest(snakemake.input.manifest),
            int(snakemake.wildcards.shard),
            snakemake.params.clips_per_shard,
        ),
        snakemake.params.root,
        WindowSettings(**snakemake.params.windows),
        snakemake.output.windows,
        snakemake.output.index,
        workers=snakemake.threads,
    )
