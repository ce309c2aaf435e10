from __future__ import annotations

import ast
import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest

import mc_jupyter
from mc_jupyter.errors import ArgumentError
from mc_jupyter.settings import SETTINGS, Bounds, Setting, Settings, parse, parse_size, setting

OURS = re.compile(r"(MC_JUPYTER|OLLAMA)_[A-Z_]+")
OTHERS = {
    "BINDER_",
    "COLAB_RELEASE_TAG",
    "GOMP_SPINCOUNT",
    "JPY_SESSION_NAME",
    "JUPYTERHUB_USER",
    "KUBERNETES_SERVICE_HOST",
    "OMP_WAIT_POLICY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VSCODE_CWD",
    "VSCODE_PID",
}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6GB", 6_000_000_000),
        ("500 MB", 500_000_000),
        ("1.5kb", 1500),
        ("0", 0),
        ("2GiB", 2 * 10**9),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_a_wrong_size_says_what_is_right() -> None:
    with pytest.raises(ArgumentError, match=r"'lots' is not a size\n.*6GB"):
        parse_size("lots")


def test_config_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_JUPYTER_RUNTIME", "docker")
    settings = Settings()
    assert settings.runtime == "docker"
    settings.overrides["runtime"] = "embedded"
    assert settings.runtime == "embedded"


def test_defaults() -> None:
    settings = Settings()
    assert (settings.runtime, settings.render, settings.models) == ("auto", "live", ())
    assert settings.max_download == 6_000_000_000


def test_a_wrong_choice_lists_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_JUPYTER_RUNTIME", "dokcer")
    with pytest.raises(ArgumentError, match="MC_JUPYTER_RUNTIME is 'dokcer'\naccepted: auto"):
        _ = Settings().runtime


def test_home_holds_cache_and_data(mc_home: Path) -> None:
    assert Settings().cache == mc_home / "cache"
    assert Settings().data == mc_home / "data"


def test_without_home_the_users_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MC_JUPYTER_HOME")
    assert Settings().cache.name == "mc-jupyter"
    assert Settings().cache != Settings().data


def test_model_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_JUPYTER_MODELS", "/one:/two:")
    assert Settings().models == (Path("/one"), Path("/two"))


# The table


def _variables(path: Path) -> set[str]:
    """What a file reads of the environment, and every name of ours that it has as a text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and OURS.fullmatch(str(node.value)):
            found.add(str(node.value))
        key: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            name = ast.unparse(node.func)
            if name.endswith(("environ.get", "environ.pop", "environ.setdefault", "getenv")):
                key = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            key = node.slice
        elif isinstance(node, ast.Compare) and "environ" in ast.unparse(node.comparators[0]):
            key = node.left
        if isinstance(key, ast.Constant):
            found.add(str(key.value))
    return found


def test_no_other_variable_is_read() -> None:
    """All of ours are in the table; of others' only those that tell where we are."""
    root = Path(mc_jupyter.__file__).parent
    files = [path for path in sorted(root.rglob("*.py")) if "bundled" not in path.parts]
    read = {name: path.name for path in files for name in _variables(path)}
    known = {each.variable for each in SETTINGS}
    assert {name: file for name, file in read.items() if name not in known | OTHERS} == {}


@pytest.mark.parametrize("each", SETTINGS, ids=lambda each: each.name)
def test_every_setting_is_read(each: Setting) -> None:
    """By a property of that name, or by a program that knows nothing of the table."""
    root = Path(mc_jupyter.__file__).parent
    by_itself = any(
        each.variable in _variables(path)
        for folder in ("embedded", "runtimes", ".")
        for path in (root / folder).glob("*.py")
        if path.name != "settings.py"
    )
    assert hasattr(Settings, each.name) or hasattr(Bounds, each.name) or by_itself


def test_the_look_at_variables_would_notice(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import os\nos.environ['A']\nos.getenv('B')\nos.environ.get('C', '')\n'D' in os.environ\n"
        "NAME = 'MC_JUPYTER_E'\n"
    )
    assert _variables(wrong) == {"A", "B", "C", "D", "MC_JUPYTER_E"}


def test_the_table_is_in_the_documentation() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = runpy.run_path(str(docs / "settings.py"))["page"]
    text = (docs / "settings.md").read_text(encoding="utf-8")
    assert page(text) == text, "run: .venv/bin/python docs/settings.py"


@pytest.mark.parametrize("each", SETTINGS, ids=lambda each: each.name)
def test_a_setting_says_what_it_is(each: Setting) -> None:
    assert each.text.endswith(".")
    assert each.text[0].isupper()
    assert not each.choices or each.default == each.choices[0]
    assert each.variable.startswith(("MC_JUPYTER_", "OLLAMA_"))


def test_config_has_the_settings_of_the_table() -> None:
    from mc_jupyter.notebook.magics import McJupyter

    own = McJupyter.class_own_traits(config=True)
    assert set(own) == {each.name for each in SETTINGS if each.is_config}
    for name, trait in own.items():
        assert setting(name).variable in str(trait.help)


# The bounds


def test_the_bounds_by_default() -> None:
    assert Settings().bounds == Bounds()
    assert vars(Bounds()) == {
        "max_line": 16_000_000,
        "max_answer": 64_000_000,
        "max_reply": 2_000_000_000,
        "max_headers": 64_000,
        "max_depth": 100,
        "max_values": 2_000_000,
    }


@pytest.mark.parametrize("name", [each.name for each in fields(Bounds)])
def test_a_bound_is_read_as_any_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    is_number = setting(name).kind == "number"
    text, other = ("200", "300") if is_number else ("20kB", "30 kB")
    monkeypatch.setenv(setting(name).variable, text)
    assert getattr(settings.bounds, name) == parse(name, text)
    assert settings.origin(name) == setting(name).variable
    settings.overrides[name] = other
    assert getattr(settings.bounds, name) == parse(name, other)
    assert settings.origin(name) == f"%config McJupyter.{name}"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("max_line", "0", "accepted: at least 1 kB"),
        ("max_line", "lots", "is not a size"),
        ("max_line", "-5", "is not a size"),
        ("max_line", "9" * 400, "no size that there is"),
        ("max_headers", "1MB", "accepted: at least 1 kB, at most 100 kB"),
        ("max_depth", "1MB", "accepted: a whole number"),
        ("max_depth", "501", "accepted: at least 1, at most 500"),
        ("max_depth", "²", "accepted: a whole number"),
    ],
)
def test_what_is_no_bound(
    name: str, text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting(name).variable, text)
    with pytest.raises(ArgumentError, match=words) as raised:
        _ = Settings().bounds
    assert len(str(raised.value)) < 300


def test_a_bound_as_an_argument_is_checked() -> None:
    with pytest.raises(ArgumentError, match="max_line is '5'"):
        Bounds(max_line=5)


def test_a_home_that_is_no_folder_of_anybody_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_JUPYTER_HOME", "~nosuchuser/x")
    with pytest.raises(ArgumentError, match="there is no such user"):
        _ = Settings().data
    monkeypatch.setenv("MC_JUPYTER_HOME", "here")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ArgumentError, match="counts from a folder that is gone"):
        _ = Settings().cache


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "GB", "9" * 5000, "1000001TB"])
def test_a_size_beyond_all_disks_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="no size that there is"):
        parse_size(text)
