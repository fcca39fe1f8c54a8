"""All tests of the command line: python3 cli_test.py PATH_OF_BINARY [unittest arguments, such as -k rotation]."""

from __future__ import annotations

import unittest

import events_test
import filter_test
import recorded_delivery_test
import secrets_test
import sign_test
import stream_test
import support
import usage_test
import vectors_test
import verify_test

MODULES = (
    usage_test,
    secrets_test,
    sign_test,
    verify_test,
    filter_test,
    recorded_delivery_test,
    events_test,
    vectors_test,
    stream_test,
)


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None) -> unittest.TestSuite:
    tests.addTests(loader.loadTestsFromModule(module) for module in MODULES)
    return tests


if __name__ == "__main__":
    support.main()
