import numpy as np
import pandas as pd
import pytest

from dashsearch.analysis.analyse import analyse
from dashsearch.analysis.settings import AnalysisSettings
from dashsearch.space.space import Factor, Space

SPACE = Space(
    "small",
    (
        Factor("backbone", "architecture", ("flow", "hog", "color", "mid")),
        Factor("encoder", "architecture", ("gru", "retnet", "hybrid")),
        Factor("learning_rate", "training", (1e-4, 1e-3, 1e-2, 1e-1), ordered=True),
    ),
)
SETTINGS = AnalysisSettings(permutations=199, bootstraps=199, window=10, uniform_arms=())


def campaign(cells_of, seeds=(1, 2), rounds=20, each=5):
    """Two agents on one leaderboard: `cells_of` (agent, round, rng) gives an agent's proposals."""
    rows = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for number in range(rounds):
            for agent in ("one", "two"):
                rows += [
                    (seed, number, agent, int(cell), float(rng.random()))
                    for cell in cells_of(agent, number, rng)[:each]
                ]
    frame = pd.DataFrame(rows, columns=["arm_seed", "round", "agent", "cell", "val_map"])
    levels = pd.DataFrame([SPACE.cell(cell) for cell in frame["cell"]])
    fixed = {"task": "town", "arm": "pair", "source": "policy", "kind": "base", "parent": "",
             "fidelity": 1.0, "status": "ok", "reason": "", "replicate": 0}  # fmt: skip
    names = [f"e{place}" for place in range(len(frame))]
    return frame.assign(**fixed, experiment_id=names, seed=1, test_map=frame["val_map"]).join(
        levels
    )


def apart(agent, number, rng):
    """One agent changes backbones only, the other learning rates only."""
    if agent == "one":
        return [SPACE.index({"backbone": b, "encoder": "gru", "learning_rate": 1e-3})
                for b in rng.permutation(SPACE.factor("backbone").levels)]  # fmt: skip
    return [SPACE.index({"backbone": "mid", "encoder": "gru", "learning_rate": float(x)})
            for x in rng.permutation(SPACE.factor("learning_rate").levels)]  # fmt: skip


@pytest.fixture(scope="module")
def findings():
    return analyse("dynamics", campaign(apart), SPACE, SETTINGS)


def test_the_answer_says_who_searches_architectures_and_who_tunes(findings):
    moves = findings.tables["moves.csv"]
    changes = moves[(moves["reference"] == "previous") & (moves["kind"] == "changes architecture")]
    share = changes.set_index("agent")["share"]
    assert share["one"] > 0.9 and share["two"] == 0
    assert (changes["low"] <= changes["share"]).all() and (
        changes["high"] >= changes["share"]
    ).all()
    assert changes["uniform"].unique() == pytest.approx([1 - 1 / 12])


def test_agents_that_differ_diverge_beyond_their_null_after_holm(findings):
    table = findings.tables["divergence.csv"]
    pooled = table[table["arm_seed"].isna()].set_index("grouping")
    assert pooled.loc["architecture" if "architecture" in pooled.index else "backbone × encoder",
                      "p_holm"] < 0.05  # fmt: skip
    assert (table["p_holm"] >= table["p"]).all()
    assert (table["jsd_bits"] > table["null_high"]).all()


def test_identical_agents_neither_diverge_nor_cycle():
    def same(agent, number, rng):
        return rng.integers(SPACE.size, size=5)

    tables = analyse("dynamics", campaign(same), SPACE, SETTINGS).tables
    assert (tables["divergence.csv"]["p_holm"] > 0.05).all()
    assert (tables["cycles.csv"]["p_holm"].dropna() > 0.05).all()


def test_runs_and_their_agents_stand_apart(findings):
    document = findings.documents["dynamics.json"]
    assert {(run["arm"], run["arm_seed"]) for run in document["runs"]} == {("pair", 1), ("pair", 2)}
    assert {run["agent"] for run in document["agents"]} == {"one", "two"}
    assert document["schema"] == "dynamics/2" and document["moves_reason"] == ""


def test_a_space_of_architectures_only_has_no_moves_and_says_why():
    space = Space("bare", SPACE.factors[:2])
    ledger = campaign(apart)
    ledger["cell"] = [
        space.index({"backbone": row.backbone, "encoder": row.encoder})
        for row in ledger.itertuples()
    ]
    document = analyse("dynamics", ledger, space, SETTINGS).documents["dynamics.json"]
    assert document["moves"] == [] and "no factors of both groups" in document["moves_reason"]
