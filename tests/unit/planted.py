"""Ledgers with a known truth: what the estimators are tested and benchmarked against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.errors import InputError
from dashsearch.ledger.schema import score_columns
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Factor, Space

TTE_S = (0.5, 1.0, 1.5)
FIVE_FACTORS = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid")),
        Factor("encoder", "architecture", ("gru", "retnet", "hybrid")),
        Factor("pooling", "architecture", ("mean", "max")),
        Factor("loss", "training", ("bce", "focal", "smooth")),
        Factor("learning_rate", "training", (1e-4, 1e-3, 1e-2)),
    ),
)
FOUR_FACTORS = Space(
    "small", tuple(each for each in FIVE_FACTORS.factors if each.name != "pooling")
)


@dataclass(frozen=True)
class PlantedTask:
    """A task whose score is known for every cell.

    The score of an experiment is `mean` + one effect per planted term + cell noise + seed noise,
    cut to [0, 1]. Each term's effect has exactly its share of the variance over the whole space.

    Attributes
    ----------
    shares
        Share of variance of each term; a term is the tuple of its factors. What is left of 1 is
        split between seed noise (`noise`) and an effect of the whole cell.
    mean, sd
        Mean and standard deviation of single experiments.
    effects
        Effect of each term, one axis per factor, in units of `sd`.
    """

    name: str
    space: Space
    shares: Mapping[tuple[str, ...], float]
    noise: float
    mean: float
    sd: float
    seed: int
    effects: Mapping[tuple[str, ...], NDArray[np.float64]]

    def scores(self, cells: NDArray[np.int64], seeds: Sequence[int]) -> NDArray[np.float64]:
        """Return the score of every experiment; equal cells and seeds give equal scores."""
        positions = np.unravel_index(cells, self.space.shape)
        total = np.zeros(len(cells))
        for factors, effect in self.effects.items():
            total += effect[tuple(positions[self.space.names.index(name)] for name in factors)]
        rest = np.sqrt(1 - self.noise - sum(self.shares.values()))
        total += rest * self._draws("cell", cells, [0] * len(cells))
        total += np.sqrt(self.noise) * self._draws("seed", cells, seeds)
        return np.clip(self.mean + self.sd * total, 0.0, 1.0)

    def _draws(
        self, what: str, cells: NDArray[np.int64], seeds: Sequence[int]
    ) -> NDArray[np.float64]:
        return np.array(
            [
                np.random.default_rng(
                    derive_seed(self.seed, self.name, what, int(cell), int(seed))
                ).standard_normal()
                for cell, seed in zip(cells, seeds, strict=True)
            ]
        )


def plant_task(
    name: str,
    space: Space,
    shares: Mapping[tuple[str, ...], float],
    *,
    noise: float = 0.05,
    mean: float = 0.65,
    sd: float = 0.08,
    seed: int = 0,
) -> PlantedTask:
    """Draw the effects of a task and scale each to exactly its share.

    Raises
    ------
    InputError
        If the shares and the noise exceed 1.
    """
    if noise < 0 or noise + sum(shares.values()) > 1:
        raise InputError("the planted shares and the noise exceed 1; lower them.")
    effects = {}
    for factors, share in shares.items():
        rng = np.random.default_rng(derive_seed(seed, name, "effect", *factors))
        shape = tuple(len(space.factor(factor).levels) for factor in factors)
        effects[factors] = np.sqrt(share) * _pure_effect(rng, shape)
    return PlantedTask(name, space, dict(shares), noise, mean, sd, seed, effects)


def planted_surface(
    space: Space, shares: Mapping[tuple[str, ...], float], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the sum of all terms for every cell, shape `space.shape`; shares are of variance 1."""
    total = np.zeros(space.shape)
    for factors, share in shares.items():
        places = [space.names.index(name) for name in factors]
        effect = _pure_effect(rng, tuple(space.shape[place] for place in places))
        shape = [n if place in places else 1 for place, n in enumerate(space.shape)]
        total += np.sqrt(share) * effect.reshape(shape)
    return total


