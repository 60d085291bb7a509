"""Published claims, recomputed from published figures: nothing of the campaign is needed."""


rule audit_claims:
    input:
        claims=str(Path(HOME, "resources/published/claims.yaml")),
        schema=str(Path(HOME, "resources/published/schema.json")),
        tables=sorted(map(str, Path(HOME, "resources/published").glob("*.csv"))),
    output:
        document="results/audit/audit.json",
        table="results/audit/audit.csv",
    log:
        "logs/audit_claims.log",
    benchmark:
        "results/benchmarks/audit_claims.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    script:
        "../scripts/audit_claims.py"


rule audit:
    input:
        document="results/audit/audit.json",
        templates=[
            str(Path(HOME, "resources/report", name))
            for name in (
                "audit.html.j2",
                "audit_body.html.j2",
                "audit.css",
                "page.css",
            )
        ],
    output:
        page=report(
            "results/audit/audit.html",
            caption="../resources/report/captions/audit.rst",
            category="Audit",
            labels={"what": "published claims"},
        ),
        figures=directory("results/audit/figures"),
    log:
        "logs/audit.log",
    benchmark:
        "results/benchmarks/audit.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        campaign=get_campaign_answers,
    script:
        "../scripts/audit.py"


# Off by default: the study's statements asked of the campaign; the next `audit` shows the answers.
rule audit_campaign:
    input:
        variance=expand("results/{task}/analysis/variance.json", task=config["tasks"]),
        convergence=expand(
            "results/{task}/analysis/convergence.json", task=config["tasks"]
        ),
        pair_means=expand(
            "results/{task}/analysis/pair_means.csv", task=config["tasks"]
        ),
    output:
        answers="results/audit/campaign.json",
    log:
        "logs/audit_campaign.log",
    benchmark:
        "results/benchmarks/audit_campaign.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        tasks=list(config["tasks"]),
        agents=AGENT_ARMS,
    script:
        "../scripts/audit_campaign.py"


# Off by default: runs the reference campaign again in a folder of its own, and compares.
rule reproduce:
    input:
        config=str(Path(REFERENCE, "config.yaml")),
        reference=sorted(
            str(path) for path in Path(REFERENCE).rglob("*") if path.is_file()
        ),
    log:
        "logs/reproduce.log",
        campaign="logs/reproduce_campaign.log",
    conda:
        "../envs/reproduce.yaml"
    threads: 8
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        snakefile=str(HOME / "Snakefile"),
    script:
        "../scripts/reproduce.py"
