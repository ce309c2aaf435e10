"""Sound files of every format that can be had, whole, broken and with heads that lie."""

from __future__ import annotations

import io
import struct
import tempfile
import tracemalloc
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.small_disk import small_disk

from mc_jupyter.clients import mp3, sound
from mc_jupyter.clients.content import Content
from mc_jupyter.clients.sound import Sound
from mc_jupyter.clients.upload import Upload
from mc_jupyter.errors import DiskFullError, InputError, OptionError

RATE = 24_000
_UNKNOWN = 0xFFFFFFFF


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1, height: float = 0.5) -> Any:
    """A tone that grows from silence to `height`."""
    count = round(seconds * rate)
    wave_ = np.sin(np.arange(count) * 2 * np.pi * 440 / rate) * np.linspace(0, height, count)
    return np.repeat(wave_[:, None], channels, 1).astype(np.float32)


def recorded(format: str = "wav", samples: Any = None, rate: int = RATE) -> Content:
    container, subtype, kind = sound.ENCODINGS[format]
    samples = tone(rate=rate) if samples is None else samples
    target = io.BytesIO()
    with soundfile.SoundFile(
        target, "w", rate, samples.shape[1], subtype=subtype, format=container, closefd=False
    ) as file:
        for start in range(0, len(samples), 4096):
            file.write(samples[start : start + 4096])
    return Content(target.getvalue(), kind)


