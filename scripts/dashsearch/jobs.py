"""What every script does first: log to its file, and turn an InputError into one sentence."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashsearch.errors import InputError


@contextmanager
def job(log: str | Path) -> Iterator[logging.Logger]:
    """Run a rule's work with its log file.

    An `InputError` ends the process with exit code 1 and its sentence on standard error and in the
    log; any other exception is logged with its traceback and raised.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("dashsearch")
    logger.setLevel(logging.INFO)
    loggers = (logger, logging.getLogger("py.warnings"))
    for receiver in loggers:
        receiver.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield logger
    except InputError as error:
        logger.error("%s", error)
        print(f"dashsearch: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except Exception:
        logger.exception("this is a bug in dashsearch; the traceback says where")
        raise
    finally:
        logging.captureWarnings(False)
        for receiver in loggers:
            receiver.removeHandler(handler)
        handler.close()
