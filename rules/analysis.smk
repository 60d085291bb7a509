"""What the ledgers say: one rule a question, each of them by the same script."""


rule analyse_variance:
    input:
        ledgers=get_arm_files("ledger"),
        space=SPACE_FILE,
    output:
        document="results/{task}/analysis/variance.json",
        pair_means="results/{task}/analysis/pair_means.csv",
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
    output:
        document="results/{task}/analysis/convergence.json",
        best_so_far="results/{task}/analysis/best_so_far.csv",
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
