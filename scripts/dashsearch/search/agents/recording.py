"""One file a call: what was asked, every attempt, and what came back."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dashsearch.errors import InputError
from dashsearch.files import digest, read_json, write_json
from dashsearch.search.agents.provider import Request, Response

RECORDING_SCHEMA = "recording/1"
FINISHED = "finished.json"
Mode = Literal["record", "replay", "live-missing"]


@dataclass(frozen=True)
class Recording:
    """A call as it is on disk.

    Attributes
    ----------
    outcome
        Of the whole call: that of the response, or of the last attempt that failed.
    attempts
        One a request that was sent: outcome, HTTP status, seconds it took, seconds waited after.
    response
        None if no attempt was answered.
    """

    outcome: str
    attempts: tuple[Mapping[str, Any], ...]
    response: Response | None


class Recorder:
    """The recordings of one round of an arm.

    Kept apart from the results, so that nobody pays twice because results were deleted. A finished
    round is only read: in the mode `record` a request that it does not hold is an error, since it
    means that the campaign has taken another way; in `live-missing` it is asked.
    """

    def __init__(self, folder: Path, mode: Mode) -> None:
        self._folder = folder
        self._mode = mode
        self._is_finished = (folder / FINISHED).exists()

    def find(self, agent: str, request: Request) -> Recording | None:
        """Return the recording of a request, None if it has to be asked.

        Raises
        ------
        InputError
            If there is none and none may be made; names the file.
        """
        path = self.path(agent, request)
        if path.exists():
            document = read_json(path)
            found = document["response"]
            # What a budget ended may go on with a larger one, until the round is finished.
            if document["outcome"] != "budget" or self._is_finished or self._mode == "replay":
                return Recording(
                    document["outcome"],
                    tuple(document["attempts"]),
                    None if found is None else Response(**found),
                )
        if self._mode == "replay":
            raise InputError(
                f"{path} does not exist, so this call cannot be replayed; get the recording, or "
                "set agents.mode to record or live-missing."
            )
        if self._mode == "record" and self._is_finished:
            raise InputError(
                f"{self._folder} holds a finished round, but not the request {path.name}: config, "
                "code or results before it have changed. Delete the folder to ask the models "
                "again, or set agents.mode to live-missing to add what is missing."
            )
        return None

    def keep(self, agent: str, request: Request, recording: Recording) -> None:
        """Write the recording of a call, and drop the notes of its attempts."""
        response = recording.response
        write_json(
            self.path(agent, request),
            {
                "schema": RECORDING_SCHEMA,
                "provider": request.provider,
                "path": request.path,
                "request": request.body,
                "outcome": recording.outcome,
                "attempts": list(recording.attempts),
                "response": None if response is None else dict(response.__dict__),
            },
        )
        self._notes(agent, request).unlink(missing_ok=True)

    def begin_attempt(self, agent: str, request: Request) -> None:
        """Note that a request is about to be sent: a crash must not hide that it was."""
        self._append(agent, request, {"sent": True})

    def end_attempt(self, agent: str, request: Request, attempt: Mapping[str, Any]) -> None:
        """Note what came of the request that was sent last."""
        self._append(agent, request, attempt)

    def earlier_attempts(self, agent: str, request: Request) -> list[dict[str, Any]]:
        """Return the attempts before a crash; one whose end nobody saw is ``interrupted``."""
        path, kept = self._notes(agent, request), self.path(agent, request)
        attempts: list[dict[str, Any]] = read_json(kept)["attempts"] if kept.exists() else []
        is_open = False
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                note = json.loads(line)
            except json.JSONDecodeError:
                continue  # empty, or cut by the crash
            if "sent" in note:
                attempts += [_interrupted()] if is_open else []
                is_open = True
            else:
                attempts.append(note)
                is_open = False
        return attempts + ([_interrupted()] if is_open else [])

    def finish(self) -> None:
        """Mark the round as complete."""
        write_json(self._folder / FINISHED, {"schema": RECORDING_SCHEMA})

    def path(self, agent: str, request: Request) -> Path:
        """Return the file of a request, by the digest of provider, path and canonical body."""
        name = digest([request.provider, request.path, request.body])
        return self._folder / agent / f"{name}.json"

    def _notes(self, agent: str, request: Request) -> Path:
        return self.path(agent, request).with_suffix(".attempts.jsonl")

    def _append(self, agent: str, request: Request, note: Mapping[str, Any]) -> None:
        path = self._notes(agent, request)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            # The newline comes first: a line that a crash cut must not swallow this one.
            stream.write("\n" + json.dumps(note))
            stream.flush()
            os.fsync(stream.fileno())


def _interrupted() -> dict[str, Any]:
    return {"outcome": "interrupted", "status": 0, "latency_s": 0.0, "waited_s": 0.0}


def round_folder(config: Mapping[str, Any], task: str, arm: str, seed: int, round_: int) -> Path:
    """Return the folder of a round's recordings."""
    return Path(config["agents"]["recordings"], task, arm, f"seed{seed}", f"round{round_}")
