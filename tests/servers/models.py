"""A local HTTP stand-in for two vendors of language models, with scripted faults.

It speaks the wire formats of Claude's messages and of Gemini's generateContent, with their token
counts and errors. What it does with a request is fixed by provider, round and turn, so that a
client that was killed meets the rest of the same script. Every request is kept.
"""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = {"anthropic": "claude-opus-5-5", "google": "gemini-3.5-flash"}
STATUSES = {"429": 429, "529": 529, "500": 500, "503": 503, "400": 400, "401": 401}


@dataclass(frozen=True)
class Served:
    """What was done with one request; `usage` is what was billed for it, None if nothing was."""

    provider: str
    key: str
    round: int
    turn: int
    behaviour: str
    usage: dict | None


@dataclass
class StandInModels:
    """Two vendors behind one port.

    Attributes
    ----------
    script
        By provider, round and turn: behaviours of successive attempts, of which the last one stays:
        what is asked again for an answer that got lost is answered alike.
    slow_s
        How long a "timeout" takes to answer.
    """

    script: dict = field(default_factory=dict)
    slow_s: float = 3.0
    served: list = field(default_factory=list)
    counted: int = 0
    keys: set = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def next_behaviour(self, provider, key, round_, turn):
        with self.lock:
            attempt = sum(each.key == key and each.provider == provider for each in self.served)
            plan = self.script.get((provider, round_, turn), ())
            behaviour = plan[min(attempt, len(plan) - 1)] if plan else "ok"
            place = len(self.served)
            self.served.append(Served(provider, key, round_, turn, behaviour, None))
        return place, behaviour

    def bill(self, place, usage):
        with self.lock:
            old = self.served[place]
            self.served[place] = Served(
                old.provider, old.key, old.round, old.turn, old.behaviour, usage
            )

    def billed(self, provider):
        """Sum the tokens that were billed, by kind."""
        total = Counter()
        for each in self.served:
            if each.provider == provider and each.usage:
                total.update(each.usage)
        return dict(total)


@contextmanager
def serve_models(models):
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(models))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients that were killed
    models.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield models
    finally:
        server.shutdown()
        server.server_close()


def ideas_of(key, schema, count, turn):
    """Invent ideas that fit a schema, always the same ones for the same request."""
    item = schema["properties"]["ideas"]["items"]["properties"]
    levels = {name: each["enum"] for name, each in item["levels"]["properties"].items()}
    ideas = []
    for number in range(count):
        draw = hashlib.sha256(f"{key}/{turn}/{number}".encode()).digest()
        cell = {
            name: options[draw[place] % len(options)]
            for place, (name, options) in enumerate(levels.items())
        }
        ideas.append({"title": f"idea {number}", "hypothesis": "it helps", "levels": cell})
    axis = next(name for name, options in levels.items() if len(options) > 2)
    ideas[0]["sweep"] = {axis: levels[axis][:3]}
    return ideas


def _reply(behaviour, request, schema, key, turn):
    bounds = schema["properties"]["ideas"]
    count = bounds.get("minItems", 3 if turn == 1 else 1)
    ideas = ideas_of(key, schema, count, turn)
    if behaviour == "malformed":
        return "Here are my ideas: {'ideas': [", "stop"
    if behaviour == "truncated":
        return json.dumps({"ideas": ideas})[:90], "length"
    if behaviour == "refusal":
        return "", "refusal"
    if behaviour == "empty":
        return "", "stop"
    if behaviour == "unknown_level":
        name = next(iter(ideas[0]["levels"]))
        ideas[-1]["levels"][name] = "a level that nobody knows"
    if behaviour == "first_levels":
        item = schema["properties"]["ideas"]["items"]["properties"]["levels"]["properties"]
        ideas[-1]["levels"] = {name: each["enum"][0] for name, each in item.items()}
    if behaviour == "duplicate":
        found = re.findall(r"^#\d+ [0-9.]+ (\{.*\})$", request, re.MULTILINE)
        if found:
            ideas[-1]["levels"] = json.loads(found[0])
    return json.dumps({"ideas": ideas}), "stop"


