"""Opaque names for factors and levels, so that a model cannot use what it knows of them."""

from dataclasses import dataclass

import numpy as np

from dashsearch.space.space import Factor, Space


@dataclass(frozen=True)
class Veil:
    """How an agent sees a space: as it is, or with opaque names in a shuffled order.

    Attributes
    ----------
    real
        The space of the arm.
    shown
        The space that the agent is told of; same product of factors and levels, other names.
    factors
        For each shown factor, the place of the real one.
    levels
        For each shown factor, the place of the real level of each shown level.
    """

    real: Space
    shown: Space
    factors: tuple[int, ...]
    levels: tuple[tuple[int, ...], ...]

    def lift(self, shown_cell: int) -> int:
        """Return the real cell of a shown one."""
        places = self.shown.positions([shown_cell])[0]
        real = [0] * len(self.factors)
        for place, factor, levels in zip(places, self.factors, self.levels, strict=True):
            real[factor] = levels[int(place)]
        return int(np.ravel_multi_index(real, self.real.shape))

    def drop(self, real_cell: int) -> int:
        """Return the shown cell of a real one."""
        places = self.real.positions([real_cell])[0]
        shown = [
            levels.index(int(places[factor]))
            for factor, levels in zip(self.factors, self.levels, strict=True)
        ]
        return int(np.ravel_multi_index(shown, self.shown.shape))


def plain(space: Space) -> Veil:
    """Show a space as it is."""
    levels = tuple(tuple(range(len(factor.levels))) for factor in space.factors)
    return Veil(space, space, tuple(range(len(space.factors))), levels)


def obfuscate(space: Space, rng: np.random.Generator) -> Veil:
    """Shuffle factors and levels, and name them ``f1``, ``f2``, … and ``f1_a``, ``f1_b``, ….

    Groups, units and orders are hidden too: they would give factors away.
    """
    factors = tuple(int(place) for place in rng.permutation(len(space.factors)))
    levels, shown = [], []
    for number, place in enumerate(factors, start=1):
        count = len(space.factors[place].levels)
        levels.append(tuple(int(level) for level in rng.permutation(count)))
        names = tuple(f"f{number}_{_letters(level)}" for level in range(count))
        shown.append(Factor(f"f{number}", "training", names))
    return Veil(space, Space("opaque", tuple(shown)), factors, tuple(levels))


def _letters(number: int) -> str:
    text = ""
    while number >= 0:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
    return text
