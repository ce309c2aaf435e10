"""A stand-in for the Zonos demo: a real gradio app with its inputs, over espeak-ng.

Switches: ``slow=S`` works S s longer; ``fail=``, see app.py. As in the real one the speaker's
embedding (here: the pitch) is kept for later calls that bring no speaker, whoever makes them.
"""

from __future__ import annotations

import os
import random
import sys
import time
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio: it reports home

import gradio as gr
import numpy as np
from fastapi import FastAPI
from support.standin.servers import app as common
from support.standin.servers import sound, speech, zonos_inputs
from support.standin.servers.speech import Voice

ENGINE = "espeak-ng, gradio"
RATE = 44100
_LONGEST = 30  # s
_TYPICAL_RATE = 15.0  # phonemes a second
_ESPEAK = {"en-gb": "en", "fr-fr": "fr"}


class Model:
    """What the server keeps between calls."""

    def __init__(self, slow: float) -> None:
        self.slow = slow
        self.loaded: str | None = None
        self.speaker: Voice | None = None
        self.speaker_path: str | None = None

    def load(self, name: str) -> None:
        """Load a model on its first use, as the real one does."""
        if self.loaded != name:
            print(f"Loading {name} model...", file=sys.stderr, flush=True)
            self.loaded = name

    def hear(self, path: str | None, ignored: list[str]) -> Voice:
        """Return the voice of a recording, or the one that was heard last."""
        if "speaker" in ignored:
            return Voice("en-us+f2")
        if path is not None and "speaker" not in ignored and path != self.speaker_path:
            self.speaker = speech.voice_like(*sound.decode(path))
            self.speaker_path = path
        return self.speaker or Voice("en-us+f2")


def make_app(settings: common.Settings) -> FastAPI:
    """Return the app: gradio's own, with the stand-in's two paths before it."""
    model = Model(settings.slow)
    app = common.make("zonos", ENGINE, settings, docs_url=None, redoc_url=None, openapi_url=None)
    return gr.mount_gradio_app(app, build_interface(model), path="/")


def build_interface(model: Model) -> gr.Blocks:
    """Return the page: functions 0 and 1 refresh it, 2 generates."""

    def update_ui(model_choice: str) -> Any:
        model.load(model_choice)
        return tuple(gr.update(visible=True) for _ in zonos_inputs.REFRESHED)

    def generate_audio(*values: Any, progress: Any = gr.Progress()) -> Any:  # noqa: B008
        return _generate(model, dict(zip(zonos_inputs.NAMES, values, strict=True)), progress)

    with gr.Blocks(title="a stand-in for Zonos") as page:
        inputs = zonos_inputs.components()
        refreshed = [inputs[name] for name in zonos_inputs.REFRESHED]
        button = gr.Button("Generate Audio")
        audio = gr.Audio(label="Generated Audio", type="numpy", autoplay=True)
        choice = inputs["model_choice"]
        choice.change(fn=update_ui, inputs=[choice], outputs=refreshed)
        page.load(fn=update_ui, inputs=[choice], outputs=refreshed)
        given = [inputs[name] for name in zonos_inputs.NAMES]
        button.click(fn=generate_audio, inputs=given, outputs=[audio, inputs["seed"]])
    return page


def _generate(model: Model, given: dict[str, Any], progress: Any) -> Any:
    model.load(given["model_choice"])
    ignored = given["unconditional_keys"] or []
    seed = random.randrange(2**32 - 1) if given["randomize_seed"] else int(given["seed"])
    heard = model.hear(given["speaker_audio"], ignored)
    language = given["language"]
    voice = f"{_ESPEAK.get(language, language)}+{heard.name.partition('+')[2]}"
    moved = 50 if "pitch_std" in ignored else int(np.clip(given["pitch_std"] / 3, 0, 99))
    speed = 1.0 if "speaking_rate" in ignored else given["speaking_rate"] / _TYPICAL_RATE
    steps = 4
    for step in range(steps):
        progress((step, steps))
        time.sleep(model.slow / steps)
    spoken = speech.say(given["text"], Voice(voice, heard.pitch, moved), speed)
    samples = sound.resample(spoken.samples, spoken.rate, RATE)
    if given["prefix_audio"]:
        samples = np.concatenate([sound.decode(given["prefix_audio"], RATE)[0], samples])
    return (RATE, samples[: _LONGEST * RATE]), seed
