"""Pack a finished campaign into one file that a reviewer can check and run again."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import yaml

from dashsearch.analysis.reproduction import DIGESTS, TOLERANCES, compared_files, read_tolerances
from dashsearch.exports.bundle import environment, write_bundle
from dashsearch.files import file_digest, write_json
from dashsearch.jobs import job

# Beside what `snakemake reproduce` compares: what is read, and what a clock wrote.
READ = ("report/**/*", "audit/**/*", "*/analysis/provenance.json", "*/arms/*/*/costs.parquet")
# Folders of results beside those of the tasks.
SHARED = {"report", "audit", "cross_task", "replicate_runs"}


def is_of_campaign(path, tasks, arms):
    """Whether a result is the config's: no former task's or arm's, and of no reproduction."""
    if path.parts[0] not in {*tasks, *SHARED}:
        return False
    return path.parts[1] != "arms" or any(path.is_relative_to(arm) for arm in arms)


def campaign_parts(results, recordings, tolerances, tasks, ledgers):
    """Files of a campaign by their path in the bundle: results and recorded transcripts."""
    arms = {Path(ledger).parent.relative_to(results) for ledger in ledgers}
    compared = {
        name: path
        for name, path in compared_files(results, read_tolerances(tolerances)).items()
        if is_of_campaign(Path(name), tasks, arms)
    }
    read = {
        path.relative_to(results).as_posix(): path
        for pattern in READ
        for path in results.glob(pattern)
        if path.is_file() and is_of_campaign(path.relative_to(results), tasks, arms)
    }
    parts = {f"results/{name}": path for name, path in {**read, **compared}.items()}
    transcripts = (path for path in recordings.rglob("*") if path.is_file())
    parts |= {f"recordings/{path.relative_to(recordings)}": path for path in transcripts}
    return parts, {name: file_digest(path) for name, path in compared.items()}


with job(snakemake.log[0]) as logger, tempfile.TemporaryDirectory() as place:
    inputs, params, folder = snakemake.input, snakemake.params, Path(place)
    parts, digests = campaign_parts(
        Path("results"),
        Path(params.recordings),
        Path(inputs.tolerances),
        params.config["tasks"],
        inputs.ledgers,
    )
    write_json(folder / DIGESTS, digests)
    write_json(folder / "environment.json", environment())
    # Whoever runs it again asks no model.
    calls = {**params.config["agents"], "mode": "replay", "recordings": "recordings"}
    config = {**params.config, "agents": calls}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    parts |= {path.name: path for path in folder.iterdir()}
    parts |= {Path(path).name: Path(path) for path in params.requirements}
    parts |= {TOLERANCES: Path(inputs.tolerances)}
    parts |= {f"campaign/{path}": Path(path) for path in inputs.own}
    tasks = " and ".join(params.config["tasks"])
    facts = {
        "name": f"A campaign of dashsearch on {tasks}",
        "description": (
            "Experiments that research agents and classical policies proposed, their ledgers, the "
            "transcripts of language models, analyses and report. `snakemake reproduce` of "
            "dashsearch runs it again from the transcripts and compares."
        ),
        "licence": params.config["exports"]["licence"],
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_bundle(Path(snakemake.output.bundle), parts, facts)
    logger.info("%d files are in %s", len(parts), snakemake.output.bundle)
