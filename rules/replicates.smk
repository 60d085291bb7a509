"""Arms run many times against the measured tables: how much of a result is luck."""


rule replicate_runs:
    input:
        table=lambda wildcards: replicate_table(wildcards.table),
    output:
        document="results/replicate_runs/{table}.json",
    log:
        "logs/replicate_runs/{table}.log",
    benchmark:
        "results/benchmarks/{table}/replicate_runs.tsv"
    wildcard_constraints:
        table=one_of(config["replicate_runs"]["tables"]),
    # Long, and nothing waits for it but the report.
    priority: 1
    conda:
        "../envs/search.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(120),
    params:
        runs=config["replicate_runs"],
        policies=REPLICATE_POLICIES,
        campaign_seed=config["seed"],
        settings=ANALYSIS_SETTINGS,
    script:
        "../scripts/replicate_runs.py"
