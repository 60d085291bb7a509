"""Which clips of a task could not be used, and why."""

from pathlib import Path

from dashsearch.clips.manifest import read_manifest
from dashsearch.clips.windows import read_marked


def read_marked_clips(manifest: str | Path, windows: str | Path) -> dict[str, str]:
    """Sentence of every unusable clip by its id, whether found in the index or on decoding.

    Parameters
    ----------
    manifest, windows
        The files of one task that `write_manifest` and `decode_windows` wrote.
    """
    marked = read_manifest(manifest).query("status == 'marked'")
    return {**dict(zip(marked["clip_id"], marked["problem"], strict=True)), **read_marked(windows)}
