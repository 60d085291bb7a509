"""From a data set to windows: render (embedded tasks), index, split, decode, look.

Rules that take all cores come first: behind a long job of one core they would wait for it.
"""

from dashsearch.clips.settings import DECODER_VERSION
from dashsearch.clips.synthetic.generate import source_digest


rule generate_clips:
    output:
        table="results/{task}/source/train.csv",
        videos=directory("results/{task}/source/train"),
    log:
        "logs/{task}/generate_clips.log",
    benchmark:
        "results/benchmarks/{task}/generate_clips.tsv"
    priority: 1000
    conda:
        "../envs/clips.yaml"
    threads: 8
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        scene=lambda wildcards: config["tasks"][wildcards.task]["scene"],
        clips=lambda wildcards: config["tasks"][wildcards.task]["clips"],
        seed=config["seed"],
        digest=lambda wildcards: source_digest(*get_embedded(wildcards)),
    script:
        "../scripts/generate_clips.py"


rule download_clips:
    output:
        record="results/{task}/source/download.json",
    log:
        "logs/{task}/download_clips.log",
    localrule: True
    conda:
        "../envs/clips.yaml"
    threads: 4
    resources:
        mem_mb=growing(2000),
        runtime=growing(1440),
    params:
        repository=get_download("repository"),
        revision=get_download("revision"),
        patterns=get_download("patterns"),
        folder=lambda wildcards: config["tasks"][wildcards.task]["folder"],
    script:
        "../scripts/download_clips.py"


rule index_clips:
    input:
        tables=get_tables,
        videos=get_videos,
    output:
        manifest="results/{task}/clips/manifest.parquet",
    log:
        "logs/{task}/index_clips.log",
    benchmark:
        "results/benchmarks/{task}/index_clips.tsv"
    priority: 1000
    conda:
        "../envs/clips.yaml"
    threads: 8
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        task=get_task,
        videos_state=get_videos_state,
        windows=get_windows,
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
    localrule: True
    conda:
        "../envs/clips.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        fractions=config["split"],
        seed=config["seed"],
    script:
        "../scripts/split_clips.py"


rule decode_windows:
    input:
        manifest="results/{task}/clips/manifest.parquet",
        videos=get_videos,
    output:
        windows=temp("results/{task}/clips/shards/{shard}.h5"),
        index=temp("results/{task}/clips/shards/{shard}.parquet"),
    log:
        "logs/{task}/decode_windows/{shard}.log",
    benchmark:
        "results/benchmarks/{task}/decode_windows/{shard}.tsv"
    priority: 1000
    conda:
        "../envs/clips.yaml"
    threads: 8
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        root=get_root,
        # A replaced video has to be seen here too: the manifest may stay as it was.
        videos_state=get_videos_state,
        version=DECODER_VERSION,
        windows=get_windows,
        clips_per_shard=config["clips_per_shard"],
    script:
        "../scripts/decode_windows.py"


rule collect_windows:
    input:
        manifest="results/{task}/clips/manifest.parquet",
        windows=get_shards("clips/shards/{shard}.h5"),
        indices=get_shards("clips/shards/{shard}.parquet"),
    output:
        windows="results/{task}/clips/windows.h5",
        index="results/{task}/clips/windows.parquet",
    log:
        "logs/{task}/collect_windows.log",
    benchmark:
        "results/benchmarks/{task}/collect_windows.tsv"
    conda:
        "../envs/clips.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        windows=get_windows,
        max_marked_share=config["max_marked_share"],
    script:
        "../scripts/collect_windows.py"


rule draw_contact_sheet:
    input:
        windows="results/{task}/clips/windows.h5",
        index="results/{task}/clips/windows.parquet",
        splits="results/{task}/splits.json",
    output:
        sheet=report(
            "results/{task}/clips/contact_sheet.png",
            caption="../resources/report/captions/contact_sheet.rst",
            category="Clips",
            labels={"task": "{task}"},
        ),
    log:
        "logs/{task}/draw_contact_sheet.log",
    localrule: True
    conda:
        "../envs/clips.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    script:
        "../scripts/draw_contact_sheet.py"
