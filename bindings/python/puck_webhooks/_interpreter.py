"""The extension keeps one set of types for the process: a second interpreter would take them away from the first."""

from __future__ import annotations

import importlib


def _refuse_all_but_the_main_one() -> None:
    for name in ("_interpreters", "_xxsubinterpreters"):  # the newer name comes first
        try:
            current = importlib.import_module(name).get_current()
        except ImportError:
            continue
        if int(current[0] if isinstance(current, tuple) else current) != 0:
            raise ImportError("puck_webhooks works in the main interpreter only, and not in a subinterpreter")
        return


_refuse_all_but_the_main_one()
