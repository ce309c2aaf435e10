"""What is there and what is missing, told by stand-in `docker` programs on PATH."""

from __future__ import annotations

import json
import socket
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mc_jupyter.errors import EngineUnavailableError
from mc_jupyter.runtimes.compose import ComposeRuntime, detect
from mc_jupyter.runtimes.compose.inside import runs_inside_container

Programs = Callable[..., None]

CONTEXT = '{"docker":{"Host":"unix:///var/run/docker.sock","SkipTLSVerify":false}}'
INFO = {
    "ServerVersion": "28.2.2",
    "Name": socket.gethostname(),
    "Runtimes": {"runc": {}},
    "DockerRootDir": "/var/lib/docker",
    "Architecture": "x86_64",
    "ClientInfo": {"Plugins": [{"Name": "compose", "Version": "v2.40.3"}]},
}
NO_PLUGIN = INFO | {"ClientInfo": {"Plugins": []}}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Put programs on a PATH that holds nothing else: ``programs(docker="sh lines", ...)``."""
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


def docker(info: object = INFO, compose: str = "exit 1", context: str = CONTEXT) -> str:
    """A `docker` that answers `context inspect`, `info` and `compose version`."""
    said = info if isinstance(info, str) else f"echo '{json.dumps(info)}'"
    return f"""
        case "$1" in
        context) echo '{context}';;
        info) {said};;
        compose) {compose};;
        *) exit 1;;
        esac
    """


def refusal() -> EngineUnavailableError:
    with pytest.raises(EngineUnavailableError) as caught:
        ComposeRuntime().check()
    assert len(str(caught.value).splitlines()) == 2, "one line, and one with the next step"
    return caught.value


def test_all_is_there(programs: Programs) -> None:
    programs(docker=docker())
    tools = detect.detect()
    assert tools.compose == (tools.docker, "compose")
    assert tools.compose_version == (2, 40, 3)
    assert tools.engine_version == (28, 2, 2)
    assert tools.address == "unix:///var/run/docker.sock"
    assert not tools.nvidia


def test_a_success_is_kept_and_a_failure_is_not(programs: Programs) -> None:
    runtime = ComposeRuntime()
    programs(docker=docker(NO_PLUGIN))
    with pytest.raises(EngineUnavailableError):
        runtime.check()
    programs(docker=docker())
    runtime.check()
    programs(docker="exit 1")
    runtime.check()


def test_no_docker_program(programs: Programs) -> None:
    error = refusal()
    assert error.message == "there is no docker program on PATH"
    assert "%mc load http://HOST:PORT" in str(error.hint)


@pytest.mark.parametrize(
    "said",
    [
        "echo 'Cannot connect to the Docker daemon at unix:///x. Is it running?' >&2; exit 1",
        """echo '{"ServerErrors":["Cannot connect to the Docker daemon at unix:///x."]}'""",
    ],
)
def test_no_engine(programs: Programs, said: str) -> None:
    programs(docker=docker(said))
    error = refusal()
    assert error.message.startswith("no Docker engine answers at unix:///var/run/docker.sock: ")
    assert "sudo systemctl start docker" in str(error.hint)


def test_no_permission(programs: Programs) -> None:
    programs(docker=docker("echo 'permission denied while trying to connect' >&2; exit 1"))
    error = refusal()
    assert "no permission" in error.message
    assert "usermod -aG docker" in str(error.hint)


@pytest.mark.parametrize(
    "said",
    [
        "echo 'docker: unknown command: docker compose' >&2; exit 1",
        "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1",
    ],
)
def test_an_engine_without_compose(programs: Programs, said: str) -> None:
    programs(docker=docker(NO_PLUGIN, said))
    error = refusal()
    assert error.message == "Docker answers, but Compose is not installed"
    assert "docker-compose-plugin" in str(error.hint)


def test_compose_v1(programs: Programs) -> None:
    programs(docker=docker(NO_PLUGIN), docker_compose="echo 1.29.2")
    assert refusal().message == "Compose 1.29.2 is too old: 2.20 or newer is needed"


def test_an_early_v2(programs: Programs) -> None:
    old = {"Plugins": [{"Name": "compose", "Version": "v2.6.0"}]}
    programs(docker=docker(INFO | {"ClientInfo": old}))
    assert refusal().message == "Compose 2.6.0 is too old: 2.20 or newer is needed"


def test_v5_follows_v2(programs: Programs) -> None:
    new = {"Plugins": [{"Name": "compose", "Version": "v5.0.0"}]}
    programs(docker=docker(INFO | {"ClientInfo": new}))
    assert detect.detect().compose_version == (5, 0, 0)


def test_a_plugin_that_the_cli_does_not_list(programs: Programs) -> None:
    programs(docker=docker(NO_PLUGIN, "echo 2.34.0"))
    assert detect.detect().compose_version == (2, 34, 0)


def test_a_broken_plugin_and_a_standalone_program(programs: Programs) -> None:
    broken = {"Plugins": [{"Name": "compose", "Version": "v2.40.3", "Err": "no such file"}]}
    programs(docker=docker(INFO | {"ClientInfo": broken}), docker_compose="echo 2.21.0")
    tools = detect.detect()
    assert tools.compose[0].endswith("/docker-compose")
    assert tools.compose_version == (2, 21, 0)


def test_a_hung_engine(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "ENGINE_LIMIT", 0.3)
    programs(docker=docker("exec /bin/sleep 60"))
    began = time.monotonic()
    error = refusal()
    assert time.monotonic() - began < 3
    assert "does not answer" in error.message
    assert "sudo systemctl restart docker" in str(error.hint)


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2376", "ssh://me@server"])
def test_a_remote_context(programs: Programs, host: str) -> None:
    programs(docker=docker(context=f'{{"docker":{{"Host":"{host}"}}}}'))
    error = refusal()
    assert f"remote ({host})" in error.message
    assert "docker context use default" in str(error.hint)


def test_a_context_that_is_gone(programs: Programs) -> None:
    programs(docker='[ "$1" = context ] && echo "context \\"x\\": not found" >&2; exit 1')
    error = refusal()
    assert 'context "x": not found' in error.message


def test_podman_under_docker_s_name(programs: Programs) -> None:
    programs(docker=docker({"host": {"arch": "amd64"}, "version": {"Version": "5.0"}}))
    assert "Podman" in refusal().message


def test_a_container_with_its_host_s_engine(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    programs(docker=docker(INFO | {"Name": "the-node"}))
    assert "inside a container" in refusal().message
    assert not runs_inside_container(socket.gethostname(), lambda own: False)


def test_nothing_that_answers_at_all(programs: Programs) -> None:
    programs(docker="exit 7")
    assert "no usable context: exit status 7" in refusal().message


def test_an_answer_that_is_no_json(programs: Programs) -> None:
    programs(docker=docker("echo '<html>'"))
    assert "no Docker engine answers" in refusal().message


def test_a_program_that_cannot_be_run(programs: Programs, tmp_path: Path) -> None:
    programs(docker="")
    (tmp_path / "bin" / "docker").write_text("#!/no/such/interpreter\n")
    assert "cannot be run" in refusal().message


def test_children_get_a_small_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("COMPOSE_FILE", "/etc/evil.yml")
    environment = detect.environment()
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert "COMPOSE_FILE" not in environment
    assert environment["COMPOSE_EXPERIMENTAL_GIT_REMOTE"] == "false"
