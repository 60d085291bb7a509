"""A local HTTP stand-in for the Hugging Face Hub: one data set, and the storage of its files.

It answers on two ports, as the Hub does on two hosts: the Hub itself lists the files and redirects
to the storage, which serves the large ones. The paths, headers and errors are those that
huggingface_hub asks for and reads; every request is kept, so a test can count them.
"""

import hashlib
import json
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".mp4", ".zip")  # stored by digest, as git LFS does; all others are blobs of git
SIGNATURE = "X-Amz-Signature=made-up-signature"


@dataclass(frozen=True)
class Request:
    """What a client asked for; `host` is "hub" or "storage", `path` a file's or the API's."""

    host: str
    method: str
    path: str
    range: str | None
    authorization: str | None
    user_agent: str


@dataclass
class StandInHub:
    """A repository and how it behaves."""

    repository: str
    files: dict[str, bytes]
    revisions: tuple[str, ...] = ("main", COMMIT)
    access: str = "open"  # or "private", "gated", "forbidden" (to a token of few rights)
    readers: tuple[str, ...] = ()  # tokens that may read what is private or gated
    refused: tuple[str, ...] = ()  # tokens that nobody issued
    page: int = 1000  # entries in one answer of the file list
    sizes: dict[str, int] = field(default_factory=dict)  # sizes that the list states wrongly

    # Faults by file, each taken from the front when the file's content is asked for.
    faults: dict[str, list["Fault"]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)  # set when a client waits
    release: threading.Event = field(default_factory=threading.Event)

    endpoint: str = ""
    storage: str = ""

    def asked(self, *, method="GET"):
        """How often the content of each file was asked for, redirects not counted."""
        return Counter(
            request.path
            for request in self.requests
            if request.method == method
            and request.path in self.files
            and (request.host == "storage") == request.path.endswith(LARGE)
        )

    def paths(self):
        """The API's paths that were asked for."""
        return [request.path for request in self.requests if request.path not in self.files]


@dataclass(frozen=True)
class Fault:
    """What happens to a file's content: an error, a broken or waiting connection, wrong bytes."""

    kind: str  # "status", "drop", "stall", "corrupt"
    value: int = 0  # the HTTP status; the bytes sent before the connection breaks or waits


@contextmanager
def serve(hub):
    """Answer as `hub` until the block ends."""
    with ExitStack() as stack:
        for name, handler in (("endpoint", HubHandler), ("storage", StorageHandler)):
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            server.daemon_threads = True
            server.hub = hub
            setattr(hub, name, f"http://127.0.0.1:{server.server_port}")
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        stack.callback(hub.release.set)
        yield hub


