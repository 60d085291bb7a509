"""Small pictures of single clips, for pages."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dashsearch.clips.window_index import read_window_index
from dashsearch.clips.windows import open_store

SHOWN = 3
HEIGHT = 90
# Stored frames are squeezed to the models' input; most cameras record 16:9.
ASPECT = 16 / 9


def clip_strips(windows: str | Path, index: str | Path, clips: Sequence[str]) -> dict[str, bytes]:
    """Draw the first, middle and last frame of each clip's last window side by side.

    Parameters
    ----------
    windows, index
        The files that `collect_windows` wrote.
    clips
        Identities of clips.

    Returns
    -------
    dict of str to bytes
        A JPEG of each clip that has windows.
    """
    table = read_window_index(index)
    usable = table[(table["status"] == "ok") & table["clip_id"].isin(list(clips))]
    last = usable.sort_values("tte_s", kind="stable").drop_duplicates("clip_id")
    size = (round(HEIGHT * ASPECT), HEIGHT)
    found = {}
    with open_store(windows) as store:
        for clip, window in zip(last["clip_id"], last["window"], strict=True):
            frames = store["window_frames"][int(window)]
            places = frames[np.linspace(0, len(frames) - 1, SHOWN).astype(int)]
            strip = Image.new("RGB", (SHOWN * size[0], HEIGHT))
            for place, frame in enumerate(places):
                picture = Image.fromarray(store["frames"][int(frame)]).resize(size)
                strip.paste(picture, (place * size[0], 0))
            stream = io.BytesIO()
            strip.save(stream, "JPEG", quality=80)
            found[str(clip)] = stream.getvalue()
    return found
