"""Experiments a minute of the stacked trainer, beside a stand-in of the study's and a lean loop.

For every size and encoder the three are run in turn, several times, in one go: the ratios are of
neighbours in time. All train the same model for the same epochs on the same data.

study    `study_trainer.py`: a process an experiment, data loaders with workers, torch's threads
lean     `lean_trainer.py`: one experiment after the other, in one process (of one thread and of
         two; the faster counts), and in two processes at once
stacked  the product: two processes of one thread; their start (once a round) is left out
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from data import SIZES, Data, load, make_data, save  # noqa: E402
from protocol import Protocol  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from dashsearch.training.data import PreparedData, ScoredWindows, TrainingClips  # noqa: E402
from dashsearch.training.memory import keep_freed_memory  # noqa: E402
from dashsearch.training.recipe import resolve  # noqa: E402
from dashsearch.training.resident import put_on  # noqa: E402
from dashsearch.training.settings import Resources, TrainerSettings  # noqa: E402
from dashsearch.training.stack import Member, Stack  # noqa: E402
from dashsearch.training.stacking import measured_stack_size  # noqa: E402
from dashsearch.training.trainer import train_members  # noqa: E402

ENCODERS = ("gru", "transformer", "retnet", "zipformer", "bimamba", "hybrid")
PROTOCOLS = {"small": Protocol(batch_size=32), "paper": Protocol(batch_size=64)}
HIDDEN = {"small": 32, "paper": 128}
# Of the large task fewer epochs are run; per experiment the rest is their mean epoch.
EPOCHS_RUN = {"small": 15, "paper": 3}
CANDIDATES = {"small": 48, "paper": 8}
LEAN_RUNS = {"small": 3, "paper": 1}
# Lean loops: name, threads, processes at once.
LEAN = (("lean, 1 thread", 1, 1), ("lean, 2 threads", 2, 1), ("lean, 2 processes", 1, 2))
WORKERS = 2
PEAK_SIZE = 2048


def prepared(data: Data) -> PreparedData:
    """Dress the benchmark's data as the product's."""

    def ids(count: int) -> np.ndarray:
        return np.array([f"c{number:04d}" for number in range(count)])

    scored = ScoredWindows(
        data.validation_x,
        data.validation_mask,
        data.validation_label,
        np.ones(len(data.validation_x)),
        ids(len(data.validation_x)),
    )
    train = TrainingClips(
        data.train_x[:, None],
        data.train_mask[:, None],
        data.train_label,
        np.ones(1),
        ids(len(data.train_x)),
    )
    return PreparedData("benchmark", ("no", "yes"), train, scored, scored, "benchmark")


def settings_of(size: str, epochs: int) -> TrainerSettings:
    """Return the product's settings of a protocol."""
    protocol = PROTOCOLS[size]
    return TrainerSettings(
        epochs=epochs,
        batch_size=protocol.batch_size,
        warmup_fraction=protocol.warmup_fraction,
        gradient_clip=protocol.gradient_clip,
        layers=1,
        components=None,
        # The others score validation after every epoch, so we do.
        curve_epochs=tuple(range(1, epochs + 1)),
    )


def members(size: str, encoder: str, data: PreparedData, count: int, epochs: int) -> list[Member]:
    """Return experiments of different seeds and learning rates."""
    protocol, settings = PROTOCOLS[size], settings_of(size, epochs)
    cell = {
        "encoder": encoder,
        "pooling": "mean",
        "loss": "bce",
        "hidden_size": HIDDEN[size],
        "dropout": protocol.dropout,
        "weight_decay": protocol.weight_decay,
    }
    resident = put_on(data, torch.device("cpu"))
    rates = protocol.learning_rate * np.linspace(0.5, 2, count)
    return [
        Member(resolve({**cell, "learning_rate": float(rate)}, settings), seed, resident)
        for seed, rate in enumerate(rates)
    ]


