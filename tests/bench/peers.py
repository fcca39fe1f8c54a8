"""Builds the peers of each language, and reports the languages where that fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

HERE = Path(__file__).resolve().parent
Command: TypeAlias = list[str | Path]


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def node(folder: Path) -> Command:
    shutil.copytree(HERE / "node", folder, dirs_exist_ok=True)  # npm installs into the folder of the package
    run("npm", "ci", "--silent", "--prefix", folder)
    return ["node", folder / "peers.mjs"]


def go(folder: Path) -> Command:
    run("go", "build", "-C", HERE / "go", "-o", folder / "peers", ".")
    return [folder / "peers"]


def rust(folder: Path) -> Command:
    run("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", HERE / "rust/Cargo.toml",
        "--target-dir", folder)
    return [folder / "release/peers"]


def python(folder: Path) -> Command:
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "python/requirements.txt")
    return [folder / "bin/python", HERE / "python/peers.py"]


BUILDERS = {"Python": python, "Node": node, "Go": go, "Rust": rust}


def prepared(build: Path) -> tuple[dict[str, list[Command]], list[str]]:
    """The commands to run for each language, including ours, and the languages that are skipped."""
    commands: dict[str, list[Command]] = {"Python": [[build / "venv/bin/python", HERE / "python/bench.py"]]}
    skipped = []
    for language, builder in BUILDERS.items():
        print(f"Building the peers in {language}", file=sys.stderr)
        try:
            commands.setdefault(language, []).append(builder(build / "bench-peers" / language.lower()))
        except (OSError, subprocess.CalledProcessError) as failure:  # there is no toolchain, or it is too old
            print(f"SKIPPED: the peers in {language}. {failure}", file=sys.stderr)
            skipped.append(language)
    return commands, skipped
