"""The weights of the best experiments: one safetensors file each, with a card that says all of it.

A file holds the parameters of the temporal model and the map from a backbone's features to its
input, so that a new window can be scored by it and the backbone alone (`dashsearch.training.load`).
The best are chosen by validation mAP; a test score is in no card.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dashsearch.errors import InputError
from dashsearch.files import canonical_json, remove_abandoned, replacing
from dashsearch.training.data import PreparedData
from dashsearch.training.members import Experiment
from dashsearch.training.outcome import Outcome
from dashsearch.training.recipe import resolve
from dashsearch.training.settings import TrainerSettings

CHECKPOINT_SCHEMA = "checkpoint/1"
SUFFIX = ".safetensors"
PARAMETER, REDUCTION = "model.", "reduction."


@dataclass(frozen=True)
class Checkpoints:
    """A folder that keeps the best `count` checkpoints of those that are offered."""

    folder: Path
    count: int
    settings: TrainerSettings

    def __post_init__(self) -> None:
        """Make the folder, which stays empty if nothing can be kept."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def offer(self, experiment: Experiment, outcome: Outcome, data: PreparedData) -> None:
        """Keep an experiment's weights if it is among the best so far.

        Raises
        ------
        InputError
            If the prepared data do not say how they were reduced.
        """
        if outcome.status != "ok" or not outcome.weights or outcome.validation is None:
            return
        if data.reduction is None:
            raise InputError(
                f"prepared data of backbone {data.backbone} do not say how they were reduced; "
                "prepare them again."
            )
        tensors: dict[str, NDArray[Any]] = {}
        tensors |= {PARAMETER + name: value for name, value in outcome.weights.items()}
        tensors |= {REDUCTION + name: value for name, value in data.reduction.arrays().items()}
        card = {
            "schema": CHECKPOINT_SCHEMA,
            "experiment_id": experiment.experiment_id,
            "cell": dict(experiment.cell),
            "seed": experiment.seed,
            "trainer": self.settings.identity,
            "recipe": asdict(resolve(experiment.cell, self.settings)),
            "precision": self.settings.precision,
            "backbone": data.backbone,
            "data": data.digest,
            "classes": list(data.classes),
            "tte_s": sorted({float(tte) for tte in data.train.tte_s}),
            "frames": int(data.train.values.shape[-2]),
            "trained_on_clips": len(data.train.clip_id),
            "epochs": outcome.epochs,
            "validation": {
                "clips": len(np.unique(data.validation.clip_id)),
                "windows": len(data.validation.label),
                "map": outcome.validation.map,
                "map_95_interval": [outcome.validation.map_low, outcome.validation.map_high],
                "logloss": outcome.validation.logloss,
            },
        }
        with replacing(self.folder / f"{experiment.experiment_id}{SUFFIX}") as path:
            ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
            path.write_bytes(save(ordered, {"card": canonical_json(card)}))
        self._drop_all_but_the_best()

    def keep_only(self, experiment_ids: Collection[str]) -> None:
        """Drop what an interrupted round left of experiments that are to be trained anew."""
        remove_abandoned(self.folder)
        for path in self.folder.glob(f"[!.]*{SUFFIX}"):
            if path.stem not in experiment_ids:
                path.unlink()
                path.with_suffix(".json").unlink(missing_ok=True)

    def _drop_all_but_the_best(self) -> None:
        files = {path: read_card(path) for path in self.folder.glob(f"[!.]*{SUFFIX}")}
        ranked = sorted(files, key=lambda path: (-files[path]["validation"]["map"], path.name))
        for path in ranked[self.count :]:
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
        for path in ranked[: self.count]:
            text = json.dumps(files[path], indent=2) + "\n"
            with replacing(path.with_suffix(".json")) as target:
                target.write_text(text)


def read_card(path: str | Path) -> Mapping[str, Any]:
    """Read the card inside a checkpoint.

    Raises
    ------
    InputError
        If the file is no checkpoint of this version.
    """
    try:
        with safe_open(str(path), "numpy") as store:
            card: Mapping[str, Any] = json.loads((store.metadata() or {})["card"])
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(
            f"{path} is no checkpoint of dashsearch ({type(error).__name__}); name a file that a "
            "round left in its folder checkpoints."
        ) from None
    if card["schema"] != CHECKPOINT_SCHEMA:
        raise InputError(f"{path} has the schema {card['schema']}; train it again.")
    return card
