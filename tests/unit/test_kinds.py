"""What a manifest is taken for, and by which of its facts."""

from __future__ import annotations

from pathlib import Path

import pytest

import mc_jupyter
from mc_jupyter.capabilities import CAPABILITIES, TAGS
from mc_jupyter.clients.kinds import KINDS, PLAIN, Kind, named, resolve
from mc_jupyter.errors import ArgumentError
from mc_jupyter.manifest import parse_manifest, read_manifest
from mc_jupyter.registry import ServiceRegistry
from mc_jupyter.sources import bundled

PACKAGE = Path(mc_jupyter.__file__).parent


def taken_for(
    name: str = "n", service: str = "s", image: str = "", capabilities: str = "[]", more: str = ""
) -> str | None:
    text = (
        f"name: '{name}'\ndocker: {{serviceName: '{service}', image: '{image}'}}\n"
        f"capabilities: {capabilities}\n{more}"
    )
    kind = resolve(parse_manifest(text)).kind
    return kind.name if kind else None


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("ollama/ollama:0.5", "ollama"),
        ("docker.io/ollama/ollama@sha256:0123", "ollama"),
        ("onerahmet/openai-whisper-asr-webservice:latest", "whisper"),
        ("docker.io/kprinssu/kokoro-fastapi", "kokoro"),
        ("chatterbox-tts:latest", "chatterbox"),
        ("zonos-zonos:latest", "zonos"),
        ("ffmpeg-service:latest", "ffmpeg"),
        ("huggingface-text-to-image:latest", "huggingface"),
        ("cowsay-service", "cowsay"),
        ("localhost:5000/ollama/ollama", None),
        ("someone/whisper", None),
    ],
)
def test_by_the_image(image: str, kind: str | None) -> None:
    assert taken_for(image=image) == kind


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ("chatterbox-tts-server", "chatterbox"),
        ("kokoro-tts-server", "kokoro"),
        ("zonos", "zonos"),
        ("ffmpeg-service", "ffmpeg"),
        ("ffmpeg", "ffmpeg"),
        ("huggingface-text-to-image", "huggingface"),
        ("whisper", "whisper"),
        ("web", None),
    ],
)
def test_by_the_compose_service(service: str, kind: str | None) -> None:
    assert taken_for(service=service) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Cowsay Service", "cowsay"),
        ("whisper-service", "whisper"),
        ("ollama", "ollama"),
        ("My Ollama", None),
    ],
)
def test_by_the_name(name: str, kind: str | None) -> None:
    assert taken_for(name=name) == kind


def test_by_the_id() -> None:
    assert taken_for(name="The talking cow", more="id: cowsay-service\n") == "cowsay"


def test_the_better_reason_wins() -> None:
    assert taken_for(name="ollama-service", service="whisper") == "whisper"
    assert taken_for(service="ollama", image="chatterbox-tts") == "chatterbox"
    assert taken_for(name="kokoro", capabilities="[voice-conditioning]") == "kokoro"


def test_by_a_tag_only_where_one_kind_has_it() -> None:
    assert taken_for(capabilities="[text-to-text]") is None
    assert taken_for(capabilities="[speech-synthesis]") is None, "three kinds have it"
    assert taken_for(capabilities="[speech-synthesis, VoiceConditioning]") == "zonos"
    manifest = parse_manifest(
        "name: n\ndocker: {serviceName: s}\ncapabilities: [Text To Text, Transcription]\n"
    )
    found = resolve(manifest)
    assert (found.kind and found.kind.name, found.tag) == ("whisper", "Transcription")
    assert found.capabilities == ("text-to-text", "audio-to-text")


def test_what_comes_with_us_is_what_it_is_called() -> None:
    for name in bundled.names():
        found = resolve(read_manifest(bundled.folder(name)))
        assert (found.kind and found.kind.name, found.tag) == (name, "")


def test_the_kind_that_was_named_wins() -> None:
    manifest = read_manifest(bundled.folder("whisper"))
    named_one = resolve(manifest, named("kokoro"))
    assert named_one.kind is named("kokoro")
    assert set(named_one.capabilities) == {"audio-to-text", "text-to-audio"}
    assert resolve(manifest, PLAIN).kind is None


def test_the_table_holds_together() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert set(kind.capabilities) <= {*CAPABILITIES, *TAGS}
        assert kind.repository.startswith("github:MediaConduit/")
        assert kind.health.startswith("/")
        assert kind.name in kind.usage
    every = [image for kind in KINDS for image in kind.images]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("kind", [*KINDS, PLAIN], ids=lambda kind: kind.name)
def test_every_client_can_be_made(kind: Kind) -> None:
    """Constructors are all alike; nothing is sent."""
    client = kind.client_class()("http://127.0.0.1:9", token=None, name="x", changed=lambda: None)
    assert client.url == "http://127.0.0.1:9"
    client.close()


def test_a_wrong_name() -> None:
    assert named("Kokoro").name == "kokoro"
    assert named("plain") is PLAIN
    with pytest.raises(ArgumentError, match="no client 'kokro': did you mean 'kokoro'"):
        named("kokro")


# a service and its kind ------------------------------------------------------------------------


def folder(parent: Path, capabilities: str = "[]") -> str:
    (parent / "MediaConduit.service.yml").write_text(
        f"name: toy\ndocker: {{serviceName: toy}}\ncapabilities: {capabilities}\n"
    )
    return str(parent)


def test_a_service_of_no_known_kind(tmp_path: Path) -> None:
    service = ServiceRegistry().get_service(folder(tmp_path))
    assert (service.kind, service.capabilities, service.notes) == (None, (), ())
    assert (service.snapshot().kind, service.info()["client"]) == (None, "plain")
    assert not service.is_ollama


def test_a_guess_is_said(tmp_path: Path) -> None:
    service = ServiceRegistry().get_service(folder(tmp_path, "[TextToAudio, japanese-tts]"))
    now = service.snapshot()
    assert (now.kind, now.capabilities) == ("kokoro", ("text-to-audio", "japanese-tts"))
    assert now.notes == (
        "taken for kokoro by its capability japanese-tts; "
        f"for another: %mc load {tmp_path} --client NAME",
    )


def test_a_named_client_wins_and_a_later_load_changes_it(tmp_path: Path) -> None:
    registry, where = ServiceRegistry(), folder(tmp_path, "[transcription]")
    service = registry.get_service(where, client="ollama")
    assert (service.kind and service.kind.name, service.notes) == ("ollama", ())
    assert service.is_ollama
    assert not service.manifest.is_ollama, "where it may run does not change by its client"
    assert registry.get_service(where) is service
    assert service.is_ollama, "a later load that names none leaves it"
    registry.get_service(where, client="plain")
    assert service.kind is None
    assert service.capabilities == ("audio-to-text",)
    with pytest.raises(ArgumentError, match="did you mean 'zonos'"):
        registry.get_service(where, client="zono")


def test_load_is_its_python_twin(tmp_path: Path) -> None:
    service = mc_jupyter.load(folder(tmp_path), runtime="embedded", client="cowsay")
    try:
        assert (service.snapshot().kind, service.capabilities) == ("cowsay", ("text-to-text",))
    finally:
        mc_jupyter.registry.remove(service.handle)


def test_capabilities_are_shown_in_one_spelling(tmp_path: Path) -> None:
    service = ServiceRegistry().get_service(folder(tmp_path, "[TEXT_TO_TEXT, My Tag]"))
    assert service.info()["capabilities"] == ("text-to-text", "my-tag")
