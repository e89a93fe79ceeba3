"""Imports and includes point one way: the C++ core knows no Python, the engine no service."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "fastcore"
CPP = ROOT / "cpp"

#: Modules of the tick core: what `import fastcore` brings, and all that an embedding program needs.
CORE = (
    "__init__",
    "_core",
    "engine",
    "indicators",
    "catalogue",
    "frames",
    "journal",
    "policy",
    "ticks",
    "errors",
    "shm",
)
#: What stands around the core, and may only be built on it.
AROUND = (
    "cache",
    "cli",
    "commands",
    "console",
    "db_commands",
    "doctor",
    "feeds",
    "jobs",
    "loop",
    "perf",
    "perf_commands",
    "report",
    "results",
    "serve",
    "sinks",
    "store",
    "serve_commands",
    "shm_commands",
)
#: Packages that the tick process does without until it asks for them.
HEAVY = (
    *("pandas", "polars", "pyarrow", "typer", "rich", "matplotlib", "sqlalchemy", "numba", "asyncio"),
    *(
        "fastcore.loop",
        "fastcore.feeds",
        "fastcore.sinks",
        "uvloop",
        "websockets",
        "msgspec",
        "redis",
        "nats",
    ),
)


def reached(starts: Iterable[str], neighbours: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """All that the starts lead to, each with the path that leads there."""
    paths = {start: start for start in starts}
    waiting = list(paths)
    while waiting:
        here = waiting.pop()
        for there in neighbours(here):
            if there not in paths:
                paths[there] = f"{paths[here]} -> {there}"
                waiting.append(there)
    return paths


# Python


def source(module: str) -> Path | None:
    """The file of a module of the package, by its name in it; None for one that is not Python's."""
    path = PACKAGE.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def imported(module: str) -> Iterator[str]:
    """Names within the package that a module imports, wherever in it: also late, and for types alone."""
    file = source(module)
    if file is None:
        return
    parents = file.parent.relative_to(PACKAGE).parts
    tree = ast.parse(file.read_text(encoding="utf-8"))
    # The front door names, for type checkers alone, what is imported when it is asked for.
    door = [node for node in tree.body if module == "__init__" and _for_types(node)]
    tree.body = [node for node in tree.body if node not in door]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ["fastcore", *parents][: len(parents) + 2 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            first, _, rest = name.partition(".")
            if first == "fastcore" and rest and source(rest):
                yield rest


def _for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "typing.TYPE_CHECKING"


def test_the_guard_sees_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would find a late, a relative and a renamed import, and one that goes round two corners."""
    files = {
        "__init__.py": "from fastcore import a",
        "a.py": "def late():\n    from . import b as _b",
        "b.py": "import os, fastcore.c.d as d",
        "c/__init__.py": "",
        "c/d.py": "from ..e import thing\nfrom .f import thing",
        "c/f.py": "",
        "e.py": "thing = 1",
        "unseen.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    found = reached(["__init__"], imported)
    assert set(found) == {"__init__", "a", "b", "c.d", "c.f", "e"}
    assert found["e"] == "__init__ -> a -> b -> c.d -> e"


def test_what_is_read_again_is_around_the_core() -> None:
    """Replay and the files of a journal are built on the core; neither is part of it."""
    for module in ("replay", "journal_files"):
        assert source(module)
        assert not [name for core in CORE for name in reached([core], imported) if name == module]


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_nothing_around_it(module: str) -> None:
    """Not even late, or by way of another module."""
    assert source(module), f"fastcore.{module} is listed as part of the core, but there is no such file"
    wrong = [path for name, path in reached([module], imported).items() if name.split(".")[0] in AROUND]
    assert not wrong


def test_the_loop_does_not_import_the_server() -> None:
    """`serve` is a process of its own; the tick process must not carry it."""
    modules = [
        ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        for pattern in ("loop.py", "loop/**/*.py")
        for file in PACKAGE.glob(pattern)
    ]
    wrong = [path for name, path in reached(modules, imported).items() if name.split(".")[0] == "serve"]
    assert not wrong


def test_import_brings_nothing_heavy() -> None:
    """A fresh interpreter that imports fastcore has loaded none of the optional packages."""
    heavy = f"sorted(set(sys.modules) & set({HEAVY!r}))"
    program = f"import sys, fastcore; fastcore.SMA(3).update(1.0); print(*{heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_engine_knows_no_loop() -> None:
    """The loop is built on the engine; nothing of the engine leads to the loop, its feeds or its sinks."""
    found = reached(["loop"], imported)
    assert "engine" in found
    assert not {"loop", "sinks", "feeds"} & set(reached(["engine"], imported))


# C++

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def includes(file: str) -> Iterator[str]:
    """What a C++ file includes: files of ours as paths, others as they are written."""
    path = Path(file)
    if not path.is_absolute():
        return
    for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
        ours = [folder / name for folder in (path.parent, CPP / "include") if (folder / name).is_file()]
        yield str(ours[0]) if ours else name


def core_files() -> list[str]:
    """Public headers, and the sources that CMake compiles into the core."""
    binding = re.compile(r"(bind_[a-z_]+|module|cpu)\.cpp")
    sources = [file for file in CPP.glob("src/*.cpp") if not binding.fullmatch(file.name)]
    return [str(file) for file in (*CPP.glob("include/**/*.hpp"), *sources)]


def speaks_python(name: str) -> bool:
    """Whether an include is CPython's, pybind11's or NumPy's."""
    return name == "Python.h" or name.startswith(("pybind11", "numpy/")) or name.endswith("object.h")


def test_the_cpp_core_knows_no_python() -> None:
    """No header of the core and no source of it reaches Python, by whatever way."""
    found = reached(core_files(), includes)
    assert len(core_files()) > 40
    assert str(CPP / "include" / "fastcore" / "kernel.hpp") in found
    assert not [path for name, path in found.items() if speaks_python(name)]


def test_the_bindings_do_know_python() -> None:
    """The guard would see it: the binding sources reach both headers, some only through ours."""
    found = reached([str(CPP / "src" / "bind_catalogue.cpp"), str(CPP / "src" / "cpu.cpp")], includes)
    assert any(name.startswith("pybind11/") for name in found)
    assert "Python.h" in found
