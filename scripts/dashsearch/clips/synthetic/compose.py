"""One clip's scene, from its draws: plan the encounter, add the others, mount the camera."""

from dashsearch.clips.synthetic.actors import draw_cyclist, draw_pedestrian, draw_vehicle
from dashsearch.clips.synthetic.camera import draw_camera
from dashsearch.clips.synthetic.crossing import draw_actor_kind, plan_crossing
from dashsearch.clips.synthetic.draws import Draws
from dashsearch.clips.synthetic.highway import plan_highway
from dashsearch.clips.synthetic.knobs import ALERT_LEAD_S, CROSSING, EVENT_TIME_S, HIGHWAY
from dashsearch.clips.synthetic.scene import Light, Look, Scene, TaskName, Traffic, Weather
from dashsearch.clips.synthetic.surroundings import with_highway_traffic, with_street_life


def draw_event_time(draws: Draws) -> float:
    """Draw when the encounter peaks, in seconds; for negatives it stays hidden."""
    return round(draws.stream("event").uniform(*EVENT_TIME_S), 3)


def draw_alert_time(draws: Draws) -> float:
    """Draw when an attentive driver would have been alarmed, in seconds."""
    return round(draw_event_time(draws) - draws.stream("alert").uniform(*ALERT_LEAD_S), 3)


def compose(task: TaskName, label: int, light: Light, weather: Weather, draws: Draws) -> Scene:
    """Build the scene of one clip.

    Parameters
    ----------
    label
        1 if ego collides or nearly does at the event, 0 if not. Only the critical actor's motion,
        and in `crossing` ego's, depends on it: every other stream is the same for both labels.
    """
    event_time_s = draw_event_time(draws)
    if task == "highway":
        knobs = HIGHWAY.camera
        traffic = _highway(label, event_time_s, draws)
    else:
        knobs = CROSSING.camera
        traffic = _crossing(label, event_time_s, draws)
    return Scene(task, traffic, draw_camera(draws.stream("camera"), knobs), light, weather)


def _highway(label: int, event_time_s: float, draws: Draws) -> Traffic:
    look = draw_vehicle(draws.stream("appearance"), truck_share=0.2)
    traffic = plan_highway(label, event_time_s, draws, look, HIGHWAY)
    return with_highway_traffic(traffic, draws.stream("surroundings"), HIGHWAY)


def _crossing(label: int, event_time_s: float, draws: Draws) -> Traffic:
    traffic = plan_crossing(label, event_time_s, draws, _crossing_look(draws), CROSSING)
    return with_street_life(traffic, draws.stream("surroundings"), CROSSING)


def _crossing_look(draws: Draws) -> Look:
    kind, appearance = draw_actor_kind(draws, CROSSING), draws.stream("appearance")
    if kind == "car":
        return draw_vehicle(appearance, truck_share=0.12)
    return draw_cyclist(appearance) if kind == "cyclist" else draw_pedestrian(appearance)
