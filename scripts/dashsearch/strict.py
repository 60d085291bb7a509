"""The base of everything that is read from a user's settings."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Settings: unknown keys are refused, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
