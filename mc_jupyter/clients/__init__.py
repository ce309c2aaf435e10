"""Clients of the services: usable alone, given a URL; httpx is imported when one is made."""

from .names import connectable, full_name, same_model
from .ollama import OllamaClient
from .options import OPTIONS, check_options
from .peer import Limits
from .pull import Progress

__all__ = [
    "OPTIONS",
    "Limits",
    "OllamaClient",
    "Progress",
    "check_options",
    "connectable",
    "full_name",
    "same_model",
]
