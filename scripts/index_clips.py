"""List a task's clips in one manifest, with every clip that cannot be used marked."""

from pathlib import Path

from dashsearch.clips.adapters import read_clips
from dashsearch.clips.manifest import index_clips, write_manifest
from dashsearch.clips.windows import WindowSettings
from dashsearch.files import file_digest
from dashsearch.jobs import job

with job(snakemake.log[0]) as logger:
    windows = WindowSettings(**snakemake.params.windows)
    table = Path(snakemake.input.table)
    manifest = index_clips(
        read_clips(snakemake.params.adapter, table),
        table.parent,
        windows,
        max_marked_share=snakemake.params.max_marked_share,
        workers=snakemake.threads,
    )
    for problem in manifest.loc[manifest["status"] == "marked", "problem"]:
        logger.warning("%s", problem)
    write_manifest(snakemake.output.manifest, manifest, windows, file_digest(table))
