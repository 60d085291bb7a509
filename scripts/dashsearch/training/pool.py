"""Training stacks in this process, or in several of one thread each."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import torch

from dashsearch.errors import InputError
from dashsearch.training.data import PreparedData
from dashsearch.training.members import Experiment, MemberOf
from dashsearch.training.memory import keep_freed_memory
from dashsearch.training.outcome import Outcome
from dashsearch.training.settings import Resources, TrainerSettings
from dashsearch.training.trainer import train_members

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

Trained = tuple[list[Experiment], list[Outcome]]


def train_stacks(
    stacks: Sequence[list[Experiment]],
    make: MemberOf,
    data_of: Callable[[str], PreparedData],
    settings: TrainerSettings,
    resources: Resources,
) -> Iterator[Trained]:
    """Train stacks and yield each with its outcomes, as soon as it is done.

    Parameters
    ----------
    make
        Makes the members, if they are trained in this process.
    data_of
        Has to be picklable if there are several workers: each reads its own data.

    Raises
    ------
    InputError
        If a worker is killed; what was yielded before is complete.
    """
    if resources.workers == 1 or len(stacks) == 1:
        for stack in stacks:
            members = [make(experiment) for experiment in stack]
            yield stack, train_members(members, settings, resources.device, resources.keep)
        return
    os.environ.update(ONE_THREAD)
    with ProcessPoolExecutor(
        min(resources.workers, len(stacks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(data_of, settings, resources, logging.getLogger("dashsearch").level),
    ) as pool:
        futures = {pool.submit(_train, stack): stack for stack in stacks}
        try:
            for future in as_completed(futures):
                outcomes, messages = future.result()
                for level, message in messages:
                    logging.getLogger("dashsearch.training").log(level, message)
                yield futures[future], outcomes
        except BrokenProcessPool:
            raise InputError(
                "a training process was killed, probably for its memory; lower training.memory_gb "
                "or the number of cores and run again: what is finished is kept."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


class _Worker:
    """What a process keeps from stack to stack."""

    make: MemberOf
    settings: TrainerSettings
    resources: Resources
    messages: list[tuple[int, str]]


class _Collector(logging.Handler):
    """Keeps messages for the parent, which owns the log file."""

    def emit(self, record: logging.LogRecord) -> None:
        _Worker.messages.append((record.levelno, self.format(record)))


def _begin(
    data_of: Callable[[str], PreparedData],
    settings: TrainerSettings,
    resources: Resources,
    level: int,
) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    _Worker.make = MemberOf(data_of, settings, resources.device)
    _Worker.settings, _Worker.resources = settings, resources
    logger = logging.getLogger("dashsearch")
    logger.setLevel(level)
    logger.addHandler(_Collector())


def _train(stack: list[Experiment]) -> tuple[list[Outcome], list[tuple[int, str]]]:
    _Worker.messages = []
    members = [_Worker.make(experiment) for experiment in stack]
    resources = _Worker.resources
    outcomes = train_members(members, _Worker.settings, resources.device, resources.keep)
    return outcomes, _Worker.messages
