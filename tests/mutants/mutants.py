#!/usr/bin/env python3
"""Breaks the code on purpose, in each of the ways that mutants.toml lists; the tests must notice.

    mutants.py [WORDS...]
    mutants.py --some N

Only the mutants whose names contain one of the words, or else all of them; their rows in table.md are written anew. The
sources are copied to build/mutants and broken there. --some takes N of them, which the commit chooses, and leaves
table.md alone: all of them take longer than a run of CI may.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("table.md")
WORK = ROOT / "build/mutants"
PYTHON = "bindings/python"
PYTHON_TOOLS = ROOT / "build/venv/bin"
# Tests that look at the project from outside, or repeat other tests under valgrind, find nothing more.
NOT_ASKED = "^(abi|consumer|demo|example_.*|laws|valgrind_.*|vectors_are_current)$"
# The tests that are asked about Python's shared stores.
STORES = [f"tests/stores/test_{name}.py" for name in ("sqlite", "redis", "text", "postgres")]
SECONDS = 120  # for one test


@dataclass
class Mutant:
    name: str
    file: str
    before: str
    after: str

    def applied_to(self, text: str) -> str:
        times = text.count(self.before)
        if times != 1:
            sys.exit(f"{self.name}: this stands {times} times in {self.file}, not once: {self.before}")
        return text.replace(self.before, self.after)


def listed() -> list[Mutant]:
    with Path(__file__).with_name("mutants.toml").open("rb") as file:
        return [Mutant(one["name"], one["file"], one["from"], one["to"]) for one in tomllib.load(file)["mutant"]]


def run(*command: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, check=False, capture_output=True, text=True, errors="replace", cwd=cwd, env=env,
                          timeout=30 * 60)  # for a build or for all tests


class Tree:
    """A copy of the checkout, in which one mutant after the other is built and tested."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = run("git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
        names = [name for name in files.stdout.splitlines() if (ROOT / name).is_file()]
        for name in names:
            source, copy = ROOT / name, folder / name
            if not (copy.is_file() and copy.read_bytes() == source.read_bytes()):
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)  # with a new time, for what was built of it may be a mutant
        for copy in list(folder.rglob("*")):
            place = copy.relative_to(folder)
            if copy.is_file() and place.parts[0] != "build" and str(place) not in names:
                copy.unlink()  # it is gone from the checkout
        servers = folder / "build/valkey"
        servers.parent.mkdir(exist_ok=True)
        if not servers.is_symlink():
            servers.symlink_to(ROOT / "build/valkey")

    def broken_by(self, mutant: Mutant | None) -> str:
        """Who notices the mutant; nobody, if the answer is empty. Without a mutant, nobody has to."""
        if mutant is None:
            return self.noticed_by("")
        file = self.folder / mutant.file
        original = file.read_text(encoding="utf-8")
        file.write_text(mutant.applied_to(original), encoding="utf-8")
        try:
            return self.noticed_by("stores_.*" if "stores" in file.parts else file.stem)
        finally:
            file.write_text(original, encoding="utf-8")

    def build(self, target: str, *options: str) -> None:
        for step in (["cmake", "--preset", "mutants", *options],
                     ["cmake", "--build", "--preset", "mutants", "-j", "1", "--target", target]):
            built = run(*step, cwd=self.folder)
            if built.returncode != 0:
                sys.exit(f"This mutant cannot be built:\n{built.stdout}{built.stderr}")

    def noticed_by(self, noun: str) -> str:
        raise NotImplementedError


class CppTree(Tree):
    def noticed_by(self, noun: str) -> str:
        self.build("all")
        # The noun's own test is asked first.
        return self.failing_test("-R", f"^{noun}$") or self.failing_test("-E", NOT_ASKED)

    def failing_test(self, *which: str) -> str:
        tested = run("ctest", "--preset", "mutants", "--stop-on-failure", "--timeout", SECONDS, *which, cwd=self.folder)
        if tested.returncode == 0:
            return ""
        failed = re.search(r"\d+ - (\w+) \((.+)\)", tested.stdout.partition("The following tests FAILED:")[2])
        if not failed or failed[2] in ("Timeout", "Not Run"):
            sys.exit(f"The tests did not run:\n{tested.stdout}{tested.stderr}")
        where = re.search(r"^(?:TEST CASE:  |This does not hold: |(?:FAIL|ERROR): (?=\w))(\w+(?= \(__main__)|.+)",
                          tested.stdout, re.MULTILINE)
        return failed[1] + (f": {where[1].strip()}" if where else "")


