import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashsearch.analysis.__main__ import main
from dashsearch.analysis.variance.group_table import collapse, one_way_of_groups, read_group_table
from dashsearch.analysis.variance.one_way import one_way
from dashsearch.analysis.variance.two_way import two_way, two_way_of_groups

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "resources/published"
GROUPS = "backbone,encoder,n,mean_ap,std_ap\na,x,12,0.5,0.1\na,y,11,0.6,0.1\nb,x,15,0.7,0.2\n"


@pytest.fixture
def groups_csv(tmp_path):
    def write(text):
        path = tmp_path / "groups.csv"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(7)
    sizes = {("a", "x"): 4, ("a", "y"): 7, ("b", "x"): 5, ("b", "y"): 3, ("c", "x"): 6}
    return {cell: rng.uniform(0.2, 0.9, size) for cell, size in sizes.items()}


def summarised(scores, ddof):
    rows = [(*c, y.size, y.mean(), y.std(ddof=ddof)) for c, y in scores.items()]
    return pd.DataFrame(rows, columns=["backbone", "encoder", "n", "mean_ap", "std_ap"])


@pytest.mark.parametrize(("std", "ddof"), [("population", 0), ("sample", 1)])
def test_a_table_says_what_its_scores_say(scores, tmp_path, std, ddof):
    summarised(scores, ddof).to_csv(tmp_path / "t.csv", index=False)
    table = read_group_table(tmp_path / "t.csv", std=std, min_n=1)
    found, truth = one_way_of_groups(table), one_way(list(scores.values()))
    for name in ("f", "p", "eta_squared", "omega_squared", "welch_f", "welch_df_within"):
        assert getattr(found, name) == pytest.approx(getattr(truth, name), rel=1e-9)
    a, b = (np.concatenate([[c[i]] * y.size for c, y in scores.items()]) for i in (0, 1))
    y = np.concatenate(list(scores.values()))
    effects = zip(two_way_of_groups(table).effects, two_way(a, b, y).effects, strict=True)
    for one, other in effects:
        assert one.estimate.f == pytest.approx(other.estimate.f, rel=1e-9)
    joined = one_way_of_groups(collapse(table, "backbone"))
    assert joined.f == pytest.approx(one_way([y[a == level] for level in "abc"]).f, rel=1e-9)


def test_the_published_figures_come_out_of_the_published_tables():
    first = one_way_of_groups(read_group_table(PUBLISHED / "anova_groups.csv"))
    assert round(first.f, 4) == 449.3308 and round(first.eta_squared, 6) == 0.793407
    assert (first.groups, first.n) == (12, 1299)
    path = PUBLISHED / "second_task_backbones.csv"
    second = one_way_of_groups(read_group_table(path, ["backbone"], min_n=1))
    assert round(second.eta_squared, 6) == 0.326426
    cells = read_group_table(PUBLISHED / "second_task_cells.csv", min_n=1)
    assert round(one_way_of_groups(cells).eta_squared, 6) == 0.752115
    assert round(one_way_of_groups(collapse(cells, "backbone")).eta_squared, 6) == 0.326426


def test_the_command_analyses_a_table_of_groups(tmp_path):
    command = [sys.executable, "-m", "dashsearch.analysis", "variance"]
    command += [str(PUBLISHED / "anova_groups.csv"), "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "scripts", check=True)
    document = json.loads((tmp_path / "variance.json").read_text())
    needed = {"f", "p", "eta_squared", "omega_squared", "n", "groups", "df_between", "df_within",
              "chance_level", "interval"}  # fmt: skip
    assert needed <= set(document["one_way"])
    assert document["two_way"]["type_ii"]["factors"] == ["backbone", "encoder"]
    assert "empty" in document["two_way"]["type_iii_reason"]
    assert {share["family"]["size"] for share in document["shares"]} == {2}
    assert {path.name for path in tmp_path.glob("*.csv")} == {
        "groups.csv", "one_way.csv", "two_way.csv"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GROUPS.replace("std_ap", "sd"), "(3 rows) has no column 'std_ap'"),
        (GROUPS.replace("0.7", "1.7"), "column mean_ap: 1 of 3 rows"),
        (GROUPS.replace("0.7", "nan"), "column mean_ap: 1 of 3 rows"),
        (GROUPS.replace("b,x", "a,z"), "column backbone: all 3 groups"),
        (GROUPS.replace("15", "0"), "column n: 1 of 3 rows"),
        (GROUPS.replace("b,x", ",x"), "column backbone: 1 of 3 rows"),
        (GROUPS.replace("12", "2"), None),
        (GROUPS.replace("12", "2").replace("11", "3"), "column n: 1 of 3 groups"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(groups_csv, tmp_path, capsys, text, words):
    path = groups_csv(text)
    status = main(["variance", str(path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert status == (words is not None)
    if words is not None:
        assert words in said and str(path) in said and said.count("\n") == 1


def test_fewer_scores_than_parameters_are_refused(groups_csv, tmp_path, capsys):
    path = groups_csv("backbone,encoder,n,mean_ap,std_ap\na,x,1,0.5,0\nb,x,1,0.6,0\nb,y,1,0.7,0\n")
    assert main(["variance", str(path), "--min-n", "1", "--out", str(tmp_path / "out")]) == 1
    assert "no degrees of freedom" in capsys.readouterr().err


def test_a_table_of_groups_answers_no_other_question(groups_csv, tmp_path, capsys):
    path = groups_csv(GROUPS)
    assert main(["convergence", str(path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "variance alone" in said and said.count("\n") == 1


def test_a_wrong_ledger_is_refused_with_its_file_column_and_rows(tmp_path, capsys):
    good = pd.DataFrame({"backbone": list("aabb") * 3, "encoder": list("xyxy") * 3,
                         "test_map": np.linspace(0.2, 0.8, 12)})  # fmt: skip
    path = tmp_path / "ledger.csv"
    for wrong, words in (
        (good.drop(columns="encoder"), "(12 rows) has no column 'encoder'"),
        (good.assign(test_map=good["test_map"] * 2), "test_map is outside 0 to 1"),
        (good.assign(test_map=np.nan), "test_map holds no number in 12"),
        (good.iloc[:3], "column test_map: its 3 rows carry no share"),
    ):
        wrong.to_csv(path, index=False)
        assert main(["variance", str(path), "--out", str(tmp_path / "out")]) == 1
        said = capsys.readouterr().err
        assert words in said and str(path) in said and said.count("\n") == 1
