"""Whether this process is one of several that receive the same webhooks.

The built-in store remembers for one process, so the others would handle the same events again. Who uses it in one of
several processes is warned, in the log, once in each process. A receiver asks when it is made, and, since a process may
not know by then what it is, at its first delivery after that or after a fork. Nothing is done later.

What counts:

- a worker of gunicorn, if there are to be more than one (-w, WEB_CONCURRENCY, a configuration file), with or without
  --preload. The worker is the object of gunicorn's class Worker that says it is this process; its `cfg` is the one that
  server hooks get. Workers that are added later, by SIGTTIN, are not seen.
- a worker of uvicorn that uvicorn has started as one of several: what multiprocessing has started it for says so. With
  --reload there is only one.
- a forked child that receives with a receiver from before the fork. It may be one of several, or a daemon whose parent
  is gone. Its parent is not warned, and neither is a child that makes its own receiver: it may be the only one that
  receives.

Not seen are the processes of other servers, such as uWSGI (unless they are forked after the receiver was made),
hypercorn and granian, several machines, and several servers that were started apart.

gunicorn does not say this to its application, and the environment holds no number of workers that was given as an
option. So its object is looked for among those that Python's garbage collector knows. That takes about 10 ms for each
100,000 objects, at most twice in a process, and only where gunicorn's modules are loaded. Objects that were hidden from
the collector by gc.freeze() are not found.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import Any

_log = logging.getLogger("puck_webhooks")

_WARNING = (
    "This process %s one of several, and its dedupe store remembers for this process alone: an event that Puck sends "
    'again can be handled again by another process. Give them a store that they share: Receiver(dedupe="sqlite:…") on '
    'one machine, or Receiver(dedupe="redis://…").'
)

_has_warned = False
_known: dict[bool, bool | None] = {}  # what the server said to the first receiver, and at the first delivery


def warn_if_one_of_several(is_older_than_process: bool, is_receiving: bool) -> None:
    """Called for a receiver with the built-in store. `is_older_than_process`: it was made before this process was
    forked. Raises nothing."""
    global _has_warned
    try:
        if _has_warned:
            return
        if is_receiving not in _known:
            _known[is_receiving] = _server_has_several()
        has_several = _known[is_receiving]
        if has_several or (has_several is None and is_older_than_process):
            _has_warned = True
            _log.warning(_WARNING, "is" if has_several else "may be")
    except Exception:  # another version of a server, for one, in which all is different
        pass


def _server_has_several() -> bool | None:
    """Whether the server has several workers; None if this is no worker of one that is known."""
    for worker in _living("gunicorn.workers.base", "Worker"):
        if worker.pid == os.getpid():
            return bool(worker.cfg.workers > 1)
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        process = multiprocessing.current_process()
        if getattr(getattr(process, "_target", None), "__module__", "") == "uvicorn._subprocess":
            config = process._kwargs["config"]
            return bool(config.workers > 1 and not config.should_reload)
    return None


def _living(module: str, name: str) -> list[Any]:
    """The objects of a class, if somebody has imported its module."""
    if module not in sys.modules:
        return []
    kind = getattr(sys.modules[module], name)
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def _forget() -> None:
    global _has_warned
    _has_warned = False
    _known.clear()


os.register_at_fork(after_in_child=_forget)
