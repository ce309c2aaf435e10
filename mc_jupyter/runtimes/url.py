"""Something that already runs, here or elsewhere: checked, never started or stopped."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from ..errors import ArgumentError, ConnectionFailedError
from ..events import Report
from .base import Condition, Spec

if TYPE_CHECKING:
    from .health import Met


class UrlRuntime:
    """A service that is only an HTTP address; see :class:`~mc_jupyter.runtimes.base.Runtime`."""

    name = "url"

    def check(self) -> None:
        """Nothing is needed here."""

    def start(self, spec: Spec, report: Report) -> Condition:
        """Check that it answers.

        Raises
        ------
        ConnectionFailedError
            When it does not; of a certificate or proxy that is the trouble, its own error.
        ArgumentError
            When the variable that holds its key is not set.
        """
        if spec.url is None:
            raise ArgumentError(
                f"{spec.handle} has no address, and the runtime url is for what runs already",
                f"%mc load http://HOST:PORT, or: %mc load {spec.canonical} --runtime auto",
            )
        if spec.gpu != "auto":
            raise ArgumentError(
                f"{spec.handle} was not started by mc_jupyter: --gpu {spec.gpu} cannot be applied",
                f"%mc start {spec.handle}",
            )
        met = self._met(spec)
        condition = self._condition(spec, met)
        if not condition.alive:
            if met is not None and met.error is not None:
                raise met.error
            raise ConnectionFailedError(
                f"nothing answers at {spec.url}",
                "mc_jupyter does not start what it only knows by address: start it where it lives",
            )
        return condition

    def condition(self, spec: Spec) -> Condition:
        """Ask it."""
        return self._condition(spec, self._met(spec))

    @staticmethod
    def _met(spec: Spec) -> Met | None:
        from .health import meet

        return meet(spec.url, spec.manifest.health.path, spec.key) if spec.url else None

    @staticmethod
    def _condition(spec: Spec, met: Met | None) -> Condition:
        if met is None:
            return Condition("absent", "does not answer")
        if met.how == "answers":
            words = met.words.removeprefix("it ")
            return Condition("running", words, url=spec.url, token=spec.key)
        if met.how == "silent":  # at work, as far as can be told from here
            words = "takes connections, but does not answer"
            return Condition("running", words, url=spec.url, token=spec.key)
        return Condition("absent", met.error.message if met.error else "does not answer")

    def stop(self, spec: Spec) -> None:
        """Refuse: it is not ours.

        Raises
        ------
        ArgumentError
            Always.
        """
        raise ArgumentError(
            f"{spec.handle} was not started by mc_jupyter ({spec.url})",
            f"stop it where it lives; %mc remove {spec.handle} forgets it here",
        )

    def logs(self, spec: Spec, lines: int) -> str:
        """Refuse: its log lies where it runs.

        Raises
        ------
        ArgumentError
            Always.
        """
        raise ArgumentError(
            f"{spec.handle} was not started by mc_jupyter", "its log lies where it runs"
        )

    def follow(self, spec: Spec, lines: int) -> Generator[str, None, None]:
        """Refuse, as :meth:`logs`."""
        yield self.logs(spec, lines)

    def memory(self, spec: Spec) -> int | None:
        """Return None: it is another's process, perhaps on another machine."""
        return None

    def watch(self, changed: Callable[[str | None], None]) -> Callable[[], None]:
        """Watch nothing: only asking it would tell, and nobody is asked on a timer."""
        return lambda: None

    def remove(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Take away nothing."""
        return ()

    def plan_removal(self, spec: Spec, volumes: bool) -> tuple[str, ...]:
        """Return nothing: there is nothing of ours."""
        return ()
