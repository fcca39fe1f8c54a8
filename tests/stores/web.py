"""Web servers for the tests, and a client for them."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import puck_webhooks
from servers import PATIENCE, free_port, wait_until

APPS = Path(__file__).with_name("apps")


class Web:
    """A web server with its workers. `log` is what they write to their standard error."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
        self.process, self.port, self.path, self._log = process, port, path, log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def post(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status of one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("POST", self.path, body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.post({}, b"") > 0
        except OSError:
            return False


@contextmanager
def web_server(
    *command: str, environment: Mapping[str, str] | None = None, path: str = "/"
) -> Iterator[Web]:
    """`python -m` this command, in the folder of the apps, with PORT in place of the port. Events are for this path."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    with tempfile.TemporaryDirectory(prefix="puck-", ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, *words], cwd=APPS, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
                env=child_environment() | {"PORT": str(port)} | dict(environment or {}), start_new_session=True,
            )
        web = Web(process, port, path, log)
        try:
            wait_until(web.answers, f"{command[1]} does not answer")
            yield web
        finally:
            end(process)


def child_environment() -> dict[str, str]:
    """For a Python that finds the package and the apps."""
    package = Path(puck_webhooks.__file__).parents[1]
    paths = [str(package), str(APPS), os.environ.get("PYTHONPATH", "")]
    unset = ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS")
    return {name: value for name, value in os.environ.items() if name not in unset} | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths))
    }


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server, and then whatever is left of its session."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(PATIENCE)


def gunicorn(app: str, *options: str) -> list[str]:
    return ["-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--access-logfile", "/dev/null", *options, app]


def uvicorn(app: str, *options: str) -> list[str]:
    return ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "PORT", "--no-access-log", *options, app]
