"""Freeze the split of a task's clips into train, validation and test."""

from dashsearch.clips.manifest import read_manifest
from dashsearch.clips.splits import split_clips, write_splits
from dashsearch.jobs import job

with job(snakemake.log[0]):
    splits = split_clips(
        read_manifest(snakemake.input.manifest),
        snakemake.params.fractions,
        task=snakemake.wildcards.task,
        seed=snakemake.params.seed,
    )
    write_splits(snakemake.output.splits, splits)
