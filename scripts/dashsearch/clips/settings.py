"""What a user says of windows and of a task, whatever data set it comes from."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from dashsearch.strict import StrictModel

Seconds = Annotated[float, Field(gt=0)]
Folder = Annotated[
    str, Field(min_length=1, description="where the data set lies as its publisher lays it out")
]


# Raise it whenever the same video and settings may give other windows: a change of the library's
# code is not seen by Snakemake.
DECODER_VERSION = "decoder/1"


class Windows(StrictModel):
    """What a window of a clip is: T frames that end a given time to event before the event."""

    frames: Annotated[
        int, Field(ge=2, le=64, description="of a window, the last one at its time to event")
    ] = 20
    rate_hz: Annotated[float, Field(gt=0, le=60, description="frames a second")] = 5.0
    tte_s: Annotated[
        list[Seconds],
        Field(
            min_length=1,
            description="seconds before the event that windows end; a clip has one window for each",
        ),
    ] = Field(default=[0.5, 1.0, 1.5])
    height: Annotated[int, Field(ge=32, le=1024, description="of a frame, in pixels")] = 112
    width: Annotated[int, Field(ge=32, le=1024, description="of a frame, in pixels")] = 112
    min_frames: Annotated[
        int, Field(ge=1, description="fewest real frames of a window; padding stands for the rest")
    ] = 2

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.tte_s != sorted(set(self.tte_s)):
            raise ValueError("tte_s must ascend without repetition, for example [0.5, 1.0, 1.5]")
        if self.min_frames > self.frames:
            raise ValueError("min_frames cannot exceed frames; a window has no more")
        return self


class Download(StrictModel):
    """Where a hub hosts the data set; `snakemake download` fetches it into the task's folder."""

    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name")]
    revision: Annotated[
        str, Field(min_length=1, description="branch, tag or, so that it never moves, a commit")
    ] = "main"
    patterns: Annotated[
        list[str], Field(min_length=1, description="which files; all by default")
    ] = Field(default=["*"])


class TaskSettings(StrictModel):
    """What tasks of all sources share."""

    windows: Annotated[
        Windows | None, Field(description="windows of this task, instead of the campaign's")
    ] = None


class DataSetSettings(TaskSettings):
    """What tasks share whose clips somebody else made."""

    allow_outside: Annotated[
        bool,
        Field(description="whether paths and links may lead out of the data set's folder"),
    ] = False
