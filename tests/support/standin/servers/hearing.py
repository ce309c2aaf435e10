"""Real recognition by PocketSphinx, for the stand-in that listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pocketsphinx import Decoder
from support.standin.servers import sound
from support.standin.servers.speech import Samples

RATE = 16000  # of its model, in Hz
_PAUSE = 0.5  # s of silence that end a segment
_WINDOW = 30.0  # s that are decoded at once, as Whisper does
_DIGITS = """#JSGF V1.0;
grammar digits;
public <digits> = <digit>+;
<digit> = zero | one | two | three | four | five | six | seven | eight | nine;
"""


@dataclass(frozen=True)
class Word:
    """A word that was heard: when, in s, and how sure (0..1)."""

    text: str
    start: float
    end: float
    probability: float


class Ear:
    """A decoder; not to be used by two threads at once.

    Parameters
    ----------
    grammar
        ``digits`` hears the ten digits only; anything else is free dictation in English.
    """

    def __init__(self, grammar: str) -> None:
        given: dict[str, Any] = {"samprate": RATE, "loglevel": "FATAL"}
        if grammar == "digits":
            # pauses between digits are likely; else they are heard as one more short digit
            self._decoder = Decoder(lm=None, silprob=0.3, wip=0.01, **given)
            self._decoder.add_jsgf_string("digits", _DIGITS)
            self._decoder.activate_search("digits")
        else:
            self._decoder = Decoder(**given)

    def hear(self, samples: Samples) -> list[Word]:
        """Return the words of a recording at `RATE`."""
        words: list[Word] = []
        start = 0
        while start < len(samples):
            end = _cut(samples, start)
            words += self._window(samples[start:end], start / RATE)
            start = end
        return words

    def _window(self, samples: Samples, offset: float) -> list[Word]:
        silence = np.zeros(RATE // 4, np.float32)  # the grammar wants one before and after
        padded = np.concatenate([silence, samples, silence])
        self._decoder.start_utt()
        self._decoder.process_raw(sound.pcm(padded), full_utt=True)
        self._decoder.end_utt()
        log = self._decoder.get_logmath()
        words = []
        for part in self._decoder.seg() or ():
            if part.word[0] in "<[+(":  # silence and noise
                continue
            text = part.word.split("(")[0]  # "a(2)" is a second pronunciation
            start = max(0.0, part.start_frame / 100 - 0.25)
            end = min(len(samples) / RATE, (part.end_frame + 1) / 100 - 0.25)
            sure = min(1.0, log.exp(part.prob))
            words.append(Word(text, round(offset + start, 2), round(offset + end, 2), sure))
        return words


def _cut(samples: Samples, start: int) -> int:
    """Return where the next window ends: at the quietest tenth of a second of its last third."""
    window = int(_WINDOW * RATE)
    if len(samples) - start <= window:
        return len(samples)
    size = RATE // 10
    places = range(start + window * 2 // 3, start + window - size, size)
    quiet = min(places, key=lambda at: float(np.mean(samples[at : at + size] ** 2)))
    return quiet + size // 2


def segments(words: list[Word]) -> list[list[Word]]:
    """Return the words between pauses."""
    found: list[list[Word]] = []
    for word in words:
        if found and word.start - found[-1][-1].end < _PAUSE:
            found[-1].append(word)
        else:
            found.append([word])
    return found
