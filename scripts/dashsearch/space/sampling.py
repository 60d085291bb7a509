"""Uniform draws of cells without replacement."""

from collections.abc import Collection

import numpy as np

from dashsearch.errors import InputError
from dashsearch.space.space import Space


def draw_cells(
    space: Space, n: int, rng: np.random.Generator, seen: Collection[int] = ()
) -> list[int]:
    """Draw `n` distinct cells uniformly from those not in `seen`.

    Raises
    ------
    InputError
        If fewer than `n` cells are left.
    """
    taken = set(seen)
    left = space.size - len(taken)
    if n > left:
        raise InputError(
            f"space {space.name} has {left} cells left but {n} were asked for; "
            "lower the arm's rounds or experiments_per_round."
        )
    if 2 * (len(taken) + n) > space.size:
        unseen = np.setdiff1d(np.arange(space.size), np.fromiter(taken, np.int64, len(taken)))
        return [int(cell) for cell in rng.choice(unseen, size=n, replace=False)]
    # Rejection is as uniform, and does not list the whole space for a handful of cells.
    cells: list[int] = []
    while len(cells) < n:
        cell = int(rng.integers(space.size))
        if cell not in taken:
            taken.add(cell)
            cells.append(cell)
    return cells
