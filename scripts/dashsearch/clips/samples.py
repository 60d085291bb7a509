"""A sheet of sample windows, so that people see what the models saw."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import matplotlib
import numpy as np

from dashsearch.files import replacing

matplotlib.use("Agg")
from matplotlib import pyplot as plt

FRAMES_SHOWN = 6


def draw_sample_frames(
    windows: str | Path, clip_ids: Sequence[str], target: str | Path, *, per_class: int = 3
) -> None:
    """Draw the last window (shortest TTE) of the first clips of each class, in order of their ids.

    Parameters
    ----------
    windows
        The file that `decode_windows` wrote.
    clip_ids
        The clips that may be shown: the training split, so that nobody studies test clips by eye.
    target
        Where the PNG goes.
    """
    with h5py.File(windows, "r") as store:
        ids = store["clip_id"].asstr()[:]
        tte_s, labels = store["tte_s"][:], store["label"][:]
        shown = []
        for label in (1, 0):
            usable = (labels == label) & (tte_s == tte_s.min()) & np.isin(ids, list(clip_ids))
            shown += [int(row) for row in np.flatnonzero(usable)[:per_class]]
        sheets = []
        for row in shown:
            frames = store["window_frames"][row]
            steps = np.linspace(0, len(frames) - 1, min(FRAMES_SHOWN, len(frames))).astype(int)
            sheets.append([store["frames"][int(frames[step])] for step in steps])
    figure, axes = plt.subplots(
        len(shown), len(sheets[0]), figsize=(1.6 * len(sheets[0]), 1.0 * len(shown)), squeeze=False
    )
    for place, (row, sheet) in enumerate(zip(shown, sheets, strict=True)):
        for axis, frame in zip(axes[place], sheet, strict=True):
            # The decoder squeezes the picture into the model's input; show it at 16:9.
            axis.imshow(frame, aspect=9 / 16 * frame.shape[1] / frame.shape[0])
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        text = f"{'collision follows' if labels[row] else 'no collision'}\nclip {ids[row]}"
        axes[place][0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=7)
    figure.tight_layout(pad=0.3)
    with replacing(target) as path:
        figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
