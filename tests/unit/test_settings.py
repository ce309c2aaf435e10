from __future__ import annotations

from pathlib import Path

import pytest

from mc_jupyter.errors import ArgumentError
from mc_jupyter.settings import Settings, parse_size


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
