"""Tables for papers: CSV has the numbers of the documents, LaTeX what is printed of them."""

import json
import re

import pandas as pd
import pytest

from dashsearch.report.tables import Table, as_latex, write_tables


def test_csv_holds_the_numbers_of_the_documents(town, tmp_path):
    files = {path.name for path in write_tables([town], tmp_path)}
    names = ("shares", "arms", "validity")
    assert files == {f"town-{name}.{end}" for name in names for end in ("csv", "tex")}
    shares = pd.read_csv(tmp_path / "town-shares.csv").set_index("grouping")
    document = json.loads((town.analysis_folder / "variance.json").read_text())
    arm = next(each for each in document["scores"]["test_map"] if each["primary"])
    found = shares.loc["all architecture"]
    estimate = arm["groups"][0]["estimate"]
    assert found["omega2"] == pytest.approx(estimate["omega_squared"], abs=1e-15)
    assert found["omega2_low"] == pytest.approx(estimate["interval"]["low"], abs=1e-15)
    assert found["n"] == estimate["n"]


def test_latex_is_escaped_plain_and_has_its_interval_in_brackets(town, tmp_path):
    write_tables([town], tmp_path)
    for path in tmp_path.glob("*.tex"):
        text = path.read_text()
        assert text.isascii(), re.findall(r"[^\x00-\x7f]", text)
        assert r"\toprule" in text and r"\label{tab:town-" in text
        assert not re.search(r"(?<!\\)[%_&](?!.*\\\\)", text.split(r"\midrule")[0].split("\n")[2])
    frame = pd.DataFrame(
        {"arm": ["a_b", "c & d"], "gain": [-0.25, None], "gain_low": [-0.5, None],
         "gain_high": [0.0, None], "p": [1e-12, 0.5]}
    )  # fmt: skip
    text = as_latex(Table("t", "50 % of a_b", frame, {"gain": "percent", "p": "p"}), "tab:t")
    assert r"a\_b & $-$25\,\% [$-$50\,\%, 0\,\%]" in text
    assert r"c \& d & -- & 0.5 \\" in text
    assert r"50 \% of a\_b" in text and r"1 $\times$ 10$^{-}$$^{1}$$^{2}$" in text
