"""Services in the shape of public ones: they run, or are refused exactly where they may not be."""

from __future__ import annotations

import re

import pytest
from support import engine, shapes
from support.engine import Make, ready

from mc_jupyter.errors import PolicyError
from mc_jupyter.events import silent
from mc_jupyter.runtimes.compose import ComposeRuntime

_PLACE = re.compile(r"(?:^docker-compose\.yml: |^  )(\S+) \(", re.MULTILINE)


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_it_runs_or_says_why_not(
    name: str, make: Make, base: str, runtime: ComposeRuntime, request: pytest.FixtureRequest
) -> None:
    shape = shapes.SHAPES[name]
    files = {path: str(text) for path, text in shape.files.items()}
    compose, manifest = files.pop("docker-compose.yml"), files.pop("MediaConduit.service.yml")
    spec = make(compose, manifest, files=files)
    if shape.refused:
        with pytest.raises(PolicyError) as caught:
            runtime.start(spec, silent)
        assert set(_PLACE.findall(caught.value.message)) == shape.refused
        assert engine.containers(spec) == []
        return
    runtime.start(spec, silent)
    ready(runtime, spec)
