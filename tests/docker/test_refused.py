"""What reaches the host is refused, as the real Compose reads it; nothing of it ever runs."""

from __future__ import annotations

import pytest
from support import engine, refused
from support.engine import Make, ready

from mc_jupyter.errors import MediaConduitError, PolicyError, StartError
from mc_jupyter.events import silent
from mc_jupyter.runtimes.compose import ComposeRuntime


@pytest.mark.parametrize("case", refused.SERVICE_KEYS)
def test_service_keys(case: str, make: Make, runtime: ComposeRuntime) -> None:
    line, place = refused.SERVICE_KEYS[case]
    spec = make(refused.with_service_key(line))
    if not place:
        with pytest.raises(MediaConduitError) as other:  # our own value stands in its place
            runtime.start(spec, silent)
        assert not isinstance(other.value, PolicyError)
        return
    with pytest.raises((PolicyError, StartError)) as caught:
        runtime.start(spec, silent)
    assert place in caught.value.message
    if isinstance(caught.value, StartError):  # a key that this Compose does not know at all
        assert "additional propert" in caught.value.message
    else:
        assert caught.value.message.startswith("docker-compose.yml")
        assert "not allowed" in caught.value.message
    assert engine.containers(spec) == []


@pytest.mark.parametrize("case", refused.TOP_LEVEL)
def test_top_level(case: str, make: Make, runtime: ComposeRuntime) -> None:
    text, place = refused.TOP_LEVEL[case]
    spec = make(refused.with_top_level(text))
    with pytest.raises((PolicyError, StartError)) as caught:
        runtime.start(spec, silent)
    assert place in caught.value.message
    assert "docker-compose.yml" in caught.value.message
    assert engine.containers(spec) == []


def test_a_provider_never_runs(make: Make, runtime: ComposeRuntime, tmp_path: object) -> None:
    spec = make(
        "services:\n  web:\n    provider: {type: ./evil.sh}\n",
        files={"evil.sh": f"#!/bin/sh\ntouch {tmp_path}/it-ran\n"},
    )
    assert spec.folder is not None
    (spec.folder / "evil.sh").chmod(0o755)
    with pytest.raises((PolicyError, StartError), match="provider"):
        runtime.start(spec, silent)
    runtime.stop(spec)
    assert not (spec.folder.parent / "it-ran").exists()


def test_a_link_out_of_the_repository(make: Make, runtime: ComposeRuntime) -> None:
    spec = make('services: {web: {image: "x:1", volumes: ["./data:/h:ro"]}}\n')
    assert spec.folder is not None
    (spec.folder / "data").symlink_to("/")
    with pytest.raises(
        PolicyError, match=r"services.web.volumes\[0\].source .* leads to /, outside"
    ):
        runtime.start(spec, silent)
    (spec.folder / "data").unlink()
    (spec.folder / "data").symlink_to("/etc/no-such-folder")
    with pytest.raises(PolicyError, match="source"):
        runtime.start(spec, silent)


def test_a_link_planted_in_the_data(make: Make, base: str, runtime: ComposeRuntime) -> None:
    """A container writes a link; a later version of the file binds that very place."""
    plants = f"services: {{web: {{image: '{base}', command: ln -s / /d/out, volumes: ['./d:/d']}}}}"
    spec = make(plants)
    runtime.start(spec, silent)
    reads = f"services: {{web: {{image: '{base}', command: ls, volumes: ['./d/out:/h']}}}}"
    later = make(reads)
    with pytest.raises(PolicyError, match="source"):
        runtime.start(later, silent)


def test_a_bind_within_a_writable_bind(make: Make, runtime: ComposeRuntime) -> None:
    spec = make(
        "services:\n"
        "  web: {image: 'x:1', volumes: ['./a:/a'], depends_on: [more]}\n"
        "  more: {image: 'x:1', volumes: ['./a/b:/b']}\n"
    )
    with pytest.raises(PolicyError, match="can be written to from a container"):
        runtime.start(spec, silent)


def test_a_compose_file_outside_the_repository(make: Make, runtime: ComposeRuntime) -> None:
    manifest = "name: web-service\ndocker: {serviceName: web, composeFile: other.yml}\n"
    spec = make(engine.WEB, manifest)
    assert spec.folder is not None
    (spec.folder / "other.yml").symlink_to("/etc/hostname")
    with pytest.raises(PolicyError, match=r"composeFile is 'other\.yml'.*outside"):
        runtime.start(spec, silent)


def test_the_kernel_s_environment_stays_out(
    make: Make, base: str, runtime: ComposeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy:1")
    compose = """\
services:
  web:
    image: mc-jupyter-test/base:1
    command: python3 -m http.server 80
    ports: ["80"]
    environment:
      - SECRET_TOKEN
      - HTTPS_PROXY
      - COPY=${SECRET_TOKEN:-nothing} ${HTTPS_PROXY:-nothing}
      - GREETING=${GREETING:-none}
      - DOLLAR=$$HOME
    env_file: ours.env
"""
    manifest = """\
name: web-service
docker:
  serviceName: web
  environment: {GREETING: hello, COLOUR: "$blue", MODE: slow, FILED: "no"}
  healthCheck: {endpoint: /}
"""
    files = {
        ".env": "COMPOSE_PROJECT_NAME=hijacked\nCOMPOSE_PROFILES=hidden\nGREETING=file\n",
        "ours.env": "FILED=yes\n",
    }
    spec = make(compose, manifest, files=files, environment={"MODE": "$fast"})
    runtime.start(spec, silent)
    ready(runtime, spec)
    (item,) = engine.containers(spec)
    assert item["Name"] == f"/{spec.project}-web-1"
    seen = engine.environment_of(item["Id"])
    assert "SECRET_TOKEN" not in seen
    assert "HTTPS_PROXY" not in seen
    assert seen["COPY"] == "nothing nothing"
    assert (seen["GREETING"], seen["DOLLAR"]) == ("file", "$HOME")
    assert (seen["MODE"], seen["COLOUR"], seen["FILED"]) == ("$fast", "$blue", "yes")
    generated = spec.data / "compose.json"
    assert generated.stat().st_mode & 0o777 == 0o600


def test_containers_of_others_in_the_project_are_left_alone(
    make: Make, base: str, runtime: ComposeRuntime
) -> None:
    spec = make(engine.WEB)
    label = f"com.docker.compose.project={spec.project}"
    number = engine.docker("run", "-d", "--label", label, base, "sleep", "600")
    try:
        for act in (lambda: runtime.start(spec, silent), lambda: runtime.remove(spec, True)):
            with pytest.raises(StartError, match="not ours"):
                act()
        assert engine.inspect(number)["State"]["Running"]
    finally:
        engine.docker("rm", "-f", number)


def test_a_volume_of_others_is_left_alone(make: Make, base: str, runtime: ComposeRuntime) -> None:
    spec = make(engine.WEB.rstrip() + "\n    volumes: ['vol:/d']\nvolumes: {vol: }\n")
    name = f"{spec.volume_scope}_vol"
    engine.docker("volume", "create", name)
    try:
        with pytest.raises(StartError, match="not ours"):
            runtime.start(spec, silent)
        assert f"volume {name}" not in runtime.plan_removal(spec, volumes=True)
    finally:
        engine.docker("volume", "rm", name)
