"""Extract features from a shard of a task: one backbone, or all read-outs of a network."""

from dashsearch.features.extract import extract_features
from dashsearch.features.registry import Backbone
from dashsearch.jobs import job

with job(snakemake.log[0]):
    backbones = [Backbone(**identity) for identity in snakemake.params.backbones]
    names = [backbone.name for backbone in backbones]
    first = snakemake.params.shard * snakemake.params.clips_per_shard
    extract_features(
        snakemake.input.windows,
        backbones,
        dict(zip(names, snakemake.output, strict=True)),
        first=first,
        last=first + snakemake.params.clips_per_shard,
        weights_dir=snakemake.params.weights_dir,
        device=snakemake.params.device or "cpu",
    )
