"""Every example of the README and of docs/ runs, and prints what stands below it.

The Python blocks of a page are one program, in the page's order; a `text` block shows what the block above it
prints. Of the shell blocks the lines that call `fastcore` are run.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """The fenced blocks of a page: language, text, and the line where the text begins."""
    text = page.read_text()
    return [(found[1], found[2], text.count("\n", 0, found.start(2)) + 1) for found in FENCE.finditer(text)]


def run_python(page: Path, program: str, line: int, names: dict[str, object]) -> str:
    """What a block prints; errors show the page's own lines."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n" * (line - 1) + program, str(page), "exec"), names)
    return printed.getvalue()


def run_shell(script: str) -> None:
    """The lines that call the command line."""
    for line in script.splitlines():
        if line.startswith("fastcore "):
            command = [sys.executable, "-m", "fastcore", *shlex.split(line, comments=True)[1:]]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line!r} ended with {done.returncode}:\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples run, in a folder of their own, and print what the page says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    found = [*blocks(page), ("", "", 0)]
    for (language, text, line), (next_language, shown, _) in itertools.pairwise(found):
        if language == "python":
            expected = shown if next_language == "text" else ""
            assert run_python(page, text, line, names) == expected, f"{page.name}, the example at line {line}"
        elif language == "sh":
            run_shell(text)


def test_pages_have_examples() -> None:
    """A fence that the pattern misses would pass unseen."""
    for page in PAGES:
        fences = [line for line in page.read_text().splitlines() if line.startswith("```")]
        assert len(fences) == 2 * len(blocks(page)), f"{page.name} has fences that the test does not read"


def links(page: Path) -> list[str]:
    """The targets of a page's links that lead to files."""
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(FENCE, "", page.read_text()))
    return [target for target in found if "://" not in target]


@pytest.mark.parametrize(
    "page", [*PAGES, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"))], ids=lambda p: p.name
)
def test_links_lead_to_files(page: Path) -> None:
    """A link within the project leads to a file that is there."""
    assert not [target for target in links(page) if not (page.parent / target).exists()]
