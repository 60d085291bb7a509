"""A factorial as plain arrays: one file of metrics that can be mapped, and the cells beside it."""

import io
import os
from collections.abc import Mapping

import numpy as np

from dashsearch.errors import InputError
from dashsearch.factorial.benchmark import FactorialBenchmark
from dashsearch.files import file_digest, replacing, write_json
from dashsearch.ledger.schema import factor_columns
from dashsearch.provenance import provenance
from dashsearch.space.files import dump_space
from dashsearch.tables import write_table

ARRAYS_SCHEMA = "factorial_arrays/1"
SECONDS = "train_duration_s"

PathLike = str | os.PathLike[str]


def write_arrays(
    benchmarks: Mapping[str, FactorialBenchmark],
    metrics: PathLike,
    cells: PathLike,
    space: PathLike,
    index: PathLike,
) -> None:
    """Write the measurements of several tasks in one space as one array.

    Parameters
    ----------
    benchmarks
        By task, all of one space and with the same scores.
    metrics
        Target of a float32 array (task, cell, seed, fidelity, metric) in NumPy's format, without
        pickled objects; NaN where nothing was measured or an experiment failed.
    cells
        Target of a Parquet table: one row a cell, in the order of the array.
    space
        Target of the space file.
    index
        Target of a JSON document that names every place of every axis, and the digests of all.

    Raises
    ------
    InputError
        If the tasks differ in space or scores.
    """
    first = next(iter(benchmarks.values()))
    for name, each in benchmarks.items():
        if each.space.digest != first.space.digest or each.metrics != first.metrics:
            raise InputError(f"{name} was measured in another space or with other scores.")
    names = [*first.metrics, SECONDS]
    seeds = sorted({seed for each in benchmarks.values() for seed, _ in each.table.rows})
    shares = sorted({share for each in benchmarks.values() for _, share in each.table.rows})
    shape = (len(benchmarks), first.space.size, len(seeds), len(shares), len(names))
    values = np.full(shape, np.nan, dtype=np.float32)
    for task, each in enumerate(benchmarks.values()):
        for (seed, share), places in each.table.rows.items():
            held = np.flatnonzero(places >= 0)
            for metric, name in enumerate(names):
                column = each.table.columns[name][places[held]]
                values[task, held, seeds.index(seed), shares.index(share), metric] = column
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    with replacing(metrics) as path:
        path.write_bytes(stream.getbuffer())
    with replacing(space) as path:
        path.write_text(dump_space(first.space))
    _write_cells(cells, first)
    write_json(
        index,
        {
            "schema": ARRAYS_SCHEMA,
            "axes": ["task", "cell", "seed", "fidelity", "metric"],
            "task": list(benchmarks),
            "cells": first.space.size,
            "seed": seeds,
            "fidelity": shares,
            "epochs": {name: each.epochs for name, each in benchmarks.items()},
            "metric": names,
            "space": first.space.digest,
            "trainer": {name: each.table.trainer for name, each in benchmarks.items()},
            "sha256": {
                "metrics.npy": file_digest(metrics),
                "cells.parquet": file_digest(cells),
                "space.yaml": file_digest(space),
            },
        },
    )


def _write_cells(target: PathLike, benchmark: FactorialBenchmark) -> None:
    space = benchmark.space
    frame = benchmark.cells()
    columns = {"cell": "int64", **factor_columns(space)}
    write_table(target, frame, columns, provenance("cells/1", settings={"space": space.digest}))
