"""The socket behind a request of docker-py: requests shows none while it waits for the answer."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any


def on_connect(adapter: Any, found: Callable[[socket.socket], None]) -> None:
    """Have `found` given the socket of each connection that a docker-py adapter makes.

    Parameters
    ----------
    adapter
        What docker-py mounted for the engine's address.
    found
        Called in the thread that connects; what it raises ends the request.
    """
    get_pool = adapter.get_connection

    def pool_for(*args: Any, **options: Any) -> Any:
        pool = get_pool(*args, **options)
        make = pool._new_conn

        def made() -> Any:
            connection = make()
            connect = connection.connect

            def connected() -> None:
                connect()
                found(connection.sock)

            connection.connect = connected
            return connection

        pool._new_conn = made
        return pool

    adapter.get_connection = pool_for
