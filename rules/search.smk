"""Arms: rounds of propose, train, tell; then the ledger. Rounds are unrolled from the config."""


rule propose_round:
    input:
        # Validation results of earlier rounds and the space: nothing else can reach a proposal.
        history=get_history,
        costs=get_earlier_costs,
        space=ancient(SPACE_FILE),
    output:
        proposals="results/{task}/arms/{arm}/seed{seed}/round{round}/proposals.jsonl",
    log:
        "logs/{task}/propose_round/{arm}-{seed}-{round}.log",
    wildcard_constraints:
        arm=one_of(POLICY_ARMS),
    group:
        ROUND
    conda:
        "../envs/search.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        # Neither rounds, seeds nor budgets: more of them must not remake what is there.
        policy=lambda wildcards: config["arms"][wildcards.arm]["policy"],
        settings=get_policy_settings,
        terms=get_terms,
        experiments=lambda wildcards: config["arms"][wildcards.arm][
            "experiments_per_round"
        ],
        space_digest=SPACE.digest,
        campaign_seed=config["seed"],
        trainer=TRAINER,
        tte_s=get_tte_s,
    script:
        "../scripts/propose_round.py"


# A round is trained by one job, or by one a shard, whose tables are then joined.
PIECE = (
    "results/{task}/arms/{arm}/seed{seed}/round{round}/shard{shard}"
    if SHARDS > 1
    else "results/{task}/arms/{arm}/seed{seed}/round{round}"
)
PIECE_NAME = "{arm}-{seed}-{round}-{shard}" if SHARDS > 1 else "{arm}-{seed}-{round}"


rule train_round:
    input:
        prepared=expand(
            "results/{{task}}/prepared/{backbone}.h5",
            backbone=BACKBONES,
        ),
        space=ancient(SPACE_FILE),
        proposals="results/{task}/arms/{arm}/seed{seed}/round{round}/proposals.jsonl",
    output:
        validation=f"{PIECE}/validation.parquet",
        test=f"{PIECE}/test.parquet",
        costs=f"{PIECE}/costs.parquet",
        checkpoints=directory(f"{PIECE}/checkpoints"),
    log:
        f"logs/{{task}}/train_round/{PIECE_NAME}.log",
    benchmark:
        f"results/benchmarks/{{task}}/train_round/{PIECE_NAME}.tsv"
    priority: get_training_priority
    group:
        ROUND
    conda:
        "../envs/training.yaml"
    threads: get_training_threads
    resources:
        gpu=int(config["training"]["device"] == "cuda"),
        mem_mb=lambda wildcards, threads, attempt: attempt
        * int(1000 + threads * (1000 + 1000 * config["training"]["memory_gb"])),
        runtime=growing(240),
    params:
        # Not stack_size and memory_gb, on which no score depends.
        trainer=TRAINER,
        device=config["training"]["device"],
        checkpoints=config["training"]["checkpoints"],
        backbones=BACKBONES,
        tte_s=get_tte_s,
        # Finished experiments of a round that was killed: not an output, so that it survives.
        journal=f"{PIECE}/journal.jsonl",
    script:
        "../scripts/train_round.py"


if SHARDS > 1:

    rule collect_round:
        input:
            validation=expand(
                f"{PIECE}/validation.parquet", shard=range(SHARDS), allow_missing=True
            ),
            test=expand(
                f"{PIECE}/test.parquet", shard=range(SHARDS), allow_missing=True
            ),
            costs=expand(
                f"{PIECE}/costs.parquet", shard=range(SHARDS), allow_missing=True
            ),
            checkpoints=expand(
                f"{PIECE}/checkpoints", shard=range(SHARDS), allow_missing=True
            ),
            space=ancient(SPACE_FILE),
        output:
            validation="results/{task}/arms/{arm}/seed{seed}/round{round}/validation.parquet",
            test="results/{task}/arms/{arm}/seed{seed}/round{round}/test.parquet",
            costs="results/{task}/arms/{arm}/seed{seed}/round{round}/costs.parquet",
            checkpoints=directory(
                "results/{task}/arms/{arm}/seed{seed}/round{round}/checkpoints"
            ),
        log:
            "logs/{task}/collect_round/{arm}-{seed}-{round}.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            tte_s=get_tte_s,
            checkpoints=config["training"]["checkpoints"],
        script:
            "../scripts/collect_round.py"


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
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        tte_s=get_tte_s,
        checkpoints=config["training"]["checkpoints"],
    script:
        "../scripts/close_arm.py"
