"""From a data set to windows: render (embedded tasks), index, split, decode."""

from dashsearch.clips.synthetic.generate import source_digest


rule generate_clips:
    output:
        table="results/{task}/source/train.csv",
        videos=directory("results/{task}/source/train"),
    log:
        "logs/{task}/generate_clips.log",
    benchmark:
        "results/benchmarks/{task}/generate_clips.tsv"
    conda:
        "../envs/clips.yaml"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        scene=lambda wildcards: config["tasks"][wildcards.task]["scene"],
        clips=lambda wildcards: config["tasks"][wildcards.task]["clips"],
        seed=config["seed"],
        digest=lambda wildcards: source_digest(*get_embedded(wildcards)),
    script:
        "../scripts/generate_clips.py"


rule index_clips:
    input:
        table=get_source,
        videos=get_videos,
    output:
        manifest="results/{task}/clips/manifest.parquet",
    log:
        "logs/{task}/index_clips.log",
    benchmark:
        "results/benchmarks/{task}/index_clips.tsv"
    conda:
        "../envs/clips.yaml"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        adapter=get_adapter,
        videos_state=get_videos_state,
        windows=config["windows"],
        max_marked_share=config["max_marked_share"],
    script:
        "../scripts/index_clips.py"


rule split_clips:
    input:
        manifest="results/{task}/clips/manifest.parquet",
    output:
        splits="results/{task}/splits.json",
    log:
        "logs/{task}/split_clips.log",
    conda:
        "../envs/clips.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        fractions=config["split"],
        seed=config["seed"],
    script:
        "../scripts/split_clips.py"


rule decode_windows:
    input:
        manifest="results/{task}/clips/manifest.parquet",
        table=get_source,
        videos=get_videos,
    output:
        windows="results/{task}/clips/windows.h5",
    log:
        "logs/{task}/decode_windows.log",
    benchmark:
        "results/benchmarks/{task}/decode_windows.tsv"
    conda:
        "../envs/clips.yaml"
    threads: 8
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        windows=config["windows"],
        max_marked_share=config["max_marked_share"],
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
    conda:
        "../envs/clips.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    script:
        "../scripts/sample_frames.py"
