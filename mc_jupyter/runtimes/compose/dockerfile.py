"""What a Dockerfile may have the builder fetch.

``FROM``, ``ADD``, ``COPY --from``, ``RUN --mount`` and ``# syntax`` name things that the builder
fetches from the *host's* network. Here they may name stages, files of the context, images without
a host and hosts with a public name. Builders differ (one of 2022 knows no here-documents, and takes
their lines for instructions), so every line that could be an instruction is looked at as one, and
what is not understood is refused.

Syntax: https://docs.docker.com/reference/dockerfile/ and BuildKit's frontend/dockerfile/parser.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .hosts import is_public, problem_of_image

_SYNTAX = re.compile(r"(?:docker\.io/)?docker/dockerfile:1[\w.-]*(?:@sha256:[0-9a-f]{64})?")
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = {"syntax", "escape", "check"}
_HERE = re.compile(r"(?:^|(?<=\s))\d*<<-?(?!<)(\S+)")
_SIMPLE_NAME = re.compile(r"\w[\w.-]*")
_SPACE = " \t\v\f\r"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SCHEMES = ("https://", "http://", "git://", "ssh://")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{(\w+)(?:(:?[-+])([^{}$]*))?\})")
_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_STAGE = re.compile(r"[a-z][a-z0-9_.-]*")
_FROM = re.compile(r"(?:--\S+\s+)*\S+(?:\s+as\s+\S+)?", re.IGNORECASE)
_MOST_FLAGS = 50
_MOST_STAGES = 200
_LONGEST = 4096  # characters of a filled-in name

_FETCHING = {"ADD", "COPY", "FROM", "ONBUILD", "RUN"}
_HARMLESS = {"ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER"}
_HARMLESS |= {"SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
_FLAGS = {
    "ADD": {"chown", "chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"},
    "COPY": {"from", "chown", "chmod", "link", "parents", "exclude"},
    "FROM": {"platform"},
    "RUN": {"mount", "network", "security"},
}
_MOUNTS = {"bind", "cache", "tmpfs", "secret", "ssh"}
_PLATFORM = {"OS": "linux", "ARCH": "amd64", "VARIANT": "v8", "PLATFORM": "linux/amd64"}
_GIVEN = {f"{side}{part}": text for side in ("TARGET", "BUILD") for part, text in _PLATFORM.items()}
"""Arguments that some builders give and others leave empty."""


@dataclass(frozen=True)
class Finding:
    """Something that a Dockerfile names and may not.

    Attributes
    ----------
    line
        The instruction's first line, from 1.
    text
        The instruction, short.
    reason
        What is wrong with it.
    """

    line: int
    text: str
    reason: str


def check(text: str, *, arguments: Mapping[str, str] | None = None) -> list[Finding]:
    """Return what a Dockerfile names and may not; empty where all of it is fine.

    Parameters
    ----------
    text
        The whole file.
    arguments
        The build's arguments (``build.args``): they win over the defaults of ``ARG``.
    """
    return list(_Reader(arguments or {}).read(text.removeprefix("\ufeff")))


class _Refused(Exception):
    """The reason why an instruction is not fine."""


@dataclass
class _Reader:
    """One pass over a file: its stages and arguments so far."""

    arguments: Mapping[str, str]
    escape: str = "\\"
    stages: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def read(self, text: str) -> Iterator[Finding]:
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        yield from self._directives(lines)
        yield from self._unclear(lines)
        ends: list[str] = []  # of here-documents whose lines may be no instructions
        for number, line in self._joined(lines):
            if ends and line.strip() == ends[0]:
                del ends[0]
                continue
            try:
                self._instruction(line, is_known=not ends)
                ends += self._here_documents(line)
            except _Refused as refused:
                yield Finding(number, " ".join(line.split())[:100], str(refused))

    def _directives(self, lines: list[str]) -> Iterator[Finding]:
        """The parser directives; one that might be one or not is refused."""
        are_first = True
        for number, line in enumerate(lines, 1):
            if are_first and number == 1 and line.startswith(("#!", "//", "{")):
                yield Finding(number, line[:100], "a first line that only some builders read")
            match = _DIRECTIVE.fullmatch(line.strip())
            name = match[1].lower() if match else ""
            are_first = are_first and name in _DIRECTIVES
            if match and name == "syntax" and not _SYNTAX.fullmatch(match[2]):
                yield Finding(number, line[:100], "only docker/dockerfile:1 is fetched for syntax")
            if match and name == "escape":
                if are_first and match[2] in ("\\", "`"):
                    self.escape = match[2]
                else:
                    yield Finding(number, line[:100], "an escape directive at an unclear place")
            if line.strip() and not line.lstrip().startswith("#"):
                return

    def _unclear(self, lines: list[str]) -> Iterator[Finding]:
        """Lines that builders divide in different ways."""
        for number, line in enumerate(lines, 1):
            body = line.rstrip(" \t")
            if _ODD.search(line) or line.strip(" \t") != line.strip():
                yield Finding(
                    number, repr(line)[:100], "a sign that only some builders take for a space"
                )
            elif body.endswith(self.escape * 2) and not line.lstrip().startswith("#"):
                yield Finding(number, line[-100:], f"{self.escape * 2} at the end of a line")

    def _joined(self, lines: list[str]) -> Iterator[tuple[int, str]]:
        """The lines with their continuations, comments and empty lines left out."""
        parts: list[str] = []
        begin = 0
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            begin = begin if parts else number
            body = line.rstrip(" \t")
            if body.endswith(self.escape):
                parts.append(body[:-1])
                continue
            yield begin, "".join([*parts, line]).strip()
            parts = []
        if parts:
            yield begin, "".join(parts).strip()

    def _here_documents(self, line: str) -> list[str]:
        if _word(line)[0].upper() not in ("ADD", "COPY", "RUN", "ONBUILD"):
            return []
        names = [name.strip("\"'") for name in _HERE.findall(line)]
        if not all(map(_SIMPLE_NAME.fullmatch, names)):
            raise _Refused("a here-document whose end is not clear")
        return names

    def _instruction(self, line: str, *, is_known: bool) -> None:
        word, rest = _word(line)
        name = word.upper()
        if name not in _FETCHING | _HARMLESS:
            if is_known and line:
                raise _Refused("it is no instruction that is known")
            return
        if name == "ARG" and not self.stages:
            self._arguments(rest)
        elif name == "ONBUILD":
            if _word(rest)[0].upper() == "ONBUILD":
                raise _Refused("ONBUILD of ONBUILD")
            self._instruction(rest, is_known=True)
        elif name == "FROM" and not is_known and not _FROM.fullmatch(rest):
            return  # of a script in Python; a builder that takes it for an instruction ends here
        elif name in _FLAGS:
            flags, rest = self._flags(name, rest)
            getattr(self, f"_{name.lower()}")(flags, rest)

    def _flags(self, name: str, rest: str) -> tuple[list[tuple[str, str]], str]:
        """The flags in front, without quotes and escapes, and what follows."""
        found = []
        while (rest := rest.lstrip(_SPACE)).startswith("--"):
            flag, rest = self._flag(rest)
            if flag == "--":
                break
            key, _, value = flag[2:].partition("=")
            if key not in _FLAGS[name]:
                raise _Refused(f"--{key[:40]} is not known here")
            found.append((key, value))
            if len(found) > _MOST_FLAGS:
                raise _Refused(f"more than {_MOST_FLAGS} options")
        return found, rest

    def _flag(self, text: str) -> tuple[str, str]:
        word, quote, at = "", "", 0
        while at < len(text) and (quote or text[at] not in _SPACE):
            sign = text[at]
            if sign in "\\`" and self.escape == "`":
                raise _Refused("an escape in an option")
            if sign == self.escape and quote != "'" and at + 1 < len(text):
                at += 1
                word += text[at]
            elif sign in "\"'" and quote in ("", sign):
                quote = "" if quote else sign
            else:
                word += sign
            at += 1
        return word, text[at:]

    def _arguments(self, rest: str) -> None:
        """``ARG`` in front of the first ``FROM``: only there it has a say in what is fetched."""
        for part in rest.split():
            name, has_default, default = part.partition("=")
            if name in self.arguments:
                self.values[name] = self.arguments[name]
            elif has_default:
                plain = default.strip("\"'")
                self.values.pop(name, None)
                if not set(plain) & {'"', "'", self.escape}:
                    self.values[name] = self._filled(plain, self.values)

    def _filled(self, text: str, values: Mapping[str, str]) -> str:
        """The text with its variables; ``$`` stays where one is not known."""

        def value(match: re.Match[str]) -> str:
            name, sign, other = match[1] or match[2], match[3] or "", match[4] or ""
            known = values.get(name)
            if sign and name in _GIVEN:
                return "$"
            has_value = known is not None and (bool(known) or ":" not in sign)
            if sign.endswith("+"):
                return other if has_value else ""
            if has_value or (known is not None and not sign):
                return known or ""
            return other if sign else match[0]

        return _VARIABLE.sub(value, text)[:_LONGEST]

    def _from(self, flags: list[tuple[str, str]], rest: str) -> None:
        words = rest.split()
        is_named = len(words) == 3 and words[1].upper() == "AS"
        if len(words) != 1 and not is_named:
            raise _Refused("it is not FROM IMAGE [AS NAME]")
        for given in (_GIVEN, dict.fromkeys(_GIVEN, "")):
            image = self._filled(words[0].strip("\"'"), given | self.values)
            if "$" in image:
                raise _Refused("a variable is left in the image's name")
            self._check_image(image)
        name = words[2].lower() if is_named else ""
        if name and not _STAGE.fullmatch(name):
            raise _Refused(f"{name[:40]} is no name of a stage")
        self.stages.append(name)
        if len(self.stages) > _MOST_STAGES:
            raise _Refused(f"more than {_MOST_STAGES} stages")

    def _check_image(self, name: str) -> None:
        """A stage before this one by its name or number, ``scratch``, or an image."""
        if name.lower() in (*filter(None, self.stages), "scratch"):
            return
        if name.isascii() and name.isdigit() and int(name[:6]) < len(self.stages):
            return
        if problem := problem_of_image(name):
            raise _Refused(problem)

    def _copy(self, flags: list[tuple[str, str]], rest: str) -> None:
        for key, value in flags:
            if key == "from":
                self._check_image(value)

    def _run(self, flags: list[tuple[str, str]], rest: str) -> None:
        for key, value in flags:
            if key == "network" and value not in ("default", "none"):
                raise _Refused("it has the host's network")
            if key == "security" and value != "sandbox":
                raise _Refused("it has rights over the host")
            if key == "mount":
                self._mount(value)

    def _mount(self, value: str) -> None:
        if '"' in value:
            raise _Refused("a mount with quotes")
        for option in value.split(","):
            key, _, text = option.partition("=")
            if "$" in key:
                raise _Refused("a variable in a mount")
            if key.strip().lower() == "type" and text.strip().lower() not in _MOUNTS:
                raise _Refused(f"a mount of type {text[:40]}")
            if key.strip().lower() == "from":
                self._check_image(text.strip())

    def _add(self, flags: list[tuple[str, str]], rest: str) -> None:
        words = rest.split()
        if rest.startswith("["):
            with contextlib.suppress(ValueError, RecursionError, TypeError):
                words += [str(item) for item in json.loads(rest)]
        for word in words:
            self._check_source(word.translate(dict.fromkeys(map(ord, "\"'" + self.escape))))

    def _check_source(self, source: str) -> None:
        """A file of the context, or an address at a public host that no variable can change."""
        if source.startswith("<<"):
            return
        scheme = _URL.match(source)
        if not scheme:
            host = source.partition("/")[0]
            if set(host) & {"$", ":", "@"}:
                raise _Refused("it is not clear that this is a file; COPY takes files")
            return
        if scheme[0].lower() not in _SCHEMES:
            raise _Refused(f"{scheme[0][:20]} is not fetched")
        host = re.split(r"[/?#]", source[scheme.end() :], maxsplit=1)[0]
        name, _, port = host.partition(":")
        if scheme[0].lower() == "ssh://":
            name = name.removeprefix("git@")
        if not is_public(name) or not (port.isdigit() or not port):
            raise _Refused(f"{host[:80] or 'nothing'} is not the public name of a host")


def _word(line: str) -> tuple[str, str]:
    """The first word, and the rest without space around it."""
    parts = re.split(f"[{_SPACE}]+", line.strip(_SPACE), maxsplit=1)
    return parts[0], parts[1].strip() if len(parts) > 1 else ""
