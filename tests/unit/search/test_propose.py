"""A round of proposals: rows for all, the wall against test scores, the same from the same past."""

from pathlib import Path

import pandas as pd
import pytest

from dashsearch.errors import InputError
from dashsearch.ledger.closing import read_history
from dashsearch.ledger.proposals import read_proposals, write_proposals
from dashsearch.search.propose import Arm, propose_round, results_of
from dashsearch.search.table_runs import Evaluation, run_arm
from dashsearch.search.terms import Terms, audit_cell
from dashsearch.space.files import load_space

SPACE = load_space(Path(__file__).parents[3] / "resources/spaces/embedded.yaml")
EVOLUTION = {"population": 8, "sample": 3}
DESIGNED = {"replicates": 1, "replicated_share": 0.0}


def make_arm(policy="evolution", settings=EVOLUTION, seed=1, task="highway", **terms):
    return Arm(task, "arm", seed, policy, 7, settings, "trainer/1", Terms(**terms))


def as_history(proposals, val_map=0.5):
    rows = [{**p.row(SPACE), "status": p.status or "ok", "val_map": val_map} for p in proposals]
    return pd.DataFrame(rows)


def past_of(proposals, val_map=0.5):
    return results_of(as_history(proposals, val_map), 1 + max(p.round for p in proposals))


def test_a_round_gives_one_row_a_slot():
    proposals = propose_round(make_arm(), SPACE, [], 0, 6)
    assert [p.slot for p in proposals] == list(range(6))
    assert len({p.experiment_id for p in proposals}) == 6


def test_the_same_past_gives_the_same_proposals():
    past = past_of(propose_round(make_arm(), SPACE, [], 0, 6))
    again = [propose_round(make_arm(), SPACE, past, 1, 6) for _ in range(2)]
    assert again[0] == again[1]


def test_tasks_seeds_and_rounds_draw_apart():
    cells = {
        tuple(p.cell for p in propose_round(arm, SPACE, [], round_, 4))
        for arm in (make_arm(), make_arm(seed=2), make_arm(task="crossing"))
        for round_ in (0, 1)
    }
    assert len(cells) == 6


def test_all_arms_of_a_seed_have_one_start_however_it_is_cut_into_rounds():
    terms = {"shared_start": 6}
    whole = propose_round(make_arm(**terms), SPACE, [], 0, 8)
    other = Arm("highway", "other", 1, "random", 7, {}, "trainer/1", Terms(**terms))
    first = propose_round(other, SPACE, [], 0, 4)
    second = propose_round(other, SPACE, past_of(first), 1, 4)
    cells = [p.cell for p in first + second]
    assert cells[:6] == [p.cell for p in whole][:6]
    assert [p.source for p in whole] == ["start"] * 6 + ["policy"] * 2
    assert cells[6:] != [p.cell for p in whole][6:]
    another = propose_round(make_arm(seed=2, **terms), SPACE, [], 0, 6)
    assert [p.cell for p in another] != cells[:6]


def test_audits_are_spread_evenly_and_uniform_whatever_the_policy_learnt():
    audited = []
    for val_map in (0.1, 0.9):
        past, rows = [], []
        for round_ in range(4):
            proposals = propose_round(
                make_arm(shared_start=2, audit_share=0.25), SPACE, past, round_, 7
            )
            rows += proposals
            past = past_of(rows, val_map)
        places = [place for place, p in enumerate(rows) if p.source == "audit"]
        assert places == [2 + 4 * k + 3 for k in range(6)]
        audited.append([rows[place].cell for place in places])
    assert audited[0] == audited[1]
    assert len(set(audited[0])) == 6


