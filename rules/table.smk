"""Arms against a factorial table: all rounds of many seeds in one job, nothing is trained."""


rule search_table:
    input:
        table=lambda wildcards: TABLES[wildcards.task],
        space=ancient(SPACE_FILE),
    output:
        ledger="results/{task}/arms/{arm}/seeds{seeds}/ledger.parquet",
        costs="results/{task}/arms/{arm}/seeds{seeds}/costs.parquet",
    log:
        "logs/{task}/search_table/{arm}-{seeds}.log",
    benchmark:
        "results/benchmarks/{task}/search_table/{arm}-{seeds}.tsv"
    conda:
        "../envs/search.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        policy=lambda wildcards: config["arms"][wildcards.arm]["policy"],
        settings=get_policy_settings,
        terms=get_terms,
        experiments=lambda wildcards: config["arms"][wildcards.arm][
            "experiments_per_round"
        ],
        rounds=lambda wildcards: config["arms"][wildcards.arm]["rounds"],
        budget=get_budget,
        seeds=lambda wildcards: BATCHES[wildcards.arm][wildcards.seeds],
        space_digest=SPACE.digest,
        campaign_seed=config["seed"],
        tte_s=get_tte_s,
    script:
        "../scripts/search_table.py"


rule analyse_factorial:
    input:
        table=get_factorial_table,
        space=SPACE_FILE,
    output:
        document="results/{task}/analysis/functional_anova.json",
        shares="results/{task}/analysis/functional_anova.csv",
    log:
        "logs/{task}/analyse_factorial.log",
    benchmark:
        "results/benchmarks/{task}/analyse_factorial.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
    script:
        "../scripts/analyse_factorial.py"
