"""Run the reference campaign again from its recorded transcripts, and compare every result."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from dashsearch.analysis.reproduction import compare_results
from dashsearch.errors import InputError
from dashsearch.files import replacing
from dashsearch.jobs import job

COLUMNS = ["file", "row", "expected", "found", "verdict"]


def run_again(reference: Path, folder: Path, log: str) -> None:
    """Run the reference's config in an empty folder, with its recordings and without a network."""
    shutil.rmtree(folder, ignore_errors=True)
    # A bundle has files of its campaign's own, and recordings only if a model was asked.
    for source, target in (("campaign", folder), ("recordings", folder / "recordings")):
        if (reference / source).exists():
            shutil.copytree(reference / source, target, dirs_exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakemake.params.snakefile]
    command += ["--directory", str(folder), "--configfile", str(reference / "config.yaml")]
    command += ["--cores", str(snakemake.threads)]
    # Not the profile of the run that asks for this: the jobs of the reference run here.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
    with Path(log).open("w") as stream:
        done = subprocess.run(
            command, env=inherited, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        raise InputError(f"the reference campaign stopped before its end; read {log}.")


with job(snakemake.log[0]):
    folder, reference = Path("results/reproduce"), Path(snakemake.input.config).resolve().parent
    run_again(reference, folder, snakemake.log.campaign)
    verdicts = compare_results(reference, folder / "results")
    table = pd.DataFrame([{c: getattr(v, c) for c in COLUMNS} for v in verdicts], columns=COLUMNS)
    print(table.to_string(index=False, max_colwidth=60))
    with replacing(folder / "verdicts.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n")
    failed = [each for each in verdicts if not each.is_reproduced]
    if failed:
        first = failed[0]
        raise InputError(
            f"{len(failed)} of {len(verdicts)} files are not reproduced; the first is {first.file}"
            f"{f', {first.row}' if first.row else ''}: {first.verdict} (expected "
            f"{first.expected or 'nothing'}, found {first.found or 'nothing'})."
        )
    print(f"All {len(verdicts)} files are reproduced; the table is {folder / 'verdicts.csv'}.")
