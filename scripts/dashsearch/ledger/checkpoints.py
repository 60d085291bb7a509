"""The best checkpoints of an arm out of those that its rounds kept, by their cards."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from dashsearch.files import reading, replacing_folder

WEIGHTS = ".safetensors"


def keep_best(folders: Sequence[str | Path], target: str | Path, count: int) -> list[Path]:
    """Copy the best `count` checkpoints by validation mAP, each with its card.

    Parameters
    ----------
    folders
        Of the rounds; each checkpoint is <name>.safetensors with its card, <name>.json.
    target
        Folder; what it held before is gone.

    Returns
    -------
    list of Path
        The copied weights, best first; equal scores in the order of their names.
    """
    target = Path(target)
    # An experiment that several rounds proposed was trained to the same weights.
    cards = {
        path.name: path for folder in folders for path in sorted(Path(folder).glob("[!.]*.json"))
    }
    scores = {name: _validation_map(path) for name, path in cards.items()}
    best = sorted(cards, key=lambda name: (-scores[name], name))[:count]
    with replacing_folder(target) as copy:
        for name in best:
            shutil.copyfile(cards[name], copy / name)
            weights = cards[name].with_suffix(WEIGHTS)
            shutil.copyfile(weights, copy / weights.name)
    return [(target / name).with_suffix(WEIGHTS) for name in best]


def _validation_map(card: Path) -> float:
    with reading(card, ValueError, KeyError):
        return float(json.loads(card.read_text())["validation"]["map"])
