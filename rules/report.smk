"""The page that people look at."""


rule report:
    input:
        variance=expand("results/{task}/analysis/variance.json", task=config["tasks"]),
        convergence=expand(
            "results/{task}/analysis/convergence.json", task=config["tasks"]
        ),
        dynamics=expand("results/{task}/analysis/dynamics.json", task=config["tasks"]),
        summary=expand("results/{task}/analysis/summary.json", task=config["tasks"]),
        validity=expand("results/{task}/analysis/validity.json", task=config["tasks"]),
        transfer=expand("results/{task}/analysis/transfer.json", task=TRANSFER_TASKS),
        clip_scores=expand(
            "results/{task}/transfer/clip_scores.parquet", task=TRANSFER_TASKS
        ),
        ledgers=get_all_ledgers,
        costs=get_all_costs,
        ideas=get_all_ideas,
        space=SPACE_FILE,
        provenance=expand(
            "results/{task}/analysis/provenance.json", task=config["tasks"]
        ),
        pair_means=expand(
            "results/{task}/analysis/pair_means.csv", task=config["tasks"]
        ),
        # What was looked up in a table has no clips here.
        windows=expand("results/{task}/clips/windows.parquet", task=TRAINED_TASKS),
        frames=expand("results/{task}/clips/windows.h5", task=TRAINED_TASKS),
        splits=expand("results/{task}/splits.json", task=TRAINED_TASKS),
        sheets=expand("results/{task}/clips/contact_sheet.png", task=TRAINED_TASKS),
        calls=get_arm_calls,
        audit="results/audit/audit.json",
        replicates=expand(
            "results/replicate_runs/{table}.json",
            table=config["replicate_runs"]["tables"],
        ),
        templates=expand(
            f"{HOME}/resources/report/{{name}}",
            name=(
                "page.html.j2",
                "task.html.j2",
                "macros.html.j2",
                "page.css",
                "page.js",
            ),
        ),
    output:
        page=report(
            "results/report/index.html",
            caption="../resources/report/captions/page.rst",
            category="Report",
            labels={"what": "page"},
        ),
        figures=report(
            directory("results/report/figures"),
            patterns=["{figure}.svg"],
            caption="../resources/report/captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        tables=report(
            directory("results/report/tables"),
            patterns=["{table}.csv"],
            caption="../resources/report/captions/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
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
        ledgers={task: arm_files(task, "ledger") for task in config["tasks"]},
        costs={task: arm_files(task, "costs") for task in config["tasks"]},
        ideas={task: idea_files(task) for task in config["tasks"]},
        tte_s={task: windows_of(task)["tte_s"] for task in config["tasks"]},
        usd_per_hour=config["training"]["usd_per_hour"],
        benchmarks="results/benchmarks",
    script:
        "../scripts/report.py"
