"""The doctor: what it sees, told by stand-in programs on PATH, and what it never says."""

from __future__ import annotations

import json
import os
import shutil
import socket
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.folders import service_folder
from support.git_server import GitServer, make_repository, redirect
from support.scripted_ollama import ScriptedOllama

from mc_jupyter.doctor import Check, Probe, auto_words, check, engines, examine, machine
from mc_jupyter.doctor.clean import cleaner
from mc_jupyter.errors import EmbeddedMissingError, EngineUnavailableError, NativeMissingError
from mc_jupyter.events import Event, silent
from mc_jupyter.meter import size_text
from mc_jupyter.notebook import doctor as front
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.base import Condition, Spec
from mc_jupyter.runtimes.compose import detect
from mc_jupyter.settings import Settings

Programs = Callable[..., None]

GGUF = Path(__file__).parent.parent / "data" / "gguf"
ADDRESS = "unix:///var/run/docker.sock"
INFO = {
    "ServerVersion": "28.2.2",
    "Name": socket.gethostname(),
    "OperatingSystem": "Debian GNU/Linux 12",
    "Runtimes": {"runc": {}},
    "DockerRootDir": "/no/such/folder",
    "Architecture": "x86_64",
    "ClientInfo": {"Plugins": [{"Name": "compose", "Version": "v2.40.3"}]},
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Put programs on a PATH that holds nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    def put(**scripts: str) -> None:
        for name, body in scripts.items():
            path = folder / name.replace("_", "-")
            path.write_text("#!/bin/sh\n" + textwrap.dedent(body))
            path.chmod(0o755)

    return put


def docker(info: object = INFO, host: str = ADDRESS) -> str:
    """A `docker` that answers `context inspect` and `info`."""
    said = info if isinstance(info, str) else f"echo '{json.dumps(info)}'"
    return f"""
        case "$1" in
        context) echo '{{"docker":{{"Host":"{host}"}}}}';;
        info) {said};;
        *) exit 1;;
        esac
    """


def rows(checks: list[Check]) -> dict[str, Check]:
    found = {check.what: check for check in checks}
    assert len(found) == len(checks), "each thing once"
    return found


# Docker -------------------------------------------------------------------------------------------


def test_an_engine_with_compose(programs: Programs) -> None:
    programs(docker=docker())
    seen = rows(engines.docker())
    assert list(seen) == ["Docker engine", "Compose", "GPU", "Docker's disk"]
    assert seen["Docker engine"].verdict == "ok"
    assert seen["Docker engine"].fact.startswith(f"28.2.2 at {ADDRESS}, Debian GNU/Linux 12")
    assert seen["Docker engine"].offers == "docker"
    assert seen["Compose"].fact == "2.40.3 (docker compose)"
    assert seen["GPU"].verdict == "absent"
    assert "not known" in seen["Docker's disk"].fact


def test_no_docker_program(programs: Programs) -> None:
    programs()
    seen = rows(engines.docker())
    assert seen["Docker engine"].verdict == "absent"
    assert "there is no docker program on PATH" in seen["Docker engine"].fact
    assert "%mc load http://HOST:PORT" in seen["Docker engine"].next
    assert "Compose" not in seen


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("echo 'permission denied while trying to connect' >&2; exit 1", "no permission"),
        ("echo 'Cannot connect to the Docker daemon at x.' >&2; exit 1", "no Docker engine"),
        ("exec /bin/sleep 60", "does not answer"),
    ],
)
def test_an_engine_in_trouble(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, said: str, fact: str
) -> None:
    monkeypatch.setattr(detect, "ENGINE_LIMIT", 0.3)
    programs(docker=docker(said))
    engine = rows(engines.docker())["Docker engine"]
    assert engine.verdict == "problem"
    assert fact in engine.fact
    assert "sudo" in engine.next
    assert not engine.offers


def test_an_engine_without_compose_is_ok_itself_and_offers_nothing(programs: Programs) -> None:
    programs(docker=docker(INFO | {"ClientInfo": {"Plugins": []}}))
    seen = rows(engines.docker())
    assert seen["Docker engine"].verdict == "ok"
    assert seen["Compose"].verdict == "problem"
    assert "docker-compose-plugin" in seen["Compose"].next
    assert not any(check.offers for check in seen.values())


