"""How far a long job is: lines in its log, and a bar where somebody watches a terminal."""

import logging
import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from tqdm import tqdm

# A log of a long job stays readable: a line at most so often, and one at the end.
EVERY_S = 15.0


class Progress:
    """Counts units of work; use it in a ``with`` block.

    Parameters
    ----------
    what
        What is counted, as in "clips decoded".
    total, done
        Units in all, and those that an earlier run has done.
    every_s
        Seconds between two lines of the log.
    """

    def __init__(self, what: str, total: int, *, done: int = 0, every_s: float = EVERY_S) -> None:
        self._what, self._total, self._done, self._before = what, total, done, done
        self._every_s, self._start = every_s, time.monotonic()
        self._said, self._last = -1, self._start
        self._logger = logging.getLogger(__name__)
        # No bar in a log or a pipe; jobs that run side by side each have their own.
        is_watched = sys.stderr is not None and sys.stderr.isatty()
        self._bar = tqdm(
            total=total, initial=done, desc=what, disable=not is_watched, leave=False, delay=2
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
        if kind is None and self._said != self._done:
            self._say("")

    def add(self, units: int = 1, note: str = "") -> None:
        """Count finished units; a note is added to the line of the log."""
        self._done += units
        self._bar.update(units)
        if time.monotonic() - self._last >= self._every_s:
            self._say(note)

    def _say(self, note: str) -> None:
        self._last, self._said = time.monotonic(), self._done
        elapsed = max(self._last - self._start, 1e-9)
        rate = (self._done - self._before) / elapsed
        left = timedelta(seconds=round((self._total - self._done) / rate)) if rate else "unknown"
        tail = f"; {note}" if note else ""
        self._logger.info(
            "%s: %d of %d, %.1f a second, %s left%s",
            self._what, self._done, self._total, rate, left, tail,
        )  # fmt: skip
