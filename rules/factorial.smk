"""All cells of the space, or of a part of it, measured: `snakemake factorial`."""


rule measure_cells:
    input:
        prepared=expand(
            "results/{{task}}/prepared/{backbone}.h5",
            backbone=FACTORIAL_BACKBONES,
        ),
        space=ancient(SPACE_FILE),
    output:
        measured=temp("results/{task}/factorial/cells/{shard}.parquet"),
    log:
        "logs/{task}/measure_cells/{shard}.log",
    benchmark:
        "results/benchmarks/{task}/measure_cells/{shard}.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        gpu=int(config["training"]["device"] == "cuda"),
        mem_mb=growing(int(2000 + 1000 * config["training"]["memory_gb"])),
        runtime=growing(240),
    params:
        backbones=FACTORIAL_BACKBONES,
        levels=config["factorial"]["levels"],
        part=config["factorial"]["part"],
        fidelities=config["factorial"]["fidelities"],
        shard=get_shard,
        shards=lambda wildcards: len(CELL_SHARDS),
        campaign_seed=config["seed"],
        trainer=TRAINER,
        tte_s=get_tte_s,
        device=config["training"]["device"],
        # Finished measurements of a job that was killed: not an output, so that it survives.
        journal=lambda wildcards, output: f"{output.measured}.jsonl",
    script:
        "../scripts/measure_cells.py"


rule choose_replicates:
    input:
        measured=expand(
            "results/{{task}}/factorial/cells/{shard}.parquet", shard=CELL_SHARDS
        ),
        space=ancient(SPACE_FILE),
    output:
        chosen="results/{task}/factorial/replicates.json",
    log:
        "logs/{task}/choose_replicates.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        levels=config["factorial"]["levels"],
        part=config["factorial"]["part"],
        uniform=config["factorial"]["uniform"],
        best=config["factorial"]["best"],
        campaign_seed=config["seed"],
    script:
        "../scripts/choose_replicates.py"


use rule measure_cells as measure_replicates with:
    input:
        prepared=expand(
            "results/{{task}}/prepared/{backbone}.h5",
            backbone=FACTORIAL_BACKBONES,
        ),
        space=ancient(SPACE_FILE),
        chosen="results/{task}/factorial/replicates.json",
    output:
        measured=temp("results/{task}/factorial/replicates/{shard}.parquet"),
    log:
        "logs/{task}/measure_replicates/{shard}.log",
    benchmark:
        "results/benchmarks/{task}/measure_replicates/{shard}.tsv"
    params:
        backbones=FACTORIAL_BACKBONES,
        levels=config["factorial"]["levels"],
        part=config["factorial"]["part"],
        seeds=config["factorial"]["seeds"],
        shard=get_shard,
        shards=lambda wildcards: len(REPLICATE_SHARDS),
        campaign_seed=config["seed"],
        trainer=TRAINER,
        tte_s=get_tte_s,
        device=config["training"]["device"],
        journal=lambda wildcards, output: f"{output.measured}.jsonl",


rule collect_factorial:
    input:
        cells=expand(
            "results/{{task}}/factorial/cells/{shard}.parquet", shard=CELL_SHARDS
        ),
        replicates=expand(
            "results/{{task}}/factorial/replicates/{shard}.parquet",
            shard=REPLICATE_SHARDS,
        ),
        prepared=expand(
            "results/{{task}}/prepared/{backbone}.h5",
            backbone=FACTORIAL_BACKBONES,
        ),
        space=ancient(SPACE_FILE),
    output:
        table="results/{task}/factorial/table.parquet",
    log:
        "logs/{task}/collect_factorial.log",
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        backbones=FACTORIAL_BACKBONES,
        levels=config["factorial"]["levels"],
        part=config["factorial"]["part"],
        trainer=TRAINER,
        epochs=config["training"]["epochs"],
        campaign_seed=config["seed"],
        tte_s=get_tte_s,
    script:
        "../scripts/collect_factorial.py"


rule stack_factorial:
    input:
        tables=expand("results/{task}/factorial/table.parquet", task=config["tasks"]),
    output:
        cells="results/factorial/cells.parquet",
        metrics="results/factorial/metrics.npy",
        space="results/factorial/space.yaml",
        index="results/factorial/index.json",
    log:
        "logs/stack_factorial.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        tasks=list(config["tasks"]),
    script:
        "../scripts/stack_factorial.py"


rule analyse_measured:
    input:
        table="results/{task}/factorial/table.parquet",
        space="results/factorial/space.yaml",
    output:
        document="results/{task}/factorial/functional_anova.json",
        shares="results/{task}/factorial/functional_anova.csv",
    log:
        "logs/{task}/analyse_measured.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
    script:
        "../scripts/analyse_factorial.py"
