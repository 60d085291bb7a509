"""What the ledgers say: variance shares, convergence, dynamics of proposals."""


rule analyse:
    input:
        ledgers=get_arm_files("ledger"),
        space=SPACE_FILE,
    output:
        variance="results/{task}/analysis/variance.json",
        convergence="results/{task}/analysis/convergence.json",
        dynamics="results/{task}/analysis/dynamics.json",
        summary="results/{task}/analysis/summary.json",
        provenance="results/{task}/analysis/provenance.json",
        pair_means="results/{task}/analysis/pair_means.csv",
        best_so_far="results/{task}/analysis/best_so_far.csv",
        entropy="results/{task}/analysis/entropy.csv",
        arms="results/{task}/analysis/arms.csv",
    log:
        "logs/{task}/analyse.log",
    benchmark:
        "results/benchmarks/{task}/analyse.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=dict(
            config["analysis"],
            seed=config["seed"],
            designed_arms=get_arms_of("designed"),
            uniform_arms=get_arms_of("random"),
        ),
        tte_s=get_tte_s,
        trainer=TRAINER,
    script:
        "../scripts/analyse.py"
