"""Why a clip cannot be used: a kind to count by and a sentence to act on."""

from collections.abc import Mapping
from types import MappingProxyType

# Every kind of problem that marks a clip, and what it means.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "there is no such file or folder",
        "empty": "the file has no bytes, or the folder no pictures",
        "unreadable": "the file is no video, or its header is gone",
        "no_video": "the file holds no video stream, only sound for example",
        "unknown_codec": "the video is encoded in a way that FFmpeg does not know",
        "truncated": "the video ends before it should",
        "no_pictures": "the video stream holds no picture",
        "untimed": "pictures do not say when they are shown",
        "unordered": "pictures come out in another order than their times say",
        "damaged": "a picture that a window shows or builds on cannot be decoded whole",
        "unsafe": "decoding the file crashes the decoder, or takes too much memory or time",
        "too_short": "too few pictures lie before the reference time",
        "wrong_times": "event or alert time contradict each other or the video",
    }
)


def unsafe(name: str, how: str) -> "ClipProblem":
    """Return the problem of a clip on which a process broke."""
    return ClipProblem("unsafe", f"{name} {how}; copy it again or remove the row.")


class ClipProblem(Exception):  # noqa: N818  (a finding about a clip, not a failure of ours)
    """Why one clip cannot be used: `kind` is one of `KINDS`, the message one sentence."""

    def __init__(self, kind: str, message: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of problem; use one of {', '.join(KINDS)}.")
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type["ClipProblem"], tuple[str, str]]:
        """Travel between processes with the kind."""
        return ClipProblem, (self.kind, str(self))
