"""The laws: which file may include which, and what the core never does. Run as laws.py CORE_LIBRARY C_LIBRARY C_OBJECT..."""

import ast
import pathlib
import re
import subprocess
import sys
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOUNS = sorted(path.stem for path in (ROOT / "include/puck").glob("*.hpp"))
ROOMS = {
    # Each noun may include these headers and no others. It may include any header of the standard library.
    "clock": set(),
    "date_time": set(),
    "dedupe": {"result", "uuid"},
    "dedupe_url": {"result"},
    "envelope": {"date_time", "lifetime", "result", "uuid"},
    "error": {"reason"},
    "lifetime": set(),
    "lru_dedupe": {"clock", "dedupe", "result"},
    "open_dedupe": {"dedupe", "dedupe_url", "result"},
    "proof": {"secret"},
    "reason": set(),
    "receiver": {"dedupe", "lifetime", "rejection", "request", "result", "secret", "verified", "verifier"},
    "redis_dedupe": {"dedupe", "result"},
    "rejection": {"envelope", "error", "proof"},
    "request": set(),
    "result": {"error", "lifetime"},
    "secret": {"result"},
    "sign": {"result", "secret"},
    "signature": {"result"},
    "sqlite_dedupe": {"dedupe", "result"},
    "uuid": set(),
    "verified": {"envelope", "lifetime", "proof"},
    "verifier": {"proof", "rejection", "request", "result", "secret", "verified"},
    "version": set(),
}
# Nouns of the stores: the core does not know them, and their sources and tests are in folders called stores.
LEAVES = {"dedupe_url", "open_dedupe", "redis_dedupe", "sqlite_dedupe"}
# Headers that a source may include, and its header may not.
MORE_IN_SOURCE = {
    "open_dedupe": {"lru_dedupe", "redis_dedupe", "sqlite_dedupe"},
    "verifier": {"envelope", "signature"},
}
# The core's own headers: each may include these headers of src/, and these public ones. So no include goes back up:
# hmac, json_scan and uuid_index are the ground, and know none of the nouns that are built on them.
INSIDE = {
    "hex.hpp": set(),
    "hmac.hpp": {"pool.hpp"},
    "json_scan.hpp": set(),
    "json_text.hpp": set(),
    "json_walk.hpp": {"json_scan.hpp", "json_text.hpp"},
    "pool.hpp": set(),
    "signed_content.hpp": {"hmac.hpp", "puck/signature.hpp"},
    "text.hpp": set(),
    "uuid_index.hpp": {"puck/uuid.hpp"},
}
# Nouns that have only a header, and nouns that the test of another noun covers.
WITHOUT_SOURCE = {"clock", "error", "lifetime", "proof", "rejection", "request", "result", "verified", "version", "webhooks"}
TESTED_WITH = {
    "error": "reason_test",
    "lifetime": "a mark for compilers: verifier_test",
    "proof": "verifier_test",
    "rejection": "verifier_test",
    "request": "verifier_test",
    "verified": "verifier_test",
    "version": "a literal",
    "webhooks": "an umbrella: receiver_test",
}


def includes(path: pathlib.Path) -> set[str]:
    return set(re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE))


def rooms_of(path: pathlib.Path) -> set[str]:
    return {name[5:-4] for name in includes(path) if name.startswith("puck/")}


def code(path: pathlib.Path) -> str:
    """A file without its comments and string literals."""
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', path.read_text())
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def source_of(noun: str) -> pathlib.Path:
    return ROOT / ("src/stores" if noun in LEAVES else "src") / f"{noun}.cpp"


def core_files() -> list[pathlib.Path]:
    """What the core is made of: all headers and sources but those of the stores."""
    return [path for path in files("include", "src") if path.stem not in LEAVES and path.parent.name != "stores"]


def sentences(header: str) -> dict[str, str]:
    """name -> sentence, of a table of errors in src/stores."""
    text = (ROOT / "src/stores" / header).read_text()
    rows = re.findall(r'_error\{"(\w+)",\s*\{reason::store_unavailable,((?:\s*"[^"]*")+)\}\}', text)
    return {name: "".join(re.findall(r'"([^"]*)"', sentence)) for name, sentence in rows}


