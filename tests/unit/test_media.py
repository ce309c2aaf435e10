"""Results that show themselves: what they know, show, save, and put beside the notebook."""

from __future__ import annotations

import base64
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support import media as made_here
from support.small_disk import small_disk

from mc_jupyter.clients import sound
from mc_jupyter.clients.content import Content, gather
from mc_jupyter.clients.parts import as_part
from mc_jupyter.errors import ArgumentError, InputError
from mc_jupyter.lab.made import Input, Made
from mc_jupyter.lab.media import Audio, File, Gallery, Media, Picture, Said, Video, show
from mc_jupyter.lab.media.dimensions import dimensions
from mc_jupyter.lab.media.inputs import resolve
from mc_jupyter.lab.media.waveform import COLUMNS, described, waveform
from mc_jupyter.lab.media.words import clock_text, duration_text

ANSWER = Made("answer", "ollama", "github:MediaConduit/ollama-service@main", "ab" * 20, "smollm2")
SPEECH = Made(
    "speech",
    "kokoro",
    "github:MediaConduit/kokoro-service",
    "cd" * 20,
    "af_heart",
    {"speed": 1.0},
    (Input("text", "12" * 32, 40, ANSWER),),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audio(raw: bytes | None = None, kind: str = "audio/wav", **more: Any) -> Audio:
    return Audio(Content(made_here.tone() if raw is None else raw, kind), SPEECH, **more)


def picture(raw: bytes | None = None, kind: str = "image/png", **more: Any) -> Picture:
    return Picture(Content(raw or made_here.png(), kind), Made("picture", "hf"), **more)


def bundle(media: Any) -> dict[str, Any]:
    data: dict[str, Any] = media._repr_mimebundle_()[0]
    return data


class Elements(HTMLParser):
    """The elements of an HTML text, each with its attributes; all must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def one(self, tag: str) -> dict[str, str | None]:
        (found,) = (attributes for name, attributes in self.found if name == tag)
        return found


def test_audio_knows_itself() -> None:
    sound = audio()
    assert (sound.duration, sound.sample_rate, sound.channels) == (0.5, 8000, 1)
    assert str(sound) == "speech, 0.50 s, 8 kHz mono, wav, 8 kB"
    assert repr(sound) == f"<Audio: {sound}>"
    assert sound.samples().shape == (4000,)
    assert 0.55 < abs(sound.samples()).max() < 0.65
    assert audio(made_here.tone(channels=2)).samples().shape == (4000, 2)
    assert sound.bytes == made_here.tone()


def test_audio_is_a_player_with_a_waveform() -> None:
    elements = Elements(bundle(audio())["text/html"])
    image, player = elements.one("img"), elements.one("audio")
    assert re.match(r"Waveform of 0\.50 s: loudest at 0\.2\d s", str(image["alt"]))
    assert str(image["src"]).startswith("data:image/svg+xml;base64,")
    assert len(str(image["src"])) <= 4096
    head, data = str(player["src"]).split(",")
    assert head == "data:audio/wav;base64"
    assert base64.b64decode(data) == made_here.tone()
    assert "controls" in player
    assert "source" not in [name for name, _ in elements.found]  # it loses src where not trusted


def test_what_cannot_be_read_is_shown_without_waveform() -> None:
    sound = audio(b"\xff\xf1" + bytes(500), "audio/aac")
    elements = Elements(bundle(sound)["text/html"])
    assert [name for name, _ in elements.found] == ["div", "audio", "small"]
    assert (sound.duration, sound.sample_rate, str(sound)) == (None, None, "speech, aac, 502 B")
    with pytest.raises(InputError):
        sound.samples()


def test_what_no_browser_plays_has_no_player() -> None:
    html = bundle(audio(bytes(4800), "audio/pcm"))["text/html"]
    assert "<audio" not in html
    assert "browsers do not play" in html
    assert "%ffmpeg convert VARIABLE --format wav --save x.wav" in html
    assert bundle(audio(bytes(4800), "audio/pcm"))["text/plain"].endswith("mono, pcm, 5 kB")


@pytest.mark.parametrize("format", ["ogg", "opus"])
def test_what_ffmpeg_does_not_take_goes_there_as_samples(format: str) -> None:
    ogg = audio(sound.convert(Content(made_here.tone(), "audio/wav"), format).bytes, "audio/ogg")
    with pytest.raises(ArgumentError) as caught:
        ogg.save("x.flac")
    made, _, line = str(caught.value.hint).partition(", then ")
    assert line == "%ffmpeg convert part --format flac --save x.flac"
    names: dict[str, Any] = {"VARIABLE": ogg}
    exec(made, names)
    assert as_part(resolve("part", names)[0], "ffmpeg").kind == "audio/wav"
    with pytest.raises(ArgumentError, match=r"\nsave it as x\.og"):
        ogg.save("x.aiff")
    other = Video(Content(bytes(9), "video/mpeg"), Made("video"))
    with pytest.raises(ArgumentError, match=r"\nsave it as x\.mp"):
        other.save("x.mkv")


def test_a_waveform_is_small_whatever_it_shows() -> None:
    for peaks in ([0.0] * COLUMNS, [1.0] * COLUMNS, [i / COLUMNS for i in range(COLUMNS)], [0.3]):
        assert len(waveform(peaks)) <= 4096
        assert waveform(peaks) == waveform(list(peaks))
    assert waveform([0.1, 0.2]) == waveform([0.4, 0.8])  # the loudest fills it
    assert waveform([0.1, 0.2]) != waveform([0.2, 0.1])


def test_a_waveform_in_words() -> None:
    assert described([0.0, 0.0], 2) == "Waveform of 2.0 s: silence"
    assert (
        described([0.0, 0.0, 0.5, 0.4], 8) == "Waveform of 8.0 s: loudest at 4.0 s, 50% of it quiet"
    )
    assert described([0.2, 0.5], None) == "Waveform: loudest after 50%"
    assert Elements(audio(made_here.silence()).html()).one("img")["alt"] == (
        "Waveform of 0.50 s: silence"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.347, "0.35 s"),
        (2.3, "2.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (83, "1 min 23 s"),
        (3599.7, "1 h 00 min"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_places_in_a_recording() -> None:
    assert [clock_text(s) for s in (0, 2.44, 59.96, 3723)] == [
        "0:00.0",
        "0:02.4",
        "1:00.0",
        "1:02:03.0",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        made_here.png(),
        made_here.JPEG,
        made_here.GIF,
        made_here.WEBP_LOSSY,
        made_here.WEBP_LOSSLESS,
        made_here.WEBP_ALPHA,
    ],
    ids=["png", "jpeg", "gif", "lossy", "lossless", "alpha"],
)
def test_width_and_height(raw: bytes) -> None:
    assert dimensions(raw) == (7, 5)
    for length in range(len(raw)):  # cut off anywhere, it is known or not, but never an error
        assert dimensions(raw[:length]) in (None, (7, 5))
    assert dimensions(raw[:6]) is None


def test_types_are_shown_by_the_names_that_browsers_know() -> None:
    assert "data:audio/ogg;base64," in audio(b"OggS", "audio/opus").html()
    assert "data:audio/mpeg;base64," in audio(b"ID3", "audio/mp3").html()
    assert set(bundle(picture(made_here.JPEG, "image/jpg"))) == {"text/plain", "image/jpeg"}


def test_what_is_no_picture_has_no_size() -> None:
    assert dimensions(b"") is None
    assert dimensions(b"<svg/>") is None
    assert dimensions(b"\xff\xd8" + bytes(40)) is None
    assert str(picture(b"<svg/>", "image/svg+xml")) == "picture, svg, 6 B"


def test_a_picture_is_saved_once_in_its_own_type() -> None:
    shown = picture()
    data, metadata = shown._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/png"}
    assert base64.b64decode(data["image/png"]) == shown.bytes
    assert data["text/plain"] == f"picture, 7 × 5, png, {shown.size} B"
    assert metadata["image/png"] == {"alt": data["text/plain"]}
    assert metadata["mc_jupyter"]["width"] == 7


@pytest.mark.parametrize(
    "shown",
    [
        picture(notes=["the seed was <7>"]),
        picture(made_here.WEBP_LOSSY, "image/webp"),
    ],
)
def test_other_pictures_are_html_with_a_text_for_who_does_not_see_them(shown: Picture) -> None:
    data = bundle(shown)
    assert set(data) == {"text/plain", "text/html"}
    image = Elements(data["text/html"]).one("img")
    assert (image["alt"], image["width"], image["height"]) == (shown.summary, "7", "5")
    if shown.notes:
        assert "the seed was &lt;7&gt;" in data["text/html"]
        assert data["text/plain"].endswith("\nthe seed was <7>")


def test_a_gallery_shows_all_and_is_a_sequence() -> None:
    frames = [picture(made_here.png(shade=n)) for n in range(3)]
    gallery = Gallery(frames)
    assert (len(gallery), gallery[1], list(gallery)) == (3, frames[1], frames)
    assert str(gallery) == f"3 × picture, {sum(f.size for f in frames)} B"
    elements = Elements(bundle(gallery)["text/html"])
    sources = [attributes["src"] for name, attributes in elements.found if name == "img"]
    assert len(set(sources)) == 3
    paths = gallery.save("frame.png")
    assert [path.name for path in paths] == ["frame-1.png", "frame-2.png", "frame-3.png"]
    assert paths[2].read_bytes() == frames[2].bytes


def test_a_frame_tells_its_moment() -> None:
    assert str(picture(facts={"time": 1.5})).startswith("picture, at 1.5 s, 7 × 5, png")


def test_a_gallery_that_is_large_together_lies_beside(folder: Path) -> None:
    size = len(made_here.png())
    frames = [picture(made_here.png(shade=n), inline_limit=2 * size) for n in range(3)]
    html = bundle(Gallery(frames))["text/html"]
    assert "data:" not in html
    assert len(list((folder / "mc-media").iterdir())) == 3


def test_a_video_shows_what_was_told() -> None:
    told = {"width": 320, "height": 180, "fps": 29.97003, "duration": 12.0}
    video = Video(Content(b"\0" * 2000, "video/mp4"), Made("video", "ffmpeg"), facts=told)
    assert str(video) == "video, 12.0 s, 320 × 180, 29.97 fps, mp4, 2 kB"
    player = Elements(bundle(video)["text/html"]).one("video")
    assert (player["width"], player["height"]) == ("320", "180")
    assert "controls" in player
    unknown = Video(Content(b"\0" * 2000, "video/x-matroska"), Made("video"))
    assert (unknown.width, str(unknown)) == (None, "video, mkv, 2 kB")
    assert "browsers do not play mkv: %ffmpeg filter VARIABLE --format mp4" in unknown.html()


def test_any_other_file() -> None:
    content = Content(b"PK", "application/zip", name="../../etc/<m>.zip")
    file = File(content, Made("answer"))
    assert str(file) == "<m>.zip, application/zip, 2 B"
    assert "&lt;m&gt;.zip" in file.html()
    assert ".save(path)" in file.html()


@pytest.mark.parametrize(
    ("kind", "name", "cls"),
    [
        ("audio/mpeg", "", Audio),
        ("image/webp", "", Picture),
        ("video/mp4", "", Video),
        ("application/json", "", Said),
        ("text/csv", "", Said),
        ("application/octet-stream", "a.wav", Audio),
        ("application/octet-stream", "", File),
        ('audio/"><script>', "", File),
    ],
)
def test_the_type_decides(kind: str, name: str, cls: type[Media]) -> None:
    assert type(show(Content(b"{}", kind, name=name), Made("answer"))) is cls


def test_a_text_is_shown_as_it_stands() -> None:
    said = Said("a <b>\n  c", Made("text", "cowsay"))
    assert (str(said), said.text, said.data) == ("a <b>\n  c", "a <b>\n  c", None)
    assert bundle(said)["text/plain"] == "a <b>\n  c"
    assert "a &lt;b&gt;\n  c" in bundle(said)["text/html"]


def test_json_is_shown_with_its_lines() -> None:
    said = show(Content(b'{"a":[1]}', "application/problem+json"), Made("answer"))
    assert isinstance(said, Said)
    assert said.data == {"a": [1]}
    assert bundle(said)["text/plain"] == '{\n  "a": [\n    1\n  ]\n}'
    assert said.bytes == b'{"a":[1]}'
    broken = show(Content(b'{"a":', "application/json"), Made("answer"))
    assert bundle(broken)["text/plain"] == '{"a":'
    deep = show(Content(b"[" * 101 + b"]" * 101, "application/json"), Made("answer"))
    assert isinstance(deep, Said)
    assert (deep.data, deep.text) == (None, "[" * 101 + "]" * 101)
    assert deep.notes == ("not read as JSON: it nests more than 100 deep; .text has all of it",)
    long = Said("x" * 150_000, Made("text"))
    assert len(bundle(long)["text/plain"]) < 101_000
    assert "50,000 more characters" in bundle(long)["text/plain"]


def test_saving(folder: Path) -> None:
    sound = audio()
    assert sound.save("talk") == Path("talk.wav")
    assert (folder / "talk.wav").read_bytes() == sound.bytes
    assert sound.save("talk.WAV").name == "talk.WAV"
    assert sound.save("talk.v2").name == "talk.v2"  # no suffix of a format that is known
    for name in ("a.mp3", "a.png", "a.txt"):
        with pytest.raises(ArgumentError, match="this is wav, and saving does not convert it"):
            sound.save(name)
    with pytest.raises(
        ArgumentError, match=r"\n%ffmpeg convert VARIABLE --format mp3 --save a.mp3"
    ):
        sound.save("a.mp3")
    assert not (folder / "a.mp3").exists()
    with pytest.raises(ArgumentError, match=r"\nsave it as a\.wav$"):
        sound.save("a.png")
    video = Video(Content(b"x", "video/mp4"), Made("video"))
    with pytest.raises(ArgumentError, match="\n%ffmpeg extract-audio VARIABLE --format mp3 --save"):
        video.save("a.mp3")
    with pytest.raises(ArgumentError, match=r"\n%ffmpeg filter VARIABLE --format webm --graph "):
        video.save("a.webm")
    with pytest.raises(ArgumentError, match="nowhere"):
        sound.save("nowhere/a.wav")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("audio/mpeg", "a.mp3"),
        ("audio/mp3", "a.mp3"),
        ("audio/x-wav", "a.wav"),
        ("audio/opus", "a.ogg"),
        ("audio/mp4", "a.m4a"),
        ("image/jpg", "a.jpeg"),
        ("image/jpeg", "a.jpg"),
        ("video/mp4", "a.m4v"),
    ],
)
def test_one_format_has_several_names(kind: str, name: str, folder: Path) -> None:
    show(Content(b"x", kind), Made("x")).save(name)
    assert (folder / name).read_bytes() == b"x"


def test_the_chain_reads_as_a_table() -> None:
    chain = audio().chain
    assert [step.what for step in chain] == ["answer", "speech"]
    first, answer, speech = repr(chain).splitlines()
    assert first.split() == ["STEP", "MADE", "BY", "COMMIT", "OPTIONS", "FROM"]
    assert answer.split() == ["1", "answer", "ollama", "(smollm2)", "abababababab"]
    words = " ".join(speech.split())
    assert words == "2 speech kokoro (af_heart) cdcdcdcdcdcd speed=1.0 step 1"
    Elements(chain._repr_html_())


def test_no_address_and_no_folder_is_saved() -> None:
    made = Made(
        "speech",
        "127-0-0-1-41733",
        None,
        options={"reference": "/home/me/voice.wav", "path": Path("/home/me/x.wav")},
        inputs=(
            Input("/home/me/in.wav", made=Made("text", "mine", "/home/me/services/mine", None)),
        ),
    )
    media = Audio(Content(made_here.tone(), "audio/wav"), made)
    data, metadata = media._repr_mimebundle_()
    saved = json.dumps([data, metadata, repr(media.chain)])
    assert "41733" not in saved
    assert "/home" not in saved
    assert "voice.wav" in saved
    assert metadata["mc_jupyter"]["made"]["inputs"][0]["made"]["identifier"] == "mine"


def test_a_service_by_its_address_is_called_by_its_kind() -> None:
    media = Audio(Content(made_here.tone(), "audio/wav"), Made("speech", "chatterbox"))
    assert "chatterbox, by its URL" in repr(media.chain)
    assert media.facts()["made"]["service"] == "chatterbox"
    named = Media(media.content, Made("speech", "kokoro", model="kokoro"))
    assert "kokoro, by its URL\n" in f"{named.chain!r}\n"
    assert "a service by its URL" in repr(Media(media.content, Made("speech", "alpha")).chain)


def test_large_media_lies_beside_and_is_linked(folder: Path) -> None:
    sound = audio(inline_limit=100)
    first = sound._repr_mimebundle_()
    (file,) = (folder / "mc-media").iterdir()
    assert file.name == f"speech-{sound.content.sha256[:12]}.wav"
    assert file.read_bytes() == sound.bytes
    html = first[0]["text/html"]
    elements = Elements(html)
    path = f"mc-media/{file.name}"
    assert (elements.one("audio")["src"], elements.one("a")["href"]) == (path, path)
    assert str(folder) not in html
    before = file.stat()
    os.utime(file, ns=(1, 1))
    assert audio(inline_limit=100)._repr_mimebundle_() == first
    assert file.stat().st_mtime_ns == 1  # it was there: not written again
    assert before.st_size == sound.size


def test_content_in_a_temporary_file_is_copied(folder: Path) -> None:
    content = gather(iter([bytes(1 << 20)] * 17), "video/mp4")
    assert content.path is not None
    video = Video(content, Made("video"))
    assert len(bundle(video)["text/html"]) < 1000
    (file,) = (folder / "mc-media").iterdir()
    assert file.stat().st_size == 17 << 20
    assert content.path.exists()


def test_names_beside_are_harmless(folder: Path) -> None:
    content = Content(b"x" * 10, "application/x-strange", name='../../a.b"><c')
    html = bundle(File(content, Made("../Ärger"), inline_limit=0))["text/html"]
    (file,) = (folder / "mc-media").iterdir()
    assert re.fullmatch(r"rger-[0-9a-f]{12}\.bin", file.name)
    Elements(html)


def test_where_nothing_can_be_written_the_reader_is_told(folder: Path) -> None:
    (folder / "mc-media").write_text("a file is in the way")
    html = bundle(audio(inline_limit=100))["text/html"]
    assert "mc-media cannot be written: File exists; .save(path) writes it elsewhere" in html
    assert "<audio" not in html
    assert "<a " not in html


def test_a_full_disk_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(folder / "small") as disk:
        monkeypatch.chdir(disk)
        media = Video(Content(bytes(2_000_000), "video/mp4"), Made("video"))
        html = bundle(media)["text/html"]
        left = [path.name for path in (disk / "mc-media").iterdir()]
        monkeypatch.chdir(folder)
    assert "No space left on device; .save(path) writes it elsewhere" in html
    assert left == []


def test_settings_are_kept() -> None:
    assert audio().settings == {"speed": 1.0}
    sound = audio(settings={"speed": 2.0, "voice": "x"}, facts={"seed": 7})
    assert (sound.settings, sound.told) == ({"speed": 2.0, "voice": "x"}, {"seed": 7})
    assert sound.facts()["settings"] == sound.settings
    assert "seed" not in json.dumps(sound.facts())


def test_a_loop_of_results() -> None:
    """Each fed to the next: neither the steps nor what is saved of them grow without an end."""
    made = Made("frame", "ffmpeg")
    for _ in range(2000):
        made = Made("frame", "ffmpeg", inputs=(Input("a", made=made), Input("b", made=made)))
    assert len(made.chain) == 2001
    assert made.chain[-1] is made
    result = Picture(Content(made_here.png(), "image/png"), made)
    assert len(json.dumps(result.facts())) < 50_000
    assert len(result.chain) == 2001
    twice = Made("video", inputs=(Input("a", made=SPEECH), Input("b", made=SPEECH)))
    first, second = twice.as_dict()["inputs"]
    assert first["made"] == SPEECH.as_dict()
    assert second["made"] == SPEECH.as_dict() | {"inputs": []}
