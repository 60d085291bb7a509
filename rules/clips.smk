"""From a data set to windows: render (embedded tasks), index, split, decode."""


rule generate_clips:
    output:
        table="results/{task}/source/train.csv",
        videos=directory("results/{task}/source/train"),
    params:
        scene=lambda wildcards: config["tasks"][wildcards.task]["scene"],
        clips=lambda wildcards: config["tasks"][wildcards.task]["clips"],
        seed=config["seed"],
        generator=lambda wildcards: get_generator_digest(wildcards),
    log:
        "logs/{task}/generate_clips.log",
    benchmark:
        "results/benchmarks/{task}/generate_clips.tsv"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=60,
    conda:
        "../envs/clips.yaml"
    script:
        "../scripts/generate_clips.py"


rule index_clips:
    input:
        table=get_source,
        videos=get_videos,
    output:
        manifest="results/{task}/clips/manifest.parquet",
    params:
        adapter=get_adapter,
        windows=config["windows"],
        max_marked_share=config["max_marked_share"],
    log:
        "logs/{task}/index_clips.log",
    benchmark:
        "results/benchmarks/{task}/index_clips.tsv"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=60,
    conda:
        "../envs/clips.yaml"
    script:
        "../scripts/index_clips.py"


rule split_clips:
    input:
        manifest="results/{task}/clips/manifest.parquet",
    output:
        splits="results/{task}/splits.json",
    params:
        fractions=config["split"],
        seed=config["seed"],
    log:
        "logs/{task}/split_clips.log",
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../envs/clips.yaml"
    script:
        "../scripts/split_clips.py"


rule decode_windows:
    input:
        manifest="results/{task}/clips/manifest.parquet",
        table=get_source,
        videos=get_videos,
    output:
        windows="results/{task}/clips/windows.h5",
    params:
        windows=config["windows"],
    log:
        "logs/{task}/decode_windows.log",
    benchmark:
        "results/benchmarks/{task}/decode_windows.tsv"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=240,
    conda:
        "../envs/clips.yaml"
    script:
        "../scripts/decode_windows.py"


rule sample_frames:
    input:
        windows="results/{task}/clips/windows.h5",
        splits="results/{task}/splits.json",
    output:
        sheet="results/{task}/clips/sample_frames.png",
    log:
        "logs/{task}/sample_frames.log",
    resources:
        mem_mb=1000,
        runtime=10,
    conda:
        "../envs/clips.yaml"
    script:
        "../scripts/sample_frames.py"
