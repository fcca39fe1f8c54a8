#!/usr/bin/env python3
"""Checks with valgrind that no branch and no address of verification depends on a secret or on a MAC.

constant_time_test.py PROGRAM
"""

import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]
REPORTED = 99


def run(marked: str, comparison: str) -> tuple[int, str]:
    command = ["valgrind", "--quiet", f"--error-exitcode={REPORTED}", PROGRAM, marked, comparison]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stderr


class ConstantTime(unittest.TestCase):
    def test_nothing_depends_on_a_secret_or_a_mac(self) -> None:
        for marked in ("secret", "mac"):
            self.assertEqual(run(marked, "own"), (0, ""), marked)

    def test_other_comparisons_would_be_reported(self) -> None:
        for marked in ("secret", "mac"):
            for comparison in ("naive", "memcmp"):
                status, words = run(marked, comparison)
                self.assertEqual(status, REPORTED, words)
                self.assertRegex(words, f"depends on uninitialised value(.|\n)*{comparison}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
