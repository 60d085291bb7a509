"""Fetching from the Hub, against a local stand-in: what arrives, what is kept, what is said."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dashsearch.clips.hub import Download, FetchedFile, download
from dashsearch.errors import InputError
from servers.hub import COMMIT, Fault, StandInHub, serve, sha256

ROOT = Path(__file__).parents[3]
NAME = "made-up/clips"
BYTES = random.Random(0)
VIDEOS = {
    f"train/{kind}/{number:05d}.mp4": BYTES.randbytes(3000 + number)
    for kind, numbers in (("negative", (2, 4)), ("positive", (1, 3)))
    for number in numbers
}
TABLE = "train/positive/metadata.csv"
FILES = {TABLE: b"file_name,time_of_event\n00001.mp4,19.5\n", "README.md": b"# Clips\n", **VIDEOS}
PATTERNS = ["train/*.mp4", "*/metadata.csv"]
WANTED = {path: content for path, content in FILES.items() if path != "README.md"}
TOKEN = "hf_MadeUpTokenOfTheTests"


@pytest.fixture(autouse=True)
def _network(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)


@contextmanager
def standing_in(**behaviour):
    with serve(StandInHub(**{"repository": NAME, "files": dict(FILES), **behaviour})) as hub:
        yield hub


def fetch(hub, folder, *, name=NAME, revision="main", patterns=PATTERNS, workers=2):
    return download(
        name, revision, folder, patterns=patterns, workers=workers, endpoint=hub.endpoint
    )


def files_in(folder):
    """Bytes of the data set's files, without the record and the library's bookkeeping."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".cache" not in path.parts and path.name != "download.json"
    }


def start(hub, folder, before="", **environment):
    """A download in a process of its own, which has one worker."""
    code = (
        f"{before}\nfrom pathlib import Path\nfrom dashsearch.clips.hub import download\n"
        f"download({NAME!r}, 'main', Path({str(folder)!r}), patterns={PATTERNS!r}, workers=1)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "scripts"),
            "HF_ENDPOINT": hub.endpoint,
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_wanted_files_arrive_and_are_recorded(tmp_path):
    with standing_in(page=3) as hub:
        done = fetch(hub, tmp_path)
    files = tuple(FetchedFile(p, len(c), sha256(c)) for p, c in sorted(WANTED.items()))
    assert done == Download(NAME, "main", COMMIT, tuple(PATTERNS), files)
    assert files_in(tmp_path) == WANTED
    assert json.loads((tmp_path / "download.json").read_text()) == {
        "schema": "download/1",
        "repository": NAME,
        "revision": "main",
        "commit": COMMIT,
        "patterns": PATTERNS,
        "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in files],
    }


def test_nothing_but_the_list_and_the_files_is_asked_for(tmp_path):
    with standing_in() as hub:
        fetch(hub, tmp_path)
    api = f"/api/datasets/{NAME}"
    # The branch is resolved once: a commit that comes meanwhile cannot mix in.
    assert Counter(hub.paths()) == {f"{api}/revision/main": 1, f"{api}/tree/{COMMIT}": 2}
    assert hub.asked() == dict.fromkeys(WANTED, 1)
    assert not any("torch" in request.user_agent for request in hub.requests)


def test_what_is_there_is_not_fetched_again(tmp_path):
    with standing_in() as hub:
        fetch(hub, tmp_path)
        record = (tmp_path / "download.json").read_bytes()
        assert fetch(hub, tmp_path, revision=COMMIT).revision == COMMIT
        fetch(hub, tmp_path)
    assert hub.asked() == dict.fromkeys(WANTED, 1)
    assert (tmp_path / "download.json").read_bytes() == record


def test_files_that_were_put_there_by_hand_are_taken_as_they_are(tmp_path):
    for path, content in VIDEOS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    with standing_in() as hub:
        assert len(fetch(hub, tmp_path).files) == len(WANTED)
    assert hub.asked() == {TABLE: 1}


def test_a_connection_that_breaks_goes_on_where_it_broke(tmp_path):
    path, content = "train/long.mp4", BYTES.randbytes(12_000_000)
    with standing_in(files={path: content}, faults={path: [Fault("drop", 11_000_000)]}) as hub:
        fetch(hub, tmp_path, patterns=["*"])
    assert files_in(tmp_path) == {path: content}
    ranges = [r.range for r in hub.requests if r.host == "storage"]
    assert ranges == [None, "bytes=10485760-"]


def test_a_download_that_failed_goes_on_with_what_is_missing(tmp_path):
    first, *_, broken, _last = sorted(WANTED)
    with standing_in(faults={broken: [Fault("status", 500)]}) as hub:
        with pytest.raises(InputError, match="HTTP status 500; wait a little") as raised:
            fetch(hub, tmp_path, workers=1)
        assert not (tmp_path / "download.json").exists()
        assert hub.asked()[first] == 1
        fetch(hub, tmp_path)
    assert hub.asked() == dict.fromkeys(WANTED, 1) | {broken: 2}
    assert files_in(tmp_path) == WANTED
    assert hub.storage not in str(raised.value)


def test_a_download_that_was_killed_goes_on_with_what_is_missing(tmp_path):
    stalling = sorted(WANTED)[2]
    with standing_in(faults={stalling: [Fault("stall", 1000)]}) as hub:
        process = start(hub, tmp_path)
        assert hub.stalled.wait(timeout=60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "download.json").exists()
        assert not (tmp_path / stalling).exists()
        assert len(list(tmp_path.rglob("*.incomplete"))) == 1
        fetch(hub, tmp_path)
    assert hub.asked() == dict.fromkeys(WANTED, 1) | {stalling: 2}
    assert files_in(tmp_path) == WANTED
    assert not list(tmp_path.rglob("*.incomplete"))


@pytest.mark.parametrize("path", [sorted(VIDEOS)[0], TABLE])
@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: bytes([b[0] ^ 1]) + b[1:]])
def test_a_local_file_that_differs_is_fetched_again(tmp_path, caplog, path, change):
    with standing_in() as hub:
        fetch(hub, tmp_path)
        (tmp_path / path).write_bytes(change(FILES[path]))
        fetch(hub, tmp_path)
    assert files_in(tmp_path) == WANTED
    assert hub.asked() == dict.fromkeys(WANTED, 1) | {path: 2}
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        f"{tmp_path / path}: is not the Hub's; it is fetched again"
    ]


