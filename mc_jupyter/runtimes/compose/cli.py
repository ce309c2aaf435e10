"""Compose's commands: up, build, stop, down. Never the repository's own file, never a question.

``stop`` and ``down`` get the project's name only, so they also work when the repository is gone;
they run in ``/`` with no file, where Compose finds none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...errors import MediaConduitError, StartError
from ...events import Event, Report
from . import failures
from .child import Finished, LimitReached, environment, run
from .detect import Tools

_UP_LIMIT = 1800.0
"""Seconds: `depends_on` with `service_healthy` may wait for a helper that loads a model."""
_BUILD_LIMIT = 6 * 3600.0
_STOP_LIMIT = 300.0

OnLine = Callable[[str], None]


def progress(report: Report, handle: str, project: str) -> OnLine:
    """Return what hands each line of a start to `report`, without the project's long name."""

    def line(text: str) -> None:
        words = " ".join(_readable(text, project).split())
        if words and not words.startswith("time="):
            report(Event("start", f"starting {handle}: {words}"))

    return line


def _readable(text: str, project: str) -> str:
    """Names as the compose file has them, without the project's."""
    return text.replace(f"{project}-", "").replace(f"{project}_", "")


class Compose:
    """The Compose CLI for one project.

    Parameters
    ----------
    tools
        What was detected.
    project
        The Compose project's name.
    handle
        The service's name, for messages.
    """

    def __init__(self, tools: Tools, project: str, handle: str) -> None:
        self._tools, self._project, self._handle = tools, project, handle

    def up(self, file: Path, on_line: OnLine, *, anew: bool = False) -> None:
        """Create and start what the generated `file` says; images must be here.

        Parameters
        ----------
        file
            What runs.
        on_line
            Told each line of Compose's.
        anew
            Make the containers again, also where nothing of them changed.

        Raises
        ------
        StartError, DiskFullError, EngineUnavailableError, ImageUnavailableError
            By what Compose wrote.
        """
        options = ["up", "-d", "--no-build", "--remove-orphans"]
        options += ["--force-recreate"] if anew else []
        answer = self._run("start", _UP_LIMIT, file, options, on_line)
        if answer.code:
            raise failures.of_up(_readable(answer.err, self._project), self._handle)

    def build(self, file: Path, services: list[str], on_line: OnLine) -> None:
        """Build the images of `services`.

        Raises
        ------
        StartError, DiskFullError, EngineUnavailableError
            With the last lines of the build.
        """
        answer = self._run("build", _BUILD_LIMIT, file, ["build", *services], on_line)
        if answer.code:
            err = _readable(answer.err, self._project)
            raise failures.of_build(answer.out, err, self._handle)

    def stop(self) -> None:
        """Stop the project's containers."""
        self._finish("stop", ["stop"])

    def down(self) -> None:
        """Remove the project's containers, networks and anonymous volumes.

        Named volumes are external to Compose, so it never touches them.
        """
        self._finish("remove", ["down", "--volumes", "--remove-orphans"])

    def _finish(self, verb: str, options: list[str]) -> None:
        answer = self._run(verb, _STOP_LIMIT, None, options, None)
        if answer.code:
            raise self._failed(verb, failures.last_lines(answer.err))

    def _run(
        self, verb: str, limit: float, file: Path | None, options: list[str], on_line: OnLine | None
    ) -> Finished:
        arguments = [*self._tools.compose, "--progress", "plain", "-p", self._project]
        arguments += ["--env-file", os.devnull]
        if file is not None:
            arguments += ["-f", str(file), "--project-directory", str(file.parent)]
        try:
            return run([*arguments, *options], environment(), limit, on_line)
        except LimitReached:
            raise self._failed(verb, f"Compose took more than {limit:g} s") from None
        except OSError as error:
            raise self._failed(verb, str(error)) from error

    def _failed(self, verb: str, reason: str) -> MediaConduitError:
        return StartError(f"{self._handle}: {verb} failed: {reason}", f"%mc logs {self._handle}")
