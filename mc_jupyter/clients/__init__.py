"""Clients of the services: usable alone, given a URL; httpx is imported when one is made."""

from ..settings import Bounds
from .names import connectable, full_name, same_model
from .ollama import OllamaClient
from .options import OPTIONS, check_options
from .peer import Limits
from .pull import Progress

__all__ = [
    "OPTIONS",
    "Bounds",
    "Limits",
    "OllamaClient",
    "Progress",
    "check_options",
    "connectable",
    "full_name",
    "same_model",
]
