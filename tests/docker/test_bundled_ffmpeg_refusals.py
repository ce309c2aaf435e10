"""The bundled ffmpeg service: what it refuses, and what it ends when the caller goes."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import engine, media_files
from support.bundled import Server, ffmpeg_or_skip
from support.wait import wait_until

from mc_jupyter.bundled.ffmpeg.ffmpeg_server.faults import Refused
from mc_jupyter.bundled.ffmpeg.ffmpeg_server.graph import understand
from mc_jupyter.runtimes.compose import ComposeRuntime

LIMIT = 3  # MB
ENDLESS = {"filterComplex": "testsrc2=s=1280x720[final_video]"}
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
SCRIPT = b"ffconcat version 1.0\nfile /etc/passwd\n"
_PLACES = re.compile(r"file|path|plugin|library|address|directory|script|\bmodel\b", re.I)


@pytest.fixture(scope="module")
def server(shared_home: Path, runtime: ComposeRuntime) -> Iterator[Server]:
    settings = {"MAX_FILE_SIZE": str(LIMIT), "MAX_OUTPUT_SIZE": "1"}
    with ffmpeg_or_skip(shared_home, runtime, **settings) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_is_left(server: Server) -> Iterator[None]:
    yield
    server.wait_until_idle()


AUDIO, FILTER = "/video/extractAudio", "/video/filter"
METADATA, FRAME = "/video/metadata", "/video/extractFrame"
NULL = {"filterComplex": "[0:v]null"}
# fmt: off
OPTIONS = [
    (AUDIO, {"codec": "mp3"}, "unknown option 'codec': accepted: bitrate, channels, duration"),
    (AUDIO, {"outputFormat": "exe"}, "outputFormat is 'exe': accepted: wav, mp3, flac, m4a"),
    (AUDIO, {"outputFormat": "../x"}, "outputFormat is '../x': accepted"),
    (AUDIO, {"sampleRate": "fast"}, "sampleRate is 'fast': accepted: a whole number from 1000"),
    (AUDIO, {"channels": "0"}, "channels is '0': accepted: a whole number from 1 to 8"),
    (AUDIO, {"bitrate": "64k -f x", "outputFormat": "mp3"}, "bitrate is '64k -f x': accepted"),
    (AUDIO, {"bitrate": "64k"}, "bitrate means nothing for wav"),
    (AUDIO, {"quality": "3", "outputFormat": "flac"}, "quality means nothing for flac"),
    (AUDIO, {"quality": "3", "bitrate": "64k", "outputFormat": "mp3"}, "exclude each other"),
    (AUDIO, {"startTime": "-1"}, "startTime is '-1': accepted: seconds"),
    (AUDIO, {"startTime": "99"}, "startTime is 99 s: clip.mp4 is 2.0"),
    (AUDIO, {"duration": "0"}, "nothing would be left"),
    (AUDIO, {"volume": "loud"}, "volume is 'loud'"),
    (AUDIO, {"normalize": "yes"}, "normalize is 'yes': accepted: true or false"),
    (AUDIO, {"outputFormat": "mp3", "sampleRate": "12345"}, "sample rate 12345 is not supported"),
    (FILTER, {}, "filterComplex is missing"),
    (FILTER, {"filterComplex": "  "}, "filterComplex is empty"),
    (FILTER, {"filterComplex": "[0:v]nosuch"}, "No such filter: 'nosuch'"),
    (FILTER, {"filterComplex": "[3:v]null"}, "Invalid file index 3"),
    (FILTER, {"filterComplex": "movie=/etc/passwd"}, "the filter movie is not allowed"),
    (FILTER, {"filterComplex": "amovie=http\\://a"}, "the filter amovie is not allowed"),
    (FILTER, {"filterComplex": "[0:v]drawtext=textfile=/etc/passwd"}, "drawtext has textfile"),
    (FILTER, {"filterComplex": "[0:v]scale=3:3"}, "width not divisible by 2"),
    (FILTER, {"filterComplex": "anullsrc=d=1[a]", "videoOutputLabel": "v"}, "does not have"),
    (FILTER, {**NULL, "customAudioMapping": "true"}, "the sound shall be [mixed_audio]"),
    (FILTER, {**NULL, "audioOutputLabel": "x"}, "the sound shall be [x]"),
    (FILTER, {**NULL, "codec": "h264_nvenc"}, "(this service has no GPU)"),
    (FILTER, {**NULL, "codec": "libvpx"}, "mp4 takes libx264"),
    (FILTER, {**NULL, "outputFormat": "gif"}, "outputFormat is 'gif'"),
    (FILTER, {**NULL, "resolution": "big"}, "resolution is 'big'"),
    (FILTER, {**NULL, "fps": "0"}, "fps is '0'"),
    (FILTER, {**NULL, "preset": "slow"}, "unknown option 'preset'"),
    (METADATA, {"verbose": "1"}, "unknown option 'verbose'"),
    (FRAME, {"format": "gif"}, "format is 'gif': accepted: png, jpg, webp"),
    (FRAME, {"frameTime": "99"}, "frameTime is 99: clip.mp4 is 2.0"),
    (FRAME, {"frameNumber": "999"}, "frameNumber is 999: clip.mp4 is 2.0"),
    (FRAME, {"frameNumber": "1", "frameTime": "1"}, "frameNumber excludes frameTime"),
    (FRAME, {"frameRate": "5"}, "frameRate means nothing without multiple"),
    (FRAME, {"quality": "5"}, "quality means nothing for png"),
    (FRAME, {"quality": "0", "format": "jpg"}, "quality is '0'"),
]
# fmt: on


@pytest.mark.parametrize(("path", "options", "reason"), OPTIONS)
def test_options(server: Server, path: str, options: dict[str, str], reason: str) -> None:
    assert reason in server.refused(server.send(path, server.mp4, **options))


@pytest.mark.parametrize("kind", ["video/quicktime", "audio/mpeg", "audio/x-wav", "text/plain"])
def test_part_types(server: Server, kind: str) -> None:
    for path in (AUDIO, FILTER, METADATA, FRAME):
        reason = server.refused(server.send(path, server.mp4, kind=kind))
        assert f"clip.mp4 has type {kind}: accepted: video/mp4, video/avi" in reason


def test_files(server: Server) -> None:
    def refused(**given: Any) -> str:
        return server.refused(server.http.post(METADATA, **given))

    clip = ("clip.mp4", server.mp4, "video/mp4")
    assert "send multipart/form-data" in refused(json={})
    assert "send multipart/form-data" in refused()
    assert "goes into 'video'" in refused(files={"audio": clip})
    assert "more than one file" in refused(files=[("video", clip), ("video", clip)])
    assert "clip.mp4 is empty" in refused(files={"video": ("clip.mp4", b"", "video/mp4")})
    assert "no file came" in server.refused(server.http.post(FILTER, files={"fps": (None, b"5")}))
    twice = [("fps", (None, b"5")), ("fps", (None, b"6"))]
    assert server.refused(server.http.post(FILTER, files=twice)) == "fps is given twice"
    many = [(f"video{number}", clip) for number in range(11)]
    answer = server.http.post(FILTER, files=many, data=NULL)
    assert "more than 10 files" in server.refused(answer)
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert "not valid multipart" in refused(content=b"what is this?", headers=form)
    assert "not valid multipart" in refused(
        content=b"x", headers={"content-type": "multipart/form-data"}
    )


@pytest.mark.parametrize("content", [b"no video at all", PLAYLIST, SCRIPT])
def test_content(server: Server, content: bytes) -> None:
    for path in (AUDIO, METADATA, FRAME):
        reason = server.refused(server.send(path, content))
        assert "clip.mp4 cannot be read" in reason
        assert "/var/lib" not in reason
    reason = server.refused(server.send(FILTER, content, **NULL))
    assert reason.startswith("ffmpeg: ")
    assert "/var/lib" not in reason


def test_streams_that_are_not_there(server: Server) -> None:
    video, tone = media_files.video(), media_files.tone()
    assert server.refused(server.send(AUDIO, video)) == "clip.mp4 has no sound"
    assert server.refused(server.send(FRAME, tone)) == "clip.mp4 has no video"
    silent = {"filterComplex": "[0:a]volume=1"}
    assert "gives no video" in server.refused(server.send(FILTER, tone, **silent))


def test_too_large(server: Server) -> None:
    large = b"\0" * (LIMIT * 1024 * 1024 + 1)
    reason = server.refused(server.send(METADATA, large), 413)
    assert reason == f"clip.mp4 is larger than {LIMIT} MB"
    reason = server.refused(server.send(METADATA, large * 2), 413)  # by its length alone
    assert reason == f"the request is larger than {LIMIT} MB"
    reason = server.refused(server.send(FILTER, server.mp4, **ENDLESS))
    assert reason == "the result is larger than 1 MB"
    many = {"multiple": "true", "frameRate": "240", "width": "2000"}
    reason = server.refused(server.send(FRAME, server.mp4, **many))
    assert reason == "the frames are larger than 1 MB: take fewer, or jpg"


def test_no_such_route(server: Server) -> None:
    post = server.http.post("/video/compose")
    assert server.refused(post, 404) == "POST /video/compose: Not Found"
    assert "Method Not Allowed" in server.refused(server.http.get(AUDIO), 405)
    for name in ("x.png", "..%2f..%2fjobs", f"{'0' * 32}.png"):
        assert "there is no output" in server.refused(server.http.get(f"/outputs/{name}"), 404)


def options_that_name_places(server: Server) -> set[tuple[str, str]]:
    """Return the filters and options of the built ffmpeg that name files, as it describes them."""
    (item,) = engine.containers(server.spec)
    listed = engine.docker("exec", item["Id"], "ffmpeg", "-hide_banner", "-filters")
    filters = set(re.findall(r"^ [.TSC|]{3} (\w+) ", listed, re.M))
    help_text = engine.docker("exec", item["Id"], "ffmpeg", "-hide_banner", "-h", "full")
    found = set()
    for section in re.split(r"\n\n", help_text):
        owner = re.match(r"\(?(\w+)\)? AVOptions:", section.strip())
        if owner and owner[1] in filters:
            options = re.findall(r"^ +-?(\w+) +<string> +\S+ ?(.*)$", section, re.M)
            found |= {(owner[1], n) for n, about in options if _PLACES.search(f"{n} {about}")}
    return found


def test_no_filter_of_this_ffmpeg_reaches_out(server: Server) -> None:
    found = options_that_name_places(server)
    assert {("subtitles", "filename"), ("drawtext", "textfile"), ("curves", "psfile")} <= found
    for name, option in found:
        with pytest.raises(Refused):
            understand(f"[0:v]{name}={option}=x[v]")


def begin(server: Server, seconds: int = 600) -> socket.socket:
    """Send a request whose work takes long, and do not read."""
    graph = {"filterComplex": f"testsrc2=s=1920x1080:d={seconds},nlmeans[final_video]"}
    clip = {"video": ("clip.mp4", server.mp4, "video/mp4")}
    request = server.http.build_request("POST", FILTER, files=clip, data=graph)
    connection = socket.create_connection((request.url.host, request.url.port))
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join(["POST /video/filter HTTP/1.1", *lines, "", ""])
    connection.sendall(head.encode() + request.read())
    return connection


def programs(server: Server) -> int:
    (item,) = engine.containers(server.spec)
    return engine.docker("top", item["Id"], "-o", "pid,comm").split().count("ffmpeg")


def test_a_caller_who_goes_ends_the_work(server: Server) -> None:
    at_once = server.get("/")["limits"]["jobsAtOnce"]
    callers = [begin(server) for _ in range(at_once + 1)]
    wanted = {"activeJobs": at_once, "waitingJobs": 1}
    wait_until(lambda: wanted.items() <= server.get("/health")["data"].items(), what=str(wanted))
    wait_until(lambda: programs(server) == at_once, what="as many programs as may run")
    callers.pop().close()  # the one that waits, or one that works: the others go on
    wanted = {"activeJobs": at_once, "waitingJobs": 0}
    wait_until(lambda: wanted.items() <= server.get("/health")["data"].items(), what=str(wanted))
    for caller in callers:
        caller.close()
    server.wait_until_idle()
    assert programs(server) == 0
    assert server.files() == []
    assert server.metadata(server.mp4)["width"] == 160  # and it still works


def test_a_caller_who_goes_while_sending(server: Server) -> None:
    connection = socket.create_connection((server.http.base_url.host, server.http.base_url.port))
    part = 'content-disposition: form-data; name="video"; filename="a"\r\ncontent-type: video/mp4'
    head = f"--x\r\n{part}\r\n\r\n"
    lines = "POST /video/metadata HTTP/1.1\r\nhost: x\r\ncontent-length: 2000000\r\n"
    lines += "content-type: multipart/form-data; boundary=x\r\n\r\n"
    connection.sendall(f"{lines}{head}".encode() + b"\0" * 500_000)
    wait_until(lambda: any("/jobs/" in path for path in server.files()), what="an upload")
    connection.close()
    server.wait_until_idle()
