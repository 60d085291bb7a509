"""Extract features from every window of a task: one backbone, or all read-outs of a network."""

from dashsearch.features.extract import extract_features
from dashsearch.features.registry import Backbone
from dashsearch.jobs import job

with job(snakemake.log[0]):
    backbones = [Backbone(**identity) for identity in snakemake.params.backbones]
    names = [backbone.name for backbone in backbones]
    targets = dict(zip(names, snakemake.output, strict=True))
    extract_features(snakemake.input.windows, backbones, targets)
