"""Something that already runs, here or elsewhere: checked, never started or stopped."""

from __future__ import annotations

from collections.abc import Callable, Generator

from ..errors import ArgumentError, ConnectionFailedError
from ..events import Report
from .base import Condition, Spec


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
            When it does not.
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
        condition = self.condition(spec)
        if not condition.alive:
            raise ConnectionFailedError(
                f"nothing answers at {spec.url}",
                "mc_jupyter does not start what it only knows by address: start it where it lives",
            )
        return condition

    def condition(self, spec: Spec) -> Condition:
        """Ask it."""
        from .health import knock

        met = knock(spec.url, spec.manifest.health.path) if spec.url else "gone"
        if met == "answers":
            return Condition("running", "answers", url=spec.url)
        if met == "silent":  # at work, as far as can be told from here
            return Condition("running", "takes connections, but does not answer", url=spec.url)
        return Condition("absent", "does not answer")

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
