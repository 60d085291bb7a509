"""Join the shards of a task's windows into one file, with a table that explains it."""

from dashsearch.clips.collect import collect_windows
from dashsearch.clips.manifest import read_manifest, read_manifest_classes
from dashsearch.clips.windows import WindowSettings
from dashsearch.jobs import job

with job(snakemake.log[0]):
    collect_windows(
        snakemake.input.windows,
        snakemake.input.indices,
        read_manifest(snakemake.input.manifest),
        WindowSettings(**snakemake.params.windows),
        classes=read_manifest_classes(snakemake.input.manifest),
        windows=snakemake.output.windows,
        index=snakemake.output.index,
        max_marked_share=snakemake.params.max_marked_share,
        place=f"task {snakemake.wildcards.task}",
    )
