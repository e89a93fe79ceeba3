"""Prometheus for tests, and promtool: Debian's, or what FASTCORE_PROMETHEUS and FASTCORE_PROMTOOL name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from servers import die_with_parent, free_port, wait_until


def program(name: str) -> str:
    """Where the program is; a test that needs it fails without it."""
    named = os.environ.get(f"FASTCORE_{name.upper()}")
    found = named or shutil.which(name)
    assert found, f"{name} is not there: apt-get install prometheus, or set FASTCORE_{name.upper()}"
    return found


def promtool(*arguments: str | Path) -> str:
    """What promtool says; its complaint where it finds something wrong."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """A Prometheus that scrapes one address twice a second, with rules or without."""

    def __init__(self, target: int, rules: Path | None = None) -> None:
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="prometheus")
        config: dict[str, Any] = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "250ms"},
            "scrape_configs": [
                {"job_name": "fastcore", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
            ],
            "rule_files": [str(rules)] if rules else [],
        }
        self.config = Path(self.folder.name) / "prometheus.yml"
        self.config.write_text(json.dumps(config))  # JSON is YAML

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={self.config}",
                f"--storage.tsdb.path={self.folder.name}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, path: str, **query: str) -> Any:
        """What an endpoint of its API answers; None while it does not."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def value(self, expression: str) -> float | None:
        """An expression's first value; None as long as it has none."""
        data = self.ask("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def wait_for(self, expression: str) -> float:
        """An expression's value, when it has one."""
        found: list[float | None] = [None]

        def there() -> bool:
            found[0] = self.value(expression)
            return found[0] is not None

        wait_until(there, f"Prometheus has no {expression}")
        assert found[0] is not None
        return found[0]
