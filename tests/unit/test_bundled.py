"""The bundled definitions, and the rules of their servers that need no container."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from mc_jupyter.bundled.ffmpeg.ffmpeg_server import facts, values
from mc_jupyter.bundled.ffmpeg.ffmpeg_server.faults import Refused
from mc_jupyter.bundled.ffmpeg.ffmpeg_server.graph import understand
from mc_jupyter.manifest import read_manifest
from mc_jupyter.sources import bundled, parse_identifier

NAMES = ("cowsay", "ffmpeg", "kokoro", "ollama", "whisper")
OURS = ("cowsay", "ffmpeg")
PORTS = {"cowsay": 8080, "ffmpeg": 8006, "kokoro": 8880, "ollama": 11434, "whisper": 9000}
HEALTH = {"ollama": "/api/version", "whisper": "/"}


def compose(name: str) -> dict[str, Any]:
    text = (bundled.folder(name) / "docker-compose.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_these_are_bundled() -> None:
    assert bundled.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_fits_the_compose_file(name: str) -> None:
    manifest = read_manifest(bundled.folder(name))
    (service,) = compose(name)["services"].items()
    assert (manifest.name, manifest.compose_service) == (f"{name}-service", name)
    assert service[0] == name
    assert manifest.image == service[1].get("image")
    assert manifest.ports == (PORTS[name],)
    assert manifest.health.path == HEALTH.get(name, "/health")
    assert manifest.extra == {}
    assert parse_identifier(name).handle == name


@pytest.mark.parametrize("name", NAMES)
def test_two_of_them_never_clash_and_nobody_else_reaches_them(name: str) -> None:
    document = compose(name)
    service = document["services"][name]
    assert service["ports"] == [f"127.0.0.1:${{{name.upper()}_HOST_PORT:-0}}:{PORTS[name]}"]
    assert "container_name" not in service
    assert "networks" not in document
    assert "deploy" not in service
    assert "runtime" not in service
    assert "restart" not in service
    assert all(not volume for volume in document.get("volumes", {}).values())  # no fixed name
    for volume in service.get("volumes", ()):
        assert volume.partition(":")[0] in document["volumes"]
    assert "curl" not in service["healthcheck"]["test"]  # alone: it is not in every image


def test_models_lie_where_the_published_whisper_keeps_them() -> None:
    assert compose("whisper")["services"]["whisper"]["volumes"] == [
        "whisper_models:/root/.cache/whisper"
    ]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("github:MediaConduit/whisper-service", "whisper"),
        ("https://github.com/mediaconduit/kokoro-service.git", "kokoro"),
        ("github:MediaConduit/ffmpeg-service", "ffmpeg"),
        ("github:MediaConduit/cowsay-service", "cowsay"),
        ("github:MediaConduit/cosway-service", "cowsay"),
        ("github:MediaConduit/whisper-service@v1", None),
        ("github:MediaConduit/zonos-service", None),
        ("github:Someone/whisper-service", None),
    ],
)
def test_what_they_stand_in_for(typed: str, name: str | None) -> None:
    assert bundled.stand_in(parse_identifier(typed)) == name


def test_content_is_of_names_and_bytes_only(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = bundled.content(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.cpython-311.pyc").write_text("compiled")
    assert bundled.content(tmp_path) == first
    (tmp_path / "a.py").write_text("2")
    second = bundled.content(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, bundled.content(tmp_path)}) == 3


@pytest.mark.parametrize("name", OURS)
def test_the_server_runs_without_us_and_not_as_root(name: str) -> None:
    folder = bundled.folder(name)
    lines = (folder / "Dockerfile").read_text().splitlines()
    assert lines[0] == "FROM debian:bookworm-slim"
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    imported = {
        module
        for tree in trees
        for node in ast.walk(tree)
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert "aiohttp" in imported
    assert not {module for module in imported if module.startswith("mc_jupyter")}


@pytest.mark.parametrize(
    "graph",
    [
        "[0:v]scale=320:-2,hue=s=0[final_video]",
        "[0:v][1:v]hstack[final_video];[0:a][1:a]amix[mixed_audio]",
        "[0:v]drawtext=text='a, b; [c] /etc/x':x=(w-text_w)/2[v]",
        r"select=eq(n\,3)",
        " [0:v] null , format=yuv420p [v] ; [0:a] volume=0.5 [a] ",
        "[0:v]crop@mine=iw/2:ih/2:0:0",
        "[0:v]geq=lum='p(X,Y)':cb=128:cr=128",
        "color=c=red:s=16x16:d=1[v]",
    ],
)
def test_a_graph_that_is_accepted(graph: str) -> None:
    assert understand(graph).filters


def test_what_is_read_of_a_graph() -> None:
    found = understand("[0:v]null[final_video];[0:a:0]volume=2[loud]")
    assert found.labels == {"0:v", "final_video", "0:a:0", "loud"}
    assert found.filters == ["null", "volume"]
    assert found.takes_audio
    assert not understand("[0:v]null[a]").takes_audio


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ("movie=/etc/passwd[final_video]", "the filter movie is not allowed"),
        (r"mo\vie=x", "the filter movie"),
        ("'mov'ie=x", "the filter movie"),
        ("movie@name=x", "the filter movie"),
        ("[0:v]null[a];[0:v]scale=2:2,\n amovie=x", "the filter amovie"),
        ("[0:v]subtitles=x.srt", "the filter subtitles"),
        ("[0:v]zmq", "the filter zmq"),
        ("[0:v]drawtext=textfile=x", "drawtext has textfile"),
        ("[0:v]drawtext=text=a:font\\file=x", "drawtext has fontfile"),
        ("[0:v]drawtext=/etc/font.ttf:text=a", "the path '/etc/font.ttf'"),
        ("[0:v]drawtext='text=a:fontfile=/etc/x'", "drawtext has fontfile"),
        (r"[0:v]curves=psfile\=x", "curves has psfile"),
        ("[0:v]curves=a:b:'/etc/x'", "the path '/etc/x'"),
        ("[0:v]firequalizer=a:b:../x", "the path '../x'"),
        ("[0:v]firequalizer=a:b:tcp\\\\://host", "the path 'tcp://host'"),
        ("[0:v]null=/text=x", "null has /text"),
        ("sws_flags=bicubic;[0:v]null", "sws_flags"),
        ("[0:v]null[out", "a [ without its ]"),
        ("[0:v]null]x", "'null]x' is no filter's name"),
        ("[0:v]scale=2:2]x", "cannot be understood from ']x'"),
        ("null,,null", "'' is no filter's name"),
        ("a b=1", "'a b' is no filter's name"),
        ("  ", "filterComplex is empty"),
    ],
)
def test_a_graph_that_is_refused(graph: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        understand(graph)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.seconds, "12.5", 12.5),
        (values.seconds, "00:01:02.5", 62.5),
        (values.seconds, "01:02", 62.0),
        (values.bitrate, "128k", "128k"),
        (values.resolution, "64x48", "64x48"),
        (values.label, "[out]", "out"),
        (values.flag, "True", True),
        (values.whole(1, 8), "2", 2),
        (values.number(-1, 1), "-0.5", -0.5),
        (values.one_of("mp3", "wav"), "MP3", "mp3"),
    ],
)
def test_a_value_that_is_read(read: values.Read, text: str, value: object) -> None:
    assert values.read("x", text, {"x": read}) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (values.seconds, "-1"),
        (values.seconds, "nan"),
        (values.bitrate, "128k -i /etc/passwd"),
        (values.bitrate, "0"),
        (values.resolution, "64x"),
        (values.label, "a]b"),
        (values.flag, "yes"),
        (values.whole(1, 8), "9"),
        (values.whole(1, 8), "٣"),
        (values.number(0, 1), "1e9"),
        (values.one_of("mp3"), "exe"),
        (values.one_of("mp3"), ""),
    ],
)
def test_a_value_that_is_refused(read: values.Read, text: str) -> None:
    with pytest.raises(Refused, match=r"^x is .*: accepted: "):
        values.read("x", text, {"x": read})


def test_facts_of_a_file_that_says_little() -> None:
    cover = {"codec_type": "video", "disposition": {"attached_pic": 1}}
    found = {"format": {"bit_rate": "N/A"}, "streams": [cover, {"codec_type": "audio"}]}
    told = facts.metadata(found)
    assert {name for name, value in told.items() if value is not None} == set()
    assert facts.rate({"avg_frame_rate": "0/0", "r_frame_rate": "30000/1001"})[1] == 29.97
