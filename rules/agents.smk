"""Language models as policies: the rounds of their arms are asked here, and trained like all others."""


rule unpack_model:
    output:
        model=directory("results/models/{model}"),
    log:
        "logs/unpack_model/{model}.log",
    priority: FEATURE_PRIORITY
    conda:
        "../envs/agents.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    script:
        "../scripts/unpack_model.py"


rule ask_agents:
    input:
        # As of a policy: earlier validation results and the space; beside them what calls cost.
        history=get_history,
        costs=get_earlier_costs,
        calls=get_earlier_calls,
        space=ancient(SPACE_FILE),
        prompts=ancient(PROMPT_FOLDER),
        prices=ancient(PRICE_FILE),
        model=get_embedded_model,
    output:
        proposals="results/{task}/arms/{arm}/seed{seed}/round{round}/proposals.jsonl",
        ideas="results/{task}/arms/{arm}/seed{seed}/round{round}/ideas.jsonl",
        calls="results/{task}/arms/{arm}/seed{seed}/round{round}/calls.parquet",
    log:
        "logs/{task}/ask_agents/{arm}-{seed}-{round}.log",
    benchmark:
        "results/benchmarks/{task}/ask_agents/{arm}-{seed}-{round}.tsv"
    wildcard_constraints:
        arm=one_of(AGENT_ARMS),
    # A round waits for the model's last one, so nothing else may keep that waiting.
    priority: CHAIN_PRIORITY
    group:
        None if ASKS_HOSTED_MODELS else ROUND
    # Nodes of a cluster seldom reach the network: hosted models are asked where Snakemake runs.
    localrule: ASKS_HOSTED_MODELS
    conda:
        "../envs/agents.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        # Neither budgets nor how models are called: changing them must not remake what is there.
        policy="agents",
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
        "../scripts/ask_agents.py"


rule collect_calls:
    input:
        calls=get_round_files("calls"),
    output:
        calls="results/{task}/arms/{arm}/seed{seed}/calls.parquet",
    log:
        "logs/{task}/collect_calls/{arm}-{seed}.log",
    wildcard_constraints:
        arm=one_of(AGENT_ARMS),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    script:
        "../scripts/collect_calls.py"
