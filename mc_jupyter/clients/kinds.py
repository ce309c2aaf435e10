"""The kinds of services that have a client of their own: a line each, and how one is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..capabilities import spelled, vocabulary
from ..errors import ArgumentError, did_you_mean

if TYPE_CHECKING:
    from ..manifest import Manifest


@dataclass(frozen=True)
class Kind:
    """A kind of service.

    Attributes
    ----------
    name
        What ``--client`` takes, and its magic is called.
    about
        What it does, in a few words.
    client
        Module and class of its client, in this package; imported when one is made.
    capabilities
        What it can do, in canonical words.
    tags
        The free tags by which its published services call themselves.
    images
        Image repositories that hold it, without tag, and without Docker Hub's host.
    services
        Compose services that are it.
    names
        Manifest names and ids that are it, without ``-service`` or ``-server`` behind.
    health
        The path that answers when it is ready; asked where no manifest names one.
    usage
        How it is typed, for a service whose handle is the kind's name.
    repository
        Where it is published.
    """

    name: str
    about: str
    client: str
    capabilities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    health: str = "/"
    usage: str = ""
    repository: str = ""

    def client_class(self) -> Any:
        """Return the class of its client."""
        module, _, name = self.client.partition(":")
        return getattr(import_module(f"{__package__}.{module}"), name)


KINDS = (
    Kind(
        "ollama",
        "language models",
        "ollama:OllamaClient",
        capabilities=("text-to-text",),
        tags=("llm-inference", "chat-completion"),
        images=("ollama/ollama",),
        services=("ollama",),
        names=("ollama",),
        health="/api/version",
        usage="%%ollama MODEL",
        repository="github:MediaConduit/ollama-service",
    ),
    Kind(
        "whisper",
        "speech to text",
        "whisper:WhisperClient",
        capabilities=("audio-to-text",),
        tags=("speech-recognition", "speech-to-text", "transcription"),
        images=("onerahmet/openai-whisper-asr-webservice",),
        services=("whisper",),
        names=("whisper",),
        usage="%whisper FILE",
        repository="github:MediaConduit/whisper-service",
    ),
    Kind(
        "kokoro",
        "text to speech, many voices",
        "kokoro:KokoroClient",
        capabilities=("text-to-audio",),
        tags=("speech-synthesis", "japanese-tts"),
        images=("kprinssu/kokoro-fastapi", "remsky/kokoro-fastapi"),
        services=("kokoro-tts-server", "kokoro-tts", "kokoro-fastapi", "kokoro"),
        names=("kokoro", "kokoro-tts"),
        health="/health",
        usage="%%kokoro",
        repository="github:MediaConduit/kokoro-service",
    ),
    Kind(
        "chatterbox",
        "text to speech in the voice of a recording",
        "chatterbox:ChatterboxClient",
        capabilities=("text-to-audio", "voice-cloning"),
        tags=("speech-synthesis", "voice-cloning"),
        images=("chatterbox-tts",),
        services=("chatterbox-tts-server", "chatterbox"),
        names=("chatterbox", "chatterbox-tts"),
        health="/health",
        usage="%%chatterbox",
        repository="github:MediaConduit/chatterbox-service",
    ),
    Kind(
        "zonos",
        "text to speech in the voice of a recording, with emotions",
        "zonos:ZonosClient",
        capabilities=("text-to-audio", "voice-cloning", "voice-conditioning"),
        tags=("speech-synthesis", "voice-conditioning"),
        images=("zonos-zonos", "zonos"),
        services=("zonos",),
        names=("zonos", "zonos-tts"),
        usage="%%zonos",
        repository="github:MediaConduit/zonos-service",
    ),
    Kind(
        "ffmpeg",
        "audio and video: convert, cut, filter",
        "ffmpeg:FfmpegClient",
        capabilities=("video-to-video", "video-to-audio", "audio-to-audio", "video-to-image"),
        tags=("video-composition", "video-processing", "audio-processing"),
        images=("ffmpeg-service",),
        services=("ffmpeg-service", "ffmpeg"),
        names=("ffmpeg",),
        health="/health",
        usage="%ffmpeg info FILE",
        repository="github:MediaConduit/ffmpeg-service",
    ),
    Kind(
        "huggingface",
        "images and audio by models of Hugging Face",
        "huggingface:HuggingFaceClient",
        capabilities=("text-to-image", "text-to-audio"),
        tags=("image-generation", "diffusion-models"),
        images=("huggingface-text-to-image",),
        services=("huggingface-text-to-image", "huggingface"),
        names=("huggingface", "huggingface-text-to-image"),
        health="/health",
        usage="%%huggingface MODEL",
        repository="github:MediaConduit/huggingface-service",
    ),
    Kind(
        "cowsay",
        "a cow that says a text",
        "cowsay:CowsayClient",
        capabilities=("text-to-text",),
        images=("cowsay-service",),
        services=("cowsay",),
        names=("cowsay", "cosway"),
        health="/health",
        usage="%%cowsay",
        repository="github:MediaConduit/cowsay-service",
    ),
)

PLAIN = Kind("plain", "any other service, by its paths", "plain:PlainClient")
"""What is left: no kind, but a client that calls any path."""

_SERVER = re.compile(r"-(?:service|server)$")


def named(name: str) -> Kind:
    """Return the kind that ``--client`` names.

    Raises
    ------
    ArgumentError
        There is none; with the closest name.
    """
    kinds = {kind.name: kind for kind in (*KINDS, PLAIN)}
    kind = kinds.get(name.strip().lower())
    if kind is None:
        raise ArgumentError(
            f"there is no client {name!r}: {did_you_mean(name, kinds)}",
            "%mc find   lists them, and what each can do",
        )
    return kind


@dataclass(frozen=True)
class Resolution:
    """What a service is, as found out when it was loaded.

    Attributes
    ----------
    kind
        None for a service of no known kind.
    tag
        The free tag that alone said so; empty for a better reason.
    capabilities
        What it says that it can do, and what its kind can, in canonical words.
    """

    kind: Kind | None
    tag: str
    capabilities: tuple[str, ...]


def resolve(manifest: Manifest, named: Kind | None = None) -> Resolution:
    """Find out what a service is.

    Parameters
    ----------
    manifest
        Asked for its image, its compose service, its name and id, then its capabilities: of
        those only a tag that exactly one kind has, for many things make text from text.
    named
        The kind that the user named, which is it; :data:`PLAIN` stands for none.
    """
    kind, tag = (named, "") if named else _recognise(manifest)
    if kind is PLAIN:
        kind = None
    can = kind.capabilities if kind else ()
    return Resolution(kind, tag, vocabulary((*manifest.capabilities, *can)))


def _recognise(manifest: Manifest) -> tuple[Kind | None, str]:
    image = manifest.image_repository
    words = [_SERVER.sub("", spelled(text)) for text in (manifest.name, manifest.id) if text]
    for is_it in (
        lambda kind: image in kind.images,
        lambda kind: manifest.compose_service.lower() in kind.services,
        lambda kind: any(word in kind.names for word in words),
    ):
        kind = next(filter(is_it, KINDS), None)
        if kind is not None:
            return kind, ""
    return _by_tag(manifest.capabilities)


def _by_tag(declared: Iterable[str]) -> tuple[Kind | None, str]:
    for text in declared:
        having = [kind for kind in KINDS if spelled(text) in kind.tags]
        if len(having) == 1:
            return having[0], text
    return None, ""