def test_an_engine_outside_of_this_container(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    programs(docker=docker(INFO | {"Name": "the-node"}))
    seen = rows(engines.docker())
    assert seen["Docker engine"].verdict == "problem"
    assert "inside a container" in seen["Docker engine"].fact


def test_gpus(programs: Programs) -> None:
    with_runtime = docker(INFO | {"Runtimes": {"runc": {}, "nvidia": {}}})
    programs(docker=with_runtime)
    assert rows(engines.docker())["GPU"].verdict == "ok"
    programs(docker=docker(), nvidia_smi="exit 0")
    gpu = rows(engines.docker())["GPU"]
    assert gpu.verdict == "warning"
    assert "NVIDIA Container Toolkit" in gpu.next


# native and embedded ------------------------------------------------------------------------------


def test_native(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(engines, "LOCAL_OLLAMA", f"http://127.0.0.1:{taken.getsockname()[1]}")
        programs()
        (nothing,) = engines.native()
        assert (nothing.verdict, nothing.offers) == ("absent", "")
        programs(ollama="echo 'Warning: could not connect'; echo 'client version is 0.12.3'")
        (stopped,) = engines.native()
    assert (stopped.verdict, stopped.offers) == ("ok", "native")
    assert stopped.fact == "the program on PATH is 0.12.3, none runs"
    assert stopped.next == "%mc load ollama --runtime native --start"
    with ScriptedOllama() as server:
        monkeypatch.setattr(engines, "LOCAL_OLLAMA", server.url)
        (running,) = engines.native()
    assert (running.verdict, running.offers) == ("ok", "native")
    assert running.fact.startswith("0.33.0-scripted answers on 127.0.0.1:")


def test_a_program_that_hangs_is_not_waited_for(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_PROGRAM_LIMIT_S", 0.3)
    programs(ollama="exec /bin/sleep 60")
    began = time.monotonic()
    assert "says no version" in engines.native()[0].fact
    assert time.monotonic() - began < 5


def test_embedded(tmp_path: Path, mc_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (seen,) = engines.embedded(Settings())
    assert (seen.verdict, seen.offers) == ("ok", "embedded")
    assert "fetched at its first use (93 MB)" in seen.fact
    for name in ("fine", "pointer", "page", "lora-adapter", "tiny-00001-of-00002"):
        shutil.copy(GGUF / f"{name}.gguf", tmp_path)
    monkeypatch.setenv("MC_JUPYTER_MODELS", str(tmp_path))
    fine = size_text((GGUF / "fine.gguf").stat().st_size)
    assert f"here: fine ({fine})" == engines.embedded(Settings())[0].fact.split("; ")[1]
    shutil.copy(GGUF / "tiny-00002-of-00002.gguf", tmp_path)
    assert f"here: fine ({fine}), tiny (" in engines.embedded(Settings())[0].fact
    weights = mc_home / "cache" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    weights.parent.mkdir(parents=True)
    shutil.copy(GGUF / "fine.gguf", weights)
    assert f"smollm2:135m ({fine})" in engines.embedded(Settings())[0].fact


# the way to GitHub --------------------------------------------------------------------------------


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as server:
        for name, value in redirect(server.url).items():
            monkeypatch.setenv(name, value)
        yield server


def test_github_answers_and_nothing_is_fetched(github: GitServer) -> None:
    make_repository(github.repository("MediaConduit/ollama-service"))
    (seen,) = machine.github()
    assert seen.verdict == "ok", seen
    assert "git reads github:MediaConduit/ollama-service" in seen.fact
    assert all("git-upload-pack" in request for request in github.requests)
    assert len(github.requests) <= 2


def test_a_repository_that_is_gone(github: GitServer) -> None:
    (seen,) = machine.github()
    assert seen.verdict == "problem"
    assert "no such repository" in seen.fact


def test_github_that_says_nothing(github: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_GIT_CLOCK_S", 0.5)
    github.silent_on = "info/refs"
    began = time.monotonic()
    (seen,) = machine.github()
    assert time.monotonic() - began < 5
    assert seen.verdict == "problem"
    assert "no answer for 0.5 s" in seen.fact
    assert "%mc load ollama" in seen.next


def test_a_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("https_proxy", f"http://bob:hunter22@127.0.0.1:{taken.getsockname()[1]}")
        (seen,) = machine.github()
    assert seen.verdict == "problem"
    assert "could not be reached" in seen.fact


def test_no_git(programs: Programs) -> None:
    programs()
    (seen,) = machine.github()
    assert seen.verdict == "problem"
    assert "no git program" in seen.fact


# the rest of the machine --------------------------------------------------------------------------


def test_disk_and_memory_have_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    (disk,) = machine.disk(Settings())
    assert disk.fact.split()[1:3] in (["GB", "free"], ["MB", "free"], ["TB", "free"])
    (memory,) = machine.memory_and_cores()
    assert "GB free" in memory.fact
    assert "cores" in memory.fact
    monkeypatch.setattr(machine, "_LITTLE_DISK", 10**18)
    monkeypatch.setattr(machine, "_LITTLE_MEMORY", 10**18)
    assert machine.disk(Settings())[0].verdict == "warning"
    assert "%ollama stop" in machine.memory_and_cores()[0].next


def test_settings_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_JUPYTER_MAX_DOWNLOAD", "2GB")
    monkeypatch.setenv("OLLAMA_HOST", "http://u:secret99@there")
    settings = Settings({"runtime": "native"})
    (seen,) = machine.settings_in_force(settings)
    assert "runtime native (%config McJupyter.runtime)" in seen.fact
    assert "render live (default)" in seen.fact
    assert "max_download 2.0 GB (MC_JUPYTER_MAX_DOWNLOAD)" in seen.fact
    assert "OLLAMA_HOST" in seen.fact
    assert "there" not in seen.fact
    monkeypatch.setenv("MC_JUPYTER_MAX_DOWNLOAD", "much")
    (wrong,) = machine.settings_in_force(settings)
    assert wrong.verdict == "problem"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("COLAB_RELEASE_TAG", "Colab"),
        ("VSCODE_PID", "VS Code, or"),
        ("JPY_SESSION_NAME", "cannot tell which"),
        ("NONE_OF_THEM", "without a Jupyter server's marks"),
        ("BINDER_LAUNCH_HOST", "on Binder"),
    ],
)
def test_the_front_end_as_far_as_a_kernel_knows(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    for known in ("COLAB_RELEASE_TAG", "VSCODE_PID", "VSCODE_CWD", "JPY_SESSION_NAME"):
        monkeypatch.delenv(known, raising=False)
    monkeypatch.setenv(name, "1")
    assert words in front.front_end(True)[0].fact
    assert "terminal" in front.front_end(False)[0].fact


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ("6.29.5", "when the running cell ends"),
        ("7.1.0", "not known"),
        ("7.3.0", "at once"),
        ("7.4.0", "when the running cell ends"),
        (None, "not known"),
    ],
)
def test_when_clicks_arrive(kernel: str | None, words: str) -> None:
    assert words in front._clicks(kernel)


# the whole ----------------------------------------------------------------------------------------


def test_looks_run_at_once_keep_their_order_and_end_at_their_limit() -> None:
    release, said = threading.Event(), list[Event]()
    both = threading.Barrier(2, timeout=5)

    def meet() -> list[Check]:
        both.wait()  # passes only when the other look runs, too
        return [Check("met", "ok", "")]

    def fall() -> list[Check]:
        raise ValueError("a hole")

    def hang() -> list[Check]:
        release.wait(30)
        return [Check("hangs", "ok", "too late")]

    began = time.monotonic()
    probes = [
        Probe("hangs", hang, 1.5, "%mc next"),
        Probe("falls", fall),
        Probe("1", meet),
        Probe("2", meet),
    ]
    seen = check.look_at_all(probes, said.append)
    release.set()
    assert 1.5 <= time.monotonic() - began < 4
    assert [(row.what, row.verdict) for row in seen] == [
        ("hangs", "problem"),
        ("falls", "problem"),
        ("met", "ok"),
        ("met", "ok"),
    ]
    assert seen[0].fact == "no answer within 1.5 s"
    assert seen[0].next == "%mc next"
    assert "ValueError: a hole" in seen[1].fact
    assert said
    assert said[0].text == "looking at hangs"


PLANTED = {
    "HOME": "/srv/people/alice.smith",
    "USER": "alice.smith",
    "GITHUB_TOKEN": "ghp_planted0001",
    "MY_API_KEY": "planted-key-0002",
    "DB_PASSWORD": "planted0003",
    "https_proxy": "http://carol:planted%400004@proxy.example:3128",
    "ALL_PROXY": "dave:planted0005@proxy.example:1080",
    "OPENAI_API_KEY": "ollama",
}


@pytest.mark.parametrize(
    "text",
    [
        "cannot use http://carol:planted%400004@proxy.example:3128/ as proxy",
        "the password planted@0004 was refused",
        "proxy dave:planted0005@proxy.example:1080 refused",
        "fatal: https://x-access-token:ghp_planted0001@github.com/a/b failed",
        "https://ghp_planted0001@github.com/a/b",
        "header planted-key-0002, planted0003",
        "https://host/path?token=planted0006&x=planted0007",
        "ssh://alice.smith@server and alice.smith:planted0008@server:22",
        "/srv/people/alice.smith/data/x and /srv/people/alice.smith",
        "/data/alice.smith/x, /home/planted0009/x and /Users/planted0010",
    ],
)
def test_what_is_nobody_else_s_business_is_taken_out(text: str) -> None:
    cleaned = cleaner(PLANTED)(text)
    assert "planted" not in cleaned
    assert "alice" not in cleaned
    assert "carol" not in cleaned
    assert "dave" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "28.2.2 at unix:///var/run/docker.sock, Debian GNU/Linux 12 (bookworm), x86_64",
        "nothing answers on 127.0.0.1:11434, no program on PATH",
        "%mc load http://HOST:11434   (an Ollama that runs elsewhere)",
        "%mc load ollama --runtime native --start",
        "git reads github:MediaConduit/ollama-service@v1 (0.4 s): ok",
        "79.4 GB free at /var/lib/docker; /srv/people/alice.smithers",
    ],
)
def test_and_nothing_else(text: str) -> None:
    assert cleaner(PLANTED)(text) == text


