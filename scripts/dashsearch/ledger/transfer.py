"""The transfer check's experiments: the best configurations of the arms with every backbone."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dashsearch.errors import InputError
from dashsearch.ledger.schema import Proposal, experiment_id, ledger_columns, validation_columns
from dashsearch.seeds import derive_seed
from dashsearch.space.space import Space
from dashsearch.tables import read_table

TRANSFER = "transfer"
# The factor that is exchanged while everything else stays.
SWAPPED = "backbone"
SELECTION = "val_map"

logger = logging.getLogger("dashsearch.ledger")


@dataclass(frozen=True)
class Chosen:
    """A configuration that an arm found: its cell, and the experiment that scored best in it."""

    cell: int
    experiment_id: str


def read_without_test(
    ledgers: Sequence[str | Path], space: Space, tte_s: tuple[float, ...]
) -> pd.DataFrame:
    """Join closed ledgers and leave their test scores out, so that nothing is chosen by them."""
    columns = ledger_columns(space, tte_s)
    kept = list(validation_columns(space, tte_s))
    return pd.concat([read_table(path, columns)[kept] for path in ledgers], ignore_index=True)


def best_configurations(
    rows: pd.DataFrame, space: Space, top: int, arms: Sequence[str] = ()
) -> list[Chosen]:
    """Choose the `top` configurations with the best validation scores, the best first.

    Configurations that differ in the backbone alone are one; the backbone that scored best stands
    for it. Experiments of a share of the epochs do not count. Equal scores: the lower cell first.

    Parameters
    ----------
    rows
        Rows of closed ledgers without test scores.
    arms
        Arm names whose rows count; none: all.

    Raises
    ------
    InputError
        If a row holds a test score, or no experiment has a validation score. Fewer configurations
        than `top` are all taken, and the log says so.
    """
    sealed = [name for name in rows.columns if name.startswith("test_")]
    if sealed:
        raise InputError(
            f"the rows to choose from hold {sealed[0]}; configurations are chosen by validation "
            "alone, so leave the test scores out."
        )
    scored = rows[(rows["status"] == "ok") & (rows["fidelity"] == 1) & rows[SELECTION].notna()]
    if arms:
        scored = scored[scored["arm"].isin(arms)]
    if scored.empty:
        names = ", ".join(arms) or "all arms"
        raise InputError(
            f"the {len(rows)} rows of the ledgers hold no validation score of {names}, so there is "
            "no configuration to transfer; set transfer.top to 0 or run other arms."
        )
    ranked = scored.sort_values([SELECTION, "cell"], ascending=[False, True], kind="stable")
    found: dict[int, Chosen] = {}
    for cell, identity in zip(ranked["cell"], ranked["experiment_id"], strict=True):
        key = with_backbone(space, int(cell), 0)
        found.setdefault(key, Chosen(int(cell), str(identity)))
    if len(found) < top:
        logger.warning(
            "%d configurations have a validation score, fewer than the %d of transfer.top; all of "
            "them are transferred",
            len(found),
            top,
        )
    return list(found.values())[:top]


def with_backbone(space: Space, cell: int, place: int) -> int:
    """Return the cell with the backbone at this place of its levels and everything else equal."""
    positions = space.positions([cell])[0]
    positions[space.names.index(SWAPPED)] = place
    return int(np.ravel_multi_index(positions.tolist(), space.shape))


def transfer_proposals(
    chosen: Sequence[Chosen],
    space: Space,
    *,
    task: str,
    seeds: int,
    campaign_seed: int,
    trainer: str,
) -> list[Proposal]:
    """Cross configurations with every backbone of the space and with fresh seeds.

    All backbones of a configuration share its seeds, so that they see the same clips in the same
    order. A configuration with the backbone that it was found with is of the kind ``"base"``, with
    another one ``"sweep"``; `parent` is the experiment that it was chosen by.
    """
    proposals: list[Proposal] = []
    backbones = len(space.factor(SWAPPED).levels)
    for configuration in chosen:
        key = with_backbone(space, configuration.cell, 0)
        for place in range(backbones):
            cell = with_backbone(space, configuration.cell, place)
            for replicate in range(seeds):
                seed = derive_seed(campaign_seed, task, TRANSFER, key, replicate)
                proposals.append(
                    Proposal(
                        experiment_id=experiment_id(task, space, cell, seed, trainer),
                        task=task,
                        arm=TRANSFER,
                        arm_seed=1,
                        round=0,
                        slot=len(proposals),
                        agent=TRANSFER,
                        model="",
                        source="transfer",
                        kind="base" if cell == configuration.cell else "sweep",
                        parent=configuration.experiment_id,
                        cell=cell,
                        replicate=replicate,
                        fidelity=1.0,
                        seed=seed,
                    )
                )
    return proposals
