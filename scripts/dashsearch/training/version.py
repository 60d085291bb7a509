"""What identifies the trainer: its version and the settings that all experiments share.

Kept apart from the trainer so that whoever only needs the identity does not import torch.
"""

from collections.abc import Mapping
from typing import Any

from dashsearch.files import digest

# Raise this whenever a change can alter any score: it is part of every experiment's identity.
TRAINER_VERSION = "1"


def trainer_identity(settings: Mapping[str, Any]) -> str:
    """Return the trainer's version with a digest of its settings, for `experiment_id`."""
    return f"{TRAINER_VERSION}-{digest(dict(settings))}"
