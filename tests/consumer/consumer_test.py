"""Small projects that use the installed package, wherever its folder was moved to.

Run as consumer_test.py BUILD CMAKE GENERATOR C_COMPILER CXX_COMPILER; BUILD is a build with shared libraries.
"""
from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD, CMAKE, GENERATOR, C_COMPILER, CXX_COMPILER = sys.argv[1:]
OK = "ok, duplicate, signature_mismatch\n"  # what every consumer prints

folder: Path  # everything that is made here
shared: Path  # the moved prefixes
static: Path  # without Redis


def run(*command: str | Path, **variables: str | Path) -> str:
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(source: Path, name: str, *options: str) -> Path:
    target = folder / name
    compilers = f"-DCMAKE_C_COMPILER={C_COMPILER}", f"-DCMAKE_CXX_COMPILER={CXX_COMPILER}"
    run(CMAKE, "-S", source, "-B", target, "-G", GENERATOR, "--no-warn-unused-cli", *compilers, *options)
    run(CMAKE, "--build", target)
    return target


def install(source: str | Path, name: str) -> Path:
    """Installs into one folder and moves all of it to another."""
    run(CMAKE, "--install", source, "--prefix", folder / "installed" / name)
    (folder / "moved").mkdir(exist_ok=True)
    return (folder / "installed" / name).rename(folder / "moved" / name)


def setUpModule() -> None:
    global folder, shared, static
    folder = Path(unittest.enterModuleContext(tempfile.TemporaryDirectory())).resolve()
    shared = install(BUILD, "shared")
    options = "-DBUILD_SHARED_LIBS=OFF", "-DPUCK_BUILD_TESTS=OFF", "-DPUCK_BUILD_CLI=OFF", "-DPUCK_WITH_REDIS=OFF"
    static = install(build(ROOT, "build_static", *options), "static")


class CMakeConsumer(unittest.TestCase):
    def check(self, project: str, prefix: Path) -> Path:
        built = build(HERE / project, f"{project}_{prefix.name}", f"-DCMAKE_PREFIX_PATH={prefix}")
        self.assertEqual(run(built / "consumer"), OK)
        return built

    def test_in_cpp(self) -> None:
        for prefix in (shared, static):
            with self.subTest(prefix.name):
                self.check("cmake_cpp", prefix)

    def test_in_c_with_the_static_library(self) -> None:
        self.check("cmake_c", static)

    def test_in_c_with_the_shared_library_and_nothing_else(self) -> None:
        rules = (self.check("cmake_c", shared) / "build.ninja").read_text()
        (libraries,) = re.findall(r"^ *LINK_LIBRARIES = (.*)$", rules, re.MULTILINE)
        self.assertIn("libpuck_webhooks", libraries)
        self.assertNotRegex(libraries, r"simdjson|crypto|stdc\+\+")

    def test_as_a_subdirectory(self) -> None:
        built = build(HERE / "subdirectory", "subdirectory")
        self.assertEqual(run(built / "consumer"), OK)
        self.assertEqual(run(built / "consumer_c"), OK)


UNREACHABLE = "Redis cannot be reached."
NOT_BUILT = "This build has no Redis: it was built without PUCK_WITH_REDIS."


class StoresConsumer(unittest.TestCase):
    def build(self, store: str, prefix: Path) -> Path:
        options = f"-DCMAKE_PREFIX_PATH={prefix}", f"-DSTORE={store}"
        return build(HERE / "cmake_stores", f"{store}_{prefix.name}", *options) / "consumer"

    def test_each_store_is_a_component(self) -> None:
        self.assertEqual(run(self.build("sqlite", shared), folder / "sqlite.db"), "ok\n")
        self.assertEqual(run(self.build("redis", shared)), f"{UNREACHABLE}\n")

    def test_all_stores_by_their_texts(self) -> None:
        for prefix, redis in ((shared, UNREACHABLE), (static, NOT_BUILT)):
            with self.subTest(prefix.name):
                program = self.build("stores", prefix)
                self.assertEqual(run(program, folder / f"{prefix.name}.db"), f"ok, duplicate, {redis}\n")

    def test_a_component_that_was_not_built(self) -> None:
        for store in ("redis", "postgres"):
            with self.subTest(store), self.assertRaises(AssertionError) as failure:
                self.build(store, static)
            self.assertRegex(str(failure.exception), rf"built\s+without\s+the\s+component\s+{store}")
        self.assertEqual([path.name for path in static.rglob("*_dedupe.hpp")].count("redis_dedupe.hpp"), 0)


class PkgConfigConsumer(unittest.TestCase):
    def flags(self, prefix: Path, package: str, *options: str) -> Sequence[str]:
        (file,) = prefix.rglob(f"{package}.pc")
        path = os.pathsep.join(filter(None, (str(file.parent), os.environ.get("PKG_CONFIG_PATH"))))
        return shlex.split(run("pkg-config", *options, package, PKG_CONFIG_PATH=path))

    def check(self, compile: Sequence[str | Path], prefix: Path, package: str, *options: str) -> Sequence[str]:
        """Compiles with the package's flags and runs the program. Returns the libraries that it was linked with."""
        program, libraries = self.compile(compile, prefix, package, *options)
        self.assertEqual(run(program), OK)
        return libraries

    def compile(
        self, compile: Sequence[str | Path], prefix: Path, package: str, *options: str
    ) -> tuple[Path, Sequence[str]]:
        program = folder / f"{package}_{prefix.name}"
        flags = self.flags(prefix, package, *options, "--cflags", "--libs")
        (libdir,) = self.flags(prefix, package, "--variable=libdir")
        run(*compile, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program, *flags, f"-Wl,-rpath,{libdir}")
        return program, [flag for flag in flags if flag.startswith("-l")]

    c = C_COMPILER, "-std=c99", HERE / "main.c"
    cpp = CXX_COMPILER, "-std=c++20", HERE / "main.cpp"

    def test_in_c_with_the_shared_library_and_nothing_else(self) -> None:
        self.assertEqual(self.check(self.c, shared, "puck-webhooks"), ["-lpuck_webhooks"])

    def test_in_c_with_the_static_library(self) -> None:
        self.check(self.c, static, "puck-webhooks", "--static")

    def test_in_cpp_beside_the_shared_library_of_c(self) -> None:
        libraries = self.check(self.cpp, shared, "puck-webhooks-cpp")
        self.assertEqual(set(libraries), {"-lpuck_webhooks_cpp", "-lcrypto", "-lsimdjson"})

    def test_the_stores(self) -> None:
        for prefix, redis in ((shared, UNREACHABLE), (static, NOT_BUILT)):
            with self.subTest(prefix.name):
                compile = CXX_COMPILER, "-std=c++20", HERE / "stores.cpp"
                program, libraries = self.compile(compile, prefix, "puck-webhooks-stores")
                self.assertEqual("-lhiredis" in libraries, prefix == shared)
                self.assertEqual(run(program, folder / f"pc_{prefix.name}.db"), f"ok, duplicate, {redis}\n")

    def test_in_cpp_with_static_libraries(self) -> None:
        self.check(self.cpp, static, "puck-webhooks-cpp", "--static")


class Prefix(unittest.TestCase):
    def test_no_file_knows_where_it_was_made(self) -> None:
        for prefix in (shared, static):
            texts = [path for path in prefix.rglob("*") if path.suffix in {".cmake", ".pc"}]
            self.assertGreaterEqual(len(texts), 6)
            for path in texts:
                for place in (folder, ROOT, Path(BUILD).resolve()):
                    self.assertNotIn(str(place), path.read_text(), path)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
