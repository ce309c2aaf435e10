"""Real speech by espeak-ng, for the stand-ins that speak."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass

import espeakng_loader
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_RETRIEVAL, _UTF8, _CHARACTER = 1, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_WORDS_A_MINUTE = 160
_WORD_EVENT, _LAST_EVENT = 1, 0


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Voice:
    """How to speak: a voice of espeak-ng, its pitch (0..100) and how much that moves (0..100)."""

    name: str = "en-us"
    pitch: int = 50
    range: int = 50


@dataclass(frozen=True)
class Spoken:
    """What was said: mono samples in -1..1, at `rate` Hz, and when each word begins, in s."""

    samples: Samples
    rate: int
    words: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


class _Engine:
    """The library keeps one state per process, so one text is spoken at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._library: ctypes.CDLL | None = None
        self._rate = 0
        self._pieces: list[npt.NDArray[np.int16]] = []
        self._words: list[tuple[int, int, int]] = []
        self._callback = _Callback(self._take)

    def _take(self, wave: ctypes.Array[ctypes.c_short], count: int, events: object) -> int:
        if wave and count:
            self._pieces.append(np.ctypeslib.as_array(wave, shape=(count,)).copy())
        index = 0
        while events[index].type != _LAST_EVENT:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == _WORD_EVENT:
                self._words.append((event.text_position, event.length, event.audio_position))
            index += 1
        return 0

    def _open(self) -> ctypes.CDLL:
        if self._library is None:
            library = ctypes.CDLL(espeakng_loader.get_library_path())
            path = espeakng_loader.get_data_path().encode()
            self._rate = library.espeak_Initialize(_RETRIEVAL, 0, path, 0)
            if self._rate <= 0:
                raise RuntimeError("espeak-ng finds no data")
            library.espeak_SetSynthCallback(self._callback)
            self._library = library
        return self._library

    def say(self, text: str, voice: Voice, speed: float) -> Spoken:
        with self._lock:
            library = self._open()
            if library.espeak_SetVoiceByName(voice.name.encode()):
                raise ValueError(f"espeak-ng has no voice {voice.name}")
            library.espeak_SetParameter(_RATE, round(_WORDS_A_MINUTE * speed), 0)
            library.espeak_SetParameter(_PITCH, voice.pitch, 0)
            library.espeak_SetParameter(_RANGE, voice.range, 0)
            self._pieces, self._words = [], []
            raw = text.encode() + b"\0"
            size = ctypes.c_size_t(len(raw))
            library.espeak_Synth(raw, size, 0, _CHARACTER, 0, _UTF8, None, None)
            library.espeak_Synchronize()
            pieces = self._pieces or [np.zeros(0, np.int16)]
            words = tuple((text[at - 1 : at - 1 + n], ms / 1000) for at, n, ms in self._words)
            samples: Samples = np.concatenate(pieces).astype(np.float32) / np.float32(32768)
            return Spoken(samples, self._rate, words)

    def knows(self, voice: str) -> bool:
        with self._lock:
            return not self._open().espeak_SetVoiceByName(voice.encode())


_ENGINE = _Engine()


def say(text: str, voice: Voice | None = None, speed: float = 1.0) -> Spoken:
    """Speak a text.

    Parameters
    ----------
    text
        Plain text.
    voice
        By whom; None takes American English.
    speed
        1 is 160 words a minute; espeak-ng itself keeps it within 80..450 words.

    Raises
    ------
    ValueError
        espeak-ng has no such voice.
    """
    return _ENGINE.say(text, voice or Voice(), speed)


def knows(voice: str) -> bool:
    """Whether espeak-ng has a voice of this name."""
    return _ENGINE.knows(voice)


def voice_like(samples: Samples, rate: int) -> Voice:
    """Return the voice that sounds most like a recording: its pitch is all that is measured."""
    pitch = pitch_of(samples, rate)
    base, name = (105.0, "en-us+m3") if pitch < 145 else (190.0, "en-us+f2")
    return Voice(name, int(np.clip(50 + 60 * np.log2(pitch / base), 0, 99)))


def pitch_of(samples: Samples, rate: int) -> float:
    """Return the pitch of a recording in Hz: the median over its loud pieces of 50 ms."""
    size = rate // 20
    frames = [samples[i : i + size] for i in range(0, len(samples) - size, size)]
    loud = sorted(frames, key=_power, reverse=True)[: max(1, len(frames) // 3)]
    low, high = rate // 400, rate // 70
    found = []
    for frame in loud:
        spectrum = np.fft.rfft(frame - frame.mean(), 2 * size)
        similar = np.fft.irfft(np.abs(spectrum) ** 2)[low:high]
        found.append(rate / (low + int(np.argmax(similar))))
    return float(np.median(found)) if found else 120.0


def _power(frame: Samples) -> float:
    return float(np.mean(frame**2))
