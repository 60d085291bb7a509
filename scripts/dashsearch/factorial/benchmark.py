"""A measured table as a benchmark: scores of any cell in microseconds, for any search method."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.factorial.table import FactorialTable
from dashsearch.space.files import space_of
from dashsearch.space.space import Cell, Space
from dashsearch.tables import read_note

SHIPPED = Path(__file__).parents[3] / "resources" / "tables"
SCORE = "val_map"

Cells = int | Cell | Sequence[int] | Sequence[Cell] | NDArray[np.int64]


@dataclass(frozen=True)
class Measurements:
    """What was measured of some cells, in the order that they were asked for.

    Attributes
    ----------
    cells
        int64 (n,).
    scores
        float64 (n,) by name, such as ``val_map`` or ``test_ap``; NaN where an experiment failed.
    seconds
        float64 (n,), what the training took on the machine that measured the table.
    status
        ``"ok"``, ``"diverged"`` or ``"failed"``, (n,).
    """

    cells: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]
    seconds: NDArray[np.float64]
    status: NDArray[np.object_]

    def __len__(self) -> int:
        """Return the number of cells."""
        return self.cells.size


@dataclass(frozen=True)
class FactorialBenchmark:
    """Every cell of a space, measured: load it by a task's name and ask it what a cell scored.

    Attributes
    ----------
    task
        Name of the task.
    epochs
        Epochs of a whole training.
    """

    task: str
    epochs: int
    table: FactorialTable

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> "FactorialBenchmark":
        """Read a table that comes with dashsearch, by its task's name, or any by its path.

        Raises
        ------
        InputError
            If there is none, it was not written by `snakemake factorial`, or is damaged.
        """
        path = SHIPPED / f"{name}.parquet"
        if not path.is_file():
            path = Path(name)
        if not path.is_file():
            known = ", ".join(sorted(each.stem for each in SHIPPED.glob("*.parquet")))
            raise InputError(f"{name} is no table; use the path of one, or {known}.")
        settings = read_note(path)["settings"]
        lacking = [key for key in ("task", "epochs", "tte_s", "levels") if key not in settings]
        if lacking:
            raise InputError(
                f"{path} does not say its {lacking[0]}, so it is no table of `snakemake factorial`;"
                " measure one with it."
            )
        space = space_of(settings["levels"])
        table = FactorialTable.load(path, space, settings["tte_s"])
        return cls(settings["task"], int(settings["epochs"]), table)

    @property
    def space(self) -> Space:
        """The space, every cell of which was measured."""
        return self.table.space

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores."""
        return tuple(name for name in self.table.columns if name.startswith(("val_", "test_")))

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Numbers of epochs that every cell was trained for, ascending."""
        shares = sorted({share for _, share in self.table.rows})
        return tuple(self._epochs_of(share) for share in shares)

    @cached_property
    def seeds(self) -> NDArray[np.int64]:
        """Number of seeds that every cell was wholly trained with: int64 (size,)."""
        held = [places >= 0 for (_, share), places in self.table.rows.items() if share == 1]
        return np.asarray(np.sum(held, axis=0, dtype=np.int64))

    @property
    def coverage(self) -> float:
        """Share of the space's cells that were wholly trained at least once."""
        return float((self.seeds > 0).mean())

    def query(
        self,
        cells: Cells,
        *,
        epochs: int | None = None,
        seed: int = 0,
        metrics: Sequence[str] | None = None,
    ) -> Measurements:
        """Look cells up.

        Parameters
        ----------
        cells
            Indices or mappings from factor to level, one or many.
        epochs
            How long they were trained, one of `fidelities`; the whole if not given.
        seed
            Number of the seed, from 0; every cell has seed 0.
        metrics
            Names of the scores to return; all if not given.

        Raises
        ------
        InputError
            If a cell is not in the space, or was not measured with this seed and these epochs.
        """
        wanted = self._indices(cells)
        places = self.table.rows.get((seed, self._share_of(epochs)))
        rows = np.full(wanted.size, -1) if places is None else places[wanted]
        if rows.size and rows.min() < 0:
            cell = int(wanted[np.argmax(rows < 0)])
            raise InputError(
                f"cell {cell} of {self.task} was not measured with seed {seed} and "
                f"{epochs or self.epochs} epochs; it has {int(self.seeds[cell])} seeds, and the "
                f"table {', '.join(map(str, self.fidelities))} epochs."
            )
        columns = self.table.columns
        unknown = set(metrics or ()) - set(self.metrics)
        if unknown:
            raise InputError(
                f"{min(unknown)} is no score of {self.task}; use {', '.join(self.metrics)}."
            )
        return Measurements(
            wanted,
            {name: columns[name][rows] for name in metrics or self.metrics},
            columns["train_duration_s"][rows],
            columns["status"][rows],
        )

    def objective(
        self, metric: str = SCORE, *, epochs: int | None = None, seed: int = 0
    ) -> Callable[[Cell | int], float]:
        """Return a function from a cell to a score to maximise; NaN where the experiment failed.

        Faster than `query` for one cell at a time; it refuses what `query` refuses.
        """
        self.query([], metrics=[metric])
        column = self.table.columns[metric]
        places = self.table.rows.get((seed, self._share_of(epochs)))
        size = self.space.size

        def score(cell: Cell | int) -> float:
            index = self.space.index(cell) if isinstance(cell, Mapping) else cell
            row = places[index] if places is not None and 0 <= index < size else -1
            if row < 0:  # the sentence that says why
                self.query(index, epochs=epochs, seed=seed)
            return float(column[row])

        return score

    def frame(self) -> pd.DataFrame:
        """Return all measurements with the levels of their cells, one row each."""
        return self.table.frame().merge(self.cells(), on="cell", validate="many_to_one")

    def cells(self) -> pd.DataFrame:
        """Return all cells with their levels, in the order of their index."""
        indices = np.arange(self.space.size)
        positions = self.space.positions(indices)
        columns = {
            factor.name: np.array(factor.levels, dtype=object)[positions[:, place]]
            for place, factor in enumerate(self.space.factors)
        }
        return pd.DataFrame({"cell": indices, **columns}).infer_objects()

    def _indices(self, cells: Cells) -> NDArray[np.int64]:
        if isinstance(cells, Mapping):
            return np.array([self.space.index(cells)], dtype=np.int64)
        if isinstance(cells, Sequence) and cells and isinstance(cells[0], Mapping):
            return np.array([self.space.index(cell) for cell in cells], dtype=np.int64)  # type: ignore[arg-type]
        wanted = np.atleast_1d(np.asarray(cells, dtype=np.int64))
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < self.space.size):
            outside = wanted[(wanted < 0) | (wanted >= self.space.size)][0]
            raise InputError(
                f"cell {outside} is outside space {self.space.name}; use 0 to "
                f"{self.space.size - 1}."
            )
        return wanted

    def _share_of(self, epochs: int | None) -> float:
        if epochs is None:
            return 1.0
        shares = {self._epochs_of(share): share for _, share in self.table.rows}
        if epochs not in shares:
            raise InputError(
                f"{self.task} was not trained for {epochs} epochs; use "
                f"{', '.join(map(str, self.fidelities))}."
            )
        return shares[epochs]

    def _epochs_of(self, share: float) -> int:
        # As `training.recipe.at_fidelity` rounds.
        return max(1, round(share * self.epochs))


def optuna_objective(benchmark: FactorialBenchmark, metric: str = SCORE) -> Callable[[Any], float]:
    """Return an objective for `optuna.Study.optimize`; its study should maximise.

    Every factor is a categorical suggestion, so that samplers know nothing of orders that the space
    does not declare. A failed experiment has the score 0.
    """
    score = benchmark.objective(metric)

    def objective(trial: Any) -> float:
        cell = {
            factor.name: trial.suggest_categorical(factor.name, list(factor.levels))
            for factor in benchmark.space.factors
        }
        value = score(cell)
        return 0.0 if math.isnan(value) else value

    return objective


def smac_objective(
    benchmark: FactorialBenchmark, metric: str = SCORE
) -> Callable[[Any, int], float]:
    """Return a target function for SMAC, which minimises: 1 less the score; 1 for a failure.

    Its seed, an argument that SMAC passes, is not the table's: every call has seed 0.
    """
    score = benchmark.objective(metric)

    def objective(configuration: Any, seed: int = 0) -> float:
        value = score(dict(configuration))
        return 1.0 if math.isnan(value) else 1.0 - value

    return objective
