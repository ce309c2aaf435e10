"""``%mc find`` and ``--client``: who can do what, and the line to type for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kernel import Kernel, Serve
from support.site import Site


@pytest.fixture
def speaker() -> Iterator[Site]:
    document = {"paths": {"/v1/audio/speech": {}, "/v1/audio/voices": {}}}
    with Site({"/openapi.json": (200, document), "/health": (200, {"status": "healthy"})}) as site:
        yield site


def rows(kernel: Kernel, word: str) -> list[list[str]]:
    got = kernel.run(f"found = %mc find {word}\nfound")
    assert not got.error, got.error
    found: list[list[str]] = kernel.value("[[r['name'], r['state'], r['line']] for r in found]")
    return found


def test_what_can_be_loaded(kernel: Kernel) -> None:
    expected = rows(kernel, "text-to-audio")
    assert ["kokoro", "not loaded", "%mc load kokoro --start"] in expected
    assert [
        "zonos",
        "not loaded",
        "%mc load github:MediaConduit/zonos-service --start",
    ] in expected
    for spelling in ("TextToAudio", "TEXT_TO_AUDIO", "'text to audio'", "speech-synthesis"):
        assert rows(kernel, spelling) == expected
    assert [name for name, *_ in rows(kernel, "voice-cloning")] == ["chatterbox", "zonos"]
    assert [name for name, *_ in rows(kernel, "Kokoro")] == ["kokoro"]


def test_a_loaded_one_comes_first_with_its_state(kernel: Kernel, speaker: Site) -> None:
    assert not kernel.run(f"%mc load {speaker.url} --as voice").error
    first, *others = rows(kernel, "text-to-audio")
    assert first == ["voice", "running", "%%mc voice"]
    assert "kokoro" not in [name for name, *_ in others], "one is loaded already"
    assert "text-to-audio" in kernel.run("%mc info voice").text
    kernel.run("import mc_jupyter")
    assert kernel.value("mc_jupyter.registry.find_capable('tts')[0].name") == "voice"
    kernel.run("%mc remove voice")
    assert rows(kernel, "kokoro") == [["kokoro", "not loaded", "%mc load kokoro --start"]]


def test_the_whole_vocabulary(kernel: Kernel) -> None:
    shown = kernel.run("%mc find").text.splitlines()
    lines = {line.split()[0]: line.split()[1:] for line in shown}
    assert lines["audio-to-text"] == ["whisper"]
    assert lines["text-to-3d"] == []
    assert lines["voice-cloning"] == ["chatterbox,", "zonos"]
    assert shown[-1] == "%mc find WORD   shows how to get one"


def test_a_word_that_nobody_has(kernel: Kernel) -> None:
    assert "Nothing that is known here does text-to-3d." in kernel.run("%mc find text-to-3d").text
    assert "Nothing that is known here does 3d." in kernel.run("%mc find 3d").text
    wrong = kernel.run("%mc find txt-to-audio").error
    assert "'txt-to-audio' is no capability: did you mean 'text-to-audio'?" in wrong


def test_tags_of_loaded_services_are_words_too(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "MediaConduit.service.yml").write_text(
        "name: Bells\ndescription: rings\ndocker: {serviceName: bells}\n"
        "capabilities: [BellRinging]\n"
    )
    kernel.run(f"%mc load {tmp_path} --as bells --runtime docker")
    assert rows(kernel, "bell-ringing") == [["bells", "loaded", "%mc start bells"]]
    kernel.run("%mc remove bells")
    assert "is no capability" in kernel.run("%mc find bell-ringing").error


def test_a_client_can_be_named(kernel: Kernel, serve: Serve) -> None:
    server = serve()
    loaded = kernel.run(f"%mc load {server.url} --as other --client plain")
    assert not loaded.error
    assert "client plain" in " ".join(kernel.run("%mc info other").text.split())
    assert "is no Ollama service" in kernel.run("%%ollama llama3.2:1b --host other\nhi").error
    assert not kernel.run(f"%mc load {server.url} --client ollama").error
    assert not kernel.run("%%ollama llama3.2:1b --host other\nhi").error
    wrong = kernel.run(f"%mc load {server.url} --client olama").error
    assert "--client is 'olama': did you mean 'ollama'?" in wrong
    kernel.run("%mc remove other")


def test_tab_knows_the_words_and_the_clients(kernel: Kernel) -> None:
    for typed, offered in (
        ("%mc find voice-", ["voice-cloning", "voice-conditioning"]),
        ("%mc find kok", ["kokoro"]),
        ("%mc load x --client pl", ["plain"]),
    ):
        kernel.client.complete(typed, len(typed))
        reply = kernel.client.get_shell_msg(timeout=20)
        assert reply["content"]["matches"] == offered


def test_a_handle_that_is_a_kind_is_one_line_away(kernel: Kernel) -> None:
    for typed in ("%mc start whisper", "%mc whisper talk.wav", "%%mc whisper talk.wav\n"):
        error = kernel.run(typed).error
        assert error.splitlines() == [
            "ServiceNotFoundError: no service 'whisper' is loaded",
            "%mc load whisper --start",
        ]


def test_a_kind_that_does_not_come_along_is_one_line_away(kernel: Kernel) -> None:
    error = kernel.run("%mc load chatterbox").error
    assert error.splitlines() == [
        "IdentifierError: chatterbox does not come with mc_jupyter",
        "%mc load github:MediaConduit/chatterbox-service --start",
    ]


def test_a_word_of_what_a_service_does(kernel: Kernel) -> None:
    found = kernel.run("%mc find speech").text
    assert "kokoro" in found
    assert "whisper" in found
    assert "ffmpeg" not in found


def test_several_words_are_one(kernel: Kernel) -> None:
    assert rows(kernel, "text to speech") == rows(kernel, "text-to-audio")
    assert rows(kernel, "voice cloning") == rows(kernel, "voice-cloning")


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("audio", "whisper kokoro chatterbox zonos ffmpeg huggingface"),
        ("image", "ffmpeg huggingface"),
        ("video", "ffmpeg"),
        ("speak", "kokoro chatterbox zonos huggingface"),
        ("clone", "chatterbox zonos"),
        ("clone my voice", "chatterbox zonos"),
        ("pictures", "ffmpeg huggingface"),
        ("subtitles", "whisper"),
        ("transcribe", "whisper"),
        ("translate", "ollama whisper cowsay"),
    ],
)
def test_an_everyday_word_finds_all_that_do_it(kernel: Kernel, word: str, names: str) -> None:
    assert [name for name, *_ in rows(kernel, word)] == names.split()
