"""Identifiers: every spelling that is understood, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mc_jupyter.errors import IdentifierError, MediaConduitError
from mc_jupyter.sources import failures, parse_identifier
from mc_jupyter.sources.base import Identifier

OLLAMA = "github:mediaconduit/ollama-service"


def refused(text: str, *, force_url: bool = False) -> str:
    with pytest.raises(IdentifierError) as caught:
        parse_identifier(text, force_url=force_url)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2, "what failed, and the next step"
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "github:MediaConduit/ollama-service",
        "  GitHub:mediaconduit/Ollama-Service.git ",
        "https://github.com/MediaConduit/ollama-service",
        "https://github.com/MediaConduit/ollama-service/",
        "https://github.com/MediaConduit/ollama-service.git",
        "HTTPS://www.GitHub.com:443/mediaconduit/ollama-service",
        "github:MediaConduit/ollama-service@HEAD",
    ],
)
def test_all_spellings_of_a_repository_are_one(text: str) -> None:
    identifier = parse_identifier(text)
    assert (identifier.kind, identifier.canonical, identifier.ref) == ("git", OLLAMA, None)
    assert (identifier.handle, identifier.owner) == ("ollama", "mediaconduit")
    assert identifier.key == f"{OLLAMA}@HEAD"
    assert identifier.location.lower() == "https://github.com/mediaconduit/ollama-service.git"
    assert identifier.typed == text.strip()


@pytest.mark.parametrize("ref", ["main", "v1.0", "feat/x", "1+2", "refs/pull/7/head", "a" * 40])
def test_refs(ref: str) -> None:
    for text in (f"{OLLAMA}@{ref}", f"https://github.com/MediaConduit/ollama-service.git@{ref}"):
        identifier = parse_identifier(text)
        assert (identifier.canonical, identifier.ref) == (OLLAMA, ref)
        assert identifier.key == f"{OLLAMA}@{ref}"


@pytest.mark.parametrize(
    "ref", ["", "-x", "--upload-pack=x", "a..b", "a b", "a@b", "@{1}", "a:b", "a~1", "a/", "é"]
)
def test_refs_that_are_none(ref: str) -> None:
    assert "no branch, tag or commit" in refused(f"{OLLAMA}@{ref}")


def test_another_host() -> None:
    identifier = parse_identifier("https://Git.Example.org:8443/Team/TTS_Server.git@v2")
    assert identifier == Identifier(
        kind="git",
        canonical="https://git.example.org:8443/team/tts_server",
        handle="tts_server",
        location="https://git.example.org:8443/Team/TTS_Server.git",
        typed="https://Git.Example.org:8443/Team/TTS_Server.git@v2",
        owner="team",
        ref="v2",
    )
    assert parse_identifier("https://git.sr.ht/~ada/echo").owner == "~ada"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://github.com/O/R/tree/feat/x", "write github:O/R@feat/x"),
        ("https://github.com/O/R/commit/0123abc", "write github:O/R@0123abc"),
        ("https://github.com/O/R/blob/v1/README.md", "write github:O/R@v1"),
        ("https://github.com/O/R/releases/tag/v1", "write github:O/R@v1"),
        ("https://gitlab.com/O/R/-/tree/main", "write https://gitlab.com/O/R@main"),
        ("https://github.com/O/R/issues", "write github:O/R, with @REF"),
        ("https://github.com/O", "write github:OWNER/REPO"),
        ("github:R", "write github:OWNER/REPO"),
        ("github:", "write github:OWNER/REPO"),
        ("github:/O/R", "write github:OWNER/REPO"),
        ("http://github.com/O/R", "write https://github.com/O/R"),
        ("https://github.com/O/R#readme", "write https://github.com/O/R"),
        ("https://github.com/O/R?tab=readme", "write https://github.com/O/R"),
        ("git@github.com:O/R.git", "write github:O/R"),
        ("ssh://git@example.org/O/R", "write https://example.org/O/R"),
        ("file:///srv/repo", "write the folder: /srv/repo"),
        ("MediaConduit/ollama-service", "github:MediaConduit/ollama-service"),
        ("localhost:11434", "http://localhost:11434"),
        ("192.168.1.5:8080", "http://192.168.1.5:8080"),
        ("olama", "did you mean 'ollama'?"),
        ("smollm2:135m", "%%ollama smollm2:135m"),
        ("llama3", "%%ollama llama3"),
        ("ollama@v1", "write ollama"),
        ("bundled:nope", "known: cowsay, ffmpeg, kokoro, ollama, whisper"),
        ("ftp://example.org/x", "accepted: github:OWNER/REPO"),
        ("ext::sh -c evil", "accepted: github:OWNER/REPO"),
        ("", "accepted: github:OWNER/REPO"),
    ],
)
def test_what_to_write_instead(
    text: str, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert written in refused(text).splitlines()[1]


@pytest.mark.parametrize(
    "text",
    [
        "github:-o/r",
        "github:o/-r",
        "github:../r",
        "github:o/..",
        "github:o/r r",
        "github:o/r\nx",
        "github:o/r\x1b[31m",
        "https://exa mple.org/o/r",
        "https://-x/o/r",
        "https://example.org:99999/o/r",
        "https://[::1/o/r",
        "https:///o/r",
    ],
)
def test_hostile_or_broken_addresses(text: str) -> None:
    assert "\x1b" not in refused(text)


def test_a_password_is_refused_and_not_repeated() -> None:
    for text in ("https://ada:s3cret@github.com/o/r", "http://s3cret@localhost:11434"):
        assert "s3cret" not in refused(text)


@pytest.mark.parametrize(
    ("text", "canonical", "handle"),
    [
        ("http://localhost:11434", "http://localhost:11434", "localhost-11434"),
        ("HTTP://LocalHost:11434/", "http://localhost:11434", "localhost-11434"),
        ("https://ai.example.org", "https://ai.example.org", "ai-example-org-443"),
        ("http://ai.example.org:80", "http://ai.example.org", "ai-example-org-80"),
        ("http://[::1]:11434", "http://[::1]:11434", "1-11434"),
    ],
)
def test_something_that_runs_already(text: str, canonical: str, handle: str) -> None:
    identifier = parse_identifier(text)
    assert (identifier.kind, identifier.canonical, identifier.handle) == ("url", canonical, handle)
    assert (identifier.location, identifier.ref) == (canonical, None)


def test_an_address_by_force() -> None:
    behind = parse_identifier("https://example.org/ai/ollama/", force_url=True)
    assert (behind.kind, behind.canonical) == ("url", "https://example.org/ai/ollama")
    assert parse_identifier("localhost:11434", force_url=True).canonical == "http://localhost:11434"
    assert parse_identifier("https://example.org/o/r").kind == "git"
    refused("github:o/r", force_url=True)


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "My Echo-Service"
    folder.mkdir()
    (tmp_path / "file.yml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("./My Echo-Service", "My Echo-Service", "~/My Echo-Service/", str(folder)):
        identifier = parse_identifier(text)
        assert (identifier.kind, identifier.canonical) == ("folder", str(folder.resolve()))
        assert (identifier.handle, identifier.owner, identifier.ref) == ("my-echo", None, None)
    monkeypatch.chdir(folder)
    assert parse_identifier(".").handle == "my-echo"
    assert "does not exist" in refused("./nope")
    assert "is a file, not a folder" in refused("../file.yml")
    refused("~nobody-by-that-name/x")


def test_bundled_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("ollama", "Ollama", "bundled:ollama"):
        identifier = parse_identifier(text)
        assert (identifier.kind, identifier.canonical) == ("bundled", "bundled:ollama")
        assert (identifier.handle, identifier.location) == ("ollama", "ollama")
    (tmp_path / "ollama").touch()
    assert parse_identifier("ollama").kind == "bundled"
    (tmp_path / "ollama").unlink()
    (tmp_path / "ollama").mkdir()
    assert parse_identifier("ollama").kind == "folder"


@pytest.mark.parametrize(
    "text", ["github:O/R@v1", "https://git.example.org/O/R", "http://Host:1", "ollama", "/tmp"]
)
def test_a_canonical_identifier_is_understood_as_itself(text: str) -> None:
    canonical = parse_identifier(text).canonical
    assert parse_identifier(canonical).canonical == canonical


@pytest.mark.parametrize(
    ("repo", "handle"),
    [
        ("kokoro-tts-service", "kokoro-tts"),
        ("Stable.Diffusion", "stable-diffusion"),
        ("service", "service"),
        (".github", "github"),
        ("x_y", "x_y"),
    ],
)
def test_handles(repo: str, handle: str) -> None:
    assert parse_identifier(f"github:o/{repo}").handle == handle


# What git wrote, and the kind of error that it is.
SAID = [
    ("fatal: couldn't find remote ref nope", "RefNotFoundError"),
    ("fatal: remote error: upload-pack: not our ref 0123", "RefNotFoundError"),
    ("error: Server does not allow request for unadvertised object 01", "RefNotFoundError"),
    ("remote: Not Found\nfatal: repository 'https://x/o/r/' not found", "RepositoryNotFoundError"),
    (
        "fatal: could not read Username for 'https://x': terminal prompts disabled",
        "RepositoryNotFoundError",
    ),
    ("fatal: Authentication failed for 'https://x/o/r/'", "RepositoryNotFoundError"),
    (
        "fatal: unable to access 'https://x/o/r/': The requested URL returned error: 403",
        "RepositoryNotFoundError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': The requested URL returned error: 503",
        "SourceError",
    ),
    (
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502\n"
        "fatal: the remote end hung up unexpectedly",
        "SourceError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': Could not resolve host: x",
        "SourceUnreachableError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': Failed to connect to x port 443 after 2 ms: "
        "Couldn't connect to server",
        "SourceUnreachableError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': Operation too slow. Less than 1000 bytes/sec "
        "transferred the last 30 seconds",
        "SourceUnreachableError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': gnutls_handshake() failed: The TLS connection "
        "was non-properly terminated.",
        "SourceUnreachableError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': Received HTTP code 407 from proxy after CONNECT",
        "SourceUnreachableError",
    ),
    (
        "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\n"
        "fatal: early EOF",
        "SourceUnreachableError",
    ),
    (
        "fatal: unable to access 'https://x/o/r/': server certificate verification failed. "
        "CAfile: none CRLfile: none",
        "SourceError",
    ),
    ("fatal: transport 'ssh' not allowed", "SourceError"),
    ("fatal: write error: No space left on device\nfatal: early EOF", "DiskFullError"),
    ("error: unable to write file a: Disk quota exceeded", "DiskFullError"),
    ("xcrun: error: invalid active developer path", "GitMissingError"),
    ("fatal: something new", "SourceError"),
    ("", "SourceError"),
]


@pytest.mark.parametrize(("text", "kind"), SAID)
def test_what_git_says_is_told_apart(text: str, kind: str) -> None:
    error = failures.explain(parse_identifier("https://x/o/r@nope"), text, Path("/cache"), [])
    assert isinstance(error, MediaConduitError)
    assert type(error).__name__ == kind
    assert len(str(error).splitlines()) <= 2
    if kind not in ("GitMissingError",):
        assert str(error).startswith("https://x/o/r@nope: ")


def test_control_characters_of_a_server_are_not_shown() -> None:
    identifier = parse_identifier("github:o/r")
    error = failures.explain(identifier, "fatal: \x1b]0;evil\x07 text", Path("/cache"), [])
    assert "\x1b" not in str(error)
    assert "\x07" not in str(error)


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("github:MediaConduit/Ollama-Service@v1", "github:MediaConduit/Ollama-Service"),
        ("https://github.com/Me/Mine.git", "github:Me/Mine"),
        ("https://Git.Example.org/Me/Mine.git@v1", "https://git.example.org/Me/Mine"),
        ("https://git.example.org/Me/Mine/", "https://git.example.org/Me/Mine"),
        ("ollama", "bundled:ollama"),
    ],
)
def test_what_loads_it_again_keeps_the_letter_case(typed: str, spelled: str) -> None:
    """A host that tells Mine from mine would not know the canonical spelling."""
    identifier = parse_identifier(typed)
    assert identifier.spelled == spelled
    assert parse_identifier(identifier.spelled).canonical == identifier.canonical
