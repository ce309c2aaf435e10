"""``%mc call HANDLE METHOD /path``: any path of any service, shown by what it answers with."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError, ResponseError, did_you_mean
from ...lab.media.inputs import resolve
from ..arguments import Parser, as_is
from .base import Desk, KindMagic
from .options import add_common
from .traces import sent, text_input
from .work import Work

if TYPE_CHECKING:
    from ...clients.upload import Upload
    from ...lab.made import Input
    from ...service import Service

_PROMPTS = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/v1/")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_ABOUT = """Call any path of a loaded service; what it answers is shown by its content type.
In a cell the lines below are the body: JSON with --json, else text as it is."""


class _CallParser(Parser):
    """Says where the JSON goes that was typed behind ``--json``, as curl takes it."""

    def read(self, tokens: Sequence[str], fill: Callable[[str], str] = as_is) -> argparse.Namespace:
        """Parse tokens as every parser does."""
        try:
            return super().read(tokens, fill)
        except ArgumentError as error:
            given = [one for one in tokens if one.startswith("--json=")]
            if not given and "--json" in tokens and "unrecognized" in error.message:
                given = [one for one in tokens if one.startswith(("{", "["))]
            if not given:
                raise
            rest = [f'"{one}"' if " " in one else one for one in tokens if one not in given]
            line = " ".join(rest if "--json" in rest else [*rest, "--json"])
            raise ArgumentError(
                "--json takes no value: the JSON goes into the lines below", f"%%mc call {line}"
            ) from error


def call_parser(magic: str) -> Parser:
    """Return the parser of ``%mc call`` or ``%%mc call``."""
    parser = _CallParser(magic, _ABOUT, f"{magic} NAME GET /path")
    add = parser.add_argument
    add("name", metavar="NAME")
    add("method", metavar="METHOD")
    add("path", metavar="/path", nargs="?")
    add(
        "--query", action="append", metavar="NAME=VALUE", help="behind the path, as often as needed"
    )
    add("--json", action="store_true", help="the lines below are JSON")
    add("--file", action="append", metavar="FIELD=FILE", help="a file or variable of a form")
    add("--form", action="append", metavar="NAME=VALUE", help="a field of a form")
    return add_common(parser, host=False)


class CallMagic(KindMagic):
    """``%mc call`` and ``%%mc call``.

    Parameters
    ----------
    desk
        What it needs of the notebook.
    """

    name, typed = "call", "mc call"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.line_parser = call_parser("%mc call")
        self.cell_parser = call_parser("%%mc call")

    def _of_kind(self, service: Service) -> Service:
        return service

    def run_line(self, given: argparse.Namespace) -> Any:
        """Do what a line says."""
        return self.run_cell(given, "", [])

    def run_cell(self, given: argparse.Namespace, text: str, used: list[object]) -> Any:
        """Call the path with the body, and show what came."""
        method = given.method.upper()
        if method.startswith("/") and given.path is None:
            raise ArgumentError("which method?", f"%mc call {given.name} GET {given.method}")
        if method not in METHODS:
            raise ArgumentError(
                f"there is no method {given.method!r}: {did_you_mean(method, METHODS)}",
                "%mc call NAME GET /path",
            )
        if given.path is None:
            raise ArgumentError("which path?", f"%mc call {given.name} {method} /")
        if not given.path.startswith("/"):
            raise ArgumentError(f"the path is {given.path!r}", "a path begins with /")
        given.host = given.name
        body = _body(given, text)
        for option in ("query", "form"):
            _pairs(option, given)  # wrong ones now
        files = [
            (field, *resolve(value, self._desk.names())) for field, value in _pairs("file", given)
        ]

        def called(work: Work) -> Any:
            return self._called(work, given, method, body, files, text_input(text, used))

        return self.work(given, called)

    def _called(
        self,
        work: Work,
        given: argparse.Namespace,
        method: str,
        body: dict[str, Any],
        files: Sequence[tuple[str, Upload, Input]],
        text: Input,
    ) -> Any:
        from ...clients.plain import PlainClient
        from ...lab.media import Said, show

        _warn_of_cloud(work, given.path, body)
        client = PlainClient(
            work.client.url,
            token=work.service.token,
            name=work.service.handle,
            bounds=self._desk.registry.settings.bounds,
        )
        try:
            answer = client.call(
                method,
                given.path,
                query=_pairs("query", given),
                form=_pairs("form", given),
                files=[(field, upload) for field, upload, _ in files],
                report=work.report,
                **body,
            )
        except ResponseError as error:
            if 400 <= error.status < 500 and _looks_like_json(body.get("text", "")):
                hint = "--json sends the lines below as JSON"
                error.hint = hint + (f"; {error.hint}" if error.hint else "")
            raise
        finally:
            client.close()
        inputs = [sent(upload, one) for _, upload, one in files] + ([text] if body else [])
        options = {"call": f"{method} {given.path}", **dict(_pairs("query", given))}
        made = work.made("answer", options=options, inputs=inputs)
        if not answer.content.size:
            return Said(f"{answer.status}, and an empty answer", made)
        return show(
            answer.content, made, facts={"status": answer.status}, inline_limit=self.inline_limit
        )


def _body(given: argparse.Namespace, text: str) -> dict[str, Any]:
    """The body as the client takes it."""
    has_form = bool(given.file or given.form)
    if not text.strip():
        if given.json:
            raise ArgumentError(
                "--json: there is no body", "the JSON goes into the lines below %%mc call"
            )
        return {}
    if has_form:
        raise ArgumentError("a form and a body", "leave out --file and --form, or the lines below")
    if not given.json:
        return {"text": text}
    try:
        return {"json": json.loads(text)}
    except (ValueError, RecursionError) as error:
        hint = "or leave out --json"
        if _is_python(text):
            hint = "a value of Python goes in as {{json.dumps(VALUE)}}, after import json"
        raise ArgumentError(f"the lines below are no JSON: {error}", hint) from error


def _warn_of_cloud(work: Work, path: str, body: dict[str, Any]) -> None:
    """Say it where the body is a prompt for a model that runs in the cloud."""
    from ...clients import OllamaClient

    if not (isinstance(work.client, OllamaClient) and path.startswith(_PROMPTS)):
        return
    sent = body.get("json")
    if "text" in body:
        with suppress(ValueError, RecursionError):
            sent = json.loads(body["text"])
    if isinstance(sent, dict) and isinstance(sent.get("model"), str):
        work.client.warn_of_cloud(sent["model"], work.report)


def _is_python(text: str) -> bool:
    """Whether it is what Python shows of a dict or list: how one is filled in."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return text.lstrip()[0] in "{["


def _looks_like_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _pairs(option: str, given: argparse.Namespace) -> list[tuple[str, str]]:
    """``NAME=VALUE``, several of which may have the same name."""
    pairs = []
    for text in getattr(given, option) or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            form = "FIELD=FILE" if option == "file" else "NAME=VALUE"
            raise ArgumentError(f"--{option} {text}: this is no {form}", f"--{option} {form}")
        pairs.append((name, value))
    return pairs