class PythonTree(Tree):
    """The extension is built into the copied package, which the tests then find before the installed one."""

    def noticed_by(self, noun: str) -> str:
        package = self.folder / PYTHON / "puck_webhooks"
        for script in (self.folder / "src/stores").glob("*.[ls][uq][al]"):
            shutil.copy(script, package / "stores")
        nanobind = run(PYTHON_TOOLS / "python", "-m", "nanobind", "--cmake_dir", cwd=self.folder).stdout.strip()
        self.build("_core", "-DCMAKE_BUILD_TYPE=Release", "-DPUCK_BUILD_PYTHON=ON", "-DPUCK_BUILD_CLI=OFF",
                   "-DPUCK_BUILD_TESTS=OFF",
                   f"-DPython_EXECUTABLE={PYTHON_TOOLS / 'python'}", f"-Dnanobind_DIR={nanobind}",
                   f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={package}")
        environment = os.environ | {"PYTHONPATH": str(package.parent)}
        asked = STORES if noun == "stores_.*" else ["tests/python", "--deselect", "tests/python/test_cross.py"]
        tested = run(PYTHON_TOOLS / "pytest", "-x", "-q", *asked, cwd=self.folder, env=environment)
        if tested.returncode == 0:
            return ""
        failed = re.search(r"^(?:FAILED|ERROR) tests/\w+/(\S+)", tested.stdout, re.MULTILINE)
        if not failed or tested.returncode != 1:  # others say that the tests could not run
            sys.exit(f"The tests did not run:\n{tested.stdout}{tested.stderr}")
        return failed[1]


def judge(trees: list[Tree], mutants: list[Mutant]) -> dict[str, str]:
    """Who notices each mutant, by its name."""
    idle: Queue[Tree] = Queue()
    for tree in trees:
        idle.put(tree)

    def one(mutant: Mutant | None) -> str:
        tree = idle.get()
        try:
            return tree.broken_by(mutant)
        finally:
            idle.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        for who in pool.map(one, [None] * len(trees)):
            if who:
                sys.exit(f"The tests fail without any mutant: {who}")
        noticed = {}
        for mutant, who in zip(mutants, pool.map(one, mutants), strict=True):
            print(f"{'killed  ' if who else 'SURVIVED'} {mutant.name}{': ' * bool(who)}{who}", flush=True)
            noticed[mutant.name] = who
    return noticed


def table(noticed: dict[str, str]) -> str:
    """The table with these rows, and of all others those that it has."""
    known = dict(re.findall(r"^\| (.+?) \| \w+\.\w+ \| (.+) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE))
    known |= {name: who.replace("`", "'") or "**nobody**" for name, who in noticed.items()}
    rows = [f"| {one.name} | {Path(one.file).name} | {known.get(one.name, 'not tried yet')} |\n" for one in listed()]
    return (
        "# Mutants, and which test noticed each first\n\n"
        "`./run mutants` writes this. A test stands with its file's name and, where it says so, its own.\n\n"
        "| what is broken | in | noticed by |\n|---|---|---|\n" + "".join(rows)
    )


def some(count: int) -> list[Mutant]:
    """So many of the mutants: the same for one commit, and others for the next."""
    commit = run("git", "-c", "safe.directory=*", "rev-parse", "HEAD", cwd=ROOT).stdout.strip()
    by_chance = sorted(listed(), key=lambda one: hashlib.sha256(f"{commit} {one.name}".encode()).digest())
    return by_chance[:count]


def main(words: list[str]) -> int:
    is_sample = len(words) == 2 and words[0] == "--some" and words[1].isdecimal()
    mutants = [one for one in listed() if not words or any(word in one.name for word in words)]
    if is_sample:
        mutants = some(int(words[1]))
    if not mutants:
        sys.exit("There is no mutant with such a name.")
    for one in listed():  # before anything is built
        one.applied_to((ROOT / one.file).read_text(encoding="utf-8"))
    in_python = [one for one in mutants if one.file.startswith(PYTHON)]
    in_cpp = [one for one in mutants if one not in in_python]
    noticed: dict[str, str] = {}
    if in_cpp:
        noticed |= judge([CppTree(WORK / str(i)) for i in range(os.cpu_count() or 1)], in_cpp)
    if in_python:
        noticed |= judge([PythonTree(WORK / "python")], in_python)
    if not is_sample:
        TABLE.write_text(table(noticed), encoding="utf-8")
    survivors = sum(not who for who in noticed.values())
    print(f"{len(mutants)} of {len(listed())} mutants: {len(mutants) - survivors} killed, {survivors} survived.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