def test_audits_go_on_where_they_repeat_a_cell_and_none_is_spared_for_a_repeated_audit():
    factors = tuple(SPACE.factor(name) for name in ("pooling", "loss", "dropout"))
    tiny = type(SPACE)("tiny", factors)
    arm = make_arm("evolution", {"population": 4, "sample": 2}, shared_start=2, audit_share=0.5)
    rows = []
    for round_ in range(8):
        rows += propose_round(arm, tiny, past_of(rows) if rows else [], round_, 3)
    audits = [row for row in rows if row.source == "audit"]
    assert len(audits) == 11  # half of the 22 behind the start
    assert {row.status for row in audits} == {"", "duplicate"}
    names = (arm.campaign_seed, arm.task, arm.name, arm.seed, "audit")
    assert [row.cell for row in audits] == [audit_cell(tiny, *names, n) for n in range(11)]
    table = run_arm(arm, tiny, 8, 3, lambda proposal: Evaluation("ok", "", 0.5, 1.0))
    assert [row.cell for row in table] == [row.cell for row in rows]


def test_a_start_larger_than_the_space_is_the_whole_space():
    tiny = type(SPACE)("tiny", (SPACE.factor("loss"), SPACE.factor("dropout")))
    rows = propose_round(make_arm("tpe", {"startup": 4}, shared_start=16), tiny, [], 0, 9)
    assert sorted(p.cell for p in rows) == list(range(9))


@pytest.mark.parametrize(
    ("terms", "train_s", "sentence"),
    [
        ({"train_s": 10.0}, 9.9, ""),
        ({"train_s": 10.0}, 10.0, "10 of 10 s of training are spent"),
        ({"usd": 2.0, "usd_per_hour": 4.0}, 1799, ""),
        ({"usd": 2.0, "usd_per_hour": 4.0}, 1800, "2.00 of 2.00 USD are spent"),
        ({}, 1e9, ""),
    ],
)
def test_a_budget_ends_when_it_is_spent(terms, train_s, sentence):
    assert Terms(**terms).spent(train_s) == sentence


def test_the_same_work_has_the_same_identity_in_every_arm():
    one = propose_round(make_arm("designed", DESIGNED), SPACE, [], 0, 1)[0]
    other = propose_round(
        Arm("highway", "other", 1, "grid", 7, {}, "trainer/1"), SPACE, [], 0, one.cell + 1
    )[-1]
    assert other.cell == one.cell
    assert (other.seed, other.experiment_id) == (one.seed, one.experiment_id)
    elsewhere = propose_round(make_arm("designed", DESIGNED, task="crossing"), SPACE, [], 0, 1)
    assert one.seed != elsewhere[0].seed


def test_a_test_score_in_the_history_stops_the_round():
    history = as_history(propose_round(make_arm(), SPACE, [], 0, 2)).assign(test_map=0.9)
    with pytest.raises(InputError, match=r"holds test_map; test scores are sealed"):
        results_of(history, 1)


def test_a_later_round_in_the_history_stops_the_round():
    history = as_history(propose_round(make_arm(), SPACE, [], 2, 2))
    with pytest.raises(InputError, match=r"reaches round 2, but round 1"):
        results_of(history, 1)


def test_an_empty_history_is_no_past():
    assert results_of(read_history([], SPACE, (0.5, 1.0)), 0) == []


def test_a_repeated_proposal_is_a_duplicate_row_and_is_told_with_the_first_outcome():
    first = propose_round(make_arm("designed", DESIGNED), SPACE, [], 0, 3)
    # The design goes on behind what it is told: told of its second cell only, it repeats that one.
    second = past_of(first)[0][1:2]
    again = propose_round(make_arm("designed", DESIGNED), SPACE, [second], 1, 1)[0]
    assert again.status == "duplicate"
    assert again.reason == f"this arm already proposed {first[1].experiment_id}"
    history = as_history([*first, again])
    history.loc[3, "val_map"] = float("nan")
    told = results_of(history, 2)
    assert told[1][0] == told[0][1]
    assert told[1][0].score == 0.5


def test_proposals_survive_their_file(tmp_path):
    proposals = propose_round(make_arm(shared_start=2, audit_share=0.5), SPACE, [], 0, 5)
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
    write_proposals(path, propose_round(make_arm(), SPACE, [], 0, 1), SPACE)
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=sentence):
        read_proposals(path, SPACE)


def test_an_unknown_policy_is_named():
    with pytest.raises(InputError, match="there is no policy 'magic'"):
        propose_round(make_arm("magic", {}), SPACE, [], 0, 1)
