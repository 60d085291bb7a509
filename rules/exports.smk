"""A campaign in the formats of other programs: `snakemake exports`."""

STUDIES = f"studies.{'journal' if config['exports']['studies'] == 'journal' else 'db'}"
EXPORTS = [STUDIES, "configspace.json", "deepcave", "ledger"]


rule export_arms:
    input:
        ledgers=get_arm_files("ledger"),
        costs=get_arm_files("costs"),
        space=SPACE_FILE,
    output:
        studies=f"results/{{task}}/exports/{STUDIES}",
        space="results/{task}/exports/configspace.json",
        deepcave=directory("results/{task}/exports/deepcave"),
        flat=directory("results/{task}/exports/ledger"),
    log:
        "logs/{task}/export_arms.log",
    conda:
        "../envs/search.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        tte_s=get_tte_s,
        selection="val_map",
        storage=config["exports"]["studies"],
    script:
        "../scripts/export_arms.py"
