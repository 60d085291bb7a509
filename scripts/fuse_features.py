"""Put the features of several backbones side by side; nothing is extracted again."""

from dashsearch.features.store import fuse_features
from dashsearch.jobs import job

with job(snakemake.log[0]):
    fuse_features(snakemake.input.parts, snakemake.wildcards.backbone, snakemake.output.features)
