"""What is equal for every experiment of a campaign: the trainer's version and its settings.

Nothing here imports torch, so that proposals can name the trainer without loading it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from dashsearch.files import digest

# Part of every experiment's identity: raise it whenever the same cell and seed may score otherwise.
TRAINER_VERSION = "trainer/1"

Cell = Mapping[str, str | int | float]


@dataclass(frozen=True)
class TrainerSettings:
    """How every experiment is trained, beside what its cell says.

    Attributes
    ----------
    epochs
        Visits of every training clip.
    batch_size
        Clips in a step.
    warmup_fraction
        Share of all steps over which the learning rate rises linearly, before it falls by a cosine.
    gradient_clip
        Largest Euclidean norm of the gradient of all parameters.
    components
        Principal components of the features that the model sees; None: all dimensions.
    """

    epochs: int = 20
    batch_size: int = 32
    warmup_fraction: float = 0.1
    gradient_clip: float = 1.0
    components: int | None = 48

    @property
    def identity(self) -> str:
        """The trainer's version with a digest of these settings: part of every `experiment_id`."""
        return f"{TRAINER_VERSION}-{digest(asdict(self))}"
