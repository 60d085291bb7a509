"""List a task's clips in one manifest, with every clip that cannot be used marked."""

from dashsearch.clips.adapters import read_data_set
from dashsearch.clips.manifest import index_clips, write_manifest
from dashsearch.clips.windows import WindowSettings
from dashsearch.files import file_digest
from dashsearch.jobs import job

with job(snakemake.log[0]) as logger:
    windows = WindowSettings(**snakemake.params.windows)
    data = read_data_set(snakemake.params.task)
    manifest = index_clips(
        data,
        windows,
        max_marked_share=snakemake.params.max_marked_share,
        workers=snakemake.threads,
    )
    for problem in manifest.loc[manifest["status"] == "marked", "problem"]:
        logger.warning("%s", problem)
    tables = {table.name: file_digest(table) for table in data.tables}
    write_manifest(snakemake.output.manifest, manifest, windows, data.classes, tables)