def headed(data_size: int, riff_size: int, between: bytes = b"", frames: int = RATE) -> Content:
    """A WAV whose head says what it is told to."""
    pcm = (tone(frames / RATE)[:, 0] * 32767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    head = b"RIFF" + struct.pack("<I", riff_size) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return Content(head + between + b"data" + struct.pack("<I", data_size) + pcm, "audio/wav")


@pytest.mark.parametrize("format", sound.ENCODINGS)
def test_every_format_is_described(format: str) -> None:
    known = sound.describe(recorded(format))
    assert known is not None
    assert known.duration == pytest.approx(1.0, abs=0.01)
    assert known == Sound(known.duration, RATE, 1, format)


def test_stereo_at_another_rate() -> None:
    known = sound.describe(recorded(samples=tone(0.5, 44_100, 2), rate=44_100))
    assert known == Sound(0.5, 44_100, 2, "wav")


def test_uploads_are_described_too(tmp_path: Path) -> None:
    content = recorded()
    path = content.save(tmp_path / "no suffix")
    expected = sound.describe(content)
    assert expected is not None
    for source in (path, content.bytes, content):
        assert sound.describe(Upload.of(source, "x")) == expected
    raw = recorded("pcm")
    assert sound.describe(Upload("x.pcm", raw.bytes, "audio/pcm")) == sound.describe(raw)


@pytest.mark.parametrize(
    "content",
    [
        Content(b"", "audio/wav"),
        Content(b"RIFF", "audio/wav"),
        Content(b"no sound at all, a text" * 50, "text/plain"),
        Content(b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(2000), "audio/aac"),
        Content(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom" + bytes(2000), "audio/mp4"),
    ],
    ids=["empty", "cut", "text", "aac", "m4a"],
)
def test_what_cannot_be_read(content: Content) -> None:
    assert sound.describe(content) is None
    for use in (lambda: sound.peaks(content, 10), lambda: sound.convert(content, "wav")):
        with pytest.raises(InputError, match="cannot be read as sound") as caught:
            use()
        assert len(str(caught.value).splitlines()) == 2
        assert content.content_type in str(caught.value)


def test_a_file_that_is_called_raw_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(bytes(1000))
    assert sound.describe(Upload.of(path)) is None


def test_a_flac_that_does_not_tell_its_length() -> None:
    data = bytearray(recorded("flac").bytes)
    data[8 + 13] &= 0xF0  # the 36 bits of STREAMINFO that count the samples
    data[8 + 14 : 8 + 18] = bytes(4)
    content = Content(bytes(data), "audio/flac")
    assert sound.describe(content) == Sound(1.0, RATE, 1, "flac")
    assert len(sound.peaks(content, 10)) == 10
    converted = sound.describe(sound.convert(content, "wav"))
    assert converted == Sound(1.0, RATE, 1, "wav")


@pytest.mark.parametrize(
    ("data_size", "riff_size", "between"),
    [
        (_UNKNOWN, _UNKNOWN, b""),
        (0, 0, b""),
        (_UNKNOWN, 36, b"LIST" + struct.pack("<I", 4) + b"INFO"),
        (2_000_000_000, 2_000_000_036, b""),
    ],
    ids=["ff", "zero", "ff behind a list", "a placeholder"],
)
def test_a_head_without_a_length_is_mended(data_size: int, riff_size: int, between: bytes) -> None:
    content = headed(data_size, riff_size, between)
    mended = sound.mend_wav(content)
    with wave.open(io.BytesIO(mended.bytes)) as file:
        assert file.getnframes() == RATE
        samples = file.readframes(RATE)
    assert content.bytes.endswith(samples)
    assert mended.size == content.size
    assert mended.content_type == "audio/wav"
    assert sound.describe(mended) == Sound(1.0, RATE, 1, "wav")


def test_what_needs_no_mending_is_left_alone() -> None:
    right = headed(RATE * 2, RATE * 2 + 36)
    for content in (right, recorded("mp3"), Content(b"RIFF"), Content(b""), headed(0, 0, frames=0)):
        assert sound.mend_wav(content) is content
    more = Content(right.bytes + b"LIST\x04\0\0\0INFO", "audio/wav")  # a chunk behind the samples
    assert sound.mend_wav(more) is more


def test_peaks_follow_the_wave() -> None:
    peaks = sound.peaks(recorded(samples=tone(2, height=0.9)), 20)
    assert len(peaks) == 20
    assert all(a < b for a, b in pairwise(peaks))
    assert peaks[0] < 0.06
    assert peaks[-1] == pytest.approx(0.9, abs=0.01)


def test_peaks_of_little_of_much_and_of_loud() -> None:
    assert sound.peaks(recorded(samples=np.zeros((0, 1), np.float32)), 5) == []
    assert len(sound.peaks(recorded(samples=tone()[:3]), 5)) == 3
    square = np.ones((100, 2), np.float32)
    square[:, 1] = -1
    assert sound.peaks(recorded(samples=square), 4) == pytest.approx([1, 1, 1, 1], abs=1e-4)


def test_samples() -> None:
    found = sound.samples(recorded(samples=tone(channels=2)))
    assert found.shape == (RATE, 2)
    assert np.allclose(found, tone(channels=2), atol=1e-4)
    assert sound.samples(recorded()).shape == (RATE,)


@pytest.mark.parametrize("format", sound.ENCODINGS)
def test_pieces_are_joined_with_pauses(format: str) -> None:
    pieces = [recorded(samples=tone(0.5)), recorded("flac", tone(0.25)), recorded("mp3", tone(1))]
    joined = sound.join(pieces, format, pause=0.5)
    known = sound.describe(joined)
    assert known is not None
    assert known.format == format
    assert joined.content_type == sound.ENCODINGS[format][2]
    assert known.duration == pytest.approx(0.5 + 0.5 + 0.25 + 0.5 + 1, abs=0.06)
    heard = sound.samples(joined)
    assert np.abs(heard[round(0.55 * RATE) : round(0.95 * RATE)]).max() < 0.01  # the pause
    assert np.abs(heard[round(0.3 * RATE) : round(0.5 * RATE)]).max() > 0.2


def test_what_is_joined_is_the_same_bytes() -> None:
    one = recorded()
    assert sound.join([one, one]).bytes[-2 * 2 * RATE :] == one.bytes[-2 * RATE :] * 2


def test_pieces_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="24000 Hz, 1 channels, then 44100 Hz, 1 channels"):
        sound.join([recorded(), recorded(rate=44_100)])
    with pytest.raises(InputError, match="then 24000 Hz, 2 channels"):
        sound.join([recorded(), recorded(samples=tone(channels=2))])
    with pytest.raises(InputError, match="no sound"):
        sound.join([])


def test_formats_that_cannot_be_written() -> None:
    with pytest.raises(OptionError, match=r"'aac'\naccepted: wav, flac, mp3, opus, ogg, pcm"):
        sound.convert(recorded(), "aac")
    other = recorded(rate=44_100)
    with pytest.raises(OptionError, match="opus cannot hold 44100 Hz"):
        sound.convert(other, "opus")
    with pytest.raises(OptionError, match="pcm would hold 44100 Hz and 1 channels"):
        sound.convert(other, "pcm")
    for format in ("mp3", "flac", "ogg"):
        known = sound.describe(sound.convert(other, format))
        assert known is not None
        assert (known.sample_rate, known.format) == (44_100, format)


def test_the_same_format_is_the_same_object() -> None:
    content = recorded("mp3")
    assert sound.convert(content, "mp3") is content


def test_a_long_recording_is_never_whole_in_memory() -> None:
    minutes = 12  # 35 MB as wav
    with tempfile.NamedTemporaryFile() as file:
        with soundfile.SoundFile(file.name, "w", RATE, 1, format="WAV", subtype="PCM_16") as target:
            for _ in range(minutes * 60):
                target.write(tone())
        upload = Upload.of(file.name)
        tracemalloc.start()
        known = sound.describe(upload)
        peaks = sound.peaks(upload, 200)
        joined = sound.join([upload], "wav")
        copy = sound.mend_wav(joined)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert known is not None
    assert known.duration == minutes * 60
    assert len(peaks) == 200
    assert joined.path is not None
    assert copy is joined
    assert most < 3_000_000


@pytest.mark.parametrize("format", sound.ENCODINGS)
def test_a_full_disk_is_said(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (RATE * 20, 1)).astype(np.float32)
    long = recorded("wav", noise)
    with small_disk(tmp_path / "disk", "64k") as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(DiskFullError, match="the sound could not be written"):
            sound.join([long], format)
        assert list(disk.iterdir()) == []


DATA = Path(__file__).parents[1] / "data"
VBR = (DATA / "vbr_noheader.mp3").read_bytes()  # a tone of 2 s
LOUD_THEN_QUIET = (DATA / "loudthenquiet.mp3").read_bytes()  # 2 s of noise, 4 s of silence
ID3 = b"ID3\x03\0\0" + bytes([0, 0, 40, 0]) + bytes(40 * 128)


def mpeg(data: bytes) -> Content:
    return Content(data, "audio/mpeg")


def without_header(data: bytes) -> bytes:
    first = mp3.frame(data[:4])
    assert first is not None
    return data[first.size :]


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (VBR, 89_856),
        (LOUD_THEN_QUIET, 266_112),
        (ID3 + VBR, 89_856),
        (ID3 + ID3 + VBR + b"TAG" + bytes(125), 89_856),
        (VBR + LOUD_THEN_QUIET, 89_856 + 266_112),
        (VBR[: len(VBR) // 2], 41_400),
    ],
    ids=["vbr", "loud, then quiet", "tag", "tags all round", "two in one", "cut off"],
)
def test_an_mp3_without_a_header_is_decoded_whole(data: bytes, frames: int) -> None:
    known = sound.describe(mpeg(data))
    assert known is not None
    assert known.duration * 44_100 == pytest.approx(frames, rel=0.02)
    assert len(sound.samples(mpeg(data))) == round(known.duration * 44_100)
    wav = sound.describe(sound.convert(mpeg(data), "wav"))
    assert wav == Sound(known.duration, 44_100, 1, "wav")


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_of_every_rate_has_its_length(rate: int, channels: int) -> None:
    whole = recorded("mp3", tone(2, rate, channels), rate).bytes
    known = sound.describe(mpeg(whole))
    assert known == Sound(2.0, rate, channels, "mp3")
    for data, seconds in (
        (without_header(whole), 2),
        (whole + whole, 4),  # the header counts the first alone
        (whole[: len(whole) // 2], 1),  # and here more than there is
    ):
        known = sound.describe(mpeg(data))
        assert known is not None
        assert known.duration == pytest.approx(seconds, abs=0.4)
        assert len(sound.samples(mpeg(data))) == round(known.duration * rate)


def test_an_mp3_cut_at_any_byte_is_as_long_as_what_is_there() -> None:
    lengths = []
    for length in range(0, 3000, 97):
        known = sound.describe(mpeg(VBR[:length]))
        lengths.append(known.duration if known else 0.0)
    assert lengths[0] == 0
    assert 0 < lengths[-1] < 1


def test_a_flac_that_breaks_off_is_as_long_as_what_decodes() -> None:
    data = recorded("flac", tone(2)).bytes
    known = sound.describe(Content(data[: len(data) // 2], "audio/flac"))
    assert known is not None
    assert 0 < known.duration < 1.6


@pytest.mark.parametrize("data_size", [0, _UNKNOWN, 2_000_000_000])
def test_a_wav_as_it_is_streamed_has_its_length(data_size: int) -> None:
    content = headed(data_size, _UNKNOWN)
    assert sound.describe(content) == Sound(1.0, RATE, 1, "wav")
    assert len(sound.samples(content)) == RATE
