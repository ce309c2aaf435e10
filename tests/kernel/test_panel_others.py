"""The panel with services that are no Ollama: what it shows instead of the controls of a model."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.engine import service_folder
from support.front import Front
from support.kernel import Serve
from support.services import Served, running, why_not
from support.wait import wait_until

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "")

MODEL_CONTROLS = {"Installed", "Load into memory", "Unload", "Delete", "Pull", "Cancel pull"}
PROMPT_CONTROLS = {"Model", "Options", "Prompt", "Ask", "Stop", "New conversation"}
COMPOSE = "services:\n  {name}:\n    image: {image}\n"
MANIFEST = "name: {name}\nversion: '1.0'\n{more}docker: {{serviceName: {name}, image: {image}}}\n"


@pytest.fixture(scope="module")
def kokoro() -> Iterator[Served]:
    with running("kokoro") as served:
        yield served


@pytest.fixture(scope="module")
def whisper() -> Iterator[Served]:
    with running("whisper") as served:
        yield served


def folder(tmp_path: Path, name: str, image: str, description: str = "") -> Path:
    """A repository with a service that is not started here."""
    more = f"description: {description}\n" if description else ""
    manifest = MANIFEST.format(name=name, image=image, more=more)
    compose = COMPOSE.format(name=name, image=image)
    return service_folder(tmp_path / f"{name}-service", compose, manifest, {})


def load(front: Front, what: object, *options: str) -> None:
    assert not front.run(f"%mc load {what} {' '.join(options)}").error


def beside_an_ollama(front: Front, kokoro: Served, serve: Serve) -> None:
    """The panel with an Ollama, sea, which is chosen, and kokoro."""
    load(front, serve().url, "--as", "sea")
    load(front, kokoro.url, "--as", "kokoro")
    front.run("%mc panel")
    front.says("llama3.2:1b")


class Part:
    """What a page shows in one tab: the tree below it, not what the kernel keeps besides."""

    def __init__(self, front: Front, number: int) -> None:
        self._front, self._number = front, number

    def _below(self, comm: str) -> Iterator[dict[str, Any]]:
        state = self._front.models[comm]
        yield state
        for child in state.get("children", ()):
            yield from self._below(child.removeprefix("IPY_MODEL_"))

    def _shown(self) -> list[dict[str, Any]]:
        tabs = [s for s in self._front.models.values() if s.get("_model_name") == "TabModel"]
        return list(self._below(tabs[0]["children"][self._number].removeprefix("IPY_MODEL_")))

    @property
    def labels(self) -> set[str]:
        return {s["description"] for s in self._shown() if s.get("description")}

    @property
    def text(self) -> str:
        values = [str(s["value"]) for s in self._shown() if s.get("_model_name") == "HTMLModel"]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", " ".join(values))).split())

    def says(self, words: str) -> None:
        self._front.until(lambda: words in self.text, f"{words!r} (not in {self.text!r})")


def models(front: Front) -> Part:
    return Part(front, 1)


def playground(front: Front) -> Part:
    return Part(front, 2)


def choose(front: Front, name: str) -> None:
    front.choose("Service", name)
    front.until(lambda: f"{name}: " in front.text, name)


# Models and Playground


def test_the_controls_of_a_model_are_away_and_the_cell_to_type_is_there(
    front: Front, kokoro: Served, whisper: Served
) -> None:
    load(front, kokoro.url, "--as", "kokoro")
    load(front, whisper.url, "--as", "ears")
    front.run("%mc panel")
    for part in (models(front), playground(front)):
        part.says(
            "kokoro is no Ollama service (text to speech, many voices)."
            " In a cell: %%kokoro , the text below it"
        )
        assert part.labels == set()
        assert "smollm2" not in part.text
    choose(front, "ears")
    for part in (models(front), playground(front)):
        part.says("ears is no Ollama service (speech to text). In a cell: %mc ears FILE")
        assert part.labels == set()


@pytest.mark.parametrize(
    ("image", "description", "words"),
    [
        ("nginx", "A web server.", "pond is no Ollama service (A web server)."),
        ("nginx", "", "pond is no Ollama service. In a cell: %mc call pond GET /"),
        ("nginx", "'<img src=x> &amp; more'", "pond is no Ollama service (<img src=x> &amp; more)"),
        ("nginx", "word " * 100, "word word…). In a cell:"),
        ("cowsay-service", "", "(a cow that says a text). In a cell: %%mc pond"),
        ("ffmpeg-service", "", "In a cell: %mc pond info FILE"),
    ],
)
def test_what_it_is_comes_from_its_kind_or_its_manifest(
    front: Front, tmp_path: Path, image: str, description: str, words: str
) -> None:
    load(front, folder(tmp_path, "pond", image, description))
    front.run("%mc panel")
    for part in (models(front), playground(front)):
        part.says(words)
        assert part.labels == set()
    assert not any("<img" in str(state.get("value", "")) for state in front.models.values())


def test_the_line_that_is_shown_does_it(front: Front, kokoro: Served) -> None:
    load(front, kokoro.url, "--as", "reader")
    front.run("%mc panel")
    playground(front).says("In a cell: %%mc reader , the text below")
    spoken = len(kokoro.asked("/v1/audio/speech"))
    assert not front.run("%%mc reader\nThe sea is calm.").error
    assert len(kokoro.asked("/v1/audio/speech")) == spoken + 1


def test_the_controls_come_back_with_an_ollama_and_what_was_typed(
    front: Front, kokoro: Served, serve: Serve
) -> None:
    beside_an_ollama(front, kokoro, serve)
    front.type("Prompt", "Half a prompt", "TextareaModel")
    choose(front, "kokoro")
    playground(front).says("To ask a language model, choose sea as Service above.")
    choose(front, "sea")
    front.until(lambda: models(front).labels >= MODEL_CONTROLS, "the controls of models")
    front.until(lambda: playground(front).labels >= PROMPT_CONTROLS, "the controls of prompts")
    assert front.models[front.find("Prompt", "TextareaModel")]["value"] == "Half a prompt"
    assert "no Ollama service" not in playground(front).text
    front.click("Ask")
    front.says("tokens")  # and they work


def test_an_ollama_that_runs_is_chosen_at_first(front: Front, kokoro: Served, serve: Serve) -> None:
    load(front, kokoro.url, "--as", "kokoro")
    load(front, serve().url, "--as", "sea")
    assert "running" in front.run("%mc status sea").text  # what is not known to run is not
    front.run("%mc panel")
    front.says("sea: running")
    assert playground(front).labels >= PROMPT_CONTROLS


def test_how_an_ollama_is_loaded_is_said_where_there_is_none(front: Front, kokoro: Served) -> None:
    front.run("%mc panel")
    playground(front).says("No Ollama is loaded: Ask finds or loads one, as %mc load ollama")
    assert playground(front).labels >= PROMPT_CONTROLS  # a prompt loads one
    load(front, kokoro.url, "--as", "kokoro")
    playground(front).says("press Load in Services, or in a cell %mc load ollama --start")
    assert not front.run("%mc remove kokoro").error
    front.until(lambda: playground(front).labels >= PROMPT_CONTROLS, "the controls")


def test_a_press_that_was_on_its_way_is_no_python_error(
    front: Front, kokoro: Served, serve: Serve
) -> None:
    beside_an_ollama(front, kokoro, serve)
    choose(front, "kokoro")
    models(front).says("kokoro is no Ollama service")
    for label in ("Pull", "Load into memory", "Unload", "Delete", "Ask"):
        front.type("Prompt", f"for {label}", "TextareaModel")
        front.click("Cancel")  # another line, so that the next one is a new one
        front.says("nothing to cancel")
        front.click(label)
        front.says("kokoro is no Ollama service: type %%kokoro in a cell")
    assert "Error" not in front.text
    assert front.kernel.value("len(mc_jupyter.panel()._jobs.running())") == 0


def test_a_service_that_is_found_to_be_another_kind_is_shown_as_that(
    front: Front, kokoro: Served
) -> None:
    load(front, kokoro.url, "--as", "pond", "--client", "plain")
    front.run("%mc panel")
    models(front).says("In a cell: %mc call pond GET /")
    load(front, kokoro.url, "--client", "kokoro")
    models(front).says("(text to speech, many voices). In a cell: %%mc pond")
    load(front, kokoro.url, "--client", "ollama")
    front.until(lambda: models(front).labels >= MODEL_CONTROLS, "the controls of models")
    front.until(lambda: "no Ollama" not in models(front).text, "the end of the notice")
    front.click("Pull")
    front.says("does not know /api/version")
    assert "AttributeError" not in front.text


def test_an_answer_that_comes_can_be_stopped_beside_another_service(
    front: Front, kokoro: Served, serve: Serve
) -> None:
    server = serve(tokens=["word "] * 2000, rate=30)
    load(front, server.url, "--as", "sea")
    load(front, kokoro.url, "--as", "kokoro")
    front.run("%mc panel")
    front.says("llama3.2:1b")
    front.type("Prompt", "Go on.", "TextareaModel")
    front.click("Ask")
    front.says("word word")
    choose(front, "kokoro")
    front.until(lambda: playground(front).labels == {"Stop"}, "the button")
    playground(front).says("word word")
    front.click("Stop")
    wait_until(lambda: server.closed_at, 2, "the server's freedom")
    front.until(lambda: playground(front).labels == set(), "the end of it")


# Services


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("cowsay-service", "loaded cowsay: press Start, or type %%cowsay in a cell"),
        ("nginx", "loaded cowsay: press Start, or type %mc call cowsay GET / in a cell"),
    ],
)
def test_what_was_loaded_is_used_as_is_said(
    front: Front, tmp_path: Path, image: str, words: str
) -> None:
    name = "cowsay"
    front.run("%mc panel")
    path = folder(tmp_path, name, image)
    if image == "nginx":  # its name alone would be a cow
        (path / "MediaConduit.service.yml").write_text(
            MANIFEST.format(name="web", image=image, more="")
        )
        (path / "docker-compose.yml").write_text(COMPOSE.format(name="web", image=image))
    front.type("Load", str(path))
    front.click("Load")
    front.says(words)


def test_what_runs_already_needs_no_start(front: Front, kokoro: Served, serve: Serve) -> None:
    front.run("%mc panel")
    for url, words in ((kokoro.url, "type %%mc NAME in a cell"), (serve().url, "ask it in the ")):
        front.type("Load", url)
        front.click("Load")
        name = f"127-0-0-1-{url.rpartition(':')[2]}"
        front.says(f"loaded {name}: {words.replace('NAME', name)}")


def followed(front: Front) -> list[str]:
    """The logs that are shown, by their headings."""
    return re.findall(r"Log of (\S+)", Part(front, 0).text)


def test_a_log_has_a_name_and_goes_with_its_service(
    front: Front, kokoro: Served, whisper: Served
) -> None:
    for name, served in (("kokoro", kokoro), ("ears", whisper)):
        load(front, served.url, "--as", name)
    front.run("%mc panel")
    front.says("kokoro: running")
    front.click("Follow logs")
    front.until(lambda: followed(front) == ["kokoro"], "its log")
    choose(front, "ears")
    front.until(lambda: followed(front) == ["ears"], "the other log")
    assert not front.run("%mc remove ears").error  # nobody chose the next one
    front.until(lambda: followed(front) == ["kokoro"], "the log of what is chosen now")
    front.click("Follow logs")
    front.until(lambda: followed(front) == [], "the end of the log")
    front.click("Follow logs")
    front.until(lambda: followed(front) == ["kokoro"], "its log again")
    assert not front.run("%mc remove kokoro").error
    front.until(lambda: followed(front) == [], "the end of the log")
    load(front, kokoro.url, "--as", "kokoro")
    front.says("kokoro: running")
    front.listen(0.5)
    assert followed(front) == []  # the button is not pressed any longer
    assert front.models[front.find("Follow logs", "ToggleButtonModel")]["value"] is False


# Messages


def test_no_comm_is_opened_by_a_choice_and_nothing_is_sent_at_rest(
    front: Front, kokoro: Served, serve: Serve
) -> None:
    load(front, serve().url, "--as", "sea")
    load(front, kokoro.url, "--as", "kokoro")
    opened = front.run("%mc panel").types.count("comm_open")
    assert opened <= 80
    front.says("llama3.2:1b")
    for name in ("kokoro", "sea", "kokoro"):
        choose(front, name)
        front.listen(0.5)
    assert len(front.models) == opened
    front.listen(1.5)
    assert front.listen(5) == []