def _handler(models):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            provider = "anthropic" if "/messages" in self.path else "google"
            secret = self.headers.get("authorization") or self.headers.get("x-goog-api-key")
            models.keys.add((provider, secret))
            texts = _texts(provider, body)
            if "count_tokens" in self.path or "countTokens" in self.path:
                models.counted += 1
                n = sum(map(len, texts)) // 4
                self._send(
                    200, {"input_tokens": n} if provider == "anthropic" else {"totalTokens": n}
                )
                return
            key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
            round_ = int(re.search(r"^Round (\d+)\.", texts[1], re.MULTILINE)[1]) - 1
            turn = 1 if len(texts) == 2 else 2
            place, behaviour = models.next_behaviour(provider, key, round_, turn)
            if behaviour in STATUSES:
                self._fail(provider, STATUSES[behaviour])
            elif behaviour == "drop":
                self.close_connection = True
                self.connection.close()
            else:
                if behaviour == "timeout":
                    time.sleep(models.slow_s)
                schema = (
                    body["output_config"]["format"]["schema"]
                    if provider == "anthropic"
                    else body["generationConfig"]["responseJsonSchema"]
                )
                text, stop = _reply(behaviour, texts[1], schema, key, turn)
                usage = _usage(key)
                model = "another-model" if behaviour == "other_model" else MODELS[provider]
                if behaviour != "timeout":
                    models.bill(place, usage)
                write = _claude if provider == "anthropic" else _gemini
                self._send(200, write(text, stop, usage, model, key), {"request-id": f"req_{key}"})

        def _fail(self, provider, status):
            kinds = {429: "rate_limit_error", 529: "overloaded_error", 401: "authentication_error"}
            if provider == "anthropic":
                error = {"type": kinds.get(status, "api_error"), "message": f"scripted {status}"}
                body = {"type": "error", "error": error}
            else:
                body = {"error": {"code": status, "message": f"scripted {status}", "status": "X"}}
            self._send(status, body, {"retry-after": "0"} if status == 429 else {})

        def _send(self, status, document, headers=()):
            data = json.dumps(document).encode()
            try:
                self.send_response(status)
                for name, value in {"content-type": "application/json", **dict(headers)}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client has gone

    return Handler


def _texts(provider, body):
    """Return the stable part of a prompt, then its turns."""
    if provider == "anthropic":
        system = "".join(part["text"] for part in body.get("system", ()))
        return [system, *(message["content"] for message in body["messages"])]
    system = body.get("systemInstruction", {"parts": [{"text": ""}]})["parts"][0]["text"]
    return [system, *(content["parts"][0]["text"] for content in body["contents"])]


def _usage(key):
    draw = hashlib.sha256(f"usage/{key}".encode()).digest()
    names = ("input", "cache_read", "cache_write", "output")
    return {name: 100 + draw[place] for place, name in enumerate(names)}


def _claude(text, stop, usage, model, key):
    reasons = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    return {
        "id": f"msg_{key}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": reasons[stop],
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage["input"],
            "cache_read_input_tokens": usage["cache_read"],
            "cache_creation_input_tokens": usage["cache_write"],
            "output_tokens": usage["output"],
        },
    }


def _gemini(text, stop, usage, model, key):
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
    thoughts = usage["output"] // 3
    usage["cache_write"] = 0  # Gemini caches by itself and bills no storage here
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": text}] if text else []},
                "finishReason": reasons[stop],
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": usage["input"] + usage["cache_read"],
            "cachedContentTokenCount": usage["cache_read"],
            "candidatesTokenCount": usage["output"] - thoughts,
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": usage["input"] + usage["cache_read"] + usage["output"],
        },
        "modelVersion": model,
        "responseId": f"resp_{key}",
    }
