"""The campaign as one file for reviewers: `snakemake bundle`; docs/reproduction.md."""

BUNDLE = "results/bundle/bundle.zip"


rule write_bundle:
    input:
        ledgers=get_all_ledgers,
        costs=get_all_costs,
        report="results/report/index.html",
        answers=ANSWERS,
        tolerances=str(Path(HOME, "resources/reference/tolerances.yaml")),
        own=get_own_files,
    output:
        bundle=BUNDLE,
    log:
        "logs/write_bundle.log",
    # Where Snakemake runs, so that the versions that it notes are those of the whole environment.
    localrule: True
    conda:
        "../envs/bundle.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        recordings=config["agents"]["recordings"],
        requirements=[
            str(Path(HOME, name))
            for name in ("requirements.txt", "requirements-models.txt", "LICENSE")
        ],
        config=config,
    script:
        "../scripts/write_bundle.py"
