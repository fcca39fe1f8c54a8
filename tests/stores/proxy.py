"""A TCP proxy that loses answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Between a client and a server. After `lose_next` it passes the next request on, and drops the connection instead
    of passing the answer back. After `forget` the connections that are open stay so, and nothing passes any more."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._losing = threading.Event()
        self.lost = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next(self) -> None:
        self._losing.set()

    def forget(self) -> None:
        self._open.clear()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.add(client)
        with client, socket.create_connection(("127.0.0.1", self._server)) as server, suppress(OSError):
            while request := client.recv(65_536):
                if client not in self._open:
                    continue
                server.sendall(request)
                response = server.recv(65_536)
                if self._losing.is_set():
                    self._losing.clear()
                    self.lost += 1
                    return
                client.sendall(response)


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    made = Proxy(port)
    try:
        yield made
    finally:
        made.close()
