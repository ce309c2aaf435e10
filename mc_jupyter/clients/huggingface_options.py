"""The Hugging Face service's options and names, and its refusals in words."""

from __future__ import annotations

from ..errors import MediaConduitError, ModelNotFoundError, OptionError, ResponseError
from .faults import Fault
from .lines import log, magic, setting
from .names import told
from .option import Option, Options
from .refusals import refused

IMAGE_OPTIONS: Options = {
    "negative_prompt": Option("what is not to be in the picture", sent="negativePrompt"),
    "width": Option("in pixels, a multiple of 8 (512)", int, 8, 8192),
    "height": Option("in pixels, a multiple of 8 (512)", int, 8, 8192),
    "steps": Option(
        "of inference: more is finer and slower (20)", int, 1, sent="numInferenceSteps"
    ),
    "guidance_scale": Option(
        "how closely to follow the prompt (7.5)", float, 0, sent="guidanceScale"
    ),
    "seed": Option("the same seed gives the same picture", int, 0, 2**63 - 1),
}
_SPEECH: Options = {
    "voice": Option("who speaks, where the model has several", metavar="VOICE"),
    "speed": Option("1 is the voice's own, 2 twice as fast", float, 0.5, 2),
    "format": Option("of the sound", choices=("wav",)),
}
SOUND_OPTIONS: Options = {
    "language": Option("of the text: a code (en), where the model has several", metavar="LANGUAGE"),
    "pitch": Option("from -1 (lower) to 1 (higher)", float, -1, 1),
    "volume": Option("from 0 to 1", float, 0, 1),
    "sample_rate": Option("samples a second, in Hz", int, 8000, 192_000, sent="sampleRate"),
    "seed": Option("the same seed gives the same sound", int, 0, 2**63 - 1),
}
AUDIO_OPTIONS: Options = {**_SPEECH, **SOUND_OPTIONS}
"""Which of these a model follows is the model's business; the service does not say."""
SPEECH_OPTIONS: Options = {"model": Option("its id, OWNER/NAME"), **SOUND_OPTIONS}
"""What a speech client has beside voice, speed and format."""
LOAD_OPTIONS: Options = {
    "force": Option("load it again though it is loaded", bool),
    "device": Option("where it runs", choices=("auto", "cuda", "cpu")),
}
ALIASES = {
    "sd15": "runwayml/stable-diffusion-v1-5",
    "sd21": "stabilityai/stable-diffusion-2-1",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
    "flux-dev": "black-forest-labs/FLUX.1-dev",
    "flux-schnell": "black-forest-labs/FLUX.1-schnell",
    "lcm": "SimianLuo/LCM_Dreamshaper_v7",
}
"""The service's short names."""
IGNORED = {
    "scheduler": "the model's own is used, whatever is asked for",
    "precision": "its own setting wins",
}
_AUDIO_WORDS = (  # the server's own rule; everything else is an image model to it
    "tts speecht5 vits xtts musicgen bark text-to-speech speech audio voice sound wav2vec whisper "
    "fastspeech tacotron chatterbox resemble kokoro"
)
TONES = ("kokoro", "chatterbox", "resemble")  # loaded, but answered with synthetic tones


def ignored(name: str, option: str) -> OptionError:
    """Return the error for an option that the service called `name` takes and does not follow."""
    hint = IGNORED[option]
    if option == "precision":
        source = "github:MediaConduit/huggingface-service"
        hint += f": {setting(name, 'huggingface', 'DEFAULT_PRECISION=fp32', source)}"
    return OptionError(f"{name} ignores {option}", hint)


def makes_audio(model: str) -> bool:
    """Return whether the service takes a model for one of sound: it goes by words in the id."""
    full = ALIASES.get(model, model).lower()
    return any(word in full for word in _AUDIO_WORDS.split())


def not_loaded(name: str, url: str, model: str, said: str) -> ModelNotFoundError:
    """Return the error for a model that is to be unloaded and is not loaded."""
    return ModelNotFoundError(
        told(name, url, said or f"{model} is not loaded"),
        f"those that are: {magic('huggingface', name, 'models')}",
    )


def refined(fault: Fault) -> MediaConduitError | None:
    """Return the error for a refusal in words; None for one that other rules fit."""
    text, its_log = fault.text, log(fault.name, "its log says more")
    if fault.path.startswith("/models/") and fault.status == 404:
        return not_loaded(fault.name, fault.url, fault.path, text)
    if "modelId" not in fault.request:
        return None
    if "Failed to load model" in text or fault.path == "/models/load":
        said = told(fault.name, fault.url, text or f"{fault.status} and no reason")
        if any(sign in text for sign in ("404", "not found", "Not Found", "not a valid model")):
            return ModelNotFoundError(said, "check the spelling: OWNER/NAME")
        return ResponseError(said, its_log, status=fault.status)
    if fault.status == 500 and "detail" not in fault.data and "error" not in fault.data:
        seed = "; it is known to fail over a seed: leave it out" if "seed" in fault.request else ""
        text = f"it failed (500) and does not say why{seed}"
        return ResponseError(told(fault.name, fault.url, text), its_log, status=500)
    if fault.status == 200 and "error" in fault.data:
        return ResponseError(told(fault.name, fault.url, text), its_log)
    return refused(fault)
