"""The process that holds one model: llama.cpp behind a socket that only its parent can reach.

Run by :mod:`.engine`, never by hand. It reads one JSON line (a :class:`WorkerSpec`) from stdin,
loads the model, prints one JSON line, and ends when stdin ends: however the parent ends.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass

_CTX_STEP = 256  # tokens; the engine rounds to it, and must not round down


@dataclass(frozen=True)
class WorkerSpec:
    """What to load, and how.

    Attributes
    ----------
    path
        The GGUF file.
    num_ctx
        Tokens of context for each request.
    parallel
        Requests that are computed at once; each has its whole `num_ctx`.
    num_batch
        Prompt tokens that are evaluated in one go; a request that was given up is noticed
        between two of them.
    threads
        Threads that compute; -1 for the engine's own choice (the physical cores).
    socket
        Path of the unix socket to listen on, in a folder that only this user can enter.
    key
        What the engine wants as bearer token.
    """

    path: str
    num_ctx: int
    parallel: int
    num_batch: int
    threads: int
    socket: str
    key: str


def load(spec: WorkerSpec) -> object:
    """Load the model and listen; return the engine, which lives as long as it is referred to.

    Raises
    ------
    RuntimeError
        When llama.cpp cannot load the file (it says why on stderr).
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = spec.path
    params.n_ctx = -(-spec.num_ctx // _CTX_STEP) * _CTX_STEP * spec.parallel
    params.n_parallel = spec.parallel
    params.n_batch = params.n_ubatch = spec.num_batch
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = spec.threads
    # a thread that waits must not spin: it would starve the other beside a busy kernel. This is
    # for builds without OpenMP; for those with it, see engine.worker_environment
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.n_gpu_layers = 0
    params.fit_params = False  # never a smaller context than was asked for
    params.hostnames = [spec.socket]
    params.api_keys = [spec.key]
    params.cors_origins, params.cors_origins_explicit = "", True
    params.cors_credentials = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1  # errors
    return xllamacpp.Server(params)


def main() -> int:
    """Serve one model until stdin ends."""
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log
    spec = WorkerSpec(**json.loads(sys.stdin.buffer.readline()))
    try:
        engine = load(spec)
    except RuntimeError as error:
        print(json.dumps({"error": str(error)}), file=reply, flush=True)
        return 1
    print(json.dumps({"ready": True}), file=reply, flush=True)
    while engine and sys.stdin.buffer.read(4096):
        pass
    shutil.rmtree(os.path.dirname(spec.socket), ignore_errors=True)
    os._exit(0)  # nothing to save, and the engine's own way out takes longer


if __name__ == "__main__":
    sys.exit(main())
