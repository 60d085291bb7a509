"""Join the shards of a backbone's features into one file, checked against the task's windows."""

from dashsearch.clips.window_index import read_window_index
from dashsearch.features.store import collect_features
from dashsearch.jobs import job

with job(snakemake.log[0]):
    collect_features(
        snakemake.input.shards,
        read_window_index(snakemake.input.index),
        snakemake.output.features,
    )
