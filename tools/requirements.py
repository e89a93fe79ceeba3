"""Print what an extra of pyproject.toml needs, one requirement a line, for `pip install -r`.

    python tools/requirements.py build         what the build backend needs
    python tools/requirements.py cli test      the core's dependencies and those of two extras

The package itself is left out: the Makefile installs what it needs before the package is built.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def requirements(project: dict[str, Any], extra: str) -> list[str]:
    """The requirements of an extra, with those of the extras that it names in turn."""
    known = project["optional-dependencies"]
    if extra not in known:
        raise SystemExit(f"pyproject.toml has no extra {extra!r}; it has build, {', '.join(known)}")
    found = []
    for requirement in known[extra]:
        own = re.fullmatch(rf"{re.escape(project['name'])}\[([\w,-]+)\]", requirement)
        if own:
            found += [one for inner in own[1].split(",") for one in requirements(project, inner)]
        else:
            found.append(requirement)
    return found


def main(extras: list[str]) -> None:
    declared = tomllib.loads(PYPROJECT.read_text())
    project = declared["project"]
    wanted: list[str] = []
    for extra in extras:
        if extra == "build":
            # The backend takes CMake and Ninja as wheels; without build isolation they are ours to install.
            wanted += [*declared["build-system"]["requires"], "cmake>=3.25", "ninja"]
        else:
            wanted += [*project["dependencies"], *requirements(project, extra)]
    print("\n".join(dict.fromkeys(wanted)))


if __name__ == "__main__":
    main(sys.argv[1:])
