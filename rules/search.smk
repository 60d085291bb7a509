"""Arms: rounds of propose, train, tell; then the ledger. Rounds are unrolled from the config."""


rule propose_round:
    input:
        # Validation results of earlier rounds and the space: nothing else can reach a proposal.
        history=get_history,
        space=ancient(SPACE_FILE),
    output:
        proposals="results/{task}/arms/{arm}/seed{seed}/round{round}/proposals.jsonl",
    log:
        "logs/{task}/propose_round/{arm}-{seed}-{round}.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        # Neither rounds nor seeds: more of them must not remake what is there.
        policy=lambda wildcards: config["arms"][wildcards.arm]["policy"],
        settings=get_policy_settings,
        experiments=lambda wildcards: config["arms"][wildcards.arm][
            "experiments_per_round"
        ],
        space_digest=SPACE.digest,
        campaign_seed=config["seed"],
        trainer=TRAINER,
        tte_s=get_tte_s,
    script:
        "../scripts/propose_round.py"


rule train_round:
    input:
        prepared=expand(
            "results/{{task}}/prepared/{backbone}.h5",
            backbone=BACKBONES,
        ),
        space=ancient(SPACE_FILE),
        proposals="results/{task}/arms/{arm}/seed{seed}/round{round}/proposals.jsonl",
    output:
        validation="results/{task}/arms/{arm}/seed{seed}/round{round}/validation.parquet",
        test="results/{task}/arms/{arm}/seed{seed}/round{round}/test.parquet",
        costs="results/{task}/arms/{arm}/seed{seed}/round{round}/costs.parquet",
        checkpoints=directory(
            "results/{task}/arms/{arm}/seed{seed}/round{round}/checkpoints"
        ),
    log:
        "logs/{task}/train_round/{arm}-{seed}-{round}.log",
    benchmark:
        "results/benchmarks/{task}/train_round/{arm}-{seed}-{round}.tsv"
    # The arms with the most experiments first, so that no core waits for them at the end.
    priority: lambda wildcards: config["arms"][wildcards.arm]["experiments_per_round"]
    conda:
        "../envs/training.yaml"
    threads: get_training_threads
    resources:
        mem_mb=lambda wildcards, threads: int(
            1000 + threads * (1000 + 1000 * config["training"]["memory_gb"])
        ),
        runtime=240,
    params:
        # Not stack_size and memory_gb, on which no score depends.
        trainer=TRAINER,
        device=config["training"]["device"],
        checkpoints=config["training"]["checkpoints"],
        backbones=BACKBONES,
        tte_s=get_tte_s,
        # Finished experiments of a round that was killed: not an output, so that it survives.
        journal="results/{task}/arms/{arm}/seed{seed}/round{round}/journal.jsonl",
    script:
        "../scripts/train_round.py"


rule close_arm:
    input:
        validation=get_round_files("validation"),
        test=get_round_files("test"),
        costs=get_round_files("costs"),
        checkpoints=get_round_checkpoints,
        space=ancient(SPACE_FILE),
    output:
        ledger="results/{task}/arms/{arm}/seed{seed}/ledger.parquet",
        costs="results/{task}/arms/{arm}/seed{seed}/costs.parquet",
        checkpoints=directory("results/{task}/arms/{arm}/seed{seed}/checkpoints"),
    log:
        "logs/{task}/close_arm/{arm}-{seed}.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        tte_s=get_tte_s,
        checkpoints=config["training"]["checkpoints"],
    script:
        "../scripts/close_arm.py"
