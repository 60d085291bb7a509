"""Working on files from outside in processes of their own: what breaks a decoder breaks no job.

Processes are forked, so that nothing is imported again; each has limits of memory and of processor
time, which do not depend on how busy the machine is.
"""

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MEMORY_BYTES = 1_000_000_000  # that work on one file may take beside what was there before
SECONDS = 300  # of processor time that work on one file may take


@dataclass(frozen=True)
class Broken:
    """Work on one file that ended its process; `how` can stand in a sentence."""

    how: str


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    place: int = -1


def isolated(
    work: Callable[[T], R], items: Sequence[T], workers: int, ahead: int
) -> Iterator[R | Broken]:
    """Do work on every item, each in one of several processes; yield results in order.

    Parameters
    ----------
    work
        Its results are sent between processes; what it raises is raised here.
    workers
        Number of processes.
    ahead
        How many results may wait to be yielded.
    """
    crew = _Crew(work, items)
    waiting: dict[int, R | Broken] = {}
    started = 0
    try:
        for place in range(len(items)):
            while place not in waiting:
                while started < min(len(items), place + max(1, ahead)) and len(crew.busy) < workers:
                    crew.begin(started)
                    started += 1
                waiting |= crew.finished()
            yield waiting.pop(place)
    finally:
        crew.stop()


class _Crew:
    """The processes that work, and those that wait for work."""

    def __init__(self, work: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self._work, self._items = work, items
        self.busy: list[_Worker] = []
        self._idle: list[_Worker] = []

    def begin(self, place: int) -> None:
        """Give an item to a process that waits, or to a new one."""
        worker = self._idle.pop() if self._idle else self._fork()
        worker.place = place
        worker.connection.send(place)
        self.busy.append(worker)

    def finished(self) -> dict[int, Any]:
        """Wait until work on some item has ended, and return the results by their places."""
        found = {}
        ready = wait([worker.connection for worker in self.busy])
        for worker in [each for each in self.busy if each.connection in ready]:
            self.busy.remove(worker)
            try:
                error, result = worker.connection.recv()
            except (EOFError, OSError):
                worker.connection.close()
                worker.process.join()
                found[worker.place] = Broken(_death(worker.process.exitcode or 0))
                continue
            self._idle.append(worker)
            if error is not None:
                raise error
            found[worker.place] = result
        return found

    def stop(self) -> None:
        """End all processes."""
        for worker in [*self.busy, *self._idle]:
            worker.process.kill()
            worker.connection.close()
            worker.process.join()

    def _fork(self) -> _Worker:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        # A child that kept the others' ends would keep the others waiting when this process dies.
        others = [ours, *(worker.connection for worker in [*self.busy, *self._idle])]
        arguments = (self._work, self._items, theirs, others)
        process = context.Process(target=_serve, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _serve(
    work: Callable[[Any], Any],
    items: Sequence[Any],
    connection: Connection,
    others: Sequence[Connection],
) -> None:
    for other in others:
        other.close()
    # The parent says what happened; a stop of the whole group is the parent's to see to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, _address_space() + MEMORY_BYTES)
    with suppress(EOFError, OSError):
        while True:
            place = connection.recv()
            used = resource.getrusage(resource.RUSAGE_SELF)
            _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + SECONDS)
            try:
                answer: tuple[BaseException | None, Any] = None, _bare(work(items[place]))
            except Exception as error:  # of the work, for the parent to raise
                answer = _reported(error)
            connection.send(answer)


def _reported(error: Exception) -> tuple[BaseException | None, Any]:
    """Return an error in a form that can be sent; a lack of memory behind it is what counts."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, MemoryError):
            return None, Broken("needs too much memory")
        behind = behind.__cause__ or behind.__context__
    return _bare(error), None


def _bare(result: Any) -> Any:
    """Return a result; of an error without those behind it.

    They are the decoder's, and some of them cannot be built anew in another process.
    """
    if isinstance(result, BaseException):
        result.__cause__ = result.__context__ = None
        return result.with_traceback(None)
    return result


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    within = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (within, hard))


def _address_space() -> int:
    """Bytes of address space that this process has; very many where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 64 * 2**30


def _death(exit_code: int) -> str:
    if -exit_code == signal.SIGXCPU:
        return f"takes more than {SECONDS} s to decode"
    name = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    return f"crashes the decoder ({name})"
