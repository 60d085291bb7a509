"""Scoring new windows with a checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from dashsearch.errors import InputError
from dashsearch.training.checkpoints import PARAMETER, REDUCTION, read_card
from dashsearch.training.data import Reduction
from dashsearch.training.model import TemporalModel
from dashsearch.training.recipe import Architecture


@dataclass(frozen=True)
class TrainedModel:
    """A trained temporal model with the map from a backbone's features to its input.

    Attributes
    ----------
    card
        What the checkpoint says of itself: backbone, cell, seed, classes, validation score.
    """

    card: dict[str, Any]
    reduction: Reduction
    model: TemporalModel

    @torch.inference_mode()
    def score(self, features: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Score windows.

        Parameters
        ----------
        features
            (N, T, D) of the card's backbone, T as many frames as it was trained on.
        mask
            (N, T) bool, True where a frame is real.

        Returns
        -------
        (N,) float64
            Probability of the second class; for more than two classes (N, C).

        Raises
        ------
        InputError
            If shapes are not those of the training, a feature is not finite, or a window has no
            real frame.
        """
        expected = (self.card["frames"], len(self.reduction.mean))
        if features.ndim != 3 or features.shape[1:] != expected or mask.shape != features.shape[:2]:
            raise InputError(
                f"features have shape {features.shape} and mask {mask.shape}, but "
                f"{self.card['experiment_id']} takes (N, {expected[0]}, {expected[1]}) of "
                f"{self.card['backbone']}; extract them with the same windows and backbone."
            )
        if not np.isfinite(features[mask]).all() or not mask.any(axis=1).all():
            raise InputError(
                "a feature is not finite or a window has no real frame; leave such windows out."
            )
        values = torch.from_numpy(self.reduction.apply(features, mask))
        kept = self.card["recipe"]["sequence_length"] or expected[0]
        x, valid = values[:, -kept:], torch.from_numpy(np.ascontiguousarray(mask[:, -kept:]))
        logit = self.model(x[None], valid[None])[0].double()
        share = logit.sigmoid() if logit.ndim == 1 else logit.softmax(dim=1)
        found: NDArray[np.float64] = share.numpy()
        return found


def load(path: str | Path) -> TrainedModel:
    """Load a checkpoint that a round or an arm has kept.

    Raises
    ------
    InputError
        If the file is no checkpoint of this version, or damaged.
    """
    card = dict(read_card(path))
    with safe_open(str(path), "numpy") as store:
        tensors = {name: store.get_tensor(name) for name in store.keys()}  # noqa: SIM118
    reduction = Reduction.of_arrays(
        {n.removeprefix(REDUCTION): value for n, value in tensors.items() if REDUCTION in n}
    )
    parameters = {
        name.removeprefix(PARAMETER): torch.from_numpy(value)
        for name, value in tensors.items()
        if name.startswith(PARAMETER)
    }
    model = TemporalModel(
        Architecture(**card["recipe"]["architecture"]),
        parameters["projection.weight"].shape[1],
        len(card["classes"]),
    )
    try:
        model.load_state_dict(parameters)
    except RuntimeError as error:
        raise InputError(
            f"{path} does not hold the weights that its card describes "
            f"({str(error).splitlines()[-1].strip()}); train it again."
        ) from None
    return TrainedModel(card, reduction, model.eval())
