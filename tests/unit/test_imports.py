from __future__ import annotations

import json
import subprocess
import sys

HEAVY = [
    "IPython",
    "docker",
    "git",
    "httpx",
    "ipywidgets",
    "pandas",
    "tornado",
    "xllamacpp",
    "yaml",
]


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import mc_jupyter, sys, json; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(_run(code)))
    assert [name for name in HEAVY if name in loaded] == []


def test_registry_is_the_instance_under_every_spelling() -> None:
    code = (
        "import mc_jupyter.registry; from mc_jupyter.registry import ServiceRegistry\n"
        "import mc_jupyter; print(type(mc_jupyter.registry).__name__)\n"
        "import importlib; before = mc_jupyter.registry; importlib.reload(mc_jupyter)\n"
        "print(mc_jupyter.registry is before, isinstance(before, ServiceRegistry))"
    )
    assert _run(code).split() == ["ServiceRegistry", "True", "True"]
