"""The services' magics in a real kernel, on containers that it loads and starts itself.

FFMPEG and cowsay are the bundled services; Whisper and Kokoro are the bundled definitions over
stand-ins for their images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import engine, media_files
from support.kernel import Kernel
from support.media import png, tone
from support.standin import build, debian, service_images

from mc_jupyter.lab.score import word_error_rate

DIGITS = "one two three four five six seven eight nine"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def kernel(folder: Path, shared_home: Path) -> Iterator[Kernel]:
    """What it left on the engine is swept by label."""
    env = {"MC_JUPYTER_HOME": str(shared_home), "MC_JUPYTER_RUNTIME": "docker"}
    kernel = Kernel(env, str(folder))
    try:
        assert not kernel.run("%load_ext mc_jupyter").error
        yield kernel
    finally:
        kernel.close()
        engine.sweep(shared_home)


@pytest.fixture(scope="module")
def ffmpeg(kernel: Kernel, folder: Path) -> None:
    """Loaded and started by its short name; a real video and a real sound lie in the folder."""
    try:
        image = debian.built("ffmpeg")
        debian.debian_image()
    except build.CannotBuild as reason:
        pytest.skip(str(reason))
    (folder / "clip.mp4").write_bytes(media_files.mp4(image))
    (folder / "tone.wav").write_bytes(tone(2.0))
    (folder / "picture.png").write_bytes(png())
    got = kernel.run("%mc load ffmpeg --start")
    assert not got.error, got.error
    assert "running" in got.last["data"]["text/plain"]


def shown(kernel: Kernel, cell: str) -> list[str]:
    """The lines that a cell shows in its one output."""
    got = kernel.run(cell)
    assert not got.error, got.error
    (output,) = got.outputs()
    assert output["type"] == "display_data"
    lines: list[str] = output["data"]["text/plain"].splitlines()
    return lines


@pytest.mark.usefixtures("ffmpeg")
def test_info(kernel: Kernel) -> None:
    lines = shown(kernel, "%ffmpeg info clip.mp4 --out about")
    facts = dict(line.split()[:2] for line in lines)
    assert (facts["width"], facts["height"], facts["fps"]) == ("160", "120", "25.0")
    assert (facts["video_codec"], facts["audio_codec"]) == ("h264", "aac")
    assert kernel.value("about['sample_rate']") == 44100


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", r"sound, 2.0 s, 44.1 kHz mono, wav, "),
        ("--format mp3 --bitrate 64k --channels 2", "sound, 2.0 s, 44.1 kHz stereo, mp3, "),
        ("--format flac --sample-rate 16000", "sound, 2.0 s, 16 kHz mono, flac, "),
        ("--format ogg --start 0.5 --duration 1", "sound, 1.0 s, 44.1 kHz mono, ogg, "),
    ],
)
def test_extract_audio(kernel: Kernel, options: str, said: str) -> None:
    (line,) = shown(kernel, f"%ffmpeg extract-audio clip.mp4 {options}")
    assert line.startswith(said)


@pytest.mark.usefixtures("ffmpeg")
def test_convert(kernel: Kernel, folder: Path) -> None:
    lines = shown(kernel, "%ffmpeg convert tone.wav --format mp3 --normalize --save loud.mp3")
    assert lines[0].startswith("sound, 2.0")
    assert lines[1] == "saved as loud.mp3"
    assert (folder / "loud.mp3").stat().st_size == kernel.value("_answer.size")
    assert kernel.value("_answer.settings") == {"format": "mp3", "normalize": True}
    halved = shown(kernel, "%ffmpeg convert tone.wav --duration 1 --volume 0.5 --sample-rate 8000")
    assert halved[0].startswith("sound, 1.0 s, 8 kHz mono, wav, 16 kB")


@pytest.mark.usefixtures("ffmpeg")
def test_frames(kernel: Kernel, folder: Path) -> None:
    assert shown(kernel, "%ffmpeg frame clip.mp4 --times 0.4")[0].startswith(
        "frame, at 0.40 s, 160 × 120, png, "
    )
    lines = shown(
        kernel, "%ffmpeg frame clip.mp4 --times 0.4,1.2 --format jpg --width 80 --out two"
    )
    assert lines[0].startswith("2 × frame, ")
    assert [line.partition(", jpg")[0] for line in lines[1:]] == [
        "1: frame, at 0.40 s, 80 × 60",
        "2: frame, at 1.2 s, 80 × 60",
    ]
    assert kernel.value("[len(two), two[1].width]") == [2, 80]
    lines = shown(kernel, "%ffmpeg frame clip.mp4 --frame-rate 2 --save all.png")
    assert lines[0].startswith("4 × frame, ")
    assert lines[-1] == "saved as all-1.png, all-2.png, all-3.png, all-4.png"
    assert (folder / "all-4.png").read_bytes()[:4] == b"\x89PNG"
    assert shown(kernel, "%ffmpeg frame clip.mp4 --number 3")[0].startswith("frame, ")


@pytest.mark.usefixtures("ffmpeg")
def test_filter_in_a_line_and_in_a_cell(kernel: Kernel) -> None:
    line = shown(kernel, '%ffmpeg filter clip.mp4 --graph "[0:v]scale=80:-2"')
    assert re.match("video, 2.\\d s, 80 × 60, 25 fps, mp4, ", line[0])
    kernel.run("size = '64:48'")
    cell = "%%ffmpeg filter clip.mp4 clip.mp4 --format webm --out beside\n"
    graph = "[0:v]scale={{size}}[a];\n[1:v]scale={{size}}[b];\n[a][b]hstack[final_video]"
    assert re.match("video, 2.\\d s, 128 × 48, 25 fps, webm, ", shown(kernel, cell + graph)[0])
    assert kernel.value("len(beside.made.inputs)") == 2


@pytest.mark.usefixtures("ffmpeg")
def test_a_chain_over_several_steps(kernel: Kernel) -> None:
    for cell in (
        "%%ffmpeg filter clip.mp4 --out small\n[0:v]scale=80:-2",
        "%ffmpeg extract-audio small --format flac --out sound",
        "%ffmpeg convert sound --format mp3 --out final",
        "%ffmpeg frame small --times 0.2 --out still",
    ):
        assert not kernel.run(cell).error, cell
    steps = "[[s.what, s.service, s.identifier] for s in final.made.chain]"
    assert kernel.value(steps) == [
        [what, "ffmpeg", "bundled:ffmpeg"] for what in ("video", "sound", "sound")
    ]
    assert kernel.value("[s.what for s in still.made.chain]") == ["video", "frame"]
    assert kernel.value("final.made.chain[0].inputs[0].name") == "clip.mp4"
    hashes = "[final.made.inputs[0].sha256 == sound.content.sha256]"
    assert kernel.value(hashes) == [True]
    table = kernel.run("final.chain").text
    assert [row.split()[:3] for row in table.splitlines()[1:]] == [
        ["1", "video", "ffmpeg"],
        ["2", "sound", "ffmpeg"],
        ["3", "sound", "ffmpeg"],
    ]


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "convert picture.png",
            "InputError: picture.png is a picture (PNG): ffmpeg does not take it",
        ),
        ("extract-audio tone.wav --bitrate 64k", "OptionError: bitrate means nothing in wav"),
        ("frame clip.mp4 --times 99", "ResponseError: ffmpeg: --times is 99: clip.mp4 is 2."),
        ("filter clip.mp4 --graph [0:v]nosuch", "ResponseError: ffmpeg: ffmpeg: "),
        ("filter clip.mp4", "ArgumentError: %ffmpeg filter: there is no filter graph"),
    ],
)
def test_what_goes_wrong_is_one_line(kernel: Kernel, line: str, error: str) -> None:
    got = kernel.run(f"%ffmpeg {line}")
    assert got.error.startswith(error)
    assert len(got.error.splitlines()) <= 2


@pytest.mark.usefixtures("ffmpeg")
def test_a_stopped_service_is_started_again(kernel: Kernel) -> None:
    assert not kernel.run("%mc stop ffmpeg").error
    lines = shown(kernel, "%ffmpeg convert tone.wav")
    assert lines[0].startswith("sound, 2.0 s")


def test_cowsay(kernel: Kernel) -> None:
    try:
        debian.built("cowsay")
        debian.debian_image()
    except build.CannotBuild as reason:
        pytest.skip(str(reason))
    assert not kernel.run("%mc load cowsay --start").error
    kernel.run("n = 3")
    lines = shown(kernel, "%%cowsay --out cow\n{{n + 1}} legs, it's true")
    assert "< 4 legs, it's true >" in lines
    assert "(__)\\" in "\n".join(lines)
    assert kernel.value("[str(cow) == cow.text, cow.made.service]") == [True, "cowsay"]
    assert "< Moo! >" in shown(kernel, "%%cowsay")
    assert "< it's one line >" in shown(kernel, "%cowsay say it's one line")
    assert "< by its handle >" in shown(kernel, "%%mc cowsay\nby its handle")
    got = kernel.run("%%cowsay\n" + "x" * 2000).error
    assert got.startswith("InputError: ")
    assert len(got.splitlines()) <= 2


def test_speak_then_transcribe(
    kernel: Kernel, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Digits through the Kokoro API and the Whisper API, on real audio bytes."""
    try:
        for name in ("kokoro", "whisper"):
            service_images.published_image(name)
    except build.CannotBuild as reason:
        pytest.skip(str(reason))
    assert not kernel.run("%mc load kokoro --start").error
    assert not kernel.run("%mc load whisper --start").error
    (line,) = shown(kernel, f"%%kokoro --voice af_heart --out spoken\n{DIGITS}")
    assert line.startswith("speech, 2.9 s, 24 kHz mono, wav, ")
    assert not kernel.run("%whisper spoken --language en --out heard").error
    text = kernel.value("str(heard)")
    score = word_error_rate(DIGITS, text)
    kernel.run("from mc_jupyter.lab.score import word_error_rate")
    printed = kernel.run(f"print(word_error_rate({DIGITS!r}, heard))").streams.strip()
    assert printed == str(score)
    with capsys.disabled():
        print(f"\n  {DIGITS!r} -> {text!r}: {printed}")
    assert score.rate <= 0.25
    chain = "[[s.what, s.identifier] for s in heard.made.chain]"
    assert kernel.value(chain) == [["speech", "bundled:kokoro"], ["transcript", "bundled:whisper"]]
    assert kernel.value("heard.made.inputs[0].sha256 == spoken.content.sha256") is True
