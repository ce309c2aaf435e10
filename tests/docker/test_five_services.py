"""Five published services from their repositories: git, our rewrites, a build, a container, a call.

The repositories are of the published shape (fixed names and ports, a GPU that is not here, init
containers, a public tunnel); what runs in them are stand-ins with a real engine inside. One promise
for each capability, whoever has it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import engine
from support.git_server import GitServer, make_repository, redirect

from mc_jupyter.clients import sound
from mc_jupyter.clients.content import Content
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import VoiceNotFoundError
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.service import Service

REPOSITORIES = Path(__file__).parents[1] / "support" / "standin" / "repositories"
DIGITS = "one two three four five six seven eight nine"
PORTS = {"whisper": 9000, "kokoro": 8880, "chatterbox": 8004, "zonos": 7860, "huggingface": 8007}


@pytest.fixture(scope="module")
def registry(
    images: dict[str, str], shared_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceRegistry]:
    """One kernel's registry; what it left on the engine is swept by label."""
    if "services" not in images:
        pytest.skip(images.get("no services", "no engine"))
    with GitServer(tmp_path_factory.mktemp("served")) as server:
        for name in PORTS:
            files = {
                str(path.relative_to(REPOSITORIES / name)): path.read_bytes()
                for path in sorted((REPOSITORIES / name).rglob("*"))
                if path.is_file()
            }
            make_repository(server.repository(f"MediaConduit/{name}-service"), files)
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in redirect(server.url).items():
                patch.setenv(variable, value)
            patch.setenv("MC_JUPYTER_HOME", str(shared_home))
            patch.setenv("MC_JUPYTER_RUNTIME", "docker")
            patch.setenv("PORT", "12345")  # which two of the published files would take
            registry = ServiceRegistry()
            yield registry
    engine.sweep(shared_home)


@pytest.fixture(autouse=True)
def _home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MC_JUPYTER_HOME", str(shared_home))


def started(registry: ServiceRegistry, name: str) -> Service:
    service = registry.get_service(f"github:MediaConduit/{name}-service")
    if service.snapshot().state != "running":
        service.start()
    return service


def told(service: Service) -> dict[str, Any]:
    with urllib.request.urlopen(f"{service.url}/standin", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def spoken(content: Content, at_least: float) -> None:
    known = sound.describe(content)
    assert known is not None
    assert known.format == "wav"
    assert known.duration > at_least
    assert max(sound.peaks(content, 50)) > 0.1


@pytest.mark.parametrize("name", PORTS)
def test_the_published_shape_runs_on_loopback_without_a_gpu(
    registry: ServiceRegistry, name: str
) -> None:
    service = started(registry, name)
    assert service.kind is not None
    assert service.kind.name == name
    assert service.commit is not None
    assert len(service.commit) == 40
    containers = engine.containers(service.placement.spec)
    assert all(item["Name"].startswith("/mcj-") for item in containers)
    ports = {
        port: binding
        for item in containers
        for port, binding in (item["NetworkSettings"]["Ports"] or {}).items()
    }
    (binding,) = ports[f"{PORTS[name]}/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    assert binding["HostPort"] not in ("12345", str(PORTS[name]))
    assert not any(item["HostConfig"]["DeviceRequests"] for item in containers)
    assert (service.snapshot().gpu or "no: ").startswith("no: ")
    assert told(service)["standin"] == name


def test_no_public_tunnel(registry: ServiceRegistry) -> None:
    assert told(started(registry, "zonos"))["environment"]["GRADIO_SHARE"] == "False"


def test_text_to_audio(registry: ServiceRegistry) -> None:
    kokoro = started(registry, "kokoro").client().speak(DIGITS, voice="af_heart")
    spoken(kokoro.content, 1.0)
    reference = Upload("voice.wav", kokoro.content)

    chatterbox = started(registry, "chatterbox")
    with pytest.raises(VoiceNotFoundError, match="reference"):  # a fresh one has no voices
        chatterbox.client().speak(DIGITS)
    spoken(chatterbox.client().speak(DIGITS, reference=reference).content, 1.0)

    zonos = started(registry, "zonos").client()
    product = zonos.speak(DIGITS, seed=7)
    spoken(product.content, 1.0)
    assert product.facts["seed"] == 7
    spoken(zonos.speak(DIGITS, reference=reference).content, 1.0)

    huggingface = started(registry, "huggingface").client()
    spoken(huggingface.speak(DIGITS, model="facebook/mms-tts-eng").content, 1.0)


def test_audio_to_text(registry: ServiceRegistry) -> None:
    product = started(registry, "kokoro").client().speak(DIGITS, voice="af_heart")
    heard = (
        started(registry, "whisper")
        .client()
        .transcribe(Upload("digits.wav", product.content), language="en")
    )
    assert heard.text.split()
    assert heard.segments[0]["end"] > heard.segments[0]["start"]


def test_text_to_image(registry: ServiceRegistry) -> None:
    client = started(registry, "huggingface").client()
    product = client.image("sd15", "a lighthouse", width=320, height=256)
    raw = product.content.bytes
    assert raw.startswith(b"\x89PNG")
    assert (int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24])) == (320, 256)


def test_uploaded_voices_stay_when_it_is_made_again(registry: ServiceRegistry) -> None:
    """They lie in the service's data, not in the fetched folder or the container."""
    service = started(registry, "chatterbox")
    product = started(registry, "kokoro").client().speak(DIGITS, voice="af_heart")
    name = service.client().upload_voice(Upload("mine.wav", product.content))
    service.remove()
    service.start()
    assert name in [voice.id for voice in service.client().voices()]
