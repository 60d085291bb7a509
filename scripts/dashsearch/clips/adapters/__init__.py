"""Adapters: from a data set as its publisher lays it out to one list of clips.

An adapter is a module with its settings and a function that reads. It only reads annotations;
whether a clip's video is usable is found by `manifest.index_clips`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dashsearch.clips.adapters import ccd, dad, dada, dota, nexar, table, ucf101
from dashsearch.clips.records import DataSet, check_inside
from dashsearch.clips.settings import DataSetSettings

DataSetTask = (
    nexar.NexarTask
    | table.CsvTask
    | dad.DadTask
    | ccd.CcdTask
    | dota.DotaTask
    | dada.DadaTask
    | ucf101.Ucf101Task
)

# Settings and reader of each source of a config's task.
ADAPTERS: Mapping[str, tuple[type[DataSetSettings], Callable[[Any], DataSet]]] = {
    "nexar": (nexar.NexarTask, nexar.read),
    "csv": (table.CsvTask, table.read),
    "dad": (dad.DadTask, dad.read),
    "ccd": (ccd.CcdTask, ccd.read),
    "dota": (dota.DotaTask, dota.read),
    "dada": (dada.DadaTask, dada.read),
    "ucf101": (ucf101.Ucf101Task, ucf101.read),
}


def read_data_set(task: Mapping[str, Any]) -> DataSet:
    """Read a task's data set, as the task's part of a validated config says.

    Raises
    ------
    InputError
        With file and line, if the data set is not laid out as documented, or if a clip lies outside
        its folder and the task does not allow it.
    """
    settings_of, read = ADAPTERS[task["source"]]
    settings = settings_of(**task)
    data = read(settings)
    if not settings.allow_outside:
        check_inside(data)
    return data
