"""The threads of the adapters, in a process and in its forked child."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

from adapter_deliveries import PATIENCE
from puck_webhooks._threads import claim_in_thread, settle_in_thread

CODE = """
import asyncio, contextvars, os, threading
from puck_webhooks._threads import settle_in_thread

caller = contextvars.ContextVar("caller")

async def main(name):
    caller.set(name)
    seen = await settle_in_thread(lambda: (caller.get(), threading.current_thread().name))
    assert seen == (name, "puck-webhooks-settle_0")

asyncio.run(main("parent"))
child = os.fork()
if child == 0:
    asyncio.run(main("child"))
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
asyncio.run(main("parent again"))
print("good")
"""


def test_a_forked_child_has_threads_of_its_own() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stdout == "good\n", ended.stderr


def test_what_was_handled_is_settled_however_many_claims_wait() -> None:
    may_end = threading.Event()

    async def run() -> None:
        claims = [claim_in_thread(may_end.wait, PATIENCE) for _ in range(100)]
        assert await asyncio.wait_for(settle_in_thread(lambda: "settled"), PATIENCE) == "settled"
        assert not any(claim.done() for claim in claims)
        may_end.set()
        await asyncio.wait(claims)

    try:
        asyncio.run(run())
    finally:
        may_end.set()
