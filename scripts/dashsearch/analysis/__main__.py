"""Runs one analysis on files alone: ``python -m dashsearch.analysis NAME LEDGER --out DIR``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dashsearch.analysis.analyse import QUESTIONS, analyse, analyse_transfer
from dashsearch.analysis.findings import Findings, write_findings
from dashsearch.analysis.inputs.any_ledger import ARCHITECTURE, PUBLISHED_FACTORS, read_any_ledger
from dashsearch.analysis.inputs.clip_scores import read_clip_scores
from dashsearch.analysis.inputs.measured import read_measured
from dashsearch.analysis.questions.cross_task import cross_task_findings
from dashsearch.analysis.questions.factorial import factorial_findings
from dashsearch.analysis.questions.group_variance import group_findings
from dashsearch.analysis.questions.variance import refuse_nothing
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.analysis.variance.group_table import is_group_table
from dashsearch.errors import InputError
from dashsearch.space.space import Space

# Not of QUESTIONS: of several ledgers, of a table of all cells, and of configurations retrained.
CROSS_TASK = "cross_task"
EXACT = "factorial"
TRANSFER = "transfer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the analysis that the arguments name; the exit status is 1 if it was refused."""
    options = _parser().parse_args(arguments)
    try:
        write_findings(_findings(options), options.out)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    name = "functional_anova" if options.name == EXACT else options.name
    sys.stdout.write(f"{options.out / name}.json\n")
    return 0


def _findings(options: argparse.Namespace) -> Findings:
    if options.name == CROSS_TASK:
        return _cross_task_findings(options)
    path, *others = options.files
    if others:
        raise InputError(
            f"{options.name} reads one file, but {others[0]} is a second; leave it out."
        )
    if is_group_table(path, options.score):
        return _group_findings(path, options)
    if options.clips and options.name != TRANSFER:
        raise InputError(f"--clips {options.clips} belongs to {TRANSFER}; leave it out.")
    single = options.name in ("variance", EXACT)
    scores = [options.score] if single else [options.score, options.selection]
    ledger, space = _read(path, scores, options)
    settings = _settings(options, scores)
    try:
        return _answer(options, ledger, space, settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _answer(
    options: argparse.Namespace, ledger: pd.DataFrame, space: Space, settings: AnalysisSettings
) -> Findings:
    if options.name == EXACT:
        return factorial_findings(ledger, space, settings)
    if options.name == TRANSFER:
        clips = read_clip_scores(options.clips) if options.clips else None
        return analyse_transfer(ledger, space, settings, clips)
    table = options.table
    measured = read_measured(table, settings, _factors(options)) if table else None
    findings = analyse(options.name, ledger, space, settings, measured)
    if options.name == "variance":
        refuse_nothing(findings, len(ledger))
    return findings


def _group_findings(path: Path, options: argparse.Namespace) -> Findings:
    if options.name != "variance":
        raise InputError(
            f"{path} is a table of groups, which can tell variance alone; give {options.name} a "
            "ledger with one row an experiment."
        )
    factors = _factors(options) or PUBLISHED_FACTORS
    return group_findings(path, factors, options.std, options.min_n)


def _cross_task_findings(options: argparse.Namespace) -> Findings:
    scores = [options.score]
    ledgers = [_read(path, scores, options) for path in options.files]
    return cross_task_findings(ledgers, _settings(options, scores))


def _read(
    path: Path, scores: Sequence[str], options: argparse.Namespace
) -> tuple[pd.DataFrame, Space]:
    architecture = options.architecture.split(",")
    return read_any_ledger(
        path, scores=scores, factors=_factors(options), architecture=architecture
    )


def _factors(options: argparse.Namespace) -> list[str] | None:
    return options.factors.split(",") if options.factors else None


def _settings(options: argparse.Namespace, scores: Sequence[str]) -> AnalysisSettings:
    return AnalysisSettings(
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
        failed_cells=options.failed,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dashsearch.analysis",
        description="Analyse a ledger (Parquet or CSV, one row an experiment), or for variance a "
        "CSV of groups with their n, mean and standard deviation; for cross_task several ledgers, "
        "one a task; for factorial a table of all cells.",
    )
    parser.add_argument("name", choices=[*QUESTIONS, CROSS_TASK, EXACT, TRANSFER])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.json and tables")
    parser.add_argument("--clips", type=Path, help="scores by clip of a transfer check")
    parser.add_argument(
        "--factors", help=f"columns; of our ledgers all, else {','.join(PUBLISHED_FACTORS)}"
    )
    parser.add_argument(
        "--architecture", default=",".join(ARCHITECTURE), help="factors of that group"
    )
    parser.add_argument(
        "--table", type=Path, help="measured scores of every cell, for the regrets of convergence"
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
    parser.add_argument(
        "--failed", choices=["refuse", "lowest"], default="refuse", help="cells, for factorial"
    )
    parser.add_argument("--window", type=int, default=20, help="proposals whose entropy is taken")
    parser.add_argument("--step", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=9999, help="permutations and bootstraps")
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
