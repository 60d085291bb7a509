"""Keep a finished run of the reference campaign as what `snakemake reproduce` expects."""

import shutil
import sys
from pathlib import Path

from dashsearch.analysis.reproduction import DIGESTS, TOLERANCES, compared_files, read_tolerances
from dashsearch.files import file_digest, write_json


def keep(run: Path, reference: Path) -> int:
    """Copy recordings and all compared files of a run, with their digests; return their number."""
    files = compared_files(run / "results", read_tolerances(reference / TOLERANCES))
    for name in ("results", "recordings"):
        shutil.rmtree(reference / name, ignore_errors=True)
    shutil.copytree(run / "recordings", reference / "recordings")
    for name, path in files.items():
        target = reference / "results" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    write_json(reference / DIGESTS, {name: file_digest(path) for name, path in files.items()})
    return len(files)


if __name__ == "__main__":
    run, reference = map(Path, sys.argv[1:])
    print(f"{keep(run, reference)} files are kept in {reference}.")