def train_stack(size: str, encoder: str, count: int, epochs: int, path: str) -> float:
    """Train one stack in a worker; seconds."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the product's processes do
    chosen = members(size, encoder, prepared(load(Path(path))), count, epochs)
    start = time.perf_counter()
    outcomes = train_members(chosen, settings_of(size, epochs))
    if any(outcome.status != "ok" for outcome in outcomes):
        raise RuntimeError(f"{encoder}: an experiment of the benchmark diverged")
    return time.perf_counter() - start


def stack_size(size: str, encoder: str, path: str) -> int:
    """Let the product choose its stack size."""
    torch.set_num_threads(1)
    keep_freed_memory()  # as the product's processes do
    chosen = members(size, encoder, prepared(load(Path(path))), CANDIDATES[size], 1)
    return measured_stack_size(chosen, settings_of(size, 1), Resources())


def stacked_minutes(
    pool: ProcessPoolExecutor, size: str, encoder: str, path: str, count: int
) -> float:
    """Minutes an experiment of the stacked trainer, all workers busy."""
    epochs = EPOCHS_RUN[size]
    start = time.perf_counter()
    jobs = [pool.submit(train_stack, size, encoder, count, epochs, path) for _ in range(WORKERS)]
    for job in jobs:
        job.result()
    seconds = (time.perf_counter() - start) / (WORKERS * count)
    return seconds * PROTOCOLS[size].epochs / epochs / 60


def lean_minutes(size: str, encoder: str, path: str, *, threads: int, processes: int) -> float:
    """Minutes an experiment of the lean loop, in processes of its own; the first run warms up."""
    code = (
        "import torch; from pathlib import Path; from data import load; "
        "from lean_trainer import train_lean; from protocol import Protocol; "
        f"torch.set_num_threads({threads}); "
        f"p = Protocol(epochs={EPOCHS_RUN[size]}, batch_size={PROTOCOLS[size].batch_size}); "
        f"d = load(Path({path!r})); "
        f"run = lambda seed: train_lean({encoder!r}, d, hidden_size={HIDDEN[size]}, layers=1, "
        "seed=seed, protocol=p).seconds; "
        f"run(0); times = [run(seed) for seed in range({LEAN_RUNS[size]})]; "
        "print(sum(times) / len(times))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    seconds = [float(each.communicate()[0]) for each in started]
    per_experiment = statistics.mean(seconds) / processes
    return per_experiment * PROTOCOLS[size].epochs / EPOCHS_RUN[size] / 60


def study_minutes(size: str, encoder: str, path: str, folder: Path) -> float:
    """Minutes of one experiment of the study's trainer, its start included."""
    protocol = PROTOCOLS[size]
    target = folder / "study.json"
    command = [sys.executable, "study_trainer.py", "--data", path, "--encoder", encoder]
    command += ["--hidden", str(HIDDEN[size]), "--layers", "1", "--dropout", str(protocol.dropout)]
    command += ["--epochs", str(EPOCHS_RUN[size]), "--batch", str(protocol.batch_size)]
    start = time.perf_counter()
    subprocess.run(
        [*command, "--seed", "0", "--out", str(target)],
        cwd=HERE,
        env=_threads_of_torch(),
        capture_output=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    run = EPOCHS_RUN[size]
    epoch = json.loads(target.read_text())["seconds_after_imports"] / run
    return (seconds + epoch * (protocol.epochs - run)) / 60


def _threads_of_torch() -> dict[str, str]:
    limits = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {name: value for name, value in os.environ.items() if name not in limits}


def peak(_: int = 0) -> float:
    """Floating-point operations a second of a large float32 product on one thread."""
    torch.set_num_threads(1)
    a, b = torch.randn(2, PEAK_SIZE, PEAK_SIZE).unbind(0)
    torch.mm(a, b)
    times = []
    for _round in range(5):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * PEAK_SIZE**3 / min(times)


def operations(size: str, encoder: str, data: PreparedData) -> float:
    """Count the operations of matrix products in one experiment's training."""
    stack = Stack(members(size, encoder, data, 2, 1), settings_of(size, 1), torch.device("cpu"))
    with FlopCounterMode(display=False) as counter:
        stack.train_epoch(0, steps=1)
    return counter.get_total_flops() / 2 * stack.steps * PROTOCOLS[size].epochs


def compare(
    size: str, encoder: str, rounds: int, pool: ProcessPoolExecutor, folder: Path
) -> dict[str, object]:
    """Run all in turn; medians and ratios."""
    path = str(folder / f"{size}.npz")
    count = pool.submit(stack_size, size, encoder, path).result()
    stacked_minutes(pool, size, encoder, path, count)
    runs = []
    for _ in range(rounds):
        run = {"study": study_minutes(size, encoder, path, folder)}
        run["stacked"] = stacked_minutes(pool, size, encoder, path, count)
        for name, threads, processes in LEAN:
            run[name] = lean_minutes(size, encoder, path, threads=threads, processes=processes)
        run["stacked_again"] = stacked_minutes(pool, size, encoder, path, count)
        runs.append(run)

    def ratio(*names: str) -> float:
        """Median over rounds of the fastest of others over the mean of ours."""
        each = [
            min(run[name] for name in names) / ((run["stacked"] + run["stacked_again"]) / 2)
            for run in runs
        ]
        return round(statistics.median(each), 2)

    ceiling = sum(pool.map(peak, range(WORKERS)))
    rate = 1 / statistics.median((run["stacked"] + run["stacked_again"]) / 2 for run in runs)
    work = operations(size, encoder, prepared(load(Path(path))))
    return {
        "size": size,
        "encoder": encoder,
        "experiments_per_minute": round(rate, 1),
        "ratio_to_reference": ratio("study"),
        "ratio_to_sequential": ratio("lean, 1 thread", "lean, 2 threads"),
        "ratio_to_two_sequential": ratio("lean, 2 processes"),
        "share_of_peak": round(work * rate / 60 / ceiling, 3),
        "stack": count,
        "load": round(os.getloadavg()[0], 2),
        "seconds_an_experiment": [
            {name: round(60 * minutes, 3) for name, minutes in run.items()} for run in runs
        ],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the chosen sizes and encoders and write them into results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--encoders", nargs="+", choices=ENCODERS, default=ENCODERS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    chosen = parser.parse_args(arguments)
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.update(one_thread)
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool,
    ):
        for size in chosen.sizes:
            save(make_data(size), Path(name) / f"{size}.npz")
            for encoder in chosen.encoders:
                row = compare(size, encoder, chosen.rounds, pool, Path(name))
                print(row, flush=True)
                add(row, chosen.out)


def add(row: dict[str, object], path: Path) -> None:
    """Put a row into a file of results, in place of an older one of its size and encoder."""
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    key = (row["size"], row["encoder"])
    rows = [old for old in rows if (old["size"], old["encoder"]) != key]
    rows.append(row | {"date": datetime.now(UTC).date().isoformat()})
    rows.sort(key=lambda each: (list(SIZES).index(each["size"]), ENCODERS.index(each["encoder"])))
    document = {
        "device": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {each: version(each) for each in ("torch", "numpy", "scikit-learn")}
        | {"python": platform.python_version()},
        "protocol": {size: vars(PROTOCOLS[size]) | {"hidden": HIDDEN[size]} for size in SIZES},
        "rows": rows,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
