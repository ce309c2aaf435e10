"""The magics of services: each appears when a service of its kind is loaded."""

from __future__ import annotations

from .base import Desk, KindMagic
from .call import CallMagic

__all__ = ["CallMagic", "Desk", "KindMagic", "make"]


def make(name: str, desk: Desk) -> KindMagic | None:
    """Return the magics of a kind of service; None for one that has none here (``ollama``).

    Parameters
    ----------
    name
        The kind's name.
    desk
        What they need of the notebook.
    """
    if name in ("kokoro", "chatterbox", "zonos"):
        return _speech(name, desk)
    if name == "whisper":
        from .whisper import WhisperMagic

        return WhisperMagic(desk)
    if name == "ffmpeg":
        from .ffmpeg import FfmpegMagic

        return FfmpegMagic(desk)
    if name == "huggingface":
        from .huggingface import HuggingFaceMagic

        return HuggingFaceMagic(desk)
    if name == "cowsay":
        from .cowsay import CowsayMagic

        return CowsayMagic(desk)
    return None


def _speech(name: str, desk: Desk) -> KindMagic:
    from ...clients.kinds import named
    from .speech import SpeechMagic

    return SpeechMagic(desk, name, named(name).client_class())
