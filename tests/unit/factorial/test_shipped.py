"""The tables that come with dashsearch: whole, of the part that they name, and small."""

from pathlib import Path

import numpy as np
import pytest

from dashsearch.analysis.variance.functional_anova import functional_anova
from dashsearch.factorial import FactorialBenchmark
from dashsearch.factorial.benchmark import SHIPPED
from dashsearch.factorial.table import check_complete
from dashsearch.space.files import load_space

ROOT = Path(__file__).parents[3]
TABLES = sorted(path.stem for path in SHIPPED.glob("*.parquet"))


@pytest.fixture(params=TABLES)
def table(request):
    return FactorialBenchmark.load(request.param)


def test_both_embedded_tasks_are_there_and_small():
    assert TABLES == ["crossing", "highway"]
    assert all((SHIPPED / f"{name}.parquet").stat().st_size < 10e6 for name in TABLES)


def test_no_cell_is_missing_and_none_stands_twice(table):
    check_complete(table.table.frame(), table.space)
    assert table.coverage == 1 and table.fidelities == (2, 8)
    assert set(np.unique(table.seeds)) == {1, 10} and (table.seeds == 10).sum() >= 147


def test_the_part_is_one_of_the_embedded_space_and_is_named_as_one(table):
    whole = load_space(ROOT / "resources/spaces/embedded.yaml")
    assert table.space == load_space(SHIPPED / "space.yaml")
    assert table.space.name != whole.name and table.space.size == 4320 < whole.size
    for factor in table.space.factors:
        assert set(factor.levels) <= set(whole.factor(factor.name).levels)


def test_the_exact_shares_add_up_to_one(table):
    scores = table.query(np.arange(table.space.size), metrics=["test_map"]).scores["test_map"]
    orders = [s.share for s in functional_anova(scores, table.space).shares if s.role == "order"]
    assert sum(orders) == pytest.approx(1, abs=1e-9)


def test_the_card_names_every_file(table):
    card = (SHIPPED / "README.md").read_text()
    assert f"{table.task}.parquet" in card and f"{table.space.size:,} of its" in card
