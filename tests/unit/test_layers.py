"""The house as docs/architecture.md draws it: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import mc_jupyter

ROOT = Path(mc_jupyter.__file__).parent
RANK = {
    "control_characters": 0,
    "errors": 0,
    "cancel": 0,
    "events": 0,
    "meter": 0,
    "paths": 0,
    "sockets": 0,
    "urls": 0,
    "embedded": 0,
    "bundled": 0,
    "capabilities": 1,
    "html": 1,
    "manifest": 1,
    "manifest_node": 1,
    "settings": 1,
    "hosts": 1,
    "sources": 2,
    "runtimes": 2,
    "clients": 2,
    "addresses": 3,
    "capable": 3,
    "handles": 3,
    "doctor": 3,
    "operation": 3,
    "placement": 3,
    "records": 3,
    "requirements": 3,
    "room": 3,
    "service": 3,
    "talk": 3,
    "registry": 3,
    "prompting": 3,
    "watching": 3,
    "lab": 4,
    "notebook": 5,
    "__init__": 5,
}
DRAWERS = {"sources", "runtimes", "clients", "embedded"}
HOMES = {
    "IPython": ("notebook/",),
    "ipywidgets": ("notebook/",),
    "traitlets": ("notebook/",),
    "docker": ("runtimes/compose/engine.py",),
    "git": ("sources/git.py",),
    "httpx": ("hosts.py", "clients/http.py", "runtimes/health.py"),
    "yaml": ("manifest.py", "manifest_node.py", "runtimes/compose/tree.py"),
    "publicsuffixlist": ("runtimes/compose/hosts.py",),
    "soundfile": ("clients/soundfiles.py",),
    "numpy": ("clients/sound.py",),
    "pydantic": ("notebook/format.py",),
    "pandas": ("lab/",),
    "markdown_it": ("html/",),
    "markupsafe": ("html/",),
    "nh3": ("html/",),
    "tornado": ("embedded/",),
    "aiohttp": ("bundled/",),
    "xllamacpp": ("embedded/",),
}


def _type_checking_only(tree: ast.Module) -> set[ast.stmt]:
    inside: set[ast.stmt] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            inside.update(n for s in node.body for n in ast.walk(s) if isinstance(n, ast.stmt))
    return inside


def _imports(path: Path, root: Path) -> list[tuple[str, int]]:
    """Absolute names of what a file imports at run time, with lines."""
    tree = ast.parse(path.read_text())
    skipped = _type_checking_only(tree)
    package = ["mc_jupyter", *path.relative_to(root).parts[:-1]]
    names = []
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if node.module:
                names.append((module, node.lineno))
            else:
                names += [(f"{module}.{alias.name}", node.lineno) for alias in node.names]
    return names


def _complaints(path: Path, root: Path = ROOT) -> list[str]:
    relative = path.relative_to(root).as_posix()
    mine = relative.split("/")[0].removesuffix(".py")
    found = []
    for name, line in _imports(path, root):
        where = f"{relative}:{line} imports {name}"
        first, *rest = name.split(".")
        homes = HOMES.get(first)
        if homes and not relative.startswith(homes):
            found.append(f"{where}: its home is {' or '.join(homes)}")
        if first != "mc_jupyter":
            continue
        other = rest[0] if rest else "__init__"
        if other == mine:
            continue
        if other not in RANK:
            found.append(f"{where}: no such module in the drawing")
        elif RANK[other] > RANK[mine]:
            found.append(f"{where}: rank {RANK[mine]} may not import rank {RANK[other]}")
        elif mine in DRAWERS and other in DRAWERS:
            found.append(f"{where}: drawers never import each other")
        elif mine == "bundled":
            found.append(f"{where}: a bundled server runs elsewhere, without us")
        elif mine == "embedded" and other != "errors":
            found.append(f"{where}: the embedded server imports nothing of ours but errors")
    return found


def test_every_import_goes_down() -> None:
    complaints = [c for path in sorted(ROOT.rglob("*.py")) for c in _complaints(path)]
    assert complaints == []


def test_the_check_would_notice(tmp_path: Path) -> None:
    """The test above can fail: a wrong file is complained of."""
    wrong = tmp_path / "sources" / "wrong.py"
    wrong.parent.mkdir()
    wrong.write_text("import docker\nfrom ..registry import registry\nfrom ..clients import http\n")
    assert len(_complaints(wrong, tmp_path)) == 3
