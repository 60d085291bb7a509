"""What the ledgers say: one rule a question, each of them by the same script."""

# Answers that the report does not read.
ANSWERS = expand(
    "results/{task}/analysis/{question}.json",
    task=config["tasks"],
    question=("validity", "bias"),
)
ANSWERS += expand("results/{task}/analysis/transfer.json", task=TRANSFER_TASKS)
if len(config["tasks"]) > 1:
    ANSWERS.append("results/cross_task/cross_task.json")


rule analyse_variance:
    input:
        ledgers=get_arm_files("ledger"),
        space=SPACE_FILE,
    output:
        document="results/{task}/analysis/variance.json",
        pair_means="results/{task}/analysis/pair_means.csv",
        shares=report(
            "results/{task}/analysis/variance_shares.csv",
            caption="../resources/report/captions/analysis.rst",
            category="Answers",
            subcategory="{task}",
            labels={"what": "shares of variance"},
        ),
        two_way="results/{task}/analysis/two_way.csv",
    log:
        "logs/{task}/analyse_variance.log",
    benchmark:
        "results/benchmarks/{task}/analyse_variance.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        question="variance",
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
        trainer=TRAINER,
    script:
        "../scripts/analyse.py"


use rule analyse_variance as analyse_convergence with:
    input:
        ledgers=get_arm_files("ledger"),
        space=SPACE_FILE,
        table=get_factorial_table,
    output:
        document="results/{task}/analysis/convergence.json",
        best_so_far="results/{task}/analysis/best_so_far.csv",
        best_at="results/{task}/analysis/best_at.csv",
        arm_pairs="results/{task}/analysis/arm_pairs.csv",
        records="results/{task}/analysis/records.csv",
        growth_laws="results/{task}/analysis/growth_laws.csv",
        change_points="results/{task}/analysis/change_points.csv",
    log:
        "logs/{task}/analyse_convergence.log",
    benchmark:
        "results/benchmarks/{task}/analyse_convergence.tsv"
    params:
        question="convergence",
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
        trainer=TRAINER,


use rule analyse_variance as analyse_dynamics with:
    output:
        document="results/{task}/analysis/dynamics.json",
        entropy="results/{task}/analysis/entropy.csv",
        moves="results/{task}/analysis/moves.csv",
        steps="results/{task}/analysis/steps.csv",
        cycles="results/{task}/analysis/cycles.csv",
        divergence="results/{task}/analysis/divergence.csv",
        innovation="results/{task}/analysis/innovation.csv",
    log:
        "logs/{task}/analyse_dynamics.log",
    benchmark:
        "results/benchmarks/{task}/analyse_dynamics.tsv"
    params:
        question="dynamics",
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
        trainer=TRAINER,


use rule analyse_variance as analyse_summary with:
    output:
        document="results/{task}/analysis/summary.json",
        arms="results/{task}/analysis/arms.csv",
        provenance="results/{task}/analysis/provenance.json",
    log:
        "logs/{task}/analyse_summary.log",
    benchmark:
        "results/benchmarks/{task}/analyse_summary.tsv"
    params:
        question="summary",
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
        trainer=TRAINER,


use rule analyse_variance as analyse_validity with:
    output:
        document="results/{task}/analysis/validity.json",
        correlations="results/{task}/analysis/validity_correlations.csv",
        selected="results/{task}/analysis/selected.csv",
        representativeness="results/{task}/analysis/representativeness.csv",
    log:
        "logs/{task}/analyse_validity.log",
    benchmark:
        "results/benchmarks/{task}/analyse_validity.tsv"
    params:
        question="validity",
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
        trainer=TRAINER,


# Asked for where a campaign has two tasks or more.
rule compare_tasks:
    input:
        ledgers=get_all_ledgers,
        space=SPACE_FILE,
    output:
        document="results/cross_task/cross_task.json",
        table="results/cross_task/cross_task.csv",
        provenance="results/cross_task/provenance.json",
    log:
        "logs/compare_tasks.log",
    benchmark:
        "results/benchmarks/compare_tasks.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=ANALYSIS_SETTINGS,
        tte_s=[windows_of(task)["tte_s"] for task in config["tasks"]],
        trainer=TRAINER,
    script:
        "../scripts/compare_tasks.py"


rule analyse_bias:
    input:
        ledgers=get_arm_files("ledger"),
        space=SPACE_FILE,
        table=get_factorial_table,
    output:
        document="results/{task}/analysis/bias.json",
        shares="results/{task}/analysis/bias.csv",
    log:
        "logs/{task}/analyse_bias.log",
    benchmark:
        "results/benchmarks/{task}/analyse_bias.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=ANALYSIS_SETTINGS,
        tte_s=get_tte_s,
    script:
        "../scripts/analyse_bias.py"
