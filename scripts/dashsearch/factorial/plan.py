"""What a factorial measures: every cell of a part of the space, and some cells with more seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashsearch.errors import InputError
from dashsearch.ledger.schema import Proposal, experiment_id
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Factor, Level, Space

FACTORIAL = "factorial"
SELECTION = "val_map"


def part_of(space: Space, levels: Mapping[str, Sequence[Level]], name: str) -> Space:
    """Return the space with some levels of some factors.

    Parameters
    ----------
    levels
        By factor, the levels that remain, in any order; a factor that is not listed keeps all.
    name
        Name of the part; the space keeps its own where nothing is left out.

    Raises
    ------
    InputError
        If `levels` names a factor or a level that the space does not have, or no level.
    """
    for factor, chosen in levels.items():
        space.factor(factor)
        if not chosen:
            raise InputError(f"no level of the factor {factor} is left; list at least one.")
    factors = tuple(_part(factor, levels.get(factor.name)) for factor in space.factors)
    return Space(space.name if factors == space.factors else name, factors)


def shards_of(
    space: Space,
    *,
    fidelities: Sequence[float],
    seeds: int,
    uniform: int,
    best: int,
    cells_per_shard: int,
    **_: object,
) -> tuple[int, int]:
    """Return the number of jobs that measure all cells, and of those that measure some again.

    The settings are those of the config's section `factorial`. What is chosen is not known before,
    only that it is not more than this.
    """
    first = space.size * (1 + len(fidelities))
    again = min(uniform + best, space.size) * (seeds - 1)
    return max(1, -(-first // cells_per_shard)), max(1, -(-again // cells_per_shard))


@dataclass(frozen=True)
class FactorialPlan:
    """Which experiments measure a space on a task.

    Attributes
    ----------
    space
        The space, or the part of it that is measured.
    task, campaign_seed, trainer
        What an experiment's seed and identity are made from, beside its cell.
    """

    space: Space
    task: str
    campaign_seed: int
    trainer: str

    def cells(self, fidelities: Sequence[float] = ()) -> list[Proposal]:
        """Plan a training of every cell, whole and at these shares of the epochs."""
        keys = ((share, cell) for share in (*fidelities, 1.0) for cell in range(self.space.size))
        return [self._measurement(cell, 0, share, slot) for slot, (share, cell) in enumerate(keys)]

    def replicates(self, cells: Sequence[int], seeds: int) -> list[Proposal]:
        """Plan the trainings with the second to the last seed of these cells."""
        keys = ((cell, replicate) for cell in cells for replicate in range(1, seeds))
        return [self._measurement(cell, seed, 1.0, slot) for slot, (cell, seed) in enumerate(keys)]

    def uniform(self, n: int) -> list[int]:
        """Draw distinct cells uniformly, before any of them is measured: the noise's sample."""
        rng = np.random.default_rng(
            derive_seed(self.campaign_seed, self.task, FACTORIAL, "uniform")
        )
        size = self.space.size
        return sorted(map(int, rng.choice(size, size=min(n, size), replace=False)))

    def _measurement(self, cell: int, replicate: int, fidelity: float, slot: int) -> Proposal:
        # By the levels and not by the number of the cell: a part of the space measures the same.
        levels = sorted(self.space.cell(cell).items())
        name = ",".join(f"{factor}={level}" for factor, level in levels)
        seed = derive_seed(self.campaign_seed, self.task, FACTORIAL, name, replicate)
        return Proposal(
            experiment_id=experiment_id(
                self.task, self.space, cell, seed, self.trainer, fidelity=fidelity
            ),
            task=self.task,
            arm=FACTORIAL,
            arm_seed=1,
            round=0,
            slot=slot,
            agent=FACTORIAL,
            model="",
            source="factorial",
            kind="base",
            parent="",
            cell=cell,
            replicate=replicate,
            fidelity=fidelity,
            seed=seed,
        )


def best_cells(measured: pd.DataFrame, n: int) -> list[int]:
    """Choose the cells that lead on validation with their first seed; ties by the cell index.

    Raises
    ------
    InputError
        If a column holds test scores.
    """
    sealed = [name for name in measured.columns if name.startswith("test_")]
    if sealed:
        raise InputError(
            f"the table to choose from holds {sealed[0]}; cells are chosen by validation alone."
        )
    whole = measured[(measured["fidelity"] == 1) & (measured["status"] == "ok")]
    ranked = whole.sort_values([SELECTION, "cell"], ascending=[False, True], kind="stable")
    return sorted(map(int, ranked["cell"].head(n)))


def _part(factor: Factor, levels: Sequence[Level] | None) -> Factor:
    if levels is None:
        return factor
    places = sorted({factor.position(level) for level in levels})
    kept = tuple(factor.levels[place] for place in places)
    return Factor(factor.name, factor.group, kept, factor.unit, factor.ordered)
