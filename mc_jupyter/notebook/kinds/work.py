"""One call of a service: whom it is asked of, and how what comes of it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...events import Report
from ...lab.made import Input, Made

if TYPE_CHECKING:
    from ...clients.content import Product
    from ...lab.media import Media
    from ...service import Service


@dataclass(frozen=True)
class Work:
    """One call of a service that goes on.

    Attributes
    ----------
    service, client
        Whom it is asked of.
    report
        Told of progress.
    kept
        What there is of a result where the work fails: none, or one.
    """

    service: Service
    client: Any
    report: Report
    kept: list[Media] = field(default_factory=list)

    def made(
        self,
        what: str,
        *,
        model: str | None = None,
        options: Mapping[str, Any] | None = None,
        inputs: Sequence[Input] = (),
    ) -> Made:
        """Say how a result was made: by this service, at its commit, of these inputs."""
        service = self.service
        is_address = service.identifier.kind == "url"  # it holds a port, which is never saved
        kind = service.kind.name if service.kind else None
        return Made(
            what,
            service=kind if is_address else service.handle,
            identifier=None if is_address else service.identified,
            commit=service.commit,
            model=model,
            options=dict(options or {}),
            inputs=tuple(inputs),
        )

    def made_of(
        self, what: str, product: Product, inputs: Sequence[Input], model: str | None = None
    ) -> Made:
        """Say how a product was made."""
        return self.made(
            what, model=model or product.model, options=product.settings, inputs=inputs
        )
