"""The page that people look at."""


rule report:
    input:
        variance=expand("results/{task}/analysis/variance.json", task=config["tasks"]),
        convergence=expand(
            "results/{task}/analysis/convergence.json", task=config["tasks"]
        ),
        dynamics=expand("results/{task}/analysis/dynamics.json", task=config["tasks"]),
        summary=expand("results/{task}/analysis/summary.json", task=config["tasks"]),
        provenance=expand(
            "results/{task}/analysis/provenance.json", task=config["tasks"]
        ),
        pair_means=expand(
            "results/{task}/analysis/pair_means.csv", task=config["tasks"]
        ),
        # What was looked up in a table has no clips here.
        windows=expand("results/{task}/clips/windows.parquet", task=TRAINED_TASKS),
        splits=expand("results/{task}/splits.json", task=TRAINED_TASKS),
        sheets=expand("results/{task}/clips/contact_sheet.png", task=TRAINED_TASKS),
        calls=get_arm_calls,
        template=str(Path(workflow.basedir, "resources/report/page.html.j2")),
        stylesheet=str(Path(workflow.basedir, "resources/report/page.css")),
    output:
        page="results/report/index.html",
        figures=directory("results/report/figures"),
    log:
        "logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        tasks=list(config["tasks"]),
        synthetic=[task["source"] == "embedded" for task in config["tasks"].values()],
    script:
        "../scripts/report.py"
