"""The bundled services on a real engine: by short name, and where GitHub is out of reach.

Whisper and Kokoro run on stand-ins for their images; ffmpeg and cowsay are the real ones, built
from Debian's packages (see :mod:`support.standin.debian`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import bundled as support
from support import engine
from support.git_server import redirect
from support.kernel import Kernel
from support.standin import build, debian, service_images

from mc_jupyter.events import Event, silent
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.runtimes.base import Spec
from mc_jupyter.runtimes.compose import ComposeRuntime
from mc_jupyter.sources import bundled

PORTS = {"cowsay": 8080, "ffmpeg": 8006, "kokoro": 8880, "whisper": 9000}


def image_for(name: str) -> None:
    """Skip where what the service is made of is not here."""
    try:
        if name in debian.BUILT:
            debian.built(name)
            debian.debian_image()
        else:
            service_images.published_image(name)
    except build.CannotBuild as reason:
        pytest.skip(str(reason))


@pytest.fixture
def home(mc_home: Path) -> Iterator[Path]:
    yield mc_home
    engine.sweep(mc_home)


@pytest.fixture(scope="module")
def cowsay(shared_home: Path, runtime: ComposeRuntime) -> Iterator[tuple[Spec, str]]:
    image_for("cowsay")
    with support.running("cowsay", shared_home, runtime) as started:
        yield started


@pytest.mark.parametrize("name", sorted(PORTS))
def test_load_by_short_name_start_and_remove(name: str, home: Path) -> None:
    image_for(name)
    service = ServiceRegistry().get_service(name, runtime="docker")
    assert service.handle == name
    seen = service.start(wait=60)
    assert service.url
    assert httpx.get(service.url + service.manifest.health.path).status_code < 400
    spec = service.placement.spec
    (item,) = engine.containers(spec)
    bindings = item["NetworkSettings"]["Ports"]
    published = {port: found for port, found in bindings.items() if found}
    assert list(published) == [f"{PORTS[name]}/tcp"]
    assert [binding["HostIp"] for binding in published[f"{PORTS[name]}/tcp"]] == ["127.0.0.1"]
    assert item["Name"].startswith(f"/{spec.project}-")
    assert not item["HostConfig"]["DeviceRequests"]
    assert seen.gpu == ("no: Docker has no NVIDIA runtime" if name == "kokoro" else None)
    service.remove(volumes=True)
    assert engine.containers(spec) == []


def test_the_model_is_chosen_at_the_start(home: Path) -> None:
    image_for("whisper")
    service = ServiceRegistry().get_service("whisper", runtime="docker")
    service.start(wait=60)
    (item,) = engine.containers(service.placement.spec)
    first = engine.environment_of(item["Id"])
    assert (first["ASR_MODEL"], first["ASR_ENGINE"]) == ("base", "openai_whisper")
    assert [mount["Destination"] for mount in item["Mounts"]] == ["/root/.cache/whisper"]
    service.remove()
    again = ServiceRegistry().get_service("whisper", runtime="docker", env={"ASR_MODEL": "small"})
    again.start(wait=60)
    (item,) = engine.containers(again.placement.spec)
    assert engine.environment_of(item["Id"])["ASR_MODEL"] == "small"


def test_github_out_of_reach(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_for("cowsay")
    for name, value in redirect("http://127.0.0.1:1").items():
        monkeypatch.setenv(name, value)
    identifier = "github:MediaConduit/cowsay-service"
    service = ServiceRegistry().get_service(identifier, runtime="docker")
    assert (service.handle, service.commit) == ("cowsay", None)
    assert any("using the definition of cowsay that comes" in note for note in service.notes)
    service.start(wait=60)
    answer = httpx.post(f"{service.url}/cowsay", json={"text": "here"})
    assert "< here >" in answer.json()["cowsayOutput"]


def test_from_a_notebook(home: Path, tmp_path: Path) -> None:
    image_for("cowsay")
    environment = {"MC_JUPYTER_HOME": str(home), "MC_JUPYTER_RUNTIME": "docker"}
    kernel = Kernel(environment, str(tmp_path))
    try:
        kernel.run("%load_ext mc_jupyter")
        for line in ("%mc load cowsay", "%mc start cowsay", "%mc remove cowsay"):
            done = kernel.run(line)
            assert not done.of("error"), done.error
    finally:
        kernel.close()


def test_what_is_built_is_not_built_again(
    home: Path, tmp_path: Path, runtime: ComposeRuntime
) -> None:
    """Building asks the registry for the base image, so it would need the network at each start."""
    image_for("cowsay")
    folder = tmp_path / "cowsay"
    folder.mkdir()
    for path in bundled.folder("cowsay").iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    folder.chmod(0o555)  # as an installed package may be
    heard: list[Event] = []

    def started() -> bool:
        """Start it; return whether it was built."""
        heard.clear()
        spec = engine.spec_for(folder, home, content=bundled.content(folder))
        runtime.start(spec, heard.append)
        engine.ready(runtime, spec)
        runtime.stop(spec)
        return any(event.step == "build" for event in heard)

    assert [started(), started()] == [True, False]
    program = folder / "cowsay_server.py"
    program.write_text(program.read_text().replace('VERSION = "1.0.0"', 'VERSION = "1.0.1"'))
    assert started()


# cowsay ---------------------------------------------------------------------------------------


def said(url: str, **body: Any) -> str:
    answer = httpx.post(f"{url}/cowsay", json=body)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["cowsayOutput"]
    return str(answer.json()["cowsayOutput"])


def test_cowsay_health(cowsay: tuple[Spec, str]) -> None:
    health = httpx.get(f"{cowsay[1]}/health").json()
    assert (health["status"], health["service"]) == ("healthy", "cowsay-service")
    assert set(health) == {"status", "service", "version", "timestamp"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Hello", "< Hello >"),
        ("-l", "< -l >"),
        ("-f tux --help", "< -f tux --help >"),
        ("", "< Moo! >"),
        ("  \n ", "< Moo! >"),
        ("Größe 日本 😀", "< Größe 日本 😀 >"),
        ("$(id) `id` ; rm", "< $(id) `id` ; rm >"),
    ],
)
def test_cowsay_says(cowsay: tuple[Spec, str], text: str, line: str) -> None:
    output = said(cowsay[1], text=text)
    assert line in output.splitlines()
    assert "(oo)" in output


def test_cowsay_says_all_of_a_long_text(cowsay: tuple[Spec, str]) -> None:
    assert said(cowsay[1], text="moo " * 250).count("moo") == 250
    assert "< Moo! >" in said(cowsay[1])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "the body is no JSON"),
        (b"", "the body is no JSON"),
        (b'["hello"]', "the body is no JSON object"),
        (b'{"text": 3}', "text is no string"),
        (b'{"text": "a", "cow": "tux"}', "unknown field 'cow'"),
        (b'{"text": "\\u001b[31m"}', "control characters"),
        (b'{"text": "%s"}' % (b"a" * 1001), "text has 1001 characters: at most 1000"),
    ],
)
def test_cowsay_refuses(cowsay: tuple[Spec, str], body: bytes, reason: str) -> None:
    answer = httpx.post(f"{cowsay[1]}/cowsay", content=body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert reason in answer.json()["error"]


def test_cowsay_knows_no_other_path(cowsay: tuple[Spec, str]) -> None:
    assert httpx.get(f"{cowsay[1]}/nothing").json() == {"error": "GET /nothing: Not Found"}
    assert httpx.get(f"{cowsay[1]}/cowsay").status_code == 405
    assert httpx.post(f"{cowsay[1]}/cowsay", content=b"x" * 70_000).status_code == 413


def test_the_program_is_not_root_and_may_do_nothing(cowsay: tuple[Spec, str]) -> None:
    (item,) = engine.containers(cowsay[0])
    assert engine.docker("exec", item["Id"], "id", "-un") == "cow"
    assert item["HostConfig"]["CapDrop"] == ["ALL"]
    assert engine.try_docker("exec", item["Id"], "touch", "/opt/x").returncode != 0


def test_stop_does_not_wait(cowsay: tuple[Spec, str], runtime: ComposeRuntime) -> None:
    runtime.stop(cowsay[0])
    (item,) = engine.containers(cowsay[0])
    assert item["State"]["ExitCode"] in (0, 143)  # not 137: it was not killed
    runtime.start(cowsay[0], silent)
