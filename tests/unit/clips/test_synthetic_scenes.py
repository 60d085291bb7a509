"""The scripted scenes keep what the labels promise."""

import numpy as np
import pytest

from dashsearch.clips.synthetic.compose import compose, draw_alert_time, draw_event_time
from dashsearch.clips.synthetic.draws import Draws
from dashsearch.clips.synthetic.knobs import EVENT_TIME_S
from dashsearch.clips.synthetic.motion import at, distance_while_braking
from dashsearch.clips.synthetic.scene import (
    TIMES_S,
    Scene,
    clearance_m,
    gap_m,
    separation_m,
    snapshot_at,
)

TASKS = ("highway", "crossing")
ORDINALS = range(60)


def scene(task, label, ordinal) -> Scene:
    return compose(task, label, "day", "clear", Draws(task, 7, ordinal))


def smallest_clearance(one: Scene) -> float:
    return float(clearance_m(one.traffic.ego, one.traffic.critical).min())


@pytest.mark.parametrize("task", TASKS)
def test_a_positive_reaches_ego_exactly_at_its_event_time(task):
    for ordinal in ORDINALS:
        traffic = scene(task, 1, ordinal).traffic
        gap = gap_m(traffic.ego, traffic.critical)
        if traffic.contact:
            assert at(gap, traffic.event_time_s) == pytest.approx(0.0, abs=0.4)
            before = traffic.event_time_s - 0.1 > TIMES_S
            assert (gap[before] > 0).all()
            assert np.isclose(gap[traffic.event_time_s < TIMES_S], 0.0, atol=1e-6).all()
            assert smallest_clearance(scene(task, 1, ordinal)) < 1e-6


@pytest.mark.parametrize("task", TASKS)
def test_a_near_miss_comes_close_at_its_event_time_and_never_touches(task):
    near_misses = [
        one.traffic
        for one in (scene(task, 1, ordinal) for ordinal in ORDINALS)
        if not one.traffic.contact
    ]
    assert near_misses
    for traffic in near_misses:
        gap = gap_m(traffic.ego, traffic.critical)
        assert 0.5 < clearance_m(traffic.ego, traffic.critical).min() < 1.8
        assert at(gap, traffic.event_time_s) < gap[traffic.event_time_s - 0.2 > TIMES_S].min()


@pytest.mark.parametrize("task", TASKS)
def test_a_negative_never_touches_ego(task):
    assert min(smallest_clearance(scene(task, 0, ordinal)) for ordinal in ORDINALS) > 0.5


@pytest.mark.parametrize("task", TASKS)
def test_a_negative_is_where_its_positive_would_be_at_the_matched_instant(task):
    for ordinal in ORDINALS:
        negative, positive = (scene(task, label, ordinal).traffic for label in (0, 1))
        matched = negative.snapshot
        assert positive.snapshot is None
        assert matched is not None
        ghost = snapshot_at(positive.ego, positive.critical, matched.time_s)
        assert 0.3 < positive.event_time_s - matched.time_s < 1.7
        if negative.maneuver == "passes":  # the one that is matched along the road only
            assert abs(matched.lateral_m) > 2.5
        else:
            assert matched.lateral_m == pytest.approx(ghost.lateral_m, abs=0.1)
        assert matched.ahead_m == pytest.approx(ghost.ahead_m, abs=0.1)


@pytest.mark.parametrize("task", TASKS)
def test_only_motion_knows_the_label(task):
    for ordinal in range(20):
        negative, positive = (scene(task, label, ordinal) for label in (0, 1))
        assert negative.traffic.critical.look == positive.traffic.critical.look
        assert (negative.traffic.critical.brake == positive.traffic.critical.brake).all()
        assert (negative.camera.pitch_rad == positive.camera.pitch_rad).all()
        assert negative.camera.field_of_view_deg == positive.camera.field_of_view_deg
        assert negative.traffic.event_time_s == positive.traffic.event_time_s


@pytest.mark.parametrize("task", TASKS)
def test_bystanders_keep_away_from_ego_and_from_each_other(task):
    for ordinal in ORDINALS:
        traffic = scene(task, ordinal % 2, ordinal).traffic
        for place, actor in enumerate(traffic.actors[1:], start=1):
            assert clearance_m(traffic.ego, actor).min() >= 0.5
            assert min(separation_m(actor, other) for other in traffic.actors[:place]) >= 1.0


def test_the_highway_always_has_the_lane_that_the_critical_vehicle_uses():
    for ordinal in ORDINALS:
        traffic = scene("highway", ordinal % 2, ordinal).traffic
        lanes = np.unique(np.round(traffic.critical.x_m / 3.6)).astype(int)
        assert set(lanes.tolist()) <= set(traffic.lanes)


def test_events_leave_room_for_a_window_and_for_the_alert():
    draws = [Draws("highway", 3, ordinal) for ordinal in range(200)]
    events = [draw_event_time(one) for one in draws]
    assert EVENT_TIME_S[0] <= min(events) < max(events) <= EVENT_TIME_S[1]
    assert all(0 < draw_alert_time(one) < draw_event_time(one) for one in draws)


def test_a_stream_does_not_depend_on_how_much_another_has_drawn():
    draws = Draws("highway", 1, 0)
    first = draws.stream("camera").normal(size=3)
    draws.stream("motion").normal(size=1000)
    assert (draws.stream("camera").normal(size=3) == first).all()
    assert (draws.stream("motion").normal(size=3) != first).all()


def test_braking_evenly_covers_the_area_under_the_speed():
    left = np.linspace(0, 5, 501)
    speed = np.minimum(8.0, 8.0 / 2.0 * left)
    area = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2) * 0.01])
    assert distance_while_braking(left, 8.0, 2.0) == pytest.approx(area, abs=1e-3)
