import csv
import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from dashsearch.analysis.audit.claims import load_claims
from dashsearch.analysis.audit.published import Published
from dashsearch.analysis.audit.recipes import RECIPES
from dashsearch.errors import InputError

FOLDER = Path(__file__).parents[4] / "resources/published"
SCHEMA = json.loads((FOLDER / "schema.json").read_text())
TABLES = sorted(path.stem for path in FOLDER.glob("*.csv"))


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


def test_every_table_has_a_definition_and_every_definition_a_table():
    assert set(SCHEMA["$defs"]) == {*TABLES, "claim"}


@pytest.mark.parametrize("table", TABLES)
def test_every_row_fits_the_schema_and_says_where_it_comes_from(published, table):
    rows = published.table(table)
    assert len(rows) == sum(1 for _ in csv.reader((FOLDER / f"{table}.csv").open())) - 1
    assert rows["edition"].str.len().min() > 0
    assert rows["source"].str.len().min() > 0


def test_the_readme_names_every_file():
    text = (FOLDER / "README.md").read_text()
    assert [name for name in TABLES if f"`{name}.csv`" not in text] == []


def test_every_claim_fits_the_schema(entries):
    validator = Draft202012Validator(SCHEMA["$defs"]["claim"])
    for entry in entries.values():
        validator.validate(entry)


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        (
            "anova_groups",
            "n",
            "many",
            "anova_groups.csv line 2: n: 'many' is not of type 'integer'",
        ),
        ("anova_groups", "mean_ap", "1.5", "1.5 is greater than the maximum of 1"),
        ("designs", "sampling", "lucky", "'lucky' is not one of"),
        ("facts", "source", "", "source: '' should be non-empty"),
    ],
)
def test_a_cell_that_breaks_the_schema_is_named_with_its_line(copy, table, column, value, words):
    path = copy / f"{table}.csv"
    rows = list(csv.DictReader(path.open(newline="")))
    rows[0][column] = value
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(InputError) as error:
        Published(copy).table(table)
    assert words in str(error.value)
    assert str(error.value).endswith(".")


def test_a_table_that_is_not_there_is_named(copy):
    (copy / "facts.csv").unlink()
    with pytest.raises(InputError, match=r"facts\.csv cannot be read"):
        Published(copy).fact("days_v1")


def test_a_fact_that_is_not_there_is_named(published):
    with pytest.raises(InputError, match="0 rows for the fact 'nothing'"):
        published.fact("nothing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "rumour"}, "claim best_ap: kind: 'rumour' is not one of"),
        ({"id": "Best AP"}, "does not match"),
        ({"tolerance": -1}, "tolerance: -1 is less than the minimum"),
        ({"verdict": "reproduced"}, r"'verdict' was unexpected"),
        ({"published": "much"}, "published: 'much' is not of type 'number'"),
        ({"derive": {"recipe": "guess"}}, "there is no recipe 'guess'; choose one of"),
        ({"derive": {"recipe": "highest", "table": "baselines"}}, "missing a required argument"),
        (
            {"derive": {"recipe": "product_of_levels", "table": "space_factors", "colour": 1}},
            "unexpected keyword argument 'colour'",
        ),
        ({"kind": "unverifiable"}, "'needs' is a required property"),
    ],
)
def test_a_bad_claim_is_one_sentence(with_claims, entries, change, words):
    folder = with_claims({**entries["best_ap"], **change})
    with pytest.raises(InputError, match=words) as error:
        load_claims(Published(folder), RECIPES)
    assert "claims.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["claims: [", "nothing: 1", "- 1", ""])
def test_a_file_without_claims_is_one_sentence(copy, text):
    (copy / "claims.yaml").write_text(text)
    with pytest.raises(InputError, match=r"claims\.yaml") as error:
        load_claims(Published(copy), RECIPES)
    assert "\n" not in str(error.value)


def test_two_claims_of_one_name_are_refused(with_claims, entries):
    folder = with_claims(entries["best_ap"], entries["best_ap"])
    with pytest.raises(InputError, match="two claims have the id 'best_ap'"):
        load_claims(Published(folder), RECIPES)


def test_yaml_is_read_safely(copy):
    (copy / "claims.yaml").write_text("claims: !!python/object/apply:os.getcwd []")
    with pytest.raises(InputError, match="cannot be read as YAML"):
        load_claims(Published(copy), RECIPES)
    with pytest.raises(yaml.YAMLError):
        yaml.safe_load((copy / "claims.yaml").read_text())
