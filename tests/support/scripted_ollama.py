"""A stand-in for an Ollama server: it speaks the wire format of github.com/ollama/ollama.

What it says is scripted and no model is behind it; it also does every wrong thing that was seen
in the wild. In a test::

    with ScriptedOllama(tokens=["Hel", "lo"], rate=60) as server:
        OllamaClient(server.url).generate("llama3.2:1b", "hi")

In a process of its own, which prints ``{"url": ...}`` and ends with its stdin:
``python -m support.scripted_ollama --help``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from support.scripted_handler import Answer, Fault, Request, Server, frame, line

_WHEN = "2026-01-01T00:00:00.000000Z"


def words(tokens: int = 300, characters: int = 1350) -> list[str]:
    """Return a text of exactly that many characters, cut into that many tokens."""
    text = ("The model answers in plain words, one after the other. " * (characters // 50 + 1))[
        :characters
    ]
    cuts = [characters * i // tokens for i in range(tokens + 1)]
    return [text[a:b] for a, b in itertools.pairwise(cuts)]


class ScriptedOllama:
    """The server; listens from the moment it is made, on 127.0.0.1.

    Parameters
    ----------
    tokens, thinking
        What generate and chat stream.
    delay, body_delay
        Seconds before the headers, and between them and the first line.
    rate
        Lines a second; None as fast as it goes.
    fault, fail_after, error
        What goes wrong after how many lines, and the text for the fault "error".
    lines, pieces
        In place of the tokens: raw lines, or the raw bytes of each transport chunk.
    metrics
        Whether the last line has them.
    models, cloud
        Names on its disk; of these, the ones with a remote_host.
    library
        What can be pulled: layer sizes in bytes by name. `cached` layers (their index) are there.
    pull_steps
        Lines for each layer.
    answers
        By path, what is answered in place of the script.
    token
        The bearer token that is wanted.
    """

    def __init__(
        self,
        tokens: Sequence[str] = ("Hello", " from", " the", " script", "."),
        *,
        thinking: Sequence[str] = (),
        delay: float = 0.0,
        body_delay: float = 0.0,
        rate: float | None = None,
        fault: Fault | None = None,
        fail_after: int = 0,
        error: str = "model runner has unexpectedly stopped",
        lines: Sequence[bytes] | None = None,
        pieces: Sequence[bytes] | None = None,
        metrics: bool = True,
        models: Sequence[str] = ("llama3.2:1b",),
        cloud: Sequence[str] = (),
        library: Mapping[str, Sequence[int]] | None = None,
        cached: Sequence[int] = (),
        pull_steps: int = 10,
        answers: Mapping[str, Answer] | None = None,
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self.tokens, self.thinking, self.metrics = list(tokens), list(thinking), metrics
        self.delay, self.body_delay, self.rate = delay, body_delay, rate
        self.fault, self.fail_after, self.error = fault, fail_after, error
        self.lines, self.pieces = lines, pieces
        self.models, self.cloud, self.loaded = list(models), list(cloud), list[str]()
        self.library, self.cached, self.pull_steps = dict(library or {}), cached, pull_steps
        self.answers, self.token = dict(answers or {}), token
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._frames: dict[tuple[str, str], list[bytes]] = {}
        self._server = Server(("127.0.0.1", port), self)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> ScriptedOllama:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, with what still streams."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def asked(self, path: str) -> list[Request]:
        """The requests for one path."""
        return [request for request in self.requests if request.path == path]

    @property
    def _last(self) -> Request | None:
        streams = [
            r for r in self.requests if r.path in ("/api/chat", "/api/generate", "/api/pull")
        ]
        return streams[-1] if streams else None

    @property
    def closed_at(self) -> float | None:
        """When the client of the last stream went away before its end (time.monotonic)."""
        return self._last.closed_at if self._last else None

    @property
    def tokens_sent(self) -> int:
        """Lines that the last stream sent."""
        return self._last.sent if self._last else 0

    def frames(self, kind: str, model: str) -> list[bytes]:
        """The transport chunks of an answer, encoded once."""
        if self.pieces is not None:
            return [frame(piece) for piece in self.pieces]
        if self.lines is not None:
            return [frame(raw + b"\n") for raw in self.lines]
        if (kind, model) not in self._frames:
            self._frames[kind, model] = [frame(line(item)) for item in self.script(kind, model)]
        return self._frames[kind, model]

    def script(self, kind: str, model: str) -> Iterator[dict[str, Any]]:
        """The objects of an answer."""
        head: dict[str, Any] = {"model": model, "created_at": _WHEN}

        def part(text: str, thinking: str = "") -> dict[str, Any]:
            thought = {"thinking": thinking} if thinking else {}
            if kind == "chat":
                return {"message": {"role": "assistant", "content": text, **thought}}
            return {"response": text, **thought}

        for thought in self.thinking:
            yield {**head, **part("", thought), "done": False}
        for token in self.tokens:
            yield {**head, **part(token), "done": False}
        yield {**head, **part(""), "done": True, "done_reason": "stop", **self.figures()}

    def figures(self) -> dict[str, int]:
        """The metrics of the last object, in ns."""
        if not self.metrics:
            return {}
        count = len(self.tokens)
        each = int(1e9 / (self.rate or 1000))
        return {
            "total_duration": count * each + 3_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 26,
            "prompt_eval_duration": 2_000_000,
            "eval_count": count,
            "eval_duration": count * each,
        }

    def has(self, model: str) -> bool:
        """Whether a model is on the disk, as the server compares names."""
        return _tagged(model) in [_tagged(name) for name in self.models]

    def pull_lines(self, model: str) -> Iterator[dict[str, Any]]:
        """The objects of a pull, to the end; puts the model among the models."""
        yield {"status": "pulling manifest"}
        if model not in self.library:
            yield {"error": "pull model manifest: file does not exist"}
            return
        for index, size in enumerate(self.library[model]):
            digest = f"sha256:{index:064x}"
            layer = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": size}
            first = self.pull_steps if index in self.cached else 0
            for step in range(first, self.pull_steps + 1):
                done = size * step // self.pull_steps
                yield {**layer, "completed": done} if done else layer
        for status in ("verifying sha256 digest", "writing manifest"):
            yield {"status": status}
        self.models.append(_tagged(model))
        yield {"status": "success"}


def _tagged(name: str) -> str:
    return (name if ":" in name else f"{name}:latest").lower()


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser("python -m support.scripted_ollama", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=300, help="how many")
    parser.add_argument("--characters", type=int, default=1350, help="of the whole answer")
    parser.add_argument("--rate", type=float, help="tokens a second (default: as fast as it goes)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the headers")
    parser.add_argument("--models", default="llama3.2:1b", help="names, separated by commas")
    given = parser.parse_args()
    with ScriptedOllama(
        words(given.tokens, given.characters),
        rate=given.rate,
        delay=given.delay,
        models=given.models.split(","),
        port=given.port,
    ) as server:
        print(json.dumps({"url": server.url}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
