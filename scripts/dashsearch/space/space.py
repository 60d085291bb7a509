"""The configuration space: factors with levels, and every cell's index in mixed radix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.files import digest

Level = str | int | float
Cell = Mapping[str, Level]
Group = Literal["architecture", "training"]
GROUPS: tuple[Group, ...] = ("architecture", "training")


@dataclass(frozen=True)
class Factor:
    """One axis of the configuration space.

    Attributes
    ----------
    name
        Name of the factor and of its column in every ledger.
    group
        ``"architecture"`` (backbone, encoder, pooling) or ``"training"`` (all others).
    levels
        The values, in the order that the cell index counts them.
    unit
        Unit of the levels, or None where they have none.
    ordered
        Whether neighbouring levels are closer than distant ones.
    """

    name: str
    group: Group
    levels: tuple[Level, ...]
    unit: str | None = None
    ordered: bool = False

    def position(self, level: object) -> int:
        """Return the place of `level` among the levels; InputError if it is none of them.

        ``True`` is not 1 here: a level has to have the declared type, but an int stands for the
        equal float, since JSON and YAML write 1.0 and 1 alike.
        """
        for position, known in enumerate(self.levels):
            if isinstance(level, bool) or isinstance(level, str) != isinstance(known, str):
                continue
            if level == known:
                return position
        raise InputError(
            f"factor {self.name}: {level!r} is not a level; "
            f"choose one of {', '.join(map(repr, self.levels))}."
        )


@dataclass(frozen=True)
class Space:
    """A finite product of factors.

    Cells are numbered 0 … size - 1 in mixed radix: the last factor counts fastest (C order).
    """

    name: str
    factors: tuple[Factor, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of levels of each factor, in order."""
        return tuple(len(factor.levels) for factor in self.factors)

    @property
    def size(self) -> int:
        """Number of cells."""
        return prod(self.shape)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the factors, in order."""
        return tuple(factor.name for factor in self.factors)

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any factor, level, group, unit or order."""
        return digest(self.describe())

    def factor(self, name: str) -> Factor:
        """Return the factor called `name`; InputError if there is none."""
        for factor in self.factors:
            if factor.name == name:
                return factor
        raise InputError(
            f"space {self.name} has no factor {name!r}; it has {', '.join(self.names)}."
        )

    def group(self, group: Group) -> tuple[Factor, ...]:
        """Return the factors of one group, in order."""
        return tuple(factor for factor in self.factors if factor.group == group)

    def index(self, cell: Cell) -> int:
        """Return the index of `cell`.

        Raises
        ------
        InputError
            If a factor is missing, unknown, or has a level that the space does not hold.
        """
        unknown = sorted(set(cell) - set(self.names))
        missing = [name for name in self.names if name not in cell]
        if unknown or missing:
            problem = f"unknown {', '.join(unknown)}" if unknown else f"no {', '.join(missing)}"
            raise InputError(
                f"a cell of space {self.name} has {problem}; "
                f"give one level for each of {', '.join(self.names)}."
            )
        positions = [factor.position(cell[factor.name]) for factor in self.factors]
        return int(np.ravel_multi_index(positions, self.shape))

    def cell(self, index: int) -> dict[str, Level]:
        """Return the cell with this index; InputError if it is not in 0 … size - 1."""
        if not 0 <= index < self.size:
            raise InputError(
                f"cell {index} is outside space {self.name}; use 0 to {self.size - 1}."
            )
        return {
            factor.name: factor.levels[int(position)]
            for factor, position in zip(self.factors, self.positions([index])[0], strict=True)
        }

    def positions(self, cells: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each cell's levels: int64 (n, number of factors)."""
        places = np.unravel_index(np.asarray(cells, dtype=np.int64), self.shape)
        return np.stack(places, axis=-1).astype(np.int64)

    def neighbours(self, index: int) -> list[int]:
        """Return the cells that one step leads to, in ascending order.

        A step changes one factor: an ordered one to the next level up or down, any other one to any
        of its levels.
        """
        here = self.positions([index])[0]
        found = []
        for place, factor in enumerate(self.factors):
            for level in range(len(factor.levels)):
                distance = abs(level - int(here[place]))
                if distance == 1 or (distance > 1 and not factor.ordered):
                    there = here.copy()
                    there[place] = level
                    found.append(int(np.ravel_multi_index(there.tolist(), self.shape)))
        return sorted(found)

    def gower(
        self, first: Sequence[int] | NDArray[np.int64], second: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return Gower's distance of every cell of `first` to every cell of `second`.

        The mean over the factors of 0 or 1 for a difference in an unordered factor, and of the
        difference in rank over the largest possible one for an ordered factor. Factors with one
        level do not count. Source: Gower (1971), Biometrics 27(4); ranks for ordered factors as in
        Podani (1999), Taxon 48(2).

        Returns
        -------
        float64 array, (len(first), len(second))
            In [0, 1].
        """
        one, other = self.positions(first)[:, None, :], self.positions(second)[None, :, :]
        total = np.zeros((len(one), other.shape[1]))
        counted = [place for place, levels in enumerate(self.shape) if levels > 1]
        for place in counted:
            difference = np.abs(one[..., place] - other[..., place])
            if self.factors[place].ordered:
                total += difference / (self.shape[place] - 1)
            else:
                total += difference > 0
        return total / max(1, len(counted))

    def describe(self) -> dict[str, Any]:
        """Return the space as plain data, in the form of a space file."""
        return {
            "name": self.name,
            "factors": [
                {
                    "name": factor.name,
                    "group": factor.group,
                    "unit": factor.unit,
                    "ordered": factor.ordered,
                    "levels": list(factor.levels),
                }
                for factor in self.factors
            ],
        }
