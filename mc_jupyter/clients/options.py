"""What a request to Ollama may hold, checked before it is sent.

The server ignores an option that it does not know (a line in its log is all), so names are
checked here, against the fields of its ``api.Options`` struct.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from .. import paths
from ..errors import OptionError, did_you_mean

_NUMBERS = frozenset(
    (
        "temperature",
        "top_p",
        "min_p",
        "typical_p",
        "repeat_penalty",
        "presence_penalty",
        "frequency_penalty",
    )
)
_WHOLE = frozenset(
    (
        "num_keep",
        "seed",
        "num_predict",
        "top_k",
        "repeat_last_n",
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "num_thread",
        "draft_num_predict",
    )
)
OPTIONS: frozenset[str] = _NUMBERS | _WHOLE | {"stop", "use_mmap"}

_ELSEWHERE = {  # what other tools call it
    "max_tokens": "num_predict",
    "max_new_tokens": "num_predict",
    "n_predict": "num_predict",
    "n_ctx": "num_ctx",
    "context_length": "num_ctx",
    "n_gpu_layers": "num_gpu",
    "repetition_penalty": "repeat_penalty",
    "stop_sequences": "stop",
}
_ARGUMENTS = ("format", "images", "keep_alive", "model", "prompt", "system", "think", "tools")
THINK_LEVELS = ("low", "medium", "high", "max")


def check_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options as they go on the wire.

    Parameters
    ----------
    options
        By name. `stop` may be one text; numbers of numpy are taken as numbers.

    Raises
    ------
    OptionError
        For a name that the server does not know, or a value of the wrong type.
    """
    return {name: _value(name, value) for name, value in (options or {}).items()}


def _value(name: str, value: Any) -> Any:
    number = _number(value)
    if number is not None and name in _NUMBERS:
        return number
    if number is not None and name in _WHOLE and number == int(number):
        return int(number)
    if name == "use_mmap" and isinstance(value, bool):
        return value
    if name == "stop":
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts):
            return list(texts)
    if name not in OPTIONS:
        raise OptionError(f"{name!r} is not an option of Ollama", _advice(name))
    wanted = {"stop": "a text or a list of texts", "use_mmap": "True or False"}.get(
        name, "a number" if name in _NUMBERS else "a whole number"
    )
    raise OptionError(f"option {name} must be {wanted}, not {value!r} ({type(value).__name__})")


def _number(value: Any) -> int | float | None:
    """The value as a plain finite number, numpy's too; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return int(value)
    return float(value) if math.isfinite(value) else None


def _advice(name: str) -> str:
    if name in _ARGUMENTS:
        return f"{name} is an argument of its own, not one of the options"
    meant = _ELSEWHERE.get(name.lower())
    return f"did you mean {meant!r}?" if meant else did_you_mean(name, OPTIONS)


def check_think(think: bool | str | None) -> None:
    """Raise OptionError for a `think` that the server would refuse."""
    if think is None or isinstance(think, bool) or think in THINK_LEVELS:
        return
    raise OptionError(
        f"think is {think!r}", f"accepted: True, False, {', '.join(map(repr, THINK_LEVELS))}"
    )


def check_format(format: str | Mapping[str, Any] | None) -> None:
    """Raise OptionError for a `format` that is neither ``"json"`` nor a JSON schema."""
    if format is None or format == "json" or isinstance(format, Mapping):
        return
    raise OptionError(f"format is {format!r:.60}", 'accepted: "json", or a JSON schema as a dict')


def encode_images(images: Sequence[bytes | Path]) -> list[str]:
    """Return images as base64 texts.

    Parameters
    ----------
    images
        The bytes of image files, or their paths. A text is refused: it could be a path that
        somebody else wrote into a prompt.

    Raises
    ------
    OptionError
        For anything else, or a file that cannot be read.
    """
    if isinstance(images, bytes | str | Path):
        raise OptionError("images is one image", "give a list of them: images=[Path('cat.png')]")
    encoded = []
    for image in images:
        if not isinstance(image, bytes | bytearray | Path):
            raise OptionError(
                f"an image is {image!r:.60} ({type(image).__name__})",
                "accepted: bytes, or a file's path as pathlib.Path('cat.png')",
            )
        data = _read(image) if isinstance(image, Path) else image
        encoded.append(base64.b64encode(data).decode("ascii"))
    return encoded


def _read(path: Path) -> bytes:
    try:
        return paths.read(path)
    except OSError as error:
        raise OptionError(f"image {path} cannot be read: {error.strerror}") from error


def model_of(model: str) -> str:
    """Return a model's name, stripped; raise OptionError where there is none."""
    if not isinstance(model, str) or not model.strip():
        raise OptionError(f"model is {model!r}", "name one, like llama3.2:1b")
    return model.strip()


def request_body(
    model: str,
    options: Mapping[str, Any] | None,
    format: str | Mapping[str, Any] | None,
    think: bool | str | None,
    keep_alive: float | str | None,
    truncate: bool | None = None,
) -> dict[str, Any]:
    """Return what ``/api/chat`` and ``/api/generate`` share, checked.

    Parameters
    ----------
    model, options, format, think, keep_alive, truncate
        As in :meth:`OllamaClient.chat`; what is None is left out.
    """
    check_format(format)
    check_think(think)
    fields = {
        "options": check_options(options) or None,
        "format": dict(format) if isinstance(format, Mapping) else format,
        "think": think,
        "keep_alive": keep_alive,
        "truncate": truncate,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return {"model": model_of(model), "stream": True, **given}
