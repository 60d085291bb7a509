"""Test clips that were told rightly and wrongly, with their scores as the event comes near."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from markupsafe import Markup

OUTCOMES = ("hit", "miss", "false alarm", "rightly calm")
EACH = 2  # clips of every outcome
WIDTH, HEIGHT = 150, 46


@dataclass(frozen=True)
class ClipExample:
    """A test clip and what the best experiments of the transfer check said of it.

    Attributes
    ----------
    outcome
        One of `OUTCOMES`: of the class with an event, a score above the threshold is a hit, else
        a miss.
    tte_s, scores
        Times to event in seconds, descending, and the mean score over experiments at each.
    n
        Number of experiments.
    picture
        A JPEG of its last frames, or empty.
    """

    clip_id: str
    outcome: str
    tte_s: tuple[float, ...]
    scores: tuple[float, ...]
    n: int
    picture: bytes = b""

    @property
    def source(self) -> str:
        """The picture as a data address."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.picture).decode('ascii')}"

    @property
    def curve(self) -> Markup:
        """The scores over time to event as a small drawing; the event is at the right end."""
        furthest = max(self.tte_s)
        points = " ".join(
            f"{4 + (WIDTH - 8) * (1 - tte / furthest):.1f},{HEIGHT - 6 - (HEIGHT - 12) * s:.1f}"
            for tte, s in zip(self.tte_s, self.scores, strict=True)
        )
        text = ", ".join(
            f"{s:.2f} at {tte:g} s" for tte, s in zip(self.tte_s, self.scores, strict=True)
        )
        return Markup(
            '<svg class="curve" viewBox="0 0 {0} {1}" role="img" aria-label="Scores: {2}">'
            '<path class="grid" d="M4 {3}H{4}"/><polyline points="{5}"/></svg>'
        ).format(WIDTH, HEIGHT, text, HEIGHT / 2, WIDTH - 4, points)


def choose_examples(scores: pd.DataFrame, each: int = EACH) -> list[ClipExample]:
    """Choose clear examples of every outcome of a binary task.

    A clip's score is the mean over all its windows and over all experiments; the threshold is that
    which calls as many clips positive as there are. Of every outcome, the clips farthest from it
    are taken.

    Parameters
    ----------
    scores
        Table of test scores by clip, as of `ledger.schema.clip_score_columns(2)`.
    """
    if "score" not in scores or scores.empty:
        return []
    by_window = scores.groupby(["clip_id", "label", "tte_s"], as_index=False)["score"].mean()
    clips = by_window.groupby(["clip_id", "label"], as_index=False)["score"].mean()
    positives = int((clips["label"] == 1).sum())
    if not 0 < positives < len(clips):
        return []
    ranked = clips["score"].sort_values(ascending=False).to_numpy()
    threshold = (ranked[positives - 1] + ranked[positives]) / 2
    above = clips["score"] >= threshold
    clips = clips.assign(
        outcome=[
            OUTCOMES[(0 if high else 1) if label == 1 else (2 if high else 3)]
            for label, high in zip(clips["label"], above, strict=True)
        ],
        margin=(clips["score"] - threshold).abs(),
    )
    n = scores["experiment_id"].nunique()
    found = []
    for outcome in OUTCOMES:
        part = clips[clips["outcome"] == outcome]
        for clip in part.sort_values(["margin", "clip_id"], ascending=[False, True])["clip_id"][
            :each
        ]:
            own = by_window[by_window["clip_id"] == clip].sort_values("tte_s", ascending=False)
            found.append(
                ClipExample(clip, outcome, tuple(own["tte_s"]), tuple(own["score"]), int(n))
            )
    return found


def with_pictures(
    examples: Sequence[ClipExample], pictures: Mapping[str, bytes]
) -> list[ClipExample]:
    """Give every example its picture, by clip."""
    return [replace(each, picture=pictures.get(each.clip_id, b"")) for each in examples]