@pytest.mark.parametrize("path", [sorted(VIDEOS)[0], TABLE])
def test_bytes_that_changed_on_the_way_are_fetched_again_once(tmp_path, path):
    with standing_in(faults={path: [Fault("corrupt")]}) as hub:
        fetch(hub, tmp_path)
    assert files_in(tmp_path) == WANTED
    assert hub.asked()[path] == 2


def test_bytes_that_stay_wrong_are_refused(tmp_path):
    path = sorted(VIDEOS)[0]
    with (
        standing_in(faults={path: [Fault("corrupt"), Fault("corrupt")]}) as hub,
        pytest.raises(InputError, match=f"1 of 5 files, such as {path}, are not what the Hub"),
    ):
        fetch(hub, tmp_path)
    assert not (tmp_path / "download.json").exists()
    assert not (tmp_path / path).exists()


def test_a_size_that_the_list_contradicts_is_refused(tmp_path):
    with (
        standing_in(sizes={TABLE: 7}) as hub,
        pytest.raises(InputError, match=f"such as {TABLE}, are not what the Hub lists"),
    ):
        fetch(hub, tmp_path)


def test_a_download_that_begins_anew_is_not_finished(tmp_path):
    with standing_in() as hub:
        fetch(hub, tmp_path)
        (tmp_path / TABLE).unlink()
        hub.faults[TABLE] = [Fault("status", 500)]
        with pytest.raises(InputError):
            fetch(hub, tmp_path)
    assert not (tmp_path / "download.json").exists()


HUGE = {f"{number}.mp4": b"1" for number in range(3000)}

