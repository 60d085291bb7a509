"""What the analysis may be told: which arms are unbiased samples, and how finely to look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from dashsearch.errors import InputError

Sampling = Literal["designed", "uniform", "adaptive"]
FailedCells = Literal["refuse", "lowest"]
CONFIDENCE = 0.95
# Resampling fewer seeds gives little but their extremes, which is no 95 % interval.
SEEDS_FOR_BOOTSTRAP = 5


@dataclass(frozen=True)
class AnalysisSettings:
    """Settings of the estimators; intervals and bands are 95 % unless their kind says otherwise.

    Attributes
    ----------
    seed
        Root of every seed that permutations, bootstraps and simulations are derived from.
    score
        Column that results are reported on: a sealed test score.
    selection
        Column that an incumbent is chosen by: a validation score.
    designed_arms
        Arm names that ran the designed sample; the first one present is the primary source of
        variance shares.
    uniform_arms
        Arm names that drew their cells uniformly at random. Every other arm name is adaptive.
    min_per_group
        Smallest number of scores that a group needs to enter an analysis of variance.
    window
        Number of consecutive proposals whose entropy is taken.
    step
        Number of proposals between the ends of two windows.
    permutations
        Permutations of every permutation test and null distribution.
    bootstraps
        Resamples of every bootstrap, and draws of the simulated uniform policy.
    failed_cells
        What an exact analysis of a table does with failed cells: ``"refuse"``, or ``"lowest"``,
        which takes the lowest score of the table for each; how many is reported.
    """

    seed: int = 1
    score: str = "test_map"
    selection: str = "val_map"
    designed_arms: tuple[str, ...] = ("designed",)
    uniform_arms: tuple[str, ...] = ("random",)
    min_per_group: int = 2
    window: int = 20
    step: int = 5
    permutations: int = 999
    bootstraps: int = 2000
    failed_cells: FailedCells = "refuse"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from plain data, in which names of arms are lists."""
        arms = {name: tuple(values[name]) for name in ("designed_arms", "uniform_arms")}
        return cls(**{**values, **arms})

    def __post_init__(self) -> None:
        """Refuse settings that no estimator can work with."""
        for name, lowest in {
            "min_per_group": 2,
            "window": 2,
            "step": 1,
            "permutations": 99,
            "bootstraps": 99,
        }.items():
            if getattr(self, name) < lowest:
                raise InputError(
                    f"analysis setting {name} is {getattr(self, name)}; give at least {lowest}."
                )
        both = sorted(set(self.designed_arms) & set(self.uniform_arms))
        if both:
            raise InputError(f"arm {both[0]} is listed as designed and as uniform; choose one.")

    def sampling(self, arm: str) -> Sampling:
        """Say how the arms of this name chose their cells."""
        if arm in self.designed_arms:
            return "designed"
        return "uniform" if arm in self.uniform_arms else "adaptive"
