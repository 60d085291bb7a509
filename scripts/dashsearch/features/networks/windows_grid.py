"""Between the T frames of a window and the frames and steps in time of a network."""


def frames_shown(frames: int, fixed: int | None, tubelet: int) -> list[int]:
    """Places of a window's T frames that a network is shown.

    Parameters
    ----------
    frames
        T.
    fixed
        How many frames the network has to be shown; None: as many as there are.
    tubelet
        Frames that the network takes at a time; if T is no multiple, the last frame is repeated.
    """
    if fixed is None:
        return [min(place, frames - 1) for place in range(-(-frames // tubelet) * tubelet)]
    # The middle of each of `fixed` equal stretches of the window.
    return [(2 * place + 1) * frames // (2 * fixed) for place in range(fixed)]


def step_of_frames(frames: int, steps: int) -> list[int]:
    """Which of a network's equal steps in time covers each of a window's T frames."""
    return [(2 * place + 1) * steps // (2 * frames) for place in range(frames)]
