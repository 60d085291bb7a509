"""A page of sample windows, so that people see what the models saw."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import matplotlib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashsearch.clips.window_index import read_window_index
from dashsearch.clips.windows import open_store
from dashsearch.files import replacing

matplotlib.use("Agg")
from matplotlib import pyplot as plt

FRAMES_SHOWN = 6
WINDOWS_SHOWN = 24
# Stored frames are squeezed to the models' input; most cameras record 16:9.
ASPECT = 9 / 16


def draw_contact_sheet(
    windows: str | Path, index: str | Path, clip_ids: Sequence[str], target: str | Path
) -> None:
    """Draw windows of every class, each with the times of its frames.

    Up to 24 windows, the same number a class, spread evenly over the clips and over the times to
    event. Under each frame stands how long before the event (or the reference time of a clip
    without one) it is shown, and when in its clip. Padding is left grey.

    Parameters
    ----------
    windows, index
        The files that `collect_windows` wrote.
    clip_ids
        The clips that may be shown: the training split, so that nobody studies test clips by eye.
    target
        Where the PNG goes.
    """
    table = read_window_index(index)
    shown = choose_windows(table[table["clip_id"].isin(list(clip_ids))])
    with open_store(windows) as store:
        figure, axes = plt.subplots(
            len(shown),
            FRAMES_SHOWN,
            figsize=(1.6 * FRAMES_SHOWN + 1.6, 1.22 * len(shown)),
            squeeze=False,
        )
        rate_hz = json.loads(store.attrs["provenance"])["settings"]["rate_hz"]
        for row, window in zip(axes, shown.to_dict("records"), strict=True):
            _draw_window(row, store, rate_hz, {str(name): value for name, value in window.items()})
    figure.tight_layout(pad=0.3)
    with replacing(target) as path:
        figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def choose_windows(table: pd.DataFrame) -> pd.DataFrame:
    """Choose the rows of the index that are drawn, class by class, the event's class first."""
    usable = table[table["status"] == "ok"]
    labels = sorted(usable["label"].unique(), reverse=True)
    each = max(1, WINDOWS_SHOWN // 2 // max(1, len(labels)) * 2)
    chosen: list[pd.DataFrame] = []
    for label in labels[:WINDOWS_SHOWN]:
        clips = usable.loc[usable["label"] == label, "clip_id"].drop_duplicates().to_list()
        places = np.unique(np.linspace(0, len(clips) - 1, min(each, len(clips))).astype(int))
        for number, place in enumerate(places):
            rows = usable[usable["clip_id"] == clips[place]].sort_values("tte_s")
            chosen.append(rows.iloc[[number % len(rows)]])
    return pd.concat(chosen, ignore_index=True)


def _draw_window(
    axes: NDArray[np.object_], store: h5py.File, rate_hz: float, window: Mapping[str, Any]
) -> None:
    frames, mask = (store[name][window["window"]] for name in ("window_frames", "mask"))
    steps = np.linspace(0, len(frames) - 1, FRAMES_SHOWN).astype(int)
    for axis, step in zip(axes, steps, strict=True):
        before_end_s = (len(frames) - 1 - step) / rate_hz
        if mask[step]:
            picture = store["frames"][int(frames[step])]
            axis.imshow(picture, aspect=ASPECT * picture.shape[1] / picture.shape[0])
        else:
            axis.set(facecolor="0.85", box_aspect=ASPECT)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        to_event_s, in_clip_s = window["tte_s"] + before_end_s, window["end_time_s"] - before_end_s
        axis.set_xlabel(f"−{to_event_s:.1f} s (at {in_clip_s:.1f} s)", fontsize=6, labelpad=2)
    name = f"{window['class_name']}\n{window['clip_id']}"
    axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7)
