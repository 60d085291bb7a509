"""Means of groups of scores: who leads, how surely, and how two sets of means agree in rank."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dashsearch.analysis.inference.rank_bootstrap import percentile_interval
from dashsearch.analysis.results import Interval, TooFewScores
from dashsearch.analysis.settings import CONFIDENCE

Groups = Sequence[NDArray[np.float64]]
# Smaller groups borrow the residuals of all.
OWN_RESIDUALS = 5
KIND = "95 % bootstrap within groups, pooled residuals below five scores"
CORRECTED = f"{KIND}, corrected for attenuation, Fisher's z"
# Means that are noise for all but this share of their variance have no rank to correlate.
LEAST_RELIABILITY = 0.05
# Fisher's z of a corrected correlation is cut here: noise can carry it to 1 and beyond.
LARGEST = 0.99
CHUNK = 2_000_000


@dataclass(frozen=True)
class Winner:
    """The group with the largest mean.

    Attributes
    ----------
    label, n
        Its levels, and its number of scores.
    mean, interval
        Its mean; somewhat too good, as that of any winner.
    runner_up, lead, lead_interval
        The second, and the difference of the two means.
    probability
        Share of the resamples in which this group leads; of tied leaders each has its part.
    chance_level
        1 / groups.
    rivals
        The same share of every other group that ever leads, the surest first.
    groups
        Number of groups.
    """

    label: tuple[str, ...]
    n: int
    mean: float
    interval: Interval | None
    runner_up: tuple[str, ...]
    lead: float
    lead_interval: Interval | None
    probability: float
    chance_level: float
    rivals: dict[str, float]
    groups: int


@dataclass(frozen=True)
class MeanCorrelation:
    """Rank correlation of two sets of means; chance level 0.

    Attributes
    ----------
    value
        Of the observed means: smaller than that of the true ones, since noise hides part of it.
    corrected, interval
        Corrected for that, and the interval of the true means' correlation; None where the means
        are all but noise.
    """

    value: float
    corrected: float | None
    interval: Interval | None


@dataclass(frozen=True)
class MeansAgreement:
    """How two sets of means agree.

    Attributes
    ----------
    spearman, kendall
        Both correlations.
    noise_ceiling
        Square root of the product of both reliabilities (the share of the means' variance that is
        not noise): what a perfect agreement would be seen as. None where one is not above 0.05.
    """

    spearman: MeanCorrelation
    kendall: MeanCorrelation
    noise_ceiling: float | None


def draw_means(groups: Groups, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Bootstrap the mean of each group, shape (resamples, groups).

    n - 1 of a group's n scores are drawn, so that small groups vary as much as they should: drawing
    n would give (n - 1) / n of the mean's variance. The two to four scores of a smaller group say
    next to nothing of its spread, so it takes the residuals of all groups together instead.

    References
    ----------
    Rao & Wu (1988), J. Am. Stat. Assoc. 83.
    """
    pool = np.concatenate(
        [(scores - scores.mean()) * math.sqrt(scores.size / (scores.size - 1)) for scores in groups]
    )
    found = np.empty((resamples, len(groups)))
    for place, scores in enumerate(groups):
        source, drawn = (
            (scores, scores.size - 1)
            if scores.size >= OWN_RESIDUALS
            else (scores.mean() + pool, scores.size)
        )
        chunk = max(1, CHUNK // drawn)
        for start in range(0, resamples, chunk):
            rows = min(chunk, resamples - start)
            places = rng.integers(source.size, size=(rows, drawn))
            found[start : start + rows, place] = source[places].mean(axis=1)
    return found


def winner(labels: Sequence[tuple[str, ...]], groups: Groups, resamples: int, seed: int) -> Winner:
    """Find the group with the largest mean, and how sure it is.

    Raises
    ------
    TooFewScores
        If there are fewer than two groups of two scores or more.
    """
    _refuse(groups)
    means = np.array([scores.mean() for scores in groups])
    order = np.argsort(-means, kind="stable")
    first, second = int(order[0]), int(order[1])
    draws = draw_means(groups, resamples, np.random.default_rng(seed))
    leads = draws == draws.max(axis=1, keepdims=True)
    shares = (leads / leads.sum(axis=1, keepdims=True)).mean(axis=0)
    rivals = sorted(
        (place for place in range(len(groups)) if place != first and shares[place] > 0),
        key=lambda place: -shares[place],
    )
    return Winner(
        label=labels[first],
        n=groups[first].size,
        mean=float(means[first]),
        interval=percentile_interval(draws[:, first], KIND),
        runner_up=labels[second],
        lead=float(means[first] - means[second]),
        lead_interval=percentile_interval(draws[:, first] - draws[:, second], KIND),
        probability=float(shares[first]),
        chance_level=1 / len(groups),
        rivals={" × ".join(labels[place]): float(shares[place]) for place in rivals},
        groups=len(groups),
    )


def means_agreement(first: Groups, second: Groups, resamples: int, seed: int) -> MeansAgreement:
    """Correlate the means of two sets of groups in rank, for the same groups in the same order.

    Noise in the means attenuates their correlation; the correction divides by the noise ceiling on
    the scale of a normal correlation. A plain bootstrap would add the noise a second time. So means
    are first drawn together until they vary as much as the true ones, then noise is drawn (with its
    variance as uncertain as it is), and every draw is corrected in its turn.

    Raises
    ------
    TooFewScores
        If there are fewer than three groups, one has a single score, or means are all equal.

    References
    ----------
    Spearman (1904), Am. J. Psychol. 15(1); Kruskal (1958), J. Am. Stat. Assoc. 53 (both scales).
    """
    for groups in (first, second):
        _refuse(groups)
    if len(first) < 3:
        raise TooFewScores(
            f"the means of {len(first)} groups are always in line; three are needed."
        )
    sides = [_Side.of(groups) for groups in (first, second)]
    if not all(np.ptp(side.means) for side in sides):
        raise TooFewScores(f"the means of {len(first)} groups are all equal and have no order.")
    values = (
        _spearman(*(side.means[None] for side in sides))[0],
        _kendall(*(side.means[None] for side in sides))[0],
    )
    if min(side.reliability for side in sides) <= LEAST_RELIABILITY:
        empty = [MeanCorrelation(float(value), None, None) for value in values]
        return MeansAgreement(empty[0], empty[1], None)
    rng = np.random.default_rng(seed)
    ceiling = math.sqrt(sides[0].reliability * sides[1].reliability)
    drawn = [
        side.draw(groups, resamples, rng)
        for side, groups in zip(sides, (first, second), strict=True)
    ]
    ceilings = np.sqrt(drawn[0][1] * drawn[1][1])
    correlations = []
    for value, measure, inward, outward in zip(
        values,
        (_spearman, _kendall),
        (_normal_of_rho, _normal_of_tau),
        (_rho_of_normal, _tau_of_normal),
        strict=True,
    ):
        centre = np.arctanh(np.clip(inward(value) / ceiling, -LARGEST, LARGEST))
        draws = np.arctanh(
            np.clip(inward(measure(drawn[0][0], drawn[1][0])) / ceilings, -LARGEST, LARGEST)
        )
        half = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * float(draws.std(ddof=1))
        low, mid, high = (
            float(outward(np.tanh(z))) for z in (centre - half, centre, centre + half)
        )
        correlations.append(MeanCorrelation(float(value), mid, Interval(low, high, CORRECTED)))
    return MeansAgreement(correlations[0], correlations[1], ceiling)


@dataclass(frozen=True)
class _Side:
    """Means of groups, the mean variance of their noise, its degrees of freedom, reliability."""

    means: NDArray[np.float64]
    noise: float
    freedom: int
    reliability: float

    @classmethod
    def of(cls, groups: Groups) -> "_Side":
        means = np.array([scores.mean() for scores in groups])
        freedom = sum(scores.size - 1 for scores in groups)
        within = sum(float(((scores - scores.mean()) ** 2).sum()) for scores in groups) / freedom
        noise = within * float(np.mean([1 / scores.size for scores in groups]))
        spread = float(means.var(ddof=1))
        return cls(means, noise, freedom, 1 - noise / spread if spread else 0.0)

    def draw(
        self, groups: Groups, resamples: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw means (resamples, groups) and the reliability that each draw would be told."""
        centre = self.means.mean()
        true = centre + math.sqrt(self.reliability) * (self.means - centre)
        means = true + draw_means(groups, resamples, rng) - self.means
        noise = self.noise * rng.chisquare(self.freedom, size=resamples) / self.freedom
        spread = np.maximum(means.var(axis=1, ddof=1), np.finfo(np.float64).tiny)
        return means, np.clip(1 - noise / spread, LEAST_RELIABILITY, 1)


def _refuse(groups: Groups) -> None:
    if len(groups) < 2 or min(scores.size for scores in groups) < 2:
        least = min((scores.size for scores in groups), default=0)
        raise TooFewScores(
            f"{len(groups)} groups, the smallest of {least} scores; two groups of two scores are "
            "needed, so run more experiments."
        )


def _normal_of_rho(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2 * np.sin(np.pi * rho / 6))


def _rho_of_normal(r: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(6 / np.pi * np.arcsin(r / 2))


def _normal_of_tau(tau: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(np.pi * tau / 2))


def _tau_of_normal(r: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2 / np.pi * np.arcsin(r))


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rho of each row; 0 where a row is all ties."""
    middle = (one.shape[1] + 1) / 2
    a, b = (stats.rankdata(each, axis=1) - middle for each in (one, other))
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.where(scale > 0, scale, 1))


def _kendall(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kendall's tau-b of each row; 0 where a row is all ties."""
    left, right = np.triu_indices(one.shape[1], 1)
    found = []
    chunk = max(1, CHUNK // left.size)
    for start in range(0, len(one), chunk):
        a, b = (
            np.sign(each[:, left] - each[:, right])
            for each in (one[start : start + chunk], other[start : start + chunk])
        )
        scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        found.append((a * b).sum(axis=1) / np.where(scale > 0, scale, 1))
    return np.concatenate(found)
