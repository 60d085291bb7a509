"""What is equal for every experiment of a campaign: the trainer's version and its settings.

Nothing here imports torch, so that proposals can name the trainer without loading it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from dashsearch.errors import InputError
from dashsearch.files import digest
from dashsearch.own_code import source_digest

# Part of every experiment's identity: raise it whenever the same cell and seed may score otherwise.
TRAINER_VERSION = "trainer/2"

Cell = Mapping[str, str | int | float]
# A name, its "<file>:<name>" and the SHA-256 of that file.
OwnPart = tuple[str, str, str]
OWN_PARTS = ("encoders", "losses")
Schedule = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True)
class TrainerSettings:
    """How every experiment is trained, beside what its cell says.

    A factor of the space with the name of one of the attributes up to `smoothing` takes its place.

    Attributes
    ----------
    epochs
        Visits of every training clip.
    batch_size
        Clips in a step.
    schedule
        How the learning rate falls after the warm-up: to 0 along half a cosine or a line, or never.
    warmup_fraction
        Share of all steps over which the learning rate rises linearly.
    gradient_clip
        Largest Euclidean norm of the gradient of all parameters.
    beta2
        Decay of AdamW's second moment.
    layers
        Layers of the encoder; None: as many as `recipe.LAYERS` says.
    sequence_length
        How many of a window's last frames the model sees; None: all.
    feature_dropout
        Probability that a feature of a frame is dropped before the projection.
    focal_gamma, focal_alpha
        Of the focal loss: how strongly windows that are right already are discounted, and the
        weight of positives.
    positive_weight
        Weight of positives in the loss `bce`.
    smoothing
        Share of the target that the loss `label_smoothing` spreads over all classes.
    components
        Principal components of the features that the model sees; None: all dimensions.
    precision
        Of matrix products: float32, or bfloat16 with float32 sums and weights (autocast).
    patience
        Epochs without a better validation mAP after which an experiment stops; its last weights
        are scored. None: all epochs.
    curve_epochs
        Epochs after which the validation mAP is kept as a learning curve.
    encoders, losses
        Of the user's: name, "<file>:<name>", SHA-256 of the file.
    """

    epochs: int = 20
    batch_size: int = 32
    schedule: Schedule = "cosine"
    warmup_fraction: float = 0.1
    gradient_clip: float = 1.0
    beta2: float = 0.999
    layers: int | None = None
    sequence_length: int | None = None
    feature_dropout: float = 0.0
    focal_gamma: float = 2.0
    focal_alpha: float = 0.25
    positive_weight: float = 1.0
    smoothing: float = 0.1
    components: int | None = 48
    precision: Literal["float32", "bfloat16"] = "float32"
    patience: int | None = None
    curve_epochs: tuple[int, ...] = ()
    encoders: tuple[OwnPart, ...] = ()
    losses: tuple[OwnPart, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Take what belongs here from the section `training` of a config.

        Raises
        ------
        InputError
            If a user's encoder or loss is not <file>:<name>, or the file does not exist.
        """
        own = {each.name: config[each.name] for each in fields(cls)}
        own["curve_epochs"] = tuple(own["curve_epochs"])
        for kind in OWN_PARTS:
            own[kind] = tuple(
                (name, source, source_digest(f"training.{kind}.{name}", source))
                for name, source in sorted(own[kind].items())
            )
        return cls(**own)

    @classmethod
    def planned(cls, config: Mapping[str, Any], identity: str) -> Self:
        """Take the settings as `of`, and check that they are those that the run was planned with.

        Raises
        ------
        InputError
            If they are not, because a user's file was changed since; or as of `of`.
        """
        settings = cls.of(config)
        if settings.identity != identity:
            raise InputError(
                f"training: the trainer is {settings.identity} now, but was {identity} when the "
                "run started; a file of training.encoders or training.losses was changed, so start "
                "the run again."
            )
        return settings

    @property
    def identity(self) -> str:
        """The trainer's version with a digest of these settings: part of every `experiment_id`."""
        return f"{TRAINER_VERSION}-{digest(self.facts())}"

    def facts(self) -> dict[str, Any]:
        """Return the settings as plain data; a user's part is its name and its file's digest."""
        facts = {**asdict(self), "curve_epochs": list(self.curve_epochs)}
        for kind in OWN_PARTS:
            facts[kind] = [[name, sha256] for name, _, sha256 in getattr(self, kind)]
        if not facts["losses"]:  # younger than the identities of earlier experiments
            del facts["losses"]
        return facts


@dataclass(frozen=True)
class Resources:
    """What training may use; no score depends on it.

    Attributes
    ----------
    device
        ``"cpu"`` or ``"cuda"``.
    workers
        Processes, each with one thread.
    stack_size
        Experiments trained together; None: measured.
    memory_gb
        What a worker's stack may take.
    keep
        Of how many experiments, the best of a stack, the weights are returned.
    """

    device: str = "cpu"
    workers: int = 1
    stack_size: int | None = None
    memory_gb: float = 2.0
    keep: int = 0

    @classmethod
    def of(cls, config: Mapping[str, Any], threads: int) -> Self:
        """Take what belongs here from the section `training` of a config."""
        return cls(
            device=config["device"],
            workers=1 if config["device"] == "cuda" else threads,
            stack_size=config["stack_size"],
            memory_gb=config["memory_gb"],
        )
