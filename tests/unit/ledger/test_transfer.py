"""The transfer check's choice: by validation alone, and one configuration whatever its backbone."""

import numpy as np
import pytest

from dashsearch.errors import InputError
from dashsearch.ledger.schema import ledger_columns
from dashsearch.ledger.transfer import best_configurations, read_without_test, transfer_proposals
from dashsearch.space.space import Factor, Space
from dashsearch.tables import write_table
from planted import TTE_S, plant_task, planted_ledger

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color")),
        Factor("loss", "training", ("bce", "focal", "smooth", "hinge")),
    ),
)
COLUMNS = ledger_columns(SPACE, TTE_S)


@pytest.fixture
def ledger():
    return planted_ledger(plant_task("town", SPACE, {("backbone",): 0.5}), 10, 6, 6)[list(COLUMNS)]


def test_test_scores_change_nothing(ledger, tmp_path):
    found = []
    for number, rows in enumerate((ledger, ledger.assign(test_map=1 - ledger["test_map"]))):
        path = tmp_path / f"{number}.parquet"
        write_table(path, rows, COLUMNS, {"schema": "ledger/5"})
        found.append(best_configurations(read_without_test([path], SPACE, TTE_S), SPACE, 2))
    assert found[0] == found[1]
    with pytest.raises(InputError, match="chosen by validation alone"):
        best_configurations(ledger, SPACE, 2)


def test_configurations_are_distinct_and_meet_every_backbone_with_equal_seeds(ledger):
    rows = ledger[[name for name in ledger if not name.startswith("test_")]]
    chosen = best_configurations(rows, SPACE, 2)
    best = rows.loc[rows["val_map"].idxmax()]
    assert chosen[0].cell == best["cell"]
    assert len({SPACE.cell(each.cell)["loss"] for each in chosen}) == 2
    made = transfer_proposals(
        chosen, SPACE, task="town", seeds=3, campaign_seed=1, trainer="trainer/2"
    )
    assert len(made) == 2 * 3 * 3
    assert len({each.seed for each in made}) == 2 * 3
    assert not {each.seed for each in made} & set(np.asarray(ledger["seed"]))
    assert sum(each.kind == "base" for each in made) == 2 * 3