def test_home_is_a_tilde() -> None:
    assert cleaner(PLANTED)("free at /srv/people/alice.smith/.cache") == "free at ~/.cache"


def test_an_examination_changes_nothing(
    programs: Programs, mc_home: Path, github: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs()
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/bin:/bin")
    programs(docker=docker())
    registry, before = ServiceRegistry(), threading.active_count()
    checks = examine(registry, report=silent)
    assert list(mc_home.iterdir()) == []
    assert registry.services() == []
    assert [row.what for row in checks] == [
        "Docker engine",
        "Compose",
        "GPU",
        "Docker's disk",
        "native Ollama",
        "embedded engine",
        "GitHub",
        "disk",
        "memory",
        "settings",
        "versions",
        "system",
    ]
    assert auto_words(checks, registry.settings) == "auto would use: docker"
    assert threading.active_count() <= before + 1


# auto ---------------------------------------------------------------------------------------------


class StandIn:
    """A runtime that is there or not, and starts nothing."""

    def __init__(self, name: str, is_there: bool, error: Exception) -> None:
        self.name, self._is_there, self._error = name, is_there, error

    def check(self) -> None:
        if not self._is_there:
            raise self._error

    def start(self, spec: Spec, report: object) -> Condition:
        self.check()
        return Condition("running", url="http://127.0.0.1:1")


@pytest.mark.parametrize("there", [(d, n, e) for d in (0, 1) for n in (0, 1) for e in (0, 1)])
def test_auto_is_told_as_the_real_rule_has_it(tmp_path: Path, there: tuple[int, int, int]) -> None:
    from mc_jupyter import placement

    names = ("docker", "native", "embedded")
    errors = (EngineUnavailableError, NativeMissingError, EmbeddedMissingError)
    runtimes = {
        name: StandIn(name, bool(is_there), error(f"no {name}"))
        for name, is_there, error in zip(names, there, errors, strict=True)
    }
    service = ServiceRegistry().get_service(str(service_folder(tmp_path)))
    spec = service.placement.spec
    placed = placement.Placement("auto", spec, lambda name: runtimes[name])  # type: ignore[arg-type,return-value]
    try:
        chosen = placement.choose(placed, spec, silent)[0].name
    except EngineUnavailableError:
        chosen = "nothing"
    checks = [
        Check("Docker engine", "ok" if there[0] else "absent", "the docker fact"),
        *(
            Check(name, "ok", "", offers=name)
            for name, is_there in zip(names, there, strict=True)
            if is_there
        ),
    ]
    words = auto_words(checks, Settings())
    if chosen == "nothing":
        assert words.startswith("auto would find nothing here")
    else:
        assert words.startswith(f"auto would use: {chosen}")
    assert ("(the docker fact)" in words) == (chosen != "docker")


def test_auto_where_the_settings_say_otherwise() -> None:
    checks = [Check("Docker engine", "ok", "", offers="docker")]
    settings = Settings({"runtime": "embedded", "max_download": "0"})
    words = auto_words(checks, settings)
    assert words.endswith("the download limit is 0; but the setting is embedded")
