"""Work on a thread of its own that may be cancelled, as a button of the panel starts it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from mc_jupyter.cancel import Cancel, cancellable
from mc_jupyter.errors import Interrupted

LIMIT_S = 1.0
"""Seconds that a cancel may take."""


class Background:
    """Work that began when this was made."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._cancel, self._end = Cancel(), Future[object]()

        def run() -> None:
            try:
                with cancellable(self._cancel):
                    self._end.set_result(work())
            except BaseException as error:
                self._end.set_exception(error)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Cancel it, and see it end as it must."""
        assert not self._end.done(), self._end
        began = time.monotonic()
        self._cancel.cancel()
        with pytest.raises(Interrupted):
            self._end.result(10)
        assert time.monotonic() - began < LIMIT_S
        self._thread.join(1)
