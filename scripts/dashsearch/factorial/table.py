"""A table of measured cells, in which an experiment is looked up instead of trained."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.ledger.schema import (
    COST_COLUMNS,
    STATUSES,
    Proposal,
    ledger_columns,
    score_columns,
)
from dashsearch.provenance import provenance
from dashsearch.space.space import Space
from dashsearch.tables import frame_of, read_note, read_table, write_table

TABLE_SCHEMA = "factorial/2"
KEY = ("cell", "replicate", "fidelity")
DEVICE = "table"
# Why a cell was measured: with its first seed as every cell, again because it was drawn uniformly
# (whatever it scored), or again because it was among the best on validation.
SAMPLES = ("all", "uniform", "best")


def table_columns(tte_s: tuple[float, ...]) -> dict[str, str]:
    """Columns of a factorial file: one row per cell, replicate and fidelity.

    `fidelity` is the share of the cell's epochs that was trained, `train_duration_s` the seconds
    that it took, `sample` why it was measured; the scores are those of a ledger.
    """
    return {
        "cell": "int64",
        "replicate": "int64",
        "fidelity": "float64",
        "sample": "string",
        "status": "string",
        "reason": "string",
        "train_duration_s": "float64",
        **score_columns("val", tte_s),
        **score_columns("test", tte_s),
    }


def write_factorial(
    target: str | os.PathLike[str],
    frame: pd.DataFrame,
    space: Space,
    tte_s: tuple[float, ...],
    settings: Mapping[str, Any] | None = None,
    *,
    inputs: Mapping[str, str] | None = None,
) -> None:
    """Write a table of measured cells with its space and what made it."""
    described = {"space": space.digest, "levels": space.describe()}
    note = provenance(
        TABLE_SCHEMA,
        libraries=("numpy", "torch") if inputs else (),
        inputs=inputs,
        settings={**(settings or {}), **described},
    )
    write_table(target, frame, table_columns(tte_s), note)


def check_complete(rows: pd.DataFrame, space: Space) -> None:
    """Check that every cell was measured once with the first seed at every fidelity.

    Raises
    ------
    InputError
        Says how many cells are missing or stand twice, and names the first.
    """
    for fidelity, part in rows[rows["replicate"] == 0].groupby("fidelity"):
        counts = np.bincount(part["cell"], minlength=space.size)
        wrong = np.flatnonzero(counts != 1)
        if wrong.size:
            raise InputError(
                f"{wrong.size} of the {space.size} cells of {space.name} were not measured exactly "
                f"once at {fidelity:g} of the epochs, first cell {wrong[0]}; delete the task's "
                "factorial folder and run it again."
            )
    again = rows.duplicated(list(KEY)).sum()
    if again:
        raise InputError(f"{again} measurements of {space.name} stand twice; keep one of each.")


def measured_rows(
    ledger: pd.DataFrame, costs: pd.DataFrame, tte_s: tuple[float, ...], sample: Sequence[str]
) -> pd.DataFrame:
    """Return the rows of a factorial file from trained measurements.

    Parameters
    ----------
    ledger, costs
        Rows of the same experiments in the same order, as `RoundTables` has them.
    sample
        Of every row, one of `SAMPLES`.
    """
    frame = ledger.assign(
        sample=list(sample), train_duration_s=costs["train_duration_s"].to_numpy(dtype=np.float64)
    )
    return frame[list(table_columns(tte_s))]


@dataclass(frozen=True)
class FactorialTable:
    """Measured cells by key.

    Attributes
    ----------
    trainer
        What the cells were trained by, as the file says; part of every experiment's identity.
    columns
        One array a column, all of the same length.
    rows
        By replicate and fidelity, the row of every cell: int64 (size of the space), -1 for none.
    """

    path: str
    space: Space
    tte_s: tuple[float, ...]
    trainer: str
    columns: Mapping[str, NDArray[Any]]
    rows: Mapping[tuple[int, float], NDArray[np.int64]]

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], space: Space, tte_s: Sequence[float]
    ) -> "FactorialTable":
        """Read a factorial file.

        Raises
        ------
        InputError
            If it is missing or of another space, has other columns, a cell outside the space, the
            same key twice, a status that no measurement has, or an "ok" without a score.
        """
        if not Path(path).is_file():
            raise InputError(f"{path} does not exist; correct `tables` in the config.")
        settings = read_note(path)["settings"]
        digest = settings.get("space")
        if digest != space.digest:
            raise InputError(
                f"{path} was measured in a space with the digest {digest}, but space {space.name} "
                f"has {space.digest}; use the space file that it was measured with."
            )
        frame = read_table(path, table_columns(tuple(tte_s)))
        _check(frame, space, path)
        rows: dict[tuple[int, float], NDArray[np.int64]] = {}
        keys = frame[["replicate", "fidelity"]]
        for replicate, fidelity in keys.drop_duplicates().itertuples(index=False):
            here = np.flatnonzero((keys["replicate"] == replicate) & (keys["fidelity"] == fidelity))
            places = np.full(space.size, -1, dtype=np.int64)
            places[frame["cell"].to_numpy()[here]] = here
            rows[int(replicate), float(fidelity)] = places
        columns = {str(name): frame[name].to_numpy() for name in frame.columns}
        trainer = str(settings.get("trainer", "table"))
        return cls(str(path), space, tuple(tte_s), trainer, columns, rows)

    def frame(self) -> pd.DataFrame:
        """Return all measurements, one row each."""
        return pd.DataFrame(dict(self.columns))

    def row(self, cell: int, replicate: int = 0, fidelity: float = 1.0) -> int:
        """Return the row of a measurement.

        Raises
        ------
        InputError
            If it was not made.
        """
        places = self.rows.get((replicate, fidelity))
        if places is None or places[cell] < 0:
            known = ", ".join(f"{r} at {f:g}" for r, f in sorted(self.rows))
            raise InputError(
                f"{self.path} has no measurement of cell {cell}, replicate {replicate}, at "
                f"{fidelity:g} of the epochs (it has the replicates {known}); change the arm that "
                "asks for it, or measure it."
            )
        return int(places[cell])

    def validation(self, proposal: Proposal) -> dict[str, Any]:
        """Return what a policy may know of an experiment: outcome, validation mAP and seconds."""
        row = self._row_of(proposal)
        return {
            "status": self.columns["status"][row],
            "reason": self.columns["reason"][row],
            "val_map": float(self.columns["val_map"][row]),
            "train_s": float(self.columns["train_duration_s"][row]),
        }

    def ledger(self, proposals: Sequence[Proposal]) -> pd.DataFrame:
        """Return the ledger of proposals that carry their outcome, test scores included."""
        scores = [*score_columns("val", self.tte_s), *score_columns("test", self.tte_s)]
        ledger = frame_of(
            [proposal.row(self.space) for proposal in proposals],
            ledger_columns(self.space, self.tte_s),
        )
        measured = np.array([p.status not in ("duplicate", "invalid") for p in proposals], bool)
        rows = [self._row_of(p) for p, own in zip(proposals, measured, strict=True) if own]
        for name in scores:
            values = np.full(len(proposals), np.nan)
            values[measured] = self.columns[name][rows]
            ledger[name] = values
        return ledger

    def costs(self, proposals: Sequence[Proposal]) -> pd.DataFrame:
        """Return what the training of these proposals took when it was measured."""
        seconds = self.columns["train_duration_s"]
        rows = [
            {
                "experiment_id": p.experiment_id,
                "train_duration_s": 0.0
                if p.status in ("duplicate", "invalid")
                else float(seconds[self._row_of(p)]),
                "device": DEVICE,
            }
            for p in proposals
        ]
        return frame_of(rows, COST_COLUMNS)

    def _row_of(self, proposal: Proposal) -> int:
        return self.row(proposal.cell, proposal.replicate, proposal.fidelity)


def _check(frame: pd.DataFrame, space: Space, path: str | os.PathLike[str]) -> None:
    outside = frame.loc[(frame["cell"] < 0) | (frame["cell"] >= space.size), "cell"]
    if len(outside):
        raise InputError(f"{path}: cell {outside.iloc[0]} is outside space {space.name}.")
    twice = frame.loc[frame.duplicated(list(KEY)), "cell"]
    if len(twice):
        raise InputError(
            f"{path}: cell {twice.iloc[0]} has two rows of one replicate and fidelity; keep one."
        )
    unknown = sorted(set(frame["sample"]) - set(SAMPLES))
    if unknown:
        raise InputError(f"{path}: {unknown[0]!r} is no sample; use {', '.join(SAMPLES)}.")
    wrong = sorted(set(frame["status"]) - (set(STATUSES) - {"duplicate", "invalid"}))
    if wrong:
        raise InputError(f"{path}: {wrong[0]!r} is no status of a measurement; correct it.")
    missing = frame.loc[(frame["status"] == "ok") & frame["val_map"].isna(), "cell"]
    if len(missing):
        raise InputError(f"{path}: cell {missing.iloc[0]} is ok but has no val_map; correct it.")
