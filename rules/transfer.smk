"""Transfer: the arms' best configurations trained again with every backbone, all else equal."""


rule choose_transfer:
    input:
        # Closed arms: nothing that proposes reads what is made from here on.
        ledgers=get_arm_files("ledger"),
        space=ancient(SPACE_FILE),
    output:
        proposals="results/{task}/transfer/proposals.jsonl",
    log:
        "logs/{task}/choose_transfer.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        top=config["transfer"]["top"],
        seeds=config["transfer"]["seeds"],
        arms=config["transfer"]["arms"],
        campaign_seed=config["seed"],
        trainer=TRAINER,
        tte_s=get_tte_s,
    script:
        "../scripts/choose_transfer.py"


rule train_transfer:
    input:
        prepared=expand(
            "results/{{task}}/prepared/{backbone}.h5",
            backbone=BACKBONES,
        ),
        space=ancient(SPACE_FILE),
        proposals="results/{task}/transfer/proposals.jsonl",
    output:
        results="results/{task}/transfer/results.parquet",
        clip_scores="results/{task}/transfer/clip_scores.parquet",
        costs="results/{task}/transfer/costs.parquet",
    log:
        "logs/{task}/train_transfer.log",
    benchmark:
        "results/benchmarks/{task}/train_transfer.tsv"
    conda:
        "../envs/training.yaml"
    threads: get_transfer_threads
    resources:
        gpu=int(config["training"]["device"] == "cuda"),
        mem_mb=lambda wildcards, threads, attempt: attempt
        * int(1000 + threads * (1000 + 1000 * config["training"]["memory_gb"])),
        runtime=growing(240),
    params:
        # Not stack_size and memory_gb, on which no score depends.
        trainer=TRAINER,
        device=config["training"]["device"],
        backbones=BACKBONES,
        tte_s=get_tte_s,
        # Finished experiments of a job that was killed: not an output, so that it survives.
        journal="results/{task}/transfer/journal.jsonl",
    script:
        "../scripts/train_transfer.py"


rule analyse_transfer:
    input:
        results="results/{task}/transfer/results.parquet",
        clip_scores="results/{task}/transfer/clip_scores.parquet",
        space=SPACE_FILE,
    output:
        document="results/{task}/analysis/transfer.json",
        cells="results/{task}/analysis/transfer.csv",
    log:
        "logs/{task}/analyse_transfer.log",
    benchmark:
        "results/benchmarks/{task}/analyse_transfer.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        seed=config["seed"],
        bootstraps=config["analysis"]["bootstraps"],
        tte_s=get_tte_s,
    script:
        "../scripts/analyse_transfer.py"
