"""The 29 inputs of Zonos by our names, and what is done about those that cancel each other out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import OptionError, ResponseError, did_you_mean
from .gradio import Input
from .option import Option, Options, check

NORMAL_RATE = 15.0
"""Phonemes a second at speed 1."""
EMOTIONS = ("happiness", "sadness", "disgust", "fear", "surprise", "anger", "other", "neutral")
_UNCONDITIONAL = "unconditional"


def _number(help: str, low: float, high: float) -> Option:
    return Option(help, float, low=low, high=high)


def _emotion(name: str, default: float) -> Option:
    return _number(f"how much {name} ({default:g}); any emotion makes all count", 0, 1)


OPTIONS: Options = {
    "model": Option("the server's name of a model; unasked its first", metavar="NAME"),
    "language": Option("of the text: a code of espeak-ng (en-us)", metavar="LANGUAGE"),
    "prefix": Option("a recording that the speech goes on from", metavar="FILE|VARIABLE"),
    "happiness": _emotion("happiness", 1),
    "sadness": _emotion("sadness", 0.05),
    "disgust": _emotion("disgust", 0.05),
    "fear": _emotion("fear", 0.05),
    "surprise": _emotion("surprise", 0.05),
    "anger": _emotion("anger", 0.05),
    "other": _emotion("of what is none of these", 0.1),
    "neutral": _emotion("neutrality", 0.2),
    "vq_score": _number("quality aimed at (0.78); hybrid model", 0.5, 0.8),
    "fmax": _number("highest frequency, Hz (24000; for cloning 22050)", 0, 24000),
    "pitch_std": _number("how much the pitch moves (45)", 0.0, 300.0),
    "speaking_rate": _number("phonemes a second (15); speed is this / 15", 5, 30),
    "dnsmos": _number("quality of speech aimed at (4); hybrid model", 1.0, 5.0),
    "speaker_noised": Option("take the noise out of the reference; hybrid model", bool),
    "cfg_scale": _number("how close it stays to all this (2)", 1.0, 5.0),
    "top_p": _number("older sampling (0: off)", 0, 1),
    "min_k": Option("older sampling (0: off)", int, low=0, high=1024),
    "min_p": _number("older sampling (0: off)", 0, 1),
    "linear": _number("unified sampling: higher is less random (0.5)", -2, 2),
    "confidence": _number("unified sampling (0.4)", -2, 2),
    "quadratic": _number("unified sampling (0)", -2, 2),
    "seed": Option("the same seed gives the same speech", int, low=0, high=2**32 - 1),
    "randomize_seed": Option("draw a seed; true unless one is given", bool),
    _UNCONDITIONAL: Option(
        "conditions that the model is to ignore: speaker, emotion, vqscore_8, fmax, pitch_std, "
        "speaking_rate, dnsmos_ovrl, speaker_noised",
        metavar="NAME,NAME",
    ),
}
"""What :meth:`~mc_jupyter.clients.zonos.ZonosClient.speak` takes."""

INPUTS = {  # our name: the label, in the function's order
    "model": "Zonos Model Type",
    "text": "Text to Synthesize",
    "language": "Language Code",
    "reference": "Optional Speaker Audio (for cloning)",
    "prefix": "Optional Prefix Audio (continue from this audio)",
    **{name: name.capitalize() for name in EMOTIONS},
    "vq_score": "VQ Score",
    "fmax": "Fmax (Hz)",
    "pitch_std": "Pitch Std",
    "speaking_rate": "Speaking Rate",
    "dnsmos": "DNSMOS Overall",
    "speaker_noised": "Denoise Speaker?",
    "cfg_scale": "CFG Scale",
    "top_p": "Top P",
    "min_k": "Min K",
    "min_p": "Min P",
    "linear": "Linear (set to 0 to disable unified sampling)",
    "confidence": "Confidence",
    "quadratic": "Quadratic",
    "seed": "Seed",
    "randomize_seed": "Randomize Seed (before generation)",
    _UNCONDITIONAL: "Unconditional Keys",
}
_CONDITIONS = {  # the name of a condition: the inputs that set it
    "speaker": ("reference",),
    "emotion": EMOTIONS,
    "vqscore_8": ("vq_score",),
    "fmax": ("fmax",),
    "pitch_std": ("pitch_std",),
    "speaking_rate": ("speaking_rate",),
    "dnsmos_ovrl": ("dnsmos",),
    "speaker_noised": ("speaker_noised",),
}
_HYBRID_ONLY = ("vq_score", "dnsmos", "speaker_noised")
_CODES = {"en": "en-us", "zh": "cmn", "fr": "fr-fr"}  # espeak-ng has no voice of the short code


def check_inputs(known: Sequence[Input], name: str) -> dict[str, Input]:
    """Return the server's inputs by our names.

    Raises
    ------
    ResponseError
        They are others than Zonos has, or in another order: values would land in wrong places.
    """
    labels = [one.label for one in known]
    wanted = list(INPUTS.values())
    if labels == wanted:
        return dict(zip(INPUTS, known, strict=True))
    both = zip([*labels, None], [*wanted, None], strict=False)
    at, (got, want) = next((at, pair) for at, pair in enumerate(both, 1) if pair[0] != pair[1])
    raise ResponseError(
        f"{name} has other inputs than the Zonos that is known here: {len(labels)} in place of "
        f"{len(wanted)}, number {at} is {got!r}, not {want!r}",
        "nothing was sent; use the version of github:MediaConduit/zonos-service",
    )


def values(
    given: Mapping[str, Any], speed: float | None, known: Mapping[str, Input], has_reference: bool
) -> dict[str, Any]:
    """Return the value of every input but text and recordings.

    Parameters
    ----------
    given
        Options by our names, without ``prefix``.
    speed
        1 is 15 phonemes a second.
    known
        The inputs; what is not given keeps the server's own default.
    has_reference
        Whether the voice of a recording is to be taken. Where it is not, the condition
        ``speaker`` is switched off: the server would go on with the voice of the last recording
        that anybody gave it.

    Raises
    ------
    OptionError
        An option is wrong, or another one would make it count for nothing.
    """
    chosen = check(OPTIONS, given, "zonos")
    if speed is not None:
        if "speaking_rate" in chosen:
            raise OptionError("speed and speaking_rate are one thing", "give one of the two")
        rate = OPTIONS["speaking_rate"]
        low, high = (rate.low or 0) / NORMAL_RATE, (rate.high or 0) / NORMAL_RATE
        _number("", low, high).check("speed", speed)
        chosen["speaking_rate"] = NORMAL_RATE * speed
    if "seed" in chosen:
        if chosen.get("randomize_seed"):
            raise OptionError("seed is given and randomize_seed is true", "give one of the two")
        chosen["randomize_seed"] = False
    if "language" in chosen:
        code = str(chosen["language"])
        chosen["language"] = _choice("language", _CODES.get(code, code), known)
    if "model" in chosen:
        chosen["model"] = _choice("model", chosen["model"], known)
    _refuse_for_model(chosen, str(chosen.get("model", known["model"].default)))
    if "speaker_noised" in chosen and not has_reference:
        raise OptionError("speaker_noised is about a reference", "give one: --reference FILE")
    ignored = _ignored(chosen, known, has_reference)
    defaults = {name: one.default for name, one in known.items()}
    return {**defaults, **chosen, _UNCONDITIONAL: ignored}


def _choice(name: str, value: str, known: Mapping[str, Input]) -> str:
    choices = known[name].choices
    if choices and value not in choices:
        raise OptionError(f"{name} is {value!r}: {did_you_mean(value, choices)}")
    return value


def _refuse_for_model(chosen: Mapping[str, Any], model: str) -> None:
    for name in _HYBRID_ONLY:
        if name in chosen and model.endswith("-transformer"):
            raise OptionError(
                f"{model} would ignore {name}: only the hybrid model listens to it",
                "leave it out, or take the hybrid model where the server has it",
            )


def _ignored(chosen: Mapping[str, Any], known: Mapping[str, Input], cloned: bool) -> list[str]:
    """The conditions that the model is to ignore."""
    set_here = {
        condition
        for condition, inputs in _CONDITIONS.items()
        if any(name in chosen for name in inputs) or (condition == "speaker" and cloned)
    }
    if _UNCONDITIONAL in chosen:
        wanted = [one for part in chosen[_UNCONDITIONAL].split(",") if (one := part.strip())]
        for one in wanted:
            if one not in _CONDITIONS:
                raise OptionError(f"unconditional is {one!r}: {did_you_mean(one, _CONDITIONS)}")
            if one in set_here:
                raise OptionError(
                    f"unconditional {one} would make the {one} that is given count for nothing",
                    "give one of the two",
                )
    else:
        default = known[_UNCONDITIONAL].default
        listed = default if isinstance(default, list) else []
        wanted = [one for one in listed if isinstance(one, str) and one not in set_here]
    return wanted if cloned or "speaker" in wanted else ["speaker", *wanted]
