"""Extract one backbone's features from every window of a task."""

from dashsearch.features.extract import extract_features
from dashsearch.features.registry import load_registry
from dashsearch.jobs import job

with job(snakemake.log[0]):
    backbone = load_registry(snakemake.input.registry).get(snakemake.wildcards.backbone)
    extract_features(snakemake.input.windows, backbone, snakemake.output.features)
