"""From cached features to the arrays that an experiment trains on and is scored on.

Everything that is fitted here (means, scales, principal components) is fitted on the windows of
the training clips only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from dashsearch.errors import InputError
from dashsearch.features.store import FeatureSet
from dashsearch.files import digest
from dashsearch.seeds import derive_seed
from dashsearch.training.data import PreparedData, Reduction, ScoredWindows, TrainingClips

SPLITS = ("train", "validation", "test")
# More frames than these are thinned before the principal components are fitted.
MAX_FITTED_FRAMES = 12_000
# A dimension that varies less than this share of its mean is rounding noise, not a feature.
LEAST_VARIATION = 1e-6


def prepare(
    features: FeatureSet, splits: Mapping[str, Any], components: int | None
) -> PreparedData:
    """Standardise and reduce one backbone's features and divide them into the splits.

    Dimensions are standardised, then replaced by their first principal components where there are
    more of them than `components`. The components keep their relative sizes (no whitening); one
    factor brings their mean variance to 1. Padding is left out of the fit and becomes 0.

    Parameters
    ----------
    features
        Features (N, T, D) of every window of the task.
    splits
        The content of splits.json. Its clips without windows (those that could not be decoded) are
        left out.
    components
        Dimensions to keep; None keeps all.

    Raises
    ------
    InputError
        If a feature is not finite, a window has no real frame, a split lacks a class at some TTE, a
        training clip lacks a TTE that others have, or a clip is in two splits.
    """
    where = f"features of backbone {features.backbone}"
    rows = _rows_of_splits(features, splits, where)
    finite = np.isfinite(features.values).all(axis=(1, 2))
    if not finite.all():
        raise InputError(
            f"{where}: clip {features.clip_id[~finite][0]} has values that are not finite; "
            "extract the features again."
        )
    if not features.mask.any(axis=1).all():
        empty = features.clip_id[~features.mask.any(axis=1)][0]
        raise InputError(
            f"{where}: clip {empty} has a window of padding alone; decode the windows again."
        )
    train = rows["train"]
    reduction = fit_reduction(features.values[train][features.mask[train]], components)
    return PreparedData(
        backbone=features.backbone,
        classes=features.classes,
        train=_training_clips(features, rows["train"], reduction),
        validation=_scored_windows(features, rows["validation"], reduction),
        test=_scored_windows(features, rows["test"], reduction),
        digest=digest(
            {"features": features.digest, "clips": splits["clips"], "components": components}
        ),
        reduction=reduction,
    )


def fit_reduction(frames: NDArray[Any], components: int | None) -> Reduction:
    """Fit means, deviations and principal components on (n, D) frames.

    The components are exact (eigenvectors of the covariance, signs fixed by their largest entry).
    More than `MAX_FITTED_FRAMES` frames are thinned by a fixed draw for them.

    Raises
    ------
    InputError
        If no dimension varies.
    """
    frames = frames.astype(np.float64)
    mean, deviation = frames.mean(axis=0), frames.std(axis=0)
    if not (deviation > LEAST_VARIATION * np.abs(mean)).any():
        raise InputError(
            "the features of all training frames are the same, so there is nothing to learn from; "
            "look at the backbone and at the clips."
        )
    deviation[deviation <= LEAST_VARIATION * np.abs(mean)] = 1.0
    deviation[deviation == 0] = 1.0
    kept = min(components or frames.shape[1], len(frames))
    if kept >= frames.shape[1]:
        return Reduction(mean, deviation, None, 1.0)
    frames = (frames - mean) / deviation
    if len(frames) > MAX_FITTED_FRAMES:
        generator = np.random.default_rng(derive_seed("principal components", len(frames)))
        frames = frames[np.sort(generator.choice(len(frames), MAX_FITTED_FRAMES, replace=False))]
    pca = PCA(kept, svd_solver="covariance_eigh").fit(frames)
    return Reduction(mean, deviation, pca.components_, float(pca.explained_variance_.mean()) ** 0.5)


def _rows_of_splits(
    features: FeatureSet, splits: Mapping[str, Any], where: str
) -> dict[str, NDArray[np.intp]]:
    """Rows of the features that belong to each split, in the order of (clip, TTE)."""
    clips: Mapping[str, Sequence[str]] = splits["clips"]
    everyone = [clip for split in SPLITS for clip in clips[split]]
    if len(set(everyone)) < len(everyone):
        twice = next(clip for clip in everyone if everyone.count(clip) > 1)
        raise InputError(
            f"splits: clip {twice} is listed twice; make the splits again, each clip in one."
        )
    order = np.lexsort((features.tte_s, features.clip_id))
    times = np.unique(features.tte_s)
    rows = {}
    for split in SPLITS:
        chosen = order[np.isin(features.clip_id[order], np.asarray(clips[split], dtype=np.str_))]
        _check_classes(features, chosen, times, f"{where}: the {split} split")
        rows[split] = chosen
    _check_whole(features, rows["train"], times, where)
    return rows


def _check_classes(
    features: FeatureSet, rows: NDArray[np.intp], times: NDArray[np.float64], what: str
) -> None:
    """Check that a split can be scored: every class at every time to event."""
    if not len(rows):
        raise InputError(f"{what} holds no windows; add clips or change the shares of the split.")
    for time in times:
        found = features.label[rows][features.tte_s[rows] == time]
        missing = [name for label, name in enumerate(features.classes) if label not in found]
        if missing:
            raise InputError(
                f"{what} holds no window of the class {missing[0]!r} {time:g} s before the event; "
                "it needs clips of every class, so add clips or change the shares of the split."
            )


def _check_whole(
    features: FeatureSet, rows: NDArray[np.intp], times: NDArray[np.float64], where: str
) -> None:
    """Check that every training clip has one window at each time to event."""
    clip_id = features.clip_id[rows]
    names, counts = np.unique(clip_id, return_counts=True)
    whole = counts == len(times)
    if not whole.all() or not (features.tte_s[rows].reshape(-1, len(times)) == times).all():
        culprit = names[~whole][0] if not whole.all() else names[0]
        raise InputError(
            f"{where}: training clip {culprit} does not have one window at each time to event of "
            f"{times.tolist()} s; decode the windows again."
        )


def _training_clips(
    features: FeatureSet, rows: NDArray[np.intp], reduction: Reduction
) -> TrainingClips:
    times = np.unique(features.tte_s)
    mask = features.mask[rows]
    values = reduction.apply(features.values[rows], mask)
    return TrainingClips(
        values=values.reshape(-1, len(times), *values.shape[1:]),
        mask=mask.reshape(-1, len(times), mask.shape[1]),
        label=features.label[rows][:: len(times)].astype(np.int64),
        tte_s=times,
        clip_id=features.clip_id[rows][:: len(times)],
    )


def _scored_windows(
    features: FeatureSet, rows: NDArray[np.intp], reduction: Reduction
) -> ScoredWindows:
    return ScoredWindows(
        values=reduction.apply(features.values[rows], features.mask[rows]),
        mask=features.mask[rows],
        label=features.label[rows].astype(np.int64),
        tte_s=features.tte_s[rows],
        clip_id=features.clip_id[rows],
    )
