"""Every error that mc_jupyter raises on purpose.

::

    MediaConduitError                 what failed, and the next step
    ├── ArgumentError                 a verb, option or value that was typed wrong
    │   ├── NotOursError              to stop what was not started from here
    │   └── TemplateError             a {{name}} that cannot be filled
    ├── IdentifierError               an identifier that names no source
    ├── ServiceNotFoundError          no loaded service has that handle
    ├── HandleTakenError              --as NAME where NAME is another service's handle
    ├── ManifestError                 MediaConduit.service.yml is missing, broken or not understood
    ├── SourceError                   the repository could not be fetched
    │   ├── GitMissingError           there is no git program
    │   ├── SourceUnreachableError    no connection, or a time-out (bundled definitions serve here)
    │   ├── RepositoryNotFoundError   the server says that there is no such repository
    │   └── RefNotFoundError          the repository has no such branch, tag or commit
    ├── DiskFullError                 no room left while fetching, pulling or writing
    ├── RuntimeUnavailableError       something that would run the service is absent (auto goes on)
    │   ├── EngineUnavailableError    no Docker engine, no Compose, a hung or a remote engine
    │   ├── ImageUnavailableError     the image can be neither found nor pulled
    │   ├── NativeMissingError        no Ollama answers here, and there is no program ollama
    │   └── EmbeddedMissingError      the extra `embedded` is not installed
    ├── PolicyError                   the compose file asks for something that is not allowed
    ├── DownloadLimitError            an image or model is larger than the download limit
    ├── StartError                    a container, build or process failed (auto stops here)
    └── ClientError                   talking to a running service failed
        ├── OptionError               an option that the service does not know
        ├── InputError                a file or text that the service does not take
        ├── ConnectionFailedError     nothing answers, or the connection broke
        │   ├── CertificateError      a certificate that is not trusted, or none to check it with
        │   ├── ProxyError            the user's proxy does not answer, or does not lead there
        │   └── StreamCutError        the answer ended before the service said that it was done
        ├── BoundError                more came than a bound lets in: a line, an answer, a file
        ├── TimeLimitError            connect, first byte or silence took longer than its limit
        ├── ResponseError             the service answered with an error (``.status``)
        │   └── AccessError           it wants a key, or another one (401, 403)
        ├── ModelNotFoundError        the service has no such model
        ├── VoiceNotFoundError        the service has no such voice
        └── DataError                 an answer that is not the JSON that was asked for

    Interrupted                       ours, and a KeyboardInterrupt (so Run All stops there)

Every one of them renders as one or two lines in a notebook, as a real error that test
runners see, never as a traceback: first what failed and the fact that was observed, then
the next step as a line to copy.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .control_characters import make_visible

_LONGEST = 2000
"""Characters of a line that is shown; what was typed may be longer than anybody reads."""


class _OneLine:
    """Gives an exception the short form that IPython shows in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        lines = make_visible(f"{type(self).__name__}: {self}").splitlines()
        return [one if len(one) <= _LONGEST else f"{one[:_LONGEST]}..." for one in lines]


class MediaConduitError(_OneLine, Exception):
    """Base of all our errors.

    Parameters
    ----------
    message
        What failed, with the name that the user typed and the fact that was observed.
    hint
        The next step, best as a line to copy; shown on a line of its own.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        # servers and files say some of it, and a terminal obeys control characters
        return make_visible(f"{self.message}\n{self.hint}" if self.hint else self.message)


class ArgumentError(MediaConduitError):
    """A verb, option or value that was typed wrong."""


class NotOursError(ArgumentError):
    """What runs was not started from here, so it is not stopped from here."""


class TemplateError(ArgumentError):
    """A ``{{name}}`` that cannot be filled."""


class IdentifierError(MediaConduitError):
    """An identifier that names no source."""


class ServiceNotFoundError(MediaConduitError):
    """No loaded service has that handle."""


class HandleTakenError(MediaConduitError):
    """``--as NAME`` where NAME is another service's handle."""


class ManifestError(MediaConduitError):
    """A manifest that is missing, broken or not understood."""


class SourceError(MediaConduitError):
    """The repository could not be fetched."""


class GitMissingError(SourceError):
    """There is no git program."""


class SourceUnreachableError(SourceError):
    """No connection to the repository's host, or a time-out."""


class RepositoryNotFoundError(SourceError):
    """The server says that there is no such repository (or asks for a login)."""


class RefNotFoundError(SourceError):
    """The repository has no such branch, tag or commit."""


class DiskFullError(MediaConduitError):
    """No room left while fetching, pulling or writing."""


class RuntimeUnavailableError(MediaConduitError):
    """Something that would run the service is absent; ``auto`` tries the next runtime."""


class EngineUnavailableError(RuntimeUnavailableError):
    """No usable Docker engine or Compose."""


class ImageUnavailableError(RuntimeUnavailableError):
    """The image can be neither found nor pulled."""


class NativeMissingError(RuntimeUnavailableError):
    """No Ollama answers on this machine, and there is no program `ollama`."""


class EmbeddedMissingError(RuntimeUnavailableError):
    """The extra ``embedded`` is not installed."""


class PolicyError(MediaConduitError):
    """The compose file asks for something that is not allowed."""


class DownloadLimitError(MediaConduitError):
    """An image or model is larger than the download limit."""


class StartError(MediaConduitError):
    """A container, build or process failed; ``auto`` stops here, it never hides a failure."""


class ClientError(MediaConduitError):
    """Talking to a running service failed."""


class OptionError(ClientError):
    """An option that the service does not know, or would ignore."""


class InputError(ClientError):
    """A file or text that the service does not take: its kind, its size, its length."""


class ConnectionFailedError(ClientError):
    """Nothing answers, or the connection broke."""


class CertificateError(ConnectionFailedError):
    """The server's certificate is not trusted, or what it is checked against cannot be read."""


class ProxyError(ConnectionFailedError):
    """The proxy that the environment names does not answer, or does not lead to the host."""


class StreamCutError(ConnectionFailedError):
    """The answer ended before the service said that it was done."""


class BoundError(ClientError):
    """More came than a bound lets in; the message names the bound, the hint how to raise it."""


class TimeLimitError(ClientError):
    """Connect, first byte or silence took longer than its limit."""


class ResponseError(ClientError):
    """The service answered with an error.

    Parameters
    ----------
    message, hint
        As in :class:`MediaConduitError`.
    status
        The HTTP status; 200 for an error inside a stream.
    """

    def __init__(self, message: str, hint: str | None = None, *, status: int = 200) -> None:
        super().__init__(message, hint)
        self.status = status


class AccessError(ResponseError):
    """The service lets nobody in without a key, or not with this one (401 or 403)."""


class ModelNotFoundError(ClientError):
    """The service has no such model."""


class VoiceNotFoundError(ClientError):
    """The service has no such voice."""


class DataError(ClientError):
    """An answer is not the JSON that was asked for."""


class Interrupted(_OneLine, KeyboardInterrupt):
    """The user interrupted; what was done so far is kept, and the message says where."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for the closest known word, else the list of known words.

    Parameters
    ----------
    word
        What was typed.
    known
        The words that would have been right.
    """
    words = sorted(set(known))
    lowered = {w.lower().replace("_", "-"): w for w in words}
    close = difflib.get_close_matches(word.lower().replace("_", "-"), lowered, n=1, cutoff=0.6)
    if close:
        return f"did you mean {lowered[close[0]]!r}?"
    return f"known: {', '.join(words)}" if words else "nothing is known yet"