# What the Hub is like, what is asked of it, with which token, and what is said.
SENTENCES = {
    "unknown": ({}, {"name": "made-up/clip"}, "", "the Hub has no such data set, or it is private"),
    "unknown, with a token": ({}, {"name": "made-up/clip"}, TOKEN, "the Hub has no such data set"),
    "private": ({"access": "private"}, {}, "", "or set HF_TOKEN to a token that may read it."),
    "gated": ({"access": "gated"}, {}, "", "is gated; accept the terms on its page on the Hub"),
    "gated, terms not accepted": ({"access": "gated"}, {}, TOKEN, "token of that account."),
    "token of few rights": ({"access": "forbidden"}, {}, TOKEN, "the Hub forbids reading the data"),
    "wrong token": ({"refused": (TOKEN,)}, {}, TOKEN, "the Hub refuses the token; set HF_TOKEN"),
    "no token": ({}, {}, "hf_é" + TOKEN, "the token cannot be sent to the Hub; set HF_TOKEN"),
    "revision": ({}, {"revision": "v2"}, "", "made-up/clips: the data set has no revision 'v2'"),
    "name": ({}, {"name": "a/b/c"}, "", "'a/b/c' cannot be the name of a data set on the Hub"),
    "pattern": (
        {},
        {"patterns": ["train/*.mp4", "metadata.csv"]},
        "",
        "made-up/clips at main: no file matches the pattern 'metadata.csv'",
    ),
    "no pattern": ({}, {"patterns": []}, "", "no pattern says which files to fetch"),
    "its own record": (
        {"files": {"download.json": b"{}"}},
        {"patterns": ["*"]},
        "",
        "holds a download.json of its own",
    ),
    "outside": (
        {"files": {"../evil.csv": b"1"}},
        {"patterns": ["*"]},
        "",
        "the file '../evil.csv' would lie outside the folder",
    ),
    "too large for HTTP": (
        {"sizes": {TABLE: 60 * 10**9}},
        {},
        "",
        f"{TABLE} is too large for plain HTTP; set HF_HUB_DISABLE_XET=0",
    ),
    "disk too small": (
        {"files": HUGE, "sizes": dict.fromkeys(HUGE, 49 * 10**9)},
        {"patterns": ["*"]},
        "",
        "3000 files of 147000.0 GB are to be fetched, but",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_a_failure_is_said_in_one_sentence(tmp_path, monkeypatch, case):
    behaviour, request, token, sentence = SENTENCES[case]
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with standing_in(**behaviour) as hub, pytest.raises(InputError) as raised:
        fetch(hub, tmp_path, **request)
    message = str(raised.value)
    assert sentence in message
    assert message.endswith(".")
    assert "\n" not in message
    assert ". " not in message
    assert TOKEN not in message
    assert not hub.asked()
    assert files_in(tmp_path) == {}


def test_a_hub_that_is_not_there_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    hub = StandInHub(NAME, {}, endpoint=f"http://127.0.0.1:{port}")
    with pytest.raises(InputError, match=r"connection to the Hub failed \(ConnectError\); check"):
        fetch(hub, tmp_path)


def test_a_page_that_is_no_hub_is_said(tmp_path):
    class LogInPage(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome to our wireless network</html>")

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), LogInPage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        hub = StandInHub(NAME, {}, endpoint=f"http://127.0.0.1:{server.server_port}")
        try:
            with pytest.raises(InputError, match="does not answer as a Hub does; correct HF_ENDP"):
                fetch(hub, tmp_path)
        finally:
            server.shutdown()
            thread.join()


def test_offline_mode_is_said(tmp_path):
    with standing_in() as hub:
        process = start(hub, tmp_path, HF_HUB_OFFLINE="1")
        assert "HF_HUB_OFFLINE is set, so nothing is fetched; unset it." in process.communicate()[1]
    assert not hub.requests


def test_a_write_that_the_system_refuses_is_said(tmp_path):
    # No file may grow beyond 1500 bytes, as on a disk that is full: the table fits, no video does.
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))"
    with standing_in() as hub:
        process = start(hub, tmp_path, limit)
        errors = process.communicate()[1]
        assert f"InputError: {tmp_path}: cannot be written (File too large); free some" in errors
        assert not (tmp_path / "download.json").exists()
        fetch(hub, tmp_path)
    assert files_in(tmp_path) == WANTED


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with (
        standing_in() as hub,
        pytest.raises(InputError, match=r"file/data: cannot be written \(Not a directory\)"),
    ):
        fetch(hub, tmp_path / "file/data")


@pytest.mark.parametrize("access", ["private", "gated"])
def test_a_token_opens_the_data_set_and_stays_secret(tmp_path, monkeypatch, caplog, access):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with standing_in(access=access, readers=(TOKEN,)) as hub:
        fetch(hub, tmp_path)
    assert files_in(tmp_path) == WANTED
    sent = {(request.host, request.authorization) for request in hub.requests}
    assert sent == {("hub", f"Bearer {TOKEN}"), ("storage", None)}
    assert not any(TOKEN.encode() in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert TOKEN not in caplog.text


RULE = """
rule download_clips:
    output:
        record="results/{folder}/download.json",
    log:
        "{folder}.log",
    threads: 2
    params:
        repository="made-up/clips",
        revision="main",
        patterns=["train/*.mp4", "*/metadata.csv"],
        folder=lambda wildcards: wildcards.folder,
    script:
        "SCRIPT"
"""


@pytest.mark.parametrize(("access", "finished"), [("open", True), ("gated", False)])
def test_the_script_fetches_in_a_workflow(tmp_path, access, finished):
    script = str(ROOT / "scripts/download_clips.py")
    (tmp_path / "Snakefile").write_text(RULE.replace("SCRIPT", script))
    with standing_in(access=access) as hub:
        run = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", "results/data/download.json"],
            cwd=tmp_path,
            env={**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            check=False,
        )
    output, log = run.stdout + run.stderr, (tmp_path / "data.log").read_text()
    assert (run.returncode == 0) == finished, output
    assert (tmp_path / "data/download.json").exists() == finished
    if finished:
        assert f"5 files of commit {COMMIT} are complete" in log
        assert files_in(tmp_path / "data") == WANTED
        record = (tmp_path / "data/download.json").read_bytes()
        assert (tmp_path / "results/data/download.json").read_bytes() == record
    else:
        assert "dashsearch: made-up/clips: the data set is gated; accept the terms" in output
        assert "made-up/clips: the data set is gated; accept the terms" in log
    assert TOKEN not in output + log
