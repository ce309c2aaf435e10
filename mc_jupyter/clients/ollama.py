"""The Ollama API, as github.com/ollama/ollama serves it (``docs/api.md``), given a URL.

Chunks stay the dicts that the server sent, so that its new fields reach the caller. Requests are
checked before they are sent: what the server would ignore is an error here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from ..errors import (
    ClientError,
    ConnectionFailedError,
    ModelNotFoundError,
    OptionError,
    ResponseError,
)
from ..events import Event, Report, silent, ticking
from ..hosts import Token
from ..settings import Bounds
from . import cloud
from .faults import model_refusal
from .http import Http
from .loading import loading
from .loads import count
from .names import check_name, is_cloud, same_model, shown, told
from .options import check_options, encode_images, model_of, request_body
from .peer import Limits
from .pull import Check, Progress, ensure, no_check, pull, pulled_text, watched

_Step = TypeVar("_Step")
Chunks = Generator[dict[str, Any], None, None]

_DONE = ("done", True)
_FIGURES = ("size", "size_vram", "context_length")
_KINDS: dict[str, type] = {
    "name": str,
    "model": str,
    "digest": str,
    "modified_at": str,
    "expires_at": str,
    "remote_host": str,
    "remote_model": str,
    "details": dict,
    "model_info": dict,
    "capabilities": list,
    "parameters": str,
    "template": str,
    "system": str,
    "license": str,
}


class OllamaClient:
    """A client of one Ollama server; threads may share it.

    Parameters
    ----------
    url
        Where it answers: a URL, or what OLLAMA_HOST may hold.
    token
        For a server that wants one; sent to this URL only, and to other machines over https only.
        A text, or a :class:`~mc_jupyter.hosts.Key` that names an environment variable. Without
        one, OLLAMA_API_KEY is sent to https://ollama.com.
    limits
        How long to wait, see :class:`Limits`.
    name
        What messages call the server.
    changed
        Called after each call that may have changed which models are there or loaded.
    bounds
        How much is taken of what comes, see :class:`~mc_jupyter.settings.Bounds`; by default
        what the environment says.

    Raises
    ------
    ArgumentError
        For an address that cannot be one. Nothing is sent before the first call.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        name: str = "ollama",
        changed: Callable[[], None] = lambda: None,
        bounds: Bounds | None = None,
    ) -> None:
        self._http = Http(
            url, token=token, limits=limits, name=name, refine=model_refusal, bounds=bounds
        )
        self.url, self.name = self._http.url, name
        self._changed = changed

    def __repr__(self) -> str:
        return f"OllamaClient({shown(self.url)!r})"

    def __enter__(self) -> OllamaClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        *,
        options: Mapping[str, Any] | None = None,
        format: str | Mapping[str, Any] | None = None,
        think: bool | str | None = None,
        keep_alive: float | str | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        truncate: bool | None = None,
        report: Report | None = None,
    ) -> Chunks:
        """Answer a conversation; yield the chunks, the one with ``done`` last.

        Wrap it in :func:`contextlib.closing`: only a closed connection stops the server. What a
        model thinks is ``thinking`` beside ``content`` where the server tells it apart; where it
        does not, the chunks hold the model's own tags.

        Parameters
        ----------
        model
            As ``ollama list`` shows it, the tag may be left out.
        messages
            ``{"role": ..., "content": ...}`` and what else the API has, sent as they are.
        options
            See :data:`OPTIONS`.
        format
            ``"json"`` or a JSON schema.
        think
            True, False or a level; None leaves it to the server, which thinks where it can.
        keep_alive
            How long the model stays loaded afterwards: seconds, or a text like ``"10m"``.
        tools
            Functions that the model may call.
        truncate
            False asks the server to refuse a prompt that does not fit, in place of cutting it.
        report
            Told, before anything is sent, of a model that runs in the cloud, once in a kernel;
            None makes a warning of Python's of it.

        Raises
        ------
        OptionError
            At once, for what the server would ignore or refuse.
        ClientError
            While the chunks are taken; those that came before it are right.
        """
        if isinstance(messages, str | bytes | Mapping):
            raise OptionError("messages must be a list", '[{"role": "user", "content": "..."}]')
        body = request_body(model, options, format, think, keep_alive, truncate)
        body["messages"] = [dict(message) for message in messages]
        if tools:
            body["tools"] = [dict(tool) for tool in tools]
        chunks = self._http.stream("/api/chat", body, _DONE)
        return self._then_changed(
            self._after_warning(model, report, self._checked(chunks, "message", dict))
        )

    def generate(
        self,
        model: str,
        prompt: str,
        *,
        system: str | None = None,
        images: Sequence[bytes | Path] | None = None,
        options: Mapping[str, Any] | None = None,
        format: str | Mapping[str, Any] | None = None,
        think: bool | str | None = None,
        keep_alive: float | str | None = None,
        truncate: bool | None = None,
        report: Report | None = None,
    ) -> Chunks:
        """Answer one prompt; as :meth:`chat` otherwise.

        Parameters
        ----------
        prompt
            An empty one loads the model.
        system
            In place of the model's own system message.
        images
            Bytes, or files as :class:`pathlib.Path`; a text is never taken for a path.
        model, options, format, think, keep_alive, truncate, report
            As in :meth:`chat`.
        """
        body = request_body(model, options, format, think, keep_alive, truncate)
        body["prompt"] = prompt
        if system is not None:
            body["system"] = system
        if images:
            body["images"] = encode_images(images)
        chunks = self._http.stream("/api/generate", body, _DONE)
        return self._then_changed(
            self._after_warning(model, report, self._checked(chunks, "response", str))
        )

    def _after_warning(self, model: str, report: Report | None, chunks: Chunks) -> Chunks:
        """The chunks, after it was said where the model runs: nothing is sent before."""
        with closing(chunks):
            self.warn_of_cloud(model, report)
            yield from chunks

    def warn_of_cloud(self, model: str, report: Report | None = None) -> None:
        """Say that a model runs in the cloud, once in a kernel; the server's list is asked once.

        Parameters
        ----------
        model
            Its name, as it is sent.
        report
            Told of it; None makes a warning of Python's of it.
        """
        if not cloud.is_known(self.url, model):
            try:
                self._find(model)
            except ConnectionFailedError:
                pass  # the prompt itself will say it
            except ClientError:  # it has no list: it is not asked again
                cloud.remember(self.url, model, None)
        text = cloud.notice(self.url, model)
        if text and report not in (None, silent):
            report(Event("note", text, keep=True))
        elif text:
            warnings.warn(text, stacklevel=5)

    def _checked(self, chunks: Chunks, key: str, kind: type) -> Chunks:
        """The chunks of an answer, of which one at least must have a part of it."""
        has_part = False
        with closing(chunks):
            for chunk in chunks:
                has_part = has_part or isinstance(chunk.get(key), kind)
                is_end = chunk.get("done") is True
                if is_end and not (has_part or chunk.get("done_reason") in ("load", "unload")):
                    raise self._no_ollama(f"the answer has no {key!r} in any of its lines")
                yield chunk

    def _then_changed(self, steps: Generator[_Step, None, None]) -> Generator[_Step, None, None]:
        try:
            yield from steps
        finally:
            self._changed()

    def models(self) -> list[dict[str, Any]]:
        """Return the models that the server has, as ``/api/tags`` describes them."""
        return self._entries("/api/tags")

    def ps(self) -> list[dict[str, Any]]:
        """Return the models that are loaded."""
        return self._entries("/api/ps")

    def _entries(self, path: str) -> list[dict[str, Any]]:
        """The models of a list; a figure of theirs that is none is left out."""
        listed = self._get(path, "models") or []
        if not isinstance(listed, list):
            raise self._no_ollama(f"{path} answers with no list of models")
        return [_entry(each) for each in listed if isinstance(each, dict)]

    def show(self, model: str) -> dict[str, Any]:
        """Return what the server knows of a model: template, parameters, capabilities."""
        return _entry(self._http.call("POST", "/api/show", {"model": model_of(model)}))

    def version(self) -> str:
        """Return the server's version."""
        version = self._get("/api/version", "version")
        if not isinstance(version, str):
            raise self._no_ollama("/api/version answers with no version")
        return version

    def _get(self, path: str, key: str) -> Any:
        data = self._http.call("GET", path)
        if key not in data:
            raise self._no_ollama(f"{shown(self.url)}{path} answers without {key!r}")
        return data[key]

    def _no_ollama(self, text: str) -> ResponseError:
        return ResponseError(
            told(self.name, self.url, text),
            "this is not an Ollama server; another: --host http://HOST:11434",
        )

    def pull(self, model: str) -> Generator[Progress, None, None]:
        """Have the server fetch a model, whatever its size; yield the progress.

        Closing the generator cancels the pull; a later one goes on where it stopped.

        Raises
        ------
        ModelNotFoundError
            The registry has no such model.
        DiskFullError
            No room on the server's disk.
        TimeLimitError
            It did not move for the limit `silence`.
        """
        return self._then_changed(pull(self._http, check_name(model)))

    def fetch_model(self, model: str, *, report: Report = silent, check: Check = no_check) -> str:
        """Pull a model to its end, whatever its size; return the line that says so.

        The size in it is the model's, whatever of it was here before.

        Parameters
        ----------
        report
            Told of the progress: bytes, rate, time left, and when nothing comes.
        check
            Told of the bytes to be fetched as they become known; what it raises cancels the pull.

        Raises
        ------
        ClientError, DiskFullError
            As :meth:`pull`.
        """
        name = check_name(model)
        try:
            return pulled_text(name, watched(self._http, name, report, check)[1])
        finally:
            self._changed()

    def delete(self, model: str) -> None:
        """Delete a model from the server's disk."""
        self._http.call("DELETE", "/api/delete", {"model": model_of(model)})
        self._changed()

    def load(
        self,
        model: str,
        keep_alive: float | str | None = None,
        options: Mapping[str, Any] | None = None,
        report: Report = silent,
    ) -> dict[str, Any]:
        """Load a model into memory, so that the first answer does not wait for it.

        With other `options` than those of the prompts (``num_ctx``) it would be loaded twice.
        `report` is told each second for how long that has taken.
        """
        body: dict[str, Any] = {"model": model_of(model), "stream": False}
        if keep_alive is not None:
            body["keep_alive"] = keep_alive
        if options:
            body["options"] = check_options(options)
        if keep_alive != 0:
            report(Event("load", f"loading {model} into memory"))
        with ticking(lambda seconds: loading(self, model, seconds), report):
            loaded = self._http.call("POST", "/api/generate", body, limit="first_byte")
        self._changed()
        return loaded

    def unload(self, model: str) -> dict[str, Any]:
        """Take a model out of memory."""
        return self.load(model, keep_alive=0)

    def has_model(self, model: str) -> bool:
        """Whether the server has a model on its disk, by any spelling of its name."""
        return self._find(model) is not None

    def _find(self, model: str) -> dict[str, Any] | None:
        for entry in self.models():
            if same_model(model, str(entry.get("name") or entry.get("model") or "")):
                cloud.remember(self.url, model, entry)
                return entry
        cloud.remember(self.url, model, None)
        return None

    def ensure_model(
        self,
        model: str,
        *,
        max_download: int | None,
        report: Report = silent,
        store: Path | None = None,
        check: Check = no_check,
    ) -> bool:
        """Pull a model if the server does not have it; return whether that was so.

        Nothing is pulled for a model of the cloud, by its name.

        Parameters
        ----------
        model
            Its name; the tag may be left out.
        max_download
            Bytes that may be fetched; 0 forbids any pull, None sets no limit. Layers that the
            server already has do not count.
        report
            Told of the progress four times a second, and of a model that runs in the cloud.
        store
            A folder on the disk where the server keeps its models, if that is this machine's:
            the error for the limit then says how much is free.
        check
            As for :meth:`fetch_model`.

        Raises
        ------
        DownloadLimitError
            As soon as the size is known to be over the limit; the pull is cancelled.
        """
        entry = self._find(model_of(model))
        self.warn_of_cloud(model, report)
        if entry is not None or is_cloud(model):
            return False
        if max_download == 0:
            self._check_offer(model)
        try:
            ensure(self._http, check_name(model), max_download, report, store, check)
        finally:
            self._changed()
        return True

    def _check_offer(self, model: str) -> None:
        """Raise the reason that a server gives why it has no such model; Ollama gives none."""
        try:
            self.show(model)
        except ModelNotFoundError as error:
            if "not found: " in error.message:
                raise
        except ClientError:
            pass


def _fits(name: str, value: Any) -> bool:
    """Whether what a server says of a model is of its kind; what is not known here always is."""
    if name in _FIGURES:
        return count(value) is not None
    return isinstance(value, _KINDS.get(name, object))


def _entry(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if _fits(name, value)}
