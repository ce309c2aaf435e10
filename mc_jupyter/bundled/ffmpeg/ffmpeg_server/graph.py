"""Reading a filter graph as FFmpeg does, to refuse what reaches out of the request.

A graph is a small language with two layers of quoting. It is taken apart by FFmpeg's own rules
(``av_get_token``), so that a filter cannot hide behind a quote or a backslash; what cannot be
taken apart is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .faults import Refused

_SPACE = " \n\t\r"
_PATH = re.compile(r"\s*(~|/|[a-zA-Z][a-zA-Z0-9+.-]*:/)|(^|.*/)\.\.(/|$)", re.S)
_KEY = re.compile(r"\s*([A-Za-z0-9_/.-]+)\s*=")

# Read or write files, load libraries, or talk to the network; and what changes such options later.
# fmt: off
FORBIDDEN = frozenset((
    "movie", "amovie", "subtitles", "ass", "sendcmd", "asendcmd", "zmq", "azmq", "ladspa", "lv2",
    "frei0r", "frei0r_src", "arnndn", "asr", "flite", "sofalizer", "lut1d", "lut3d", "removelogo",
    "find_rect", "cover_rect", "derain", "sr", "dnn_classify", "dnn_detect", "dnn_processing",
    "nnedi", "signature", "vidstabdetect", "vidstabtransform", "program_opencl", "openclsrc",
    "xfade_opencl", "vmafmotion", "libvmaf", "libplacebo", "cellauto", "life", "fieldhint", "ocr",
    "psnr", "ssim", "metadata", "ametadata", "coreimage", "coreimagesrc", "whisper",
))
FORBIDDEN_OPTIONS = frozenset((
    "axisfile", "debug_kdtree", "dumpfile", "file", "filename", "fontfile", "fontsdir", "plot",
    "psfile", "stats_file", "textfile",
))
# fmt: on
_FREE_TEXT = ("text",)
"""Options whose value is shown, not opened."""


@dataclass
class Graph:
    """What a graph names."""

    labels: set[str] = field(default_factory=set)
    filters: list[str] = field(default_factory=list)

    @property
    def takes_audio(self) -> bool:
        """Whether it takes an input's audio by name (``[0:a]``)."""
        return any(re.fullmatch(r"\d+:a(:.*)?", label) for label in self.labels)


def understand(text: str) -> Graph:
    """Take a graph apart.

    Raises
    ------
    Refused
        Where it names a filter, an option or a path that is not allowed, or is no graph.
    """
    reader, graph = _Reader(text), Graph()
    reader.skip()
    if text[reader.at :].startswith("sws_flags="):
        raise Refused("filterComplex: sws_flags is not accepted: give flags to the scale filter")
    while not reader.done:
        _pads(reader, graph)
        name = reader.token("=,;[").partition("@")[0]
        if not re.fullmatch(r"[A-Za-z0-9_]+", name):
            raise Refused(f"filterComplex: {name!r} is no filter's name")
        graph.filters.append(name)
        _look_at_filter(name)
        if reader.take("="):
            _look_at_options(name, reader.token("[],;"))
        _pads(reader, graph)
        if not reader.done and not (reader.take(",") or reader.take(";")):
            raise Refused(f"filterComplex cannot be understood from {text[reader.at :][:40]!r} on")
    if not graph.filters:
        raise Refused("filterComplex is empty")
    return graph


def _pads(reader: _Reader, graph: Graph) -> None:
    reader.skip()
    while reader.take("["):
        graph.labels.add(reader.token("]"))
        if not reader.take("]"):
            raise Refused("filterComplex has a [ without its ]")
        reader.skip()


def _look_at_filter(name: str) -> None:
    if name in FORBIDDEN:
        raise Refused(
            f"filterComplex: the filter {name} is not allowed: "
            "it reaches files, libraries, the network or other filters' options"
        )


def _look_at_options(name: str, text: str) -> None:
    for key, value in options(text):
        if key in FORBIDDEN_OPTIONS or key.startswith("/"):
            raise Refused(f"filterComplex: {name} has {key}, which names a file: not allowed")
        if key not in _FREE_TEXT and _PATH.match(value):
            raise Refused(f"filterComplex: {name} has the path {value[:60]!r}: not allowed")


def options(text: str) -> Iterator[tuple[str, str]]:
    """Yield a filter's options, the key empty where only a value stands."""
    reader = _Reader(text)
    while not reader.done:
        key = ""
        if found := _KEY.match(text, reader.at):
            key, reader.at = found[1], found.end()
        yield key, reader.token(":")
        reader.take(":")


class _Reader:
    """A place in a text, and FFmpeg's way of reading one token."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)

    def skip(self) -> None:
        while not self.done and self.text[self.at] in _SPACE:
            self.at += 1

    def take(self, character: str) -> bool:
        found = self.text.startswith(character, self.at)
        self.at += found
        return found

    def token(self, ends: str) -> str:
        """Read up to one of `ends`, quotes and backslashes resolved."""
        self.skip()
        read, kept = "", 0
        while not self.done and self.text[self.at] not in ends:
            character = self.text[self.at]
            self.at += 1
            if character == "\\" and not self.done:
                read += self.text[self.at]
                self.at += 1
                kept = len(read)
            elif character == "'":
                end = self.text.find("'", self.at)
                end = len(self.text) if end < 0 else end
                read += self.text[self.at : end]
                self.at = end + 1
                kept = len(read)
            else:
                read += character
        return read[:kept] + read[kept:].rstrip(_SPACE)
