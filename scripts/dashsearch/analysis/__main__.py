"""Runs one analysis on files alone: ``python -m dashsearch.analysis NAME LEDGER --out DIR``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dashsearch.analysis.analyse import QUESTIONS, analyse, analyse_transfer
from dashsearch.analysis.any_ledger import ARCHITECTURE, PUBLISHED_FACTORS, read_any_ledger
from dashsearch.analysis.clip_scores import read_clip_scores
from dashsearch.analysis.findings import Findings, write_findings
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the analysis that the arguments name; the exit status is 1 if it was refused."""
    options = _parser().parse_args(arguments)
    try:
        write_findings(_findings(options), options.out)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.out / options.name}.json\n")
    return 0


def _findings(options: argparse.Namespace) -> Findings:
    path = options.files[0]
    if options.clips and options.name != "transfer":
        raise InputError(f"--clips {options.clips} belongs to transfer; leave it out.")
    factors = options.factors.split(",") if options.factors else None
    scores = [options.score] if options.name == "variance" else [options.score, options.selection]
    ledger, space = read_any_ledger(
        path, scores=scores, factors=factors, architecture=options.architecture.split(",")
    )
    settings = AnalysisSettings(
        seed=options.seed,
        score=options.score,
        selection=scores[-1],
        designed_arms=tuple(options.designed.split(",")),
        uniform_arms=tuple(options.uniform.split(",")),
        min_per_group=options.min_n,
        window=options.window,
        step=options.step,
        permutations=options.resamples,
        bootstraps=options.resamples,
    )
    clips = read_clip_scores(options.clips) if options.clips else None
    try:
        if options.name == "transfer":
            return analyse_transfer(ledger, space, settings, clips)
        return analyse(options.name, ledger, space, settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashsearch.analysis",
        description="Analyse a ledger (Parquet or CSV, one row an experiment), or for variance a "
        "CSV of groups with their n, mean and standard deviation.",
    )
    parser.add_argument("name", choices=[*QUESTIONS, "transfer"])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.json and tables")
    parser.add_argument("--clips", type=Path, help="scores by clip of a transfer check")
    parser.add_argument(
        "--factors", help=f"columns; of our ledgers all, else {','.join(PUBLISHED_FACTORS)}"
    )
    parser.add_argument(
        "--architecture", default=",".join(ARCHITECTURE), help="factors of that group"
    )
    parser.add_argument("--score", default="test_map", help="column to report on")
    parser.add_argument(
        "--selection", default="val_map", help="column that incumbents are chosen by"
    )
    parser.add_argument("--designed", default="designed", help="arms that are designed samples")
    parser.add_argument("--uniform", default="random", help="arms that drew cells uniformly")
    parser.add_argument(
        "--min-n", type=int, default=10, help="smallest group of a one-way analysis"
    )
    parser.add_argument(
        "--std", choices=["population", "sample"], default="population", help="of a CSV of groups"
    )
    parser.add_argument("--window", type=int, default=20, help="proposals whose entropy is taken")
    parser.add_argument("--step", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=9999, help="permutations and bootstraps")
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
