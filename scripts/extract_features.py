"""Extract one backbone's features from every window of a task."""

from dashsearch.features.extract import extract_features
from dashsearch.features.registry import Backbone
from dashsearch.jobs import job

with job(snakemake.log[0]):
    backbone = Backbone(**snakemake.params.backbone)
    extract_features(snakemake.input.windows, backbone, snakemake.output.features)
