"""The speech services as the one suite over all of them sees them; a new one is one more line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.services import Served, running

from mc_jupyter.clients.chatterbox import ChatterboxClient
from mc_jupyter.clients.huggingface import HuggingFaceClient
from mc_jupyter.clients.kokoro import KokoroClient
from mc_jupyter.clients.peer import Limits
from mc_jupyter.clients.zonos import ZonosClient

Asked = dict[str, Any]


@dataclass(frozen=True)
class Speaker:
    """A service that speaks.

    Attributes
    ----------
    name
        Of its stand-in.
    client
        Its client's class.
    path
        Where it is asked to speak.
    text
        The text in such a request.
    freed
        Whether the server was told that nobody waits any more; None where it cannot hear that.
    flags
        The stand-in's switches.
    given
        What each call must have.
    voice
        One that it has; None where it has none.
    lists_voices
        Whether it is known which voices it has; else any is sent.
    wrong_speeds
        Too slow, and too fast.
    """

    name: str
    client: Any
    path: str
    text: Callable[[Asked], str]
    freed: Callable[[Served], bool] | None
    flags: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    voice: str | None = None
    lists_voices: bool = True
    wrong_speeds: tuple[float, ...] = (0.01, 100.0)

    @contextmanager
    def served(self, *flags: str) -> Iterator[Served]:
        """Run its stand-in, with more switches."""
        with running(self.name, *self.flags, *flags) as served:
            yield served

    def connect(self, url: str, **limits: float) -> Any:
        """Return a client."""
        return self.client(url, limits=Limits(**limits))

    def is_told(self, served: Served) -> bool:
        """Whether the server knows that nobody waits, or cannot know it."""
        return self.freed is None or self.freed(served)

    def texts(self, served: Served) -> list[str]:
        """What it was asked to say."""
        return [self.text(one["json"]) for one in served.asked(self.path)]


def _gone(path: str) -> Callable[[Served], bool]:
    return lambda served: any(
        one["gone"] for one in served.requests() if one["path"].startswith(path)
    )


def _deleted(served: Served) -> bool:
    deleted = [one for one in served.requests() if one["method"] == "DELETE"]
    return any(one["path"].startswith("/tts/task/") and one["status"] == 200 for one in deleted)


def _given_up(served: Served) -> bool:
    cancelled = [one for one in served.asked("/gradio_api/cancel") if one["status"] == 200]
    path = "/gradio_api/call/generate_audio/"
    streams = [one for one in served.requests() if one["path"].startswith(path)]
    return bool(cancelled and streams) and all(one["gone"] or one["finished"] for one in streams)


SPEAKERS = (
    Speaker(
        "kokoro",
        KokoroClient,
        "/v1/audio/speech",
        lambda body: str(body["input"]),
        _gone("/v1/audio/speech"),
        voice="af_heart",
    ),
    Speaker(
        "chatterbox",
        ChatterboxClient,
        "/tts/async",
        lambda body: str(body["text"]),
        _deleted,
        flags=("voices=Emily.wav,Bob.mp3",),
        voice="Bob.mp3",
    ),
    Speaker(
        "zonos",
        ZonosClient,
        "/gradio_api/call/generate_audio",
        lambda body: str(body["data"][1]),
        _given_up,
    ),
    Speaker(
        "huggingface",
        HuggingFaceClient,
        "/generate/audio",
        lambda body: str(body["prompt"]),
        None,  # it hears nothing while it works
        lists_voices=False,
        wrong_speeds=(),
        given={"model": "facebook/mms-tts-eng"},
    ),
)
