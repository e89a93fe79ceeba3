"""Files that are there whole or not at all, and what is no file stays what it is."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import fastcore as fc
import numpy as np
import pyarrow.parquet as pq
import pytest
from fastcore._replacing import Replacement, replace_file, replacing, target_of
from fastcore._row_writer import RowWriter
from fastcore.feeds import TickBatch
from fastcore.feeds.convert import convert
from fastcore.feeds.history import _write
from fastcore.perf import pages
from fastcore.report import write_report
from fastcore.results import BUCKETS, RunResult
from fastcore.serve.keys import KeyRing


def save_keys(path: Path) -> None:
    KeyRing().save(path)


def save_report(path: Path) -> None:
    empty = RunResult("nothing", [], dict.fromkeys(("received", *BUCKETS), 0), {}, 0.0, 0.0, 0, {}, 1, 0, {})
    write_report(path, empty)


def save_rows(path: Path) -> None:
    engine = fc.Engine({"sma": fc.SMA(2)}, history=0)
    writer = RowWriter(path, [], list(engine.columns))
    try:
        ticks = np.zeros(3, fc.TICK)
        ticks["ts"], ticks["price"] = 10**18 + np.arange(3), [1.0, 2.0, 3.0]
        batch = TickBatch(ticks, ["A"])
        writer.rows(batch, *engine.on_ticks(batch.ticks, symbols=["A"], rows="all", outcomes=True))
        writer.finish()
    finally:
        writer.close()


def save_page(path: Path) -> None:
    replace_file(path, b"page")


#: Everything that replaces a file whose name a user gives.
SAVERS: list[Callable[[Path], None]] = [save_keys, save_report, save_rows, save_page]
saves = pytest.mark.parametrize("save", SAVERS, ids=lambda save: save.__name__)


def null(folder: Path) -> Path:
    """A device of our own that swallows what it is given, as /dev/null does."""
    path = folder / "null"
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        path.open("wb").close()
    except PermissionError:
        pytest.skip("devices cannot be made here")
    return path


def read_pipe(path: Path, save: Callable[[Path], None]) -> bytes:
    """What a reader of a pipe gets while something is saved to it."""
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    save(path)
    reader.join(20)
    assert not reader.is_alive()
    return got[0]


@saves
def test_a_device_stays_one(tmp_path: Path, save: Callable[[Path], None]) -> None:
    path = null(tmp_path)
    save(path)
    assert stat.S_ISCHR(path.lstat().st_mode)
    link = tmp_path / "stdout"
    link.symlink_to(path)
    save(link)
    assert link.is_symlink()
    assert stat.S_ISCHR(path.lstat().st_mode)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["null", "stdout"]


@saves
def test_a_pipe_is_written_to(tmp_path: Path, save: Callable[[Path], None]) -> None:
    plain = tmp_path / "plain"
    save(plain)
    assert read_pipe(tmp_path / "pipe", save)[:400] == plain.read_bytes()[:400] != b""
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["pipe", "plain"]


@saves
def test_a_link_stays_and_what_it_names_is_replaced(tmp_path: Path, save: Callable[[Path], None]) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real", tmp_path / "link"
    link.symlink_to("far/real")
    save(link)  # which names nothing yet
    first = real.stat().st_ino
    save(link)
    assert link.is_symlink()
    assert real.stat().st_ino != first
    assert [one.name for one in real.parent.iterdir()] == ["real"]


@saves
def test_a_folder_and_a_socket_are_refused(tmp_path: Path, save: Callable[[Path], None]) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises((OSError, fc.FastcoreError), match=r"^\S+/folder cannot be written: it is a folder$"):
        save(tmp_path / "folder")
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(tmp_path / "socket"))
        with pytest.raises((OSError, fc.FastcoreError), match="socket cannot be written: it is a socket"):
            save(tmp_path / "socket")
    assert stat.S_ISSOCK((tmp_path / "socket").lstat().st_mode)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "socket"]


def test_what_the_shell_leads_elsewhere_is_written_where_it_stands(tmp_path: Path) -> None:
    """As /dev/stdout is, where the output goes to a file: that file is gone on with, not replaced."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"before, ")
        file.flush()
        inode = log.stat().st_ino
        link = tmp_path / "stdout"
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        replace_file(link, b"within, ")
        replace_file(f"/dev/fd/{file.fileno()}", b"again, ")
        file.write(b"behind")
    assert log.read_bytes() == b"before, within, again, behind"
    assert log.stat().st_ino == inode
    assert link.is_symlink()


