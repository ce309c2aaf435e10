"""The 29 inputs of the Zonos demo: order, labels, ranges and defaults as it has them."""

from __future__ import annotations

from typing import Any

import gradio as gr

MODELS = ["Zyphra/Zonos-v0.1-transformer", "Zyphra/Zonos-v0.1-hybrid"]
# Some of its codes of espeak-ng; `en` is not among them
_CODES = """
af ar bg bn ca cmn cs cy da de el en-029 en-gb en-gb-scotland en-us eo es es-419 et eu fa fi fr-be
fr-ch fr-fr ga gu hi hr hu hy id is it ja ka ko la lt lv mk ms mt nb ne nl pl pt pt-br ro ru sk sl
sq sr sv sw ta te tr uk ur vi yue
"""
LANGUAGES = _CODES.split()
CONDITIONS = [
    *("speaker", "emotion", "vqscore_8", "fmax"),
    *("pitch_std", "speaking_rate", "dnsmos_ovrl", "speaker_noised"),
]
EMOTIONS = {
    "Happiness": 1.0,
    "Sadness": 0.05,
    "Disgust": 0.05,
    "Fear": 0.05,
    "Surprise": 0.05,
    "Anger": 0.05,
    "Other": 0.1,
    "Neutral": 0.2,
}
# name: (label, least, most, default, step)
_SLIDERS: dict[str, tuple[str, float, float, float, float]] = {
    **{f"e{n}": (label, 0, 1, value, 0.05) for n, (label, value) in enumerate(EMOTIONS.items(), 1)},
    "vq_single": ("VQ Score", 0.5, 0.8, 0.78, 0.01),
    "fmax": ("Fmax (Hz)", 0, 24000, 24000, 1),
    "pitch_std": ("Pitch Std", 0, 300, 45, 1),
    "speaking_rate": ("Speaking Rate", 5, 30, 15, 0.5),
    "dnsmos_ovrl": ("DNSMOS Overall", 1, 5, 4, 0.1),
    "cfg_scale": ("CFG Scale", 1, 5, 2, 0.1),
    "top_p": ("Top P", 0, 1, 0, 0.01),
    "top_k": ("Min K", 0, 1024, 0, 1),
    "min_p": ("Min P", 0, 1, 0, 0.01),
    "linear": ("Linear (set to 0 to disable unified sampling)", -2, 2, 0.5, 0.01),
    "confidence": ("Confidence", -2, 2, 0.40, 0.01),
    "quadratic": ("Quadratic", -2, 2, 0, 0.01),
}
NAMES = [
    *("model_choice", "text", "language", "speaker_audio", "prefix_audio"),
    *(f"e{number}" for number in range(1, 9)),
    *("vq_single", "fmax", "pitch_std", "speaking_rate", "dnsmos_ovrl", "speaker_noised"),
    *("cfg_scale", "top_p", "top_k", "min_p", "linear", "confidence", "quadratic"),
    *("seed", "randomize_seed", "unconditional_keys"),
]
REFRESHED = [*NAMES[1:19], "unconditional_keys"]


def components() -> dict[str, Any]:
    """Make the inputs inside the current page, by name."""
    made: dict[str, Any] = {
        "model_choice": gr.Dropdown(MODELS, value=MODELS[0], label="Zonos Model Type"),
        "text": gr.Textbox(
            label="Text to Synthesize",
            value="Zonos uses eSpeak for text to phoneme conversion!",
            lines=4,
            max_length=500,
        ),
        "language": gr.Dropdown(LANGUAGES, value="en-us", label="Language Code"),
        "prefix_audio": gr.Audio(
            label="Optional Prefix Audio (continue from this audio)", type="filepath"
        ),
        "speaker_audio": gr.Audio(label="Optional Speaker Audio (for cloning)", type="filepath"),
        "speaker_noised": gr.Checkbox(label="Denoise Speaker?", value=False),
        "seed": gr.Number(label="Seed", value=420, precision=0),
        "randomize_seed": gr.Checkbox(label="Randomize Seed (before generation)", value=True),
        "unconditional_keys": gr.CheckboxGroup(
            CONDITIONS, value=["emotion"], label="Unconditional Keys"
        ),
    }
    for name, (label, least, most, value, step) in _SLIDERS.items():
        made[name] = gr.Slider(least, most, value, step=step, label=label)
    return made
