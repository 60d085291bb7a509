"""What every script does first: log to its file, and say what came from outside in a sentence."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dashsearch.errors import InputError
from dashsearch.faults import describe_fault


@contextmanager
def job(log: str | Path) -> Iterator[logging.Logger]:
    """Run a rule's work with its log file.

    An `InputError`, or a disk that is full, read-only or broken, ends the process with exit code 1
    and a sentence on standard error and in the log; any other exception is logged with its
    traceback and raised.
    """
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(log, mode="w")
    except OSError as error:
        raise _ended(describe_fault(error, log) or f"{log}: {error}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("dashsearch")
    logger.setLevel(logging.INFO)
    loggers = (logger, logging.getLogger("py.warnings"))
    for receiver in loggers:
        receiver.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield logger
    except Exception as error:
        sentence = str(error) if isinstance(error, InputError) else describe_fault(error)
        if sentence is None:
            logger.exception("this is a bug in dashsearch; the traceback says where")
            raise
        logger.error("%s", sentence)
        raise _ended(sentence) from error
    finally:
        logging.captureWarnings(False)
        for receiver in loggers:
            receiver.removeHandler(handler)
        with suppress(OSError):  # what could not be logged is no reason to fail
            handler.close()


class _LogFile(logging.FileHandler):
    """A log on a disk that may be full: what it cannot take is left out."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Go on without the line."""


def _ended(sentence: str) -> SystemExit:
    print(f"dashsearch: {sentence}", file=sys.stderr)
    return SystemExit(1)
