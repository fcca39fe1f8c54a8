"""What is imported when, and what is said if it is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRAMEWORKS = ("flask", "werkzeug", "django", "starlette", "fastapi", "aiohttp", "asyncio")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_the_package_imports_no_framework() -> None:
    assert run(f"import sys, puck_webhooks; print([name for name in {FRAMEWORKS} if name in sys.modules])") == "[]"


def test_what_needs_no_framework_imports_none() -> None:
    needed = "import sys, puck_webhooks.aws_lambda, puck_webhooks.asgi; "
    needed += f"print([n for n in {FRAMEWORKS[:-1]} if n in sys.modules])"
    assert run(needed) == "[]"


@pytest.mark.parametrize("name", ["flask", "django", "starlette", "fastapi", "aiohttp"])
def test_a_framework_that_is_missing(name: str) -> None:
    said = run(
        f"import sys; sys.modules['{name}'] = None\n"
        f"try: import puck_webhooks.{name}\n"
        "except ImportError as error: print(error)"
    )
    assert f"pip install 'puck-webhooks[{name}]'" in said