def _pure_effect(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw an interaction that holds no effect of fewer factors, of standard deviation 1."""
    effect = rng.standard_normal(shape)
    for axis in range(effect.ndim):
        effect -= effect.mean(axis=axis, keepdims=True)
    return effect / effect.std()


def planted_ledger(
    task: PlantedTask, designed: int, random: int, adaptive: int, seeds: Sequence[int] = (1, 2)
) -> pd.DataFrame:
    """Run three arms on a planted task and return their joined ledger.

    Parameters
    ----------
    designed
        Experiments of the arm ``designed``: architectures in random order, then a second seed for
        a quarter of them.
    random, adaptive
        Experiments per seed of the arms ``random`` and ``evolution``; the latter changes one
        factor of one of the best so far.
    seeds
        Seeds of the arms ``random`` and ``evolution``.
    """
    arms = [_rows(task, "designed", 1, *_designed_cells(task, designed))]
    for seed in seeds:
        rng = np.random.default_rng(derive_seed(task.seed, task.name, "random", seed))
        cells = rng.choice(task.space.size, size=random, replace=False)
        arms.append(_rows(task, "random", seed, cells, np.zeros(random, dtype=np.int64)))
        cells = _evolved_cells(task, adaptive, seed)
        arms.append(_rows(task, "evolution", seed, cells, np.zeros(adaptive, dtype=np.int64)))
    return pd.concat(arms, ignore_index=True)


def _designed_cells(task: PlantedTask, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    space = task.space
    rng = np.random.default_rng(derive_seed(task.seed, task.name, "designed"))
    architectures = len(space.group("architecture"))
    shape = space.shape[:architectures]
    count = int(np.prod(shape))
    fresh = round(n * 0.8)
    order = np.concatenate([rng.permutation(count) for _ in range(fresh // count + 1)])[:fresh]
    training = int(np.prod(space.shape[architectures:]))
    cells = order * training + rng.integers(training, size=fresh)
    replicated = rng.choice(cells, size=n - fresh, replace=False)
    replicates = np.concatenate([np.zeros(fresh), np.ones(n - fresh)]).astype(np.int64)
    return np.concatenate([cells, replicated]).astype(np.int64), replicates


def _evolved_cells(task: PlantedTask, n: int, seed: int) -> NDArray[np.int64]:
    space = task.space
    rng = np.random.default_rng(derive_seed(task.seed, task.name, "evolution", seed))
    cells: list[int] = [int(cell) for cell in rng.choice(space.size, size=8, replace=False)][:n]
    scores = list(task.scores(np.array(cells), [seed] * len(cells)))
    while len(cells) < n:
        parents = rng.choice(len(cells), size=min(5, len(cells)), replace=False)
        parent = space.cell(cells[max(parents, key=lambda place: scores[place])])
        factor = space.factors[int(rng.integers(len(space.factors)))]
        child = {**parent, factor.name: factor.levels[int(rng.integers(len(factor.levels)))]}
        cells.append(space.index(child))
        scores.append(float(task.scores(np.array(cells[-1:]), [seed])[0]))
    return np.array(cells, dtype=np.int64)


def _rows(
    task: PlantedTask,
    arm: str,
    arm_seed: int,
    cells: NDArray[np.int64],
    replicates: NDArray[np.int64],
) -> pd.DataFrame:
    """Rows of one run: test scores are the validation's, seen through another clip sample."""
    space, n = task.space, len(cells)
    seeds = [arm_seed + 1000 * int(replicate) for replicate in replicates]
    validation = task.scores(cells, seeds)
    rng = np.random.default_rng(derive_seed(task.seed, task.name, "test clips", arm, arm_seed))
    test = np.clip(validation + rng.normal(scale=0.1 * task.sd, size=n), 0, 1)
    first = pd.Series(cells).groupby([cells, replicates]).cumcount().to_numpy() == 0
    broken = rng.random(n) < 0.03
    status = np.where(first, np.where(broken, "diverged", "ok"), "duplicate")
    reason = np.where(first, np.where(broken, "the loss was not finite", ""), "already proposed")
    scored = status == "ok"
    rows: dict[str, Any] = {
        "experiment_id": [f"{task.name}-{arm}-{arm_seed}-{slot:05d}" for slot in range(n)],
        "task": task.name,
        "arm": arm,
        "arm_seed": arm_seed,
        "round": np.arange(n) // 8,
        "slot": np.arange(n) % 8,
        "agent": arm,
        "model": "",
        "source": "policy",
        "kind": "base",
        "parent": "",
        "fidelity": 1.0,
        "reason": reason,
        "cell": cells,
        "replicate": replicates,
        "seed": seeds,
    }
    levels = [space.cell(int(cell)) for cell in cells]
    rows |= {name: [level[name] for level in levels] for name in space.names}
    rows["status"] = status
    for split, scores in (("val", validation), ("test", test)):
        for column in score_columns(split, TTE_S):
            values = 1 - scores if column.endswith("_logloss") else scores
            rows[column] = np.where(scored, values, np.nan)
    return pd.DataFrame(rows)
