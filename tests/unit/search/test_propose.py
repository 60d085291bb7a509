"""A round of proposals: rows for all, the wall against test scores, the same from the same past."""

from pathlib import Path

import pandas as pd
import pytest

from dashsearch.errors import InputError
from dashsearch.ledger.closing import read_history
from dashsearch.ledger.proposals import read_proposals, write_proposals
from dashsearch.search.propose import Arm, propose_round
from dashsearch.space.files import load_space

SPACE = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")
TTE_S = (0.5, 1.0, 1.5)
EVOLUTION = {"population": 8, "sample": 3}


def make_arm(policy="evolution", settings=EVOLUTION, seed=1, task="highway"):
    return Arm(task, "arm", seed, policy, 7, settings, "trainer/1")


def as_history(proposals, val_map=0.5):
    rows = [{**p.row(SPACE), "status": p.status or "ok", "val_map": val_map} for p in proposals]
    return pd.DataFrame(rows)


def empty():
    return read_history([], SPACE, TTE_S)


def test_a_round_gives_one_row_a_slot():
    proposals = propose_round(make_arm(), SPACE, empty(), 0, 6)
    assert [p.slot for p in proposals] == list(range(6))
    assert len({p.experiment_id for p in proposals}) == 6


def test_the_same_past_gives_the_same_proposals():
    first = propose_round(make_arm(), SPACE, empty(), 0, 6)
    history = as_history(first)
    again = [propose_round(make_arm(), SPACE, history, 1, 6) for _ in range(2)]
    assert again[0] == again[1]


def test_tasks_seeds_and_rounds_draw_apart():
    cells = {
        tuple(p.cell for p in propose_round(arm, SPACE, empty(), round_, 4))
        for arm in (make_arm(), make_arm(seed=2), make_arm(task="crossing"))
        for round_ in (0, 1)
    }
    assert len(cells) == 6


def test_the_same_work_has_the_same_identity_in_every_arm():
    designed = {"replicates": 1, "replicated_share": 0.0}
    one = propose_round(make_arm("designed", designed), SPACE, empty(), 0, 1)[0]
    other = propose_round(
        Arm("highway", "other", 1, "random", 7, {}, "trainer/1"), SPACE, empty(), 0, 500
    )
    same = [p for p in other if p.cell == one.cell]
    assert all(p.seed == one.seed and p.experiment_id == one.experiment_id for p in same)
    assert (
        one.seed
        != propose_round(make_arm("designed", designed, task="crossing"), SPACE, empty(), 0, 1)[
            0
        ].seed
    )


def test_a_test_score_in_the_history_stops_the_round():
    history = as_history(propose_round(make_arm(), SPACE, empty(), 0, 2)).assign(test_map=0.9)
    with pytest.raises(InputError, match=r"holds test_map; test scores are sealed"):
        propose_round(make_arm(), SPACE, history, 1, 2)


def test_a_later_round_in_the_history_stops_the_round():
    history = as_history(propose_round(make_arm(), SPACE, empty(), 2, 2))
    with pytest.raises(InputError, match=r"reaches round 2, but round 1"):
        propose_round(make_arm(), SPACE, history, 1, 2)


def test_a_repeated_proposal_is_a_duplicate_row():
    designed = {"replicates": 1, "replicated_share": 0.0}
    first = propose_round(make_arm("designed", designed), SPACE, empty(), 0, 3)
    # The same design told that nothing has happened yet proposes the same cells again.
    tiny = as_history(first).iloc[:1].assign(replicate=0)
    again = propose_round(make_arm("designed", designed), SPACE, tiny, 1, 3)
    assert [p.status for p in again] == ["", "", ""]
    moved = as_history(first).iloc[1:2]
    repeated = propose_round(make_arm("designed", designed), SPACE, moved, 1, 1)[0]
    assert repeated.status == "duplicate"
    assert repeated.reason == f"this arm already proposed {first[1].experiment_id}"


def test_proposals_survive_their_file(tmp_path):
    proposals = propose_round(make_arm(), SPACE, empty(), 0, 5)
    write_proposals(tmp_path / "proposals.jsonl", proposals, SPACE)
    assert read_proposals(tmp_path / "proposals.jsonl", SPACE) == proposals


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace('"backbone":"', '"backbone":"x'), "is not a level"),
        (lambda text: "{" + text, "line 1 is not a proposal"),
        (lambda text: text.replace('"cell":', '"kell":'), "line 1 is not a proposal"),
        (lambda text: text.replace('"cell":', '"cell":1'), "are not those of cell 1"),
    ],
)
def test_a_changed_proposal_file_is_refused(tmp_path, change, sentence):
    path = tmp_path / "proposals.jsonl"
    write_proposals(path, propose_round(make_arm(), SPACE, empty(), 0, 1), SPACE)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=sentence):
        read_proposals(path, SPACE)


def test_an_unknown_policy_is_named():
    with pytest.raises(InputError, match="unknown policy 'magic'"):
        propose_round(make_arm("magic", {}), SPACE, empty(), 0, 1)
