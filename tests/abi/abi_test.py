"""The library's ABI is the one that was promised: baseline.abi, which is made from puck/webhooks.h as C reads it.

Run as abi_test.py LIBRARY C_COMPILER, with a library whose C functions have debug information, as in every build with
tests; with --renew it writes the baseline anew.
"""
from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASELINE = ROOT / "tests/abi/baseline.abi"
HEADER = (ROOT / "bindings/c/include/puck/webhooks.h").read_text()
LIBRARY, C_COMPILER = sys.argv[1:3]

SAY_SO = 'and say in the Unreleased section of CHANGELOG.md, after "ABI:", what happened to it.'
RENEW = f"""The ABI is no longer that of tests/abi/baseline.abi. Renew that with

    python3 tests/abi/abi_test.py {LIBRARY} {C_COMPILER} --renew

{SAY_SO}"""
BROKEN = f"""The ABI has changed, and not by new functions alone: programs that were built before may break. Take it
back; or raise puck_soversion in bindings/c/CMakeLists.txt (unless all that happened is that a struct with a struct_size
grew at its end), renew the baseline, {SAY_SO}"""


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def differences(old: Path, *options: str) -> str:
    """What abidiff reports of the library. That it defines what the header only declares is no difference to it."""
    command = ["abidiff", "--no-architecture", *options, old, LIBRARY]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"{done.stdout}{done.stderr}abidiff exits with {done.returncode}" if done.returncode != 0 else ""


def soname() -> str:
    (name,) = re.findall(r"Library soname: \[(.*)\]", run("readelf", "-d", LIBRARY))
    return str(name)


def verdict(old: Path) -> str:
    """What has to be done about the library, as it is compared with an older one; nothing if they are alike."""
    if f"soname='{soname()}'" not in old.read_text():
        return RENEW
    if found := differences(old, "--no-added-syms"):
        return f"{BROKEN}\n\n{found}"
    if found := differences(old):
        return f"{RENEW}\n\n{found}"
    return ""


def write_abi(header: str, target: Path) -> None:
    """Writes the ABI of a library that has what the header declares, in C, so that nothing of C++ comes into it."""
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "webhooks.c"), Path(folder, "library.so")
        source.write_text(re.sub(r"^(PUCK_API [^;]*);", r"\1 { __builtin_trap(); }", header, flags=re.MULTILINE))
        run(C_COMPILER, "-g", "-shared", "-fPIC", f"-Wl,-soname,{soname()}",
            f"-Wl,--version-script={ROOT / 'bindings/c/exports.map'}", source, "-o", library)
        run("abidw", "--no-architecture", "--no-elf-needed", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs",
            "--out-file", target, library)
    target.write_text(re.sub(r" path='[^']*'", "", target.read_text()))


class Abi(unittest.TestCase):
    def test_the_library_has_the_abi_of_the_baseline(self) -> None:
        if found := verdict(BASELINE):
            self.fail(found)

    def test_the_changelog_says_what_happened_to_it(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text()
        (unreleased,) = re.findall(r"^## Unreleased$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
        self.assertRegex(unreleased, r"(?m)^ABI: \S")


class TheCheckItself(unittest.TestCase):
    """Each change is made to the header of an older library, which the one at hand is then compared with."""

    def verdict(self, old: str, new: str) -> str:
        self.assertEqual(HEADER.count(old), 1, old)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, "old.abi")
            write_abi(HEADER.replace(old, new), target)
            return verdict(target)

    def test_it_accepts_what_is_alike(self) -> None:
        self.assertEqual(self.verdict("uint64_t max_body;", "uint64_t  max_body;"), "")

    def test_it_refuses_what_breaks_programs(self) -> None:
        for name, old, new in (
            ("a function less", "PUCK_API int32_t puck_reason_retryable",
             "PUCK_API void puck_gone(void);\nPUCK_API int32_t puck_reason_retryable"),
            ("a result", "PUCK_API int32_t puck_reason_retryable", "PUCK_API int64_t puck_reason_retryable"),
            ("a parameter's type", "puck_reason_retryable(int32_t reason)", "puck_reason_retryable(int64_t reason)"),
            ("a parameter more", "puck_reason_retryable(int32_t reason)", "puck_reason_retryable(void)"),
            ("an opaque type", "puck_event_free(puck_event", "puck_event_free(puck_verifier"),
            ("a member's type", "int64_t tolerance;", "int32_t tolerance;"),
            ("a member more", "    uint64_t max_body;", "    //"),
            ("a member less", "    uint64_t max_body;", "    uint64_t gone; uint64_t max_body;"),
            ("an array's length", "char event_type[132];", "char event_type[128];"),
            ("a callback", "(*release)(void", "(*release)(int32_t gone, void"),
        ):
            with self.subTest(name):
                self.assertIn(BROKEN, self.verdict(old, new))

    def test_a_function_more_wants_a_new_baseline(self) -> None:
        self.assertIn(RENEW, self.verdict("PUCK_API int32_t puck_reason_retryable(int32_t reason);", ""))

    def test_another_soname_wants_a_new_baseline(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            older = Path(folder, "older.abi")
            older.write_text(BASELINE.read_text().replace(soname(), "libpuck_webhooks.so.another"))
            self.assertEqual(verdict(older), RENEW)


if __name__ == "__main__":
    if sys.argv[3:] == ["--renew"]:
        write_abi(HEADER, BASELINE)
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