def files(*folders: str) -> list[pathlib.Path]:
    return [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in {".hpp", ".cpp", ".h"}]


class Laws(unittest.TestCase):
    def test_every_noun_includes_only_the_headers_that_it_may(self) -> None:
        for noun in NOUNS:
            if noun == "webhooks":
                continue
            with self.subTest(noun):
                self.assertIn(noun, ROOMS, "a new noun needs a line in ROOMS")
                self.assertLessEqual(rooms_of(ROOT / f"include/puck/{noun}.hpp"), ROOMS[noun])
                source = source_of(noun)
                if source.exists():
                    allowed = ROOMS[noun] | {noun} | MORE_IN_SOURCE.get(noun, set())
                    self.assertLessEqual(rooms_of(source), allowed)

    def test_signature_envelope_and_dedupe_do_not_know_one_another(self) -> None:
        for noun in ("signature", "envelope", "dedupe"):
            seen, waiting = set(), {noun}
            while waiting:
                room = waiting.pop()
                seen.add(room)
                waiting |= ROOMS[room] - seen
            self.assertLessEqual(seen & {"signature", "envelope", "dedupe"}, {noun})

    def test_only_receiver_joins_judgement_and_memory(self) -> None:
        for noun, rooms in ROOMS.items():
            if noun != "receiver":
                self.assertFalse({"verifier", "dedupe"} <= rooms, noun)

    def test_verify_uses_no_store(self) -> None:
        for name in ("include/puck/verifier.hpp", "src/verifier.cpp"):
            self.assertIsNone(re.search(r"dedupe|claim", code(ROOT / name)), name)

    def test_no_include_inside_the_core_goes_back_up(self) -> None:
        self.assertEqual({path.name for path in (ROOT / "src").glob("*.hpp")}, set(INSIDE))
        for name, allowed in INSIDE.items():
            own = {each for each in includes(ROOT / "src" / name) if each.endswith(".hpp")}
            self.assertLessEqual(own, allowed, name)

    def test_nothing_in_the_core_includes_a_leaf(self) -> None:
        for path in core_files():
            for name in includes(path):
                self.assertFalse(name == "puck/webhooks.h" or "bindings" in name or "stores" in name, f"{path}: {name}")
            self.assertFalse(rooms_of(path) & LEAVES, path)

    def test_stores_include_public_headers_and_their_own(self) -> None:
        folder = ROOT / "src/stores"
        own = {path.name for path in folder.glob("*.hpp")} | {"scripts.hpp"}
        for path in files("src/stores"):
            quoted = set(re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE))
            self.assertLessEqual({name for name in quoted if not name.startswith("puck/")}, own, path)
        self.assertEqual({path.stem for path in folder.glob("*.cpp")}, LEAVES)

    def test_the_scripts_are_the_same_in_the_libraries_and_in_the_wheel(self) -> None:
        libraries = pathlib.Path(sys.argv[1]).parent / "stores"
        wheel = (ROOT / "bindings/python/CMakeLists.txt").read_text()
        held = {"claim.lua": "redis", "settle.lua": "redis", "sqlite.sql": "sqlite", "postgres.sql": None}
        found = {path.name for path in (ROOT / "src/stores").iterdir() if path.suffix in {".lua", ".sql"}}
        self.assertEqual(found, set(held))
        for name, store in held.items():
            self.assertIn(name, wheel, "the wheel carries it")
            if store is not None:
                for library in libraries.glob(f"libpuck_webhooks_{store}.*"):  # none if the store is turned off
                    self.assertIn((ROOT / "src/stores" / name).read_bytes(), library.read_bytes(), name)

    def test_python_s_stores_say_the_same_sentences(self) -> None:
        folder = ROOT / "bindings/python/puck_webhooks/stores"
        for header, name, least in (("redis_errors.hpp", "redis.py", 25), ("sqlite_errors.hpp", "sqlite.py", 14)):
            said = sentences(header)
            self.assertEqual(len(said), (ROOT / "src/stores" / header).read_text().count("_error{"))
            self.assertGreaterEqual(len(said), least)
            texts = {node.value for node in ast.walk(ast.parse((folder / name).read_text()))
                     if isinstance(node, ast.Constant)}
            for word, sentence in said.items():
                self.assertIn(sentence, texts, f"{name}: {word}")
        module = ast.parse((folder / "redis.py").read_text())
        values = {target.id: node.value for node in module.body if isinstance(node, ast.Assign)
                  for target in node.targets if isinstance(target, ast.Name)}
        table = values["_UNAVAILABLE"]
        assert isinstance(table, ast.Dict)
        for key, value in zip(table.keys, table.values, strict=True):
            assert isinstance(key, ast.Constant)
            constant = values[value.id] if isinstance(value, ast.Name) else value
            assert isinstance(constant, ast.Constant)
            word = str(key.value)
            if word not in {"tls", "all_busy", "loop", "cluster", "client"}:  # findings that only Python has
                self.assertEqual(constant.value, sentences("redis_errors.hpp").get(word), word)

    def test_the_umbrella_includes_every_noun_and_does_nothing_else(self) -> None:
        umbrella = ROOT / "include/puck/webhooks.hpp"
        self.assertEqual(rooms_of(umbrella) | {"webhooks"} | LEAVES, set(NOUNS))
        self.assertFalse(rooms_of(umbrella) & LEAVES)
        for line in code(umbrella).splitlines():
            self.assertTrue(not line.strip() or line.startswith("#"), line)

    def test_each_foreign_library_has_one_file(self) -> None:
        for pattern, allowed in (
            (r"openssl/", {"src/hmac.cpp"}),
            (r"simdjson", {"src/json_scan.cpp"}),
            (r"sqlite3", {"src/stores/sqlite_dedupe.cpp"}),
            (r"hiredis", {"src/stores/redis_dedupe.cpp"}),
        ):
            found = {
                str(path.relative_to(ROOT))
                for path in files("include", "src", "bindings")
                if any(re.match(pattern, name) for name in includes(path))
            }
            self.assertEqual(found, allowed)

    def test_bindings_include_public_headers_only(self) -> None:
        internal = {path.name for path in (ROOT / "src").rglob("*.hpp")}
        # The command line parses its lines with the core's JSON walk, so that it needs no second JSON library.
        excepted = {"bindings/cli/recorded_delivery.cpp": {"json_scan.hpp", "json_text.hpp", "json_walk.hpp"}}
        for path in files("bindings"):
            allowed = excepted.get(str(path.relative_to(ROOT)), set())
            for name in includes(path) - allowed:
                self.assertFalse(name in internal or "src/" in name, f"{path}: {name}")

    def test_every_noun_has_a_header_a_source_and_a_test(self) -> None:
        for noun in NOUNS:
            with self.subTest(noun):
                self.assertEqual(source_of(noun).exists(), noun not in WITHOUT_SOURCE)
                test = ROOT / ("tests/stores" if noun in LEAVES else "tests") / f"{noun}_test.cpp"
                self.assertEqual(test.exists(), noun not in TESTED_WITH)

    def test_public_headers_stand_alone_and_are_short(self) -> None:
        for path in files("include"):
            self.assertIn("#pragma once", path.read_text(), path)
            self.assertLessEqual(len(path.read_text().splitlines()), 150, path)

    def test_every_line_is_within_120_columns(self) -> None:
        for path in files("include", "src", "bindings", "fuzz"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                self.assertLessEqual(len(line), 120, f"{path}:{number}")

    def test_the_core_reads_no_clock_and_no_environment_and_prints_nothing(self) -> None:
        forbidden = (
            r"_clock::now|\btime\s*\(|clock_gettime|gettimeofday|getenv|environ\b|"
            r"\b(f|s|sn)?printf\b|std::(cout|cerr|clog)|\bputs\b|<iostream>|syslog|"
            r"\babort\b|\bexit\b|\bassert\b|std::terminate|\bsleep"
        )
        printing = r"\bv?(f|s|sn)?printf\b|std::(cout|cerr|clog)|\bputs\b|<iostream>|syslog|\babort\b|\bassert\b"
        for path in files("src/stores"):
            self.assertIsNone(re.search(printing, code(path)), path)
        for path in core_files():
            found = re.search(forbidden, code(path))
            if path.name == "clock.hpp":
                self.assertIsNotNone(found, "clock.hpp is where callers get the time")
                continue
            self.assertIsNone(found, f"{path}: {found and found.group()}")

    def test_the_core_library_calls_none_of_these_functions(self) -> None:
        symbols = subprocess.run(["nm", "-A", "-u", "-C", sys.argv[1]], check=True, capture_output=True, text=True).stdout
        self.assertIn("hmac.cpp.o:", symbols)
        # The C library is not part of the core: its stores use the machine's clock.
        in_c = subprocess.run(["nm", "-u", "-C", *sys.argv[3:]], check=True, capture_output=True, text=True).stdout
        self.assertIn("puck::receiver::make", in_c)
        for name in ("getenv", "printf", "puts", "time", "clock_gettime", "abort", "exit", "std::cout", "std::cerr",
                     "__cxa_thread_atexit", r"sqlite3_\w+", r"redis\w+", "socket", "connect"):
            searched = symbols if name == "clock_gettime" else symbols + in_c
            self.assertIsNone(re.search(rf"\bU {name}(@|$)", searched, re.MULTILINE), name)

    def test_the_c_library_needs_no_memory_for_a_thread(self) -> None:
        # A library that is loaded by dlopen gets the block of its thread_local variables at a thread's first use of
        # one, and glibc ends the process if there is no memory for it.
        headers = subprocess.run(["readelf", "-lW", sys.argv[2]], check=True, capture_output=True, text=True).stdout
        self.assertIn(" LOAD ", headers)
        self.assertNotIn(" TLS ", headers)

    def test_the_c_library_exports_the_functions_of_its_header_and_nothing_else(self) -> None:
        header = (ROOT / "bindings/c/include/puck/webhooks.h").read_text()
        declared = set(re.findall(r"^PUCK_API [^;]*?\b(puck_\w+)\(", header, re.MULTILINE))
        symbols = subprocess.run(["nm", "-D", "--defined-only", sys.argv[2]], check=True, capture_output=True, text=True).stdout
        exported = {name.split("@")[0] for _, kind, name in map(str.split, symbols.splitlines()) if kind != "A"}
        self.assertEqual(exported, declared)
        self.assertGreater(len(declared), 20)

    def test_a_c_function_s_prefix_is_the_handle_that_it_acts_on(self) -> None:
        header = (ROOT / "bindings/c/include/puck/webhooks.h").read_text()
        handles = set(re.findall(r"^typedef struct (puck_\w+) \1;", header, re.MULTILINE))
        self.assertEqual(len(handles), 5)
        for name, first in re.findall(r"^PUCK_API [^;(]*?\b(puck_\w+)\((?:const )?(\w+)\*", header, re.MULTILINE):
            if first in handles:
                self.assertTrue(name.startswith(f"{first}_"), name)

    def test_the_c_library_s_symbols_carry_the_version_of_its_abi(self) -> None:
        soversion = re.search(r"set\(puck_soversion (\d+)\)", (ROOT / "bindings/c/CMakeLists.txt").read_text())
        assert soversion
        self.assertIn(f"PUCK_WEBHOOKS_{soversion.group(1)} {{", (ROOT / "bindings/c/exports.map").read_text())

    def test_the_c_reasons_are_those_of_the_core(self) -> None:
        core = re.findall(r"^    (\w+) = (-?\d+),", (ROOT / "include/puck/reason.hpp").read_text(), re.MULTILINE)
        header = (ROOT / "bindings/c/include/puck/webhooks.h").read_text()
        in_c = re.findall(r"^    PUCK_(\w+) = (-?\d+)", header.split("enum puck_severity")[0], re.MULTILINE)
        self.assertEqual([(name.lower(), number) for name, number in in_c], core)
        pins = (ROOT / "bindings/c/webhooks_c.cpp").read_text()
        self.assertEqual(re.findall(r"\{PUCK_(\w+), reason::(\w+)\}", pins), [(name.upper(), name) for name, _ in core])

    def test_the_version_is_written_once(self) -> None:
        version = re.search(r'version = "([^"]+)"', (ROOT / "include/puck/version.hpp").read_text())
        assert version
        for name in ("CMakeLists.txt", "README.md"):
            self.assertNotIn(f'"{version.group(1)}"', (ROOT / name).read_text(), name)
            self.assertNotIn(f"VERSION {version.group(1)}", (ROOT / name).read_text(), name)

    def test_the_readme_shows_the_example_and_the_reasons_as_they_are(self) -> None:
        readme = (ROOT / "README.md").read_text()
        for language, name, lines in (("cpp", "receive.cpp", 15), ("c", "receive.c", 40), ("python", "receive.py", 20),
            ("python", "receive_flask.py", 20), ("python", "receive_fastapi.py", 20)):
            example = (ROOT / "tests/examples" / name).read_text()
            self.assertIn(f"```{language}\n{example}```", readme)
            self.assertLessEqual(len(example.splitlines()), lines)

        shown = re.findall(r"^\| (-?\d+) \| `(\w+)` \| (\d+) \|", readme, re.MULTILINE)
        numbers = dict(re.findall(r"(\w+) = (-?\d+),", (ROOT / "include/puck/reason.hpp").read_text()))
        statuses = re.findall(r'row\{reason::\w+, "(\w+)", (\d+),', (ROOT / "src/reason.cpp").read_text())
        self.assertEqual(shown, [(numbers[name], name, status) for name, status in statuses])

    def test_the_docs_show_the_examples_as_they_are(self) -> None:
        languages = {".py": "python", ".cpp": "cpp", ".c": "c"}
        for page in (ROOT / "docs").glob("*.md"):
            text = page.read_text()
            shown = re.findall(r"<!-- (tests/examples/\S+) -->\n(```\w+\n.*?```)", text, re.DOTALL)
            self.assertEqual(len(shown), len(re.findall(r"^```(?:python|cpp|c)$", text, re.MULTILINE)), page)
            for name, block in shown:
                example = ROOT / name
                self.assertEqual(block, f"```{languages[example.suffix]}\n{example.read_text()}```", name)

    def test_the_table_of_mutants_has_the_listed_mutants(self) -> None:
        folder = ROOT / "tests/mutants"
        listed = [one["name"] for one in tomllib.loads((folder / "mutants.toml").read_text())["mutant"]]
        shown = re.findall(r"^\| (.+?) \| \w+\.\w+ \| .+ \|$", (folder / "table.md").read_text(), re.MULTILINE)
        self.assertEqual(shown, listed, "./run mutants writes the table")

    def test_no_test_sleeps_or_reads_a_clock(self) -> None:
        # These check that the default is the clock, and pass at any time.
        default_clock = {"tests/python/test_receiver.py", "tests/python/test_testing.py", "tests/python/test_verify.py"}
        for path in [*files("tests"), *(ROOT / "tests").rglob("*.py")]:
            if path == pathlib.Path(__file__).resolve() or "bench" in path.parts or path.name == "clock_test.cpp":
                continue
            if path.is_relative_to(ROOT / "tests/stores"):  # these wait for real servers
                continue
            found = re.search(r"sleep(?!\(0\))|_clock::now|unix_now\(|steady_now\(|datetime\.now", code(path))
            if str(path.relative_to(ROOT)) not in default_clock:
                found = found or re.search(r"time\.time\(", code(path))
            self.assertIsNone(found, f"{path}: {found and found.group()}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