def test_modes(tmp_path: Path) -> None:
    """The one before stays, unless another is asked for; a part of an earlier crash has no say."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    replace_file(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    (tmp_path / "file.part").write_bytes(b"left by a crash, and longer")
    (tmp_path / "file.part").chmod(0o666)
    replace_file(path, b"keys", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"keys"


def test_what_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), replacing(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "nowhere" / "file", b"")


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_nothing_is_written_through_what_lies_in_the_way(tmp_path: Path, kind: str) -> None:
    """Somebody who may write into the folder has put something under the part's name."""
    path, part = tmp_path / "file", tmp_path / "file.part"
    (tmp_path / "victim").write_bytes(b"victim")
    if kind == "pipe":
        os.mkfifo(part)
    elif kind == "link":
        part.symlink_to(tmp_path / "victim")
    else:
        part.mkdir()
    with pytest.raises(OSError, match=r"file\.part"):
        replace_file(path, b"data")
    assert (tmp_path / "victim").read_bytes() == b"victim"
    assert part.lstat()
    assert not path.exists()


def test_what_turns_up_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replacement = Replacement(path)
    os.mkfifo(path)
    with pytest.raises(OSError, match="has become a pipe or a device"):
        replacement.keep()
    replacement.drop()
    assert target_of(path) is None
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def write_often(path: Path, letter: bytes) -> None:
    for _ in range(50):
        replace_file(path, letter * 100_000)


def test_two_processes_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    both = [multiprocessing.Process(target=write_often, args=(path, letter)) for letter in (b"a", b"b")]
    for one in both:
        one.start()
    while any(one.is_alive() for one in both):
        if path.exists():
            data = path.read_bytes()
            assert data in (b"a" * 100_000, b"b" * 100_000)
    for one in both:
        one.join()
        assert one.exitcode == 0
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_two_writers_of_the_same_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    first = RowWriter(path, [], ["a"])
    with pytest.raises(fc.FileFeedError, match=r"another process is writing \S+/rows\.parquet\.part"):
        RowWriter(path, [], ["a"])
    first.finish()
    assert pq.read_table(path).num_rows == 0
    first.close()
    assert path.exists()


def test_a_conversion_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("time_ms,px,qty\n1723161255342,5300.25,2\n")
    (tmp_path / "far").mkdir()
    for ending in (".csv", ".parquet", ".fct"):
        link, real = tmp_path / f"link{ending}", tmp_path / "far" / f"real{ending}"
        link.symlink_to(real)
        assert convert([tmp_path / "in.csv"], link) == 1
        assert link.is_symlink()
        assert real.stat().st_size
        os.mkfifo(tmp_path / f"pipe{ending}")
        with pytest.raises(fc.FileFeedError, match="is there already"):
            convert([tmp_path / "in.csv"], tmp_path / f"pipe{ending}")
    assert not list(tmp_path.rglob("*.part"))


def test_history_is_kept_whole(tmp_path: Path) -> None:
    _write(tmp_path / "venue" / "part.fcw", b"data")
    assert [one.name for one in (tmp_path / "venue").iterdir()] == ["part.fcw"]


def test_a_stats_page_takes_no_place_of_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    os.mkfifo(tmp_path / "fastcore-stats.pipe")
    (tmp_path / "fastcore-stats.folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(fc.ConfigError, match=f"in the way of the stats page '{name}': it is no file"):
            pages.StatsPage(name)
        with pytest.raises(fc.ConfigError, match=r"fastcore-stats\.\w+ is no stats page"):
            pages.StatsView(name)
    assert len(list(tmp_path.iterdir())) == 2


def test_errors_have_numbers(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        target_of(tmp_path)
    assert caught.value.errno == errno.EISDIR