def git_blob(content):
    """The id that git gives a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """What Hub and storage share: keeping requests, and sending content with its faults."""

    protocol_version = "HTTP/1.1"
    host = ""

    @property
    def hub(self):
        return self.server.hub

    def log_message(self, *arguments):
        """Stay quiet; tests read `requests`."""

    def do_HEAD(self):
        self.do_GET()

    def keep(self, path):
        headers = self.headers
        self.hub.requests.append(
            Request(
                self.host,
                self.command,
                path,
                headers["Range"],
                headers["Authorization"],
                headers["User-Agent"],
            )
        )

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def answer_json(self, value, status=200, headers=None):
        self.answer(
            status,
            {"Content-Type": "application/json; charset=utf-8"} | (headers or {}),
            json.dumps(value).encode(),
        )

    def send_content(self, path, headers):
        """Send a file or the range that is asked for, unless a fault comes first."""
        content = self.hub.files[path]
        queue = self.hub.faults.get(path)
        fault = queue.pop(0) if queue and self.command == "GET" else Fault("none")
        if fault.kind == "status":
            self.answer(fault.value, {}, b"")
            return
        if fault.kind == "corrupt":
            content = bytes([content[0] ^ 1]) + content[1:]
        status, start = 200, 0
        if self.headers["Range"]:
            status, start = 206, int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if fault.kind not in ("drop", "stall"):
            self.answer(status, headers, body)
            return
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: fault.value])
        if fault.kind == "stall":
            self.hub.stalled.set()
            self.hub.release.wait()
        self.close_connection = True


class HubHandler(Handler):
    """The Hub: /api/datasets/… and /datasets/…/resolve/…"""

    host = "hub"

    def do_GET(self):
        url = urlsplit(self.path)
        api, resolve = f"/api/datasets/{self.hub.repository}/", f"/datasets/{self.hub.repository}/"
        if url.path.startswith(resolve + "resolve/"):
            _, revision, path = url.path.removeprefix(resolve).split("/", 2)
            self.keep(unquote(path))
            if self.may_read(files=True):
                self.resolve(unquote(revision), unquote(path))
            return
        self.keep(url.path)
        if not url.path.startswith(api):
            self.answer_unknown()
        elif self.may_read(files=False):
            kind, revision = url.path.removeprefix(api).split("/")
            if unquote(revision) not in self.hub.revisions:
                message = f"Invalid rev id: {unquote(revision)}"
                self.answer_error(404, "RevisionNotFound", message)
            elif kind == "revision":
                self.describe()
            else:
                self.list_page(int(parse_qs(url.query).get("cursor", ["0"])[0]))

    def answer_error(self, status, code, message):
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.answer_json({"error": message}, status, headers)

    def answer_unknown(self):
        if self.headers["Authorization"]:
            self.answer_error(404, "RepoNotFound", "Repository not found")
        else:
            self.answer_error(401, "RepoNotFound", "Invalid username or password.")

    def may_read(self, *, files):
        """Whether the request's token suffices; the list of a gated data set is public."""
        token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        restricted = f"Access to dataset {self.hub.repository} is restricted"
        if token in self.hub.refused:
            self.answer_error(401, None, "Invalid credentials in Authorization header")
        elif self.hub.access == "open" or token in self.hub.readers:
            return True
        elif self.hub.access == "private":
            self.answer_unknown()
        elif not files:
            return True
        elif self.hub.access == "forbidden":
            self.answer_error(403, None, "Forbidden: pass a token with more permissions.")
        elif token:
            self.answer_error(
                403, "GatedRepo", f"{restricted} and you are not in the authorized list."
            )
        else:
            self.answer_error(401, "GatedRepo", f"{restricted}. You must be authenticated.")
        return False

    def describe(self):
        hub = self.hub
        self.answer_json(
            {
                "_id": "0123456789abcdef01234567",
                "id": hub.repository,
                "author": hub.repository.split("/", maxsplit=1)[0],
                "sha": COMMIT,
                "lastModified": "2026-01-01T00:00:00.000Z",
                "createdAt": "2026-01-01T00:00:00.000Z",
                "private": hub.access == "private",
                "gated": "auto" if hub.access == "gated" else False,
                "disabled": False,
                "tags": [],
                "siblings": [{"rfilename": path} for path in hub.files],
            }
        )

    def list_page(self, start):
        paths = sorted(self.hub.files)
        folders = sorted({path.rsplit("/", 1)[0] for path in paths if "/" in path})
        entries = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": f} for f in folders]
        entries += [self.entry(path) for path in paths]
        end = start + self.hub.page
        headers = {}
        if end < len(entries):
            tree = f"{self.hub.endpoint}/api/datasets/{self.hub.repository}/tree/{COMMIT}"
            headers["Link"] = f'<{tree}?recursive=True&cursor={end}>; rel="next"'
        self.answer_json(entries[start:end], headers=headers)

    def entry(self, path):
        content = self.hub.files[path]
        size = self.hub.sizes.get(path, len(content))
        entry = {"type": "file", "oid": git_blob(content), "size": size, "path": path}
        if path.endswith(LARGE):
            entry["lfs"] = {"oid": sha256(content), "size": size, "pointerSize": 132}
            entry["xetHash"] = sha256(b"xet" + content)
        return entry

    def resolve(self, revision, path):
        if revision not in self.hub.revisions or path not in self.hub.files:
            self.answer_error(404, "EntryNotFound", "Entry not found")
            return
        content = self.hub.files[path]
        headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if not path.endswith(LARGE):
            self.send_content(path, headers | {"ETag": f'"{git_blob(content)}"'})
            return
        api = f"{self.hub.endpoint}/api/datasets/{self.hub.repository}"
        headers |= {
            "Location": f"{self.hub.storage}/{quote(path)}?{SIGNATURE}",
            "X-Linked-Size": str(len(content)),
            "X-Linked-ETag": f'"{sha256(content)}"',
            "X-Xet-Hash": sha256(b"xet" + content),
            "Link": f'<{api}/xet-read-token/{COMMIT}>; rel="xet-auth"',
        }
        self.answer(302, headers)


class StorageHandler(Handler):
    """Where the large files lie; who asks is known by the signature in the address."""

    host = "storage"

    def do_GET(self):
        url = urlsplit(self.path)
        path = unquote(url.path[1:])
        self.keep(path)
        if url.query != SIGNATURE:
            self.answer(403, {})
        else:
            etag = f'"{sha256(self.hub.files[path])}"'
            self.send_content(path, {"ETag": etag, "Accept-Ranges": "bytes"})
