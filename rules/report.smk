"""The page that people look at."""


rule report:
    input:
        analyses=expand("results/{task}/analysis/summary.json", task=config["tasks"]),
        manifests=expand("results/{task}/clips/manifest.parquet", task=config["tasks"]),
        windows=expand("results/{task}/clips/windows.h5", task=config["tasks"]),
        splits=expand("results/{task}/splits.json", task=config["tasks"]),
        sheets=expand("results/{task}/clips/sample_frames.png", task=config["tasks"]),
    output:
        page="results/report/index.html",
        figures=directory("results/report/figures"),
    log:
        "logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        tasks=list(config["tasks"]),
        synthetic=[task["source"] == "embedded" for task in config["tasks"].values()],
        seed=config["seed"],
        trainer=TRAINER,
        space=SPACE.digest,
    script:
        "../scripts/report.py"
