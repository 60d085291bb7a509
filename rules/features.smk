"""Frozen features of every window, once per backbone."""

from dashsearch.features.registry import EXTRACTOR_VERSION


rule extract_features:
    input:
        windows="results/{task}/clips/windows.h5",
    output:
        features=temp("results/{task}/features/shards/{backbone}/{shard}.h5"),
    log:
        "logs/{task}/extract_features/{backbone}/{shard}.log",
    wildcard_constraints:
        backbone="|".join(sorted(set(EXTRACTED) - set(READ_OUTS))) or "none",
    # With `--cache`, campaigns share features through SNAKEMAKE_OUTPUT_CACHE (hence no benchmark).
    cache: "omit-software"
    priority: FEATURE_PRIORITY
    conda:
        "../envs/features.yaml"
    resources:
        gpu=lambda wildcards: int(get_network_setting("device")(wildcards) == "cuda"),
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        backbones=get_backbones,
        version=EXTRACTOR_VERSION,
        shard=get_shard,
        clips_per_shard=config["clips_per_shard"],
        device=get_network_setting("device"),
        weights_dir=get_network_setting("weights_dir"),
    script:
        "../scripts/extract_features.py"


# Backbones that are read out of one forward pass; a space may name none.
if READ_OUTS:

    rule extract_network:
        input:
            windows="results/{task}/clips/windows.h5",
        output:
            features=temp(
                expand(
                    "results/{{task}}/features/shards/{backbone}/{{shard}}.h5",
                    backbone=READ_OUTS,
                )
            ),
        log:
            "logs/{task}/extract_network/{shard}.log",
        benchmark:
            "results/benchmarks/{task}/extract_network/{shard}.tsv"
        priority: 500  # the longest of the jobs of one core
        conda:
            "../envs/features.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=growing(240),
        params:
            backbones=[REGISTRY.get(name).identity() for name in READ_OUTS],
            version=EXTRACTOR_VERSION,
            shard=get_shard,
            clips_per_shard=config["clips_per_shard"],
            device=None,
            weights_dir=None,
        script:
            "../scripts/extract_features.py"


rule collect_features:
    input:
        shards=get_shards("features/shards/{backbone}/{shard}.h5"),
        index="results/{task}/clips/windows.parquet",
    output:
        features="results/{task}/features/{backbone}.h5",
    log:
        "logs/{task}/collect_features/{backbone}.log",
    wildcard_constraints:
        backbone="|".join(EXTRACTED),
    priority: FEATURE_PRIORITY
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    script:
        "../scripts/collect_features.py"


rule fuse_features:
    input:
        parts=lambda wildcards: expand(
            "results/{task}/features/{part}.h5",
            task=wildcards.task,
            part=REGISTRY.get(wildcards.backbone).multi,
        ),
    output:
        features="results/{task}/features/{backbone}.h5",
    log:
        "logs/{task}/fuse_features/{backbone}.log",
    wildcard_constraints:
        backbone="|".join(FUSED) or "none",
    conda:
        "../envs/features.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    script:
        "../scripts/fuse_features.py"


rule prepare_features:
    input:
        features="results/{task}/features/{backbone}.h5",
        index="results/{task}/clips/windows.parquet",
        splits="results/{task}/splits.json",
    output:
        prepared="results/{task}/prepared/{backbone}.h5",
    log:
        "logs/{task}/prepare_features/{backbone}.log",
    benchmark:
        "results/benchmarks/{task}/prepare_features/{backbone}.tsv"
    priority: FEATURE_PRIORITY
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        components=config["training"]["components"],
    script:
        "../scripts/prepare_features.py"
