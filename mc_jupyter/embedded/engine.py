"""One model in memory: its worker process, and what can be asked of it.

llama.cpp's own endpoints are used: ``/apply-template``, ``/tokenize``, ``/completion``
(source: llama.cpp, tools/server/README.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ResponseError, StartError
from .wire import Json, Wire
from .worker import WorkerSpec

_SOCKET_PATH_LIMIT = 90  # bytes; macOS allows 104
_PROBE = "Paris is the capital of"  # goes on with a word, never with JSON
_PLACE = re.compile(r"at \d+\(\d+\): ")  # in a grammar that the caller never sees
_GIVEN_UP = re.compile(rb"llg error: (lexer|parser) error")
#: What llama.cpp says of a file that it cannot load -> what can be done.
_STEPS = (
    (r"file bounds|incomplete|end of file|failed to read|corrupt", "fetch the file again"),
    (r"unknown model arch|unknown pre-token|invalid ggml type|unsupported|unknown tokenizer",
     "a newer engine may read it: pip install -U xllamacpp"),
    (r"template|jinja", "another file of the model may have a template that can be read"),
    (r"split", "fetch its parts again, all of one kind"),
    (r"alloc|memory", "it needs more memory than there is: take a smaller model or num_ctx"),
)  # fmt: skip
_LOG_TIME = 0.01  # seconds; the log comes by another pipe than the reply
_ENFORCED = 256  # schemas that are remembered
_SPINS = "1000"  # its default, 300000, is some milliseconds
_JSON_START = re.compile(r"\s*([{[\"\d-]|t(r|$)|f(a|$)|n(u|$)|$)")


@dataclass(frozen=True)
class LoadSpec:
    """How a model is loaded; a request that needs it otherwise reloads it.

    Attributes
    ----------
    path, num_ctx, parallel, num_batch, threads
        As in :class:`.worker.WorkerSpec`.
    """

    path: Path
    num_ctx: int
    parallel: int
    num_batch: int
    threads: int


class Engine:
    """A worker process that holds one model; made by :meth:`start`."""

    def __init__(self, spec: LoadSpec, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self._folder = folder
        self._process = process
        self._wire = Wire(str(folder / "engine.sock"), secrets.token_urlsafe(24))
        self._said = b""
        self._enforced: set[bytes] = set()
        self._checking = asyncio.Lock()
        self._formats_given_up = 0
        self._log = asyncio.create_task(self._pass_log_on())

    @classmethod
    async def start(cls, spec: LoadSpec) -> Engine:
        """Load a model. Cancelling gives the load up.

        Raises
        ------
        StartError
            When the engine cannot load it; the message ends with what llama.cpp said.
        """
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-P", "-m", f"{__package__}.worker")
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, env=worker_environment(os.environ)
        )
        engine = cls(spec, _private_folder(), process)
        try:
            await engine._load()
        except BaseException:
            await engine.close()
            raise
        return engine

    async def _load(self) -> None:
        fields = asdict(self.spec) | {"path": str(self.spec.path)}
        worker = WorkerSpec(**fields, socket=self._wire.socket, key=self._wire.key)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(worker)).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line or "error" in json.loads(line):
            name = self.spec.path.name
            why = await self._why()
            steps = [step for words, step in _STEPS if re.search(words, why, re.IGNORECASE)]
            raise StartError(f"the engine could not load {name}: {why}", *steps[:1])

    async def _pass_log_on(self) -> None:
        assert self._process.stderr is not None
        while said := await self._process.stderr.read(65536):
            self._said = (self._said + said)[-4096:]
            self._formats_given_up += len(_GIVEN_UP.findall(said))
            sys.stderr.buffer.write(said)
            sys.stderr.buffer.flush()

    async def _why(self) -> str:
        code = await self._process.wait()
        await self._log
        lines = self._said.decode(errors="replace").splitlines()
        errors = [line.split(" E ", 1)[1] for line in lines if " E " in line] or lines[-1:]
        return " ".join(errors[0].split()) if errors else f"it ended with code {code}"

    @property
    def alive(self) -> bool:
        """Whether the worker still runs."""
        return self._process.returncode is None and not self._wire.broken

    def memory(self) -> int:
        """Return the bytes of memory that the worker takes now; 0 when that cannot be seen."""
        try:
            pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            command = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            return int(said.strip() or 0) * 1024

    async def close(self) -> None:
        """End the worker at once and give its memory back."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        await self._process.wait()
        await asyncio.wait([self._log])

    async def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the prompt that the model's own chat template makes of `messages`."""
        reply = await self._wire.call("/apply-template", {"messages": list(messages)})
        return str(reply["prompt"])

    async def tokens(self, prompt: str) -> list[int]:
        """Return the token numbers of a prompt, control tokens included."""
        body = {"content": prompt, "add_special": True, "parse_special": True}
        numbers: list[int] = (await self._wire.call("/tokenize", body))["tokens"]
        return numbers

    async def check_schema(self, schema: Mapping[str, Any]) -> None:
        """Make sure that the engine enforces a JSON schema.

        One that its grammar compiler rejects it drops with no more than a line in the log, so
        this asks for a few tokens where no model would begin with JSON by itself.

        Raises
        ------
        ResponseError
            400 when it does not.
        """
        known = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).digest()
        if known in self._enforced:
            return
        body = {"prompt": _PROBE, "n_predict": 4, "temperature": 0, "cache_prompt": False}
        async with self._checking:  # what is said meanwhile is said of this schema
            self._said = b""
            reply = await self._wire.call("/completion", {**body, "json_schema": schema})
            await asyncio.sleep(_LOG_TIME)
            said = self._said.decode(errors="replace").partition("llg error: ")[2]
        if said or not _JSON_START.match(reply["content"]):
            why = _PLACE.sub("", said.partition("\n")[0]) or "its grammar compiler rejects it"
            raise ResponseError(f"the engine cannot enforce this schema: {why}", status=400)
        if len(self._enforced) >= _ENFORCED:
            self._enforced.clear()
        self._enforced.add(known)

    async def complete(
        self, tokens: Sequence[int], sampling: Mapping[str, Any]
    ) -> AsyncGenerator[list[Json], None]:
        """Yield llama.cpp's chunks (``content``, and ``stop_type``, ``timings`` in the last).

        Those that wait come together. Closing the generator frees the engine.

        Parameters
        ----------
        tokens
            The prompt.
        sampling
            Fields of llama.cpp's ``/completion``.

        Raises
        ------
        ResponseError
            As :meth:`.wire.Wire.events`; also 400 when the engine gives up a JSON schema in the
            midst of the answer, which it tells its log alone.
        """
        body = {**sampling, "prompt": list(tokens), "stream": True, "return_progress": True}
        before = self._formats_given_up
        async with aclosing(self._wire.events("/completion", body)) as batches:
            async for batch in batches:
                if "json_schema" in sampling and self._formats_given_up != before:
                    raise ResponseError(
                        "the engine gave up the format in the midst of the answer: it is too "
                        "complex to be enforced",
                        status=400,
                    )
                yield batch


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker process.

    A thread that waits for the others spins first, which takes the processor from the very
    thread that it waits for when other programs run. libgomp reads how long when it is loaded
    (source: GCC, libgomp manual, GOMP_SPINCOUNT); what the user has set is left alone.
    """
    # when the engine ends itself it would run a debugger for seconds
    values = {**environ, "GGML_NO_BACKTRACE": "1"}
    if not environ.get("GOMP_SPINCOUNT") and not environ.get("OMP_WAIT_POLICY"):
        values["GOMP_SPINCOUNT"] = _SPINS
    return values


def _private_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="mcj-")
    if len(folder.encode()) > _SOCKET_PATH_LIMIT:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix="mcj-", dir="/tmp")
    return Path(folder)
