"""The ``options`` of a request: which are honoured, their types, and what they mean here.

Names, types and defaults are those of Ollama's server (source: ollama, api/types.go). One that
the engine would ignore is an error that names it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OptionError, did_you_mean
from .strict_json import short

#: Ollama's name -> (type, default, llama.cpp's name in ``/completion``)
SAMPLING: Mapping[str, tuple[type, Any, str]] = {
    "temperature": (float, 0.8, "temperature"),
    "top_k": (int, 40, "top_k"),
    "top_p": (float, 0.9, "top_p"),
    "min_p": (float, 0.0, "min_p"),
    "typical_p": (float, 1.0, "typical_p"),
    "repeat_last_n": (int, 64, "repeat_last_n"),
    "repeat_penalty": (float, 1.0, "repeat_penalty"),
    "presence_penalty": (float, 0.0, "presence_penalty"),
    "frequency_penalty": (float, 0.0, "frequency_penalty"),
    "seed": (int, -1, "seed"),
    "num_predict": (int, -1, "n_predict"),
    "stop": (list, [], "stop"),
}
LOADING = ("num_ctx", "num_batch", "num_thread")
HONOURED = (*SAMPLING, *LOADING, "num_gpu")

#: Options of Ollama's server that would change nothing here, and why.
IGNORED: Mapping[str, str] = {
    "num_keep": "the context is never shifted: an answer ends where the context is full",
    "main_gpu": "this server computes on the CPU",
    "use_mmap": "the model file is always mapped",
    "draft_num_predict": "there is no draft model",
}
_TYPE_NAMES = {float: "float32", int: "integer", list: "array"}
_INT_LIMIT = 2**31 - 1  # the engine would take another number for a greater one
_FLOAT_LIMIT = 3.4e38  # the same
_THREADS = 512  # the engine ends itself at more (ggml, GGML_MAX_N_THREADS)
_STOPS, _STOP_LENGTH = 256, 65536
#: option -> (least, greatest); of all others, what the engine's type holds
_RANGES: Mapping[str, tuple[int, int]] = {
    "num_ctx": (1, _INT_LIMIT),
    "num_batch": (1, _INT_LIMIT),
    "num_thread": (0, _THREADS),
    "seed": (-1, 2**32 - 2),  # llama.cpp takes 2^32-1 for "choose one"
    "repeat_last_n": (-1, _INT_LIMIT),
}


@dataclass(frozen=True)
class Options:
    """Checked options, defaults filled in.

    Attributes
    ----------
    sampling
        Fields of llama.cpp's ``/completion``.
    num_ctx
        Tokens of context, None for the server's default.
    num_batch
        Prompt tokens evaluated in one go, None for the server's default.
    num_thread
        Threads, None for the server's default.
    num_predict
        Tokens to generate at most, None for as many as the context holds.
    """

    sampling: Mapping[str, Any]
    num_ctx: int | None
    num_batch: int | None
    num_thread: int | None
    num_predict: int | None


def check(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Options:
    """Check a request's options.

    Parameters
    ----------
    given
        What the caller sent; None values count as not sent, as in Ollama.
    defaults
        The model's own parameters; the caller's win.

    Raises
    ------
    OptionError
        An unknown option, one that would be ignored, or a wrong type or value.
    """
    values = {**defaults, **{name: v for name, v in given.items() if v is not None}}
    checked = {name: _value(name, value) for name, value in values.items()}
    sampling = {
        engine_name: checked.get(name, default)
        for name, (_, default, engine_name) in SAMPLING.items()
    }
    limit = sampling.pop("n_predict")
    if sampling["seed"] >= 0:  # a cached prompt can change the answer
        sampling["cache_prompt"] = False
    return Options(
        sampling=sampling,
        num_ctx=checked.get("num_ctx"),
        num_batch=checked.get("num_batch"),
        num_thread=checked.get("num_thread") or None,
        num_predict=limit if limit > 0 else None,
    )


def _value(name: str, value: Any) -> Any:
    if name in IGNORED:
        raise OptionError(f'option "{name}" has no effect here: {IGNORED[name]}')
    if name not in HONOURED:
        known = did_you_mean(short(name), HONOURED)
        raise OptionError(f'unknown option "{short(name)}": {known}')
    kind = SAMPLING[name][0] if name in SAMPLING else int
    if kind is list:
        return _strings(name, value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise OptionError(f'option "{name}" must be of type {_TYPE_NAMES[kind]}')
    if not abs(value) <= _FLOAT_LIMIT or (kind is int and value != int(value)):
        raise OptionError(f'option "{name}" must be of type {_TYPE_NAMES[kind]}')
    return _in_range(name, kind(value))


def _strings(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise OptionError(f'option "{name}" must be of type array')
    if not all(isinstance(item, str) for item in value):
        raise OptionError(f'option "{name}" must be of an array of strings')
    # the engine looks for each of them after each token
    if len(value) > _STOPS or sum(map(len, value)) > _STOP_LENGTH:
        raise OptionError(
            f'option "{name}" has {len(value)} strings of {sum(map(len, value))} characters; '
            f"the most is {_STOPS} of {_STOP_LENGTH} together"
        )
    return value


def _in_range(name: str, value: Any) -> Any:
    limit = _FLOAT_LIMIT if isinstance(value, float) else _INT_LIMIT
    least, most = _RANGES.get(name, (-limit, limit))
    if value < least:
        raise OptionError(f'option "{name}" is {value}; the least is {least}')
    if value > most:
        raise OptionError(f'option "{name}" is {value}; the greatest is {most}')
    if name == "num_gpu" and value > 0:
        raise OptionError(f'option "num_gpu" is {value}, but this server computes on the CPU')
    return value


def usable_threads() -> int:
    """Return how many threads to compute with: the processors that this process may use.

    -1 (the engine's own choice, the physical cores) unless the scheduler's mask or a container's
    quota (source: Linux, cgroup-v2, cpu.max) leaves fewer than the machine has.
    """
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            usable = min(usable, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return usable if usable < total else -1
