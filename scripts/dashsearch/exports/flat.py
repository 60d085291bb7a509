"""The ledger as one flat table, with a dictionary of its columns."""

from pathlib import Path

import pandas as pd

from dashsearch.errors import InputError
from dashsearch.files import replacing, write_json
from dashsearch.ledger.schema import COST_COLUMNS, ledger_columns
from dashsearch.provenance import provenance
from dashsearch.space.space import Space
from dashsearch.tables import write_table

MEANINGS = {
    "experiment_id": "identity of the work: task, space, cell, seed, trainer and fidelity",
    "task": "name of the task",
    "arm": "name of the arm",
    "arm_seed": "seed of the arm",
    "round": "round of the arm, from 0",
    "slot": "place in the round, from 0",
    "agent": "who proposed it; of a policy, its name",
    "model": "language model that answered, or empty",
    "source": "who chose the cell: policy, start (shared by all arms), audit (uniform draw)",
    "kind": "base, sweep (a variant of an idea) or repair",
    "parent": "experiment that it was made from, or empty",
    "cell": "index of the cell in the space, mixed radix, last factor fastest; -1: none",
    "replicate": "number of the training seed of the cell, from 0",
    "fidelity": "share of the cell's epochs that was trained",
    "seed": "seed of the training",
    "status": "ok, diverged, failed, invalid (no cell) or duplicate (made before by this arm)",
    "reason": "why there is no score, in a sentence",
    "train_duration_s": "share of the wall time of the stack that it was trained in",
    "device": "what it was trained on",
}
SCORES = {
    "ap": "average precision over all windows pooled",
    "map": "mean over the times to event of the average precision at each",
    "map_low": "lower end of the 95 % interval of map under resampling of the clips",
    "map_high": "upper end of that interval",
    "auc": "area under the ROC curve",
    "logloss": "mean negative log likelihood",
    "brier": "Brier score",
    "accuracy": "share of windows with the right class",
}
UNITS = {"train_duration_s": "s", "logloss": "nats"}
SPLITS = {"val": "validation", "test": "test, sealed until the arm was closed"}


def data_dictionary(space: Space, tte_s: tuple[float, ...]) -> pd.DataFrame:
    """Describe every column of the flat ledger.

    Returns
    -------
    DataFrame
        column, dtype, unit and meaning, in the order of the columns.
    """
    rows = [
        (name, kind, _unit(name, space), _meaning(name, space))
        for name, kind in flat_columns(space, tte_s).items()
    ]
    return pd.DataFrame(rows, columns=["column", "dtype", "unit", "meaning"])


def flat_columns(space: Space, tte_s: tuple[float, ...]) -> dict[str, str]:
    """Columns of the flat ledger: those of a closed ledger, and what each experiment cost."""
    return {**ledger_columns(space, tte_s), **COST_COLUMNS}


def with_costs(ledger: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """Return a ledger with the costs of its experiments, which stand in the same order.

    Raises
    ------
    InputError
        If they are not of the same experiments.
    """
    if list(ledger["experiment_id"]) != list(costs["experiment_id"]):
        raise InputError(
            f"the costs ({len(costs)} rows) are not of the experiments of the ledger "
            f"({len(ledger)} rows); close the arms again."
        )
    return ledger.assign(**{name: costs[name].to_numpy() for name in list(COST_COLUMNS)[1:]})


def write_flat(folder: Path, ledger: pd.DataFrame, space: Space, tte_s: tuple[float, ...]) -> None:
    """Write ledger.parquet, ledger.csv, dictionary.csv and dictionary.json.

    Parameters
    ----------
    ledger
        Closed ledgers of all arms of one task, joined with their costs.
    """
    columns = flat_columns(space, tte_s)
    note = provenance("flat_ledger/1", settings={"space": space.digest})
    write_table(folder / "ledger.parquet", ledger[list(columns)], columns, note)
    dictionary = data_dictionary(space, tte_s)
    for name, frame in (("ledger.csv", ledger[list(columns)]), ("dictionary.csv", dictionary)):
        with replacing(folder / name) as path:
            frame.to_csv(path, index=False)
    write_json(folder / "dictionary.json", dictionary.to_dict("records"))


def _meaning(name: str, space: Space) -> str:
    if name in space.names:
        factor = space.factor(name)
        levels = ", ".join(map(str, factor.levels))
        return f"{factor.group} factor; levels: {levels}"
    if name in MEANINGS:
        return MEANINGS[name]
    split, _, metric = name.partition("_")
    if metric in SCORES:
        return f"{SCORES[metric]} ({SPLITS[split]})"
    return f"average precision {metric.removeprefix('ap_at_')} before the event ({SPLITS[split]})"


def _unit(name: str, space: Space) -> str:
    if name in space.names:
        return space.factor(name).unit or ""
    return UNITS.get(name) or UNITS.get(name.partition("_")[2], "")
