"""The trainer's identity in every experiment: its version and the settings that all share.

Kept apart from the trainer so that whoever only needs the identity does not import torch.
"""

from collections.abc import Mapping
from typing import Any

from dashsearch.files import digest
from dashsearch.training.settings import TRAINER_VERSION


def trainer_identity(settings: Mapping[str, Any]) -> str:
    """Return the trainer's version with a digest of its settings, for `experiment_id`."""
    return f"{TRAINER_VERSION}-{digest(dict(settings))}"
