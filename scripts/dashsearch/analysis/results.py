"""What every estimator hands back: intervals, the refusal, and plain data for JSON."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashsearch.errors import InputError


class TooFewScores(InputError):  # noqa: N818  (a refusal, named after its reason)
    """The scores at hand cannot carry the estimate that was asked for."""


@dataclass(frozen=True)
class Interval:
    """An interval and how it was made: it covers 95 % unless `kind` says what else it is."""

    low: float
    high: float
    kind: str


def interval_columns(interval: Interval | None) -> tuple[float | None, float | None, str]:
    """Return the ends and the kind of an interval as columns of a table, empty where it is None."""
    return (None, None, "") if interval is None else (interval.low, interval.high, interval.kind)


def limits(interval: Interval | None) -> dict[str, Any]:
    """Return the cells of a row under the columns low, high and interval."""
    return dict(zip(("low", "high", "interval"), interval_columns(interval), strict=True))


def plain(value: Any) -> Any:
    """Turn results into data that strict JSON can hold: NaN and infinities become None.

    Data classes become mappings, arrays become lists, NumPy scalars become Python's.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        # Long arrays of numbers need no look at each of them.
        listed = value.tolist()
        numeric = value.dtype.kind in "biuf"
        return listed if numeric and bool(np.isfinite(value).all()) else plain(listed)
    return None if isinstance(value, float) and not math.isfinite(value) else value
