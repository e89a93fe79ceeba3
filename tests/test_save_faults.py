"""`Engine.save` under faults: killed at every step, refused by the system, cut short, and to odd places."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
from faults import HERE, in_child, run_under_faults
from samples import T0, scaled

NAME = "engine.snapshot"
# Besides one before each call of a save.
KILLS = scaled(20, 990)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What faulty_saves.py tells; each kind of fault is judged by a test of its own."""
    folder = tmp_path_factory.mktemp("saves")
    (folder / "files").mkdir()
    return json.loads(run_under_faults(HERE / "faulty_saves.py", folder, folder / "files", KILLS))


def test_a_save_syncs_the_file_before_its_name_and_the_name_after(found: Any) -> None:
    """The order of the calls is what a loss of power is survived by."""
    steps = found["steps"]
    assert [step for step in steps if step not in ("flock", "ftruncate", "fchmod")] == [
        "open",
        "write",
        "fsync",
        "rename",
        "open folder",
        "fsync",
    ]


def test_a_save_that_is_killed_leaves_the_old_file_or_the_new_one(found: Any) -> None:
    """Before each of its calls, and in the middle of its write; the next save leaves nothing of it."""
    steps = found["steps"]
    assert len(found["killed"]) == len(steps) + steps.count("write")
    for one in found["killed"]:
        assert one["killed"], one
        renamed = one["call"] > steps.index("rename") + 1
        assert one["content"] == (2 if renamed else 1), one
        assert one["beside"] == ([] if renamed or one["call"] == 1 else [f"{NAME}.part"]), one
        assert one["after"] == [3, []], one


def test_a_save_that_the_system_refuses_says_so_and_leaves_the_old_file(found: Any) -> None:
    """Every call with every error; only once the new file has its name is it the one that is there."""
    steps = found["steps"]
    assert len(found["refused"]) == 4 * len(steps)
    for one in found["refused"]:
        step = steps[one["call"] - 1]
        renamed = one["call"] > steps.index("rename") + 1
        assert one["errno"] == one["error"], one
        assert os.strerror(one["error"]) in one["why"], one
        assert "Engine.save: cannot write '/" in one["why"] and NAME in one["why"], one
        assert ("its name may not outlast" if renamed else "is as it was") in one["why"], one
        if step in ("write", "rename"):
            assert f"({step.removesuffix('e')}ing)" in one["why"], one
        assert one["content"] == (2 if renamed else 1), one
        # What cannot be locked is somebody else's, and is left to them.
        assert one["beside"] == ([f"{NAME}.part"] if step == "flock" else []), one
        assert one["after"] == [3, []], one
        assert one["same"], "the engine is as it was"


def test_a_save_goes_on_after_short_writes(found: Any) -> None:
    """As many calls as it takes."""
    assert [one["fault"] for one in found["short"]] == ["SHORT_ONCE", "SHORT_ALWAYS"]
    for one in found["short"]:
        assert (one["content"], one["beside"], one["after"]) == (2, [], [3, []])


def test_a_save_meets_a_limit_in_the_middle_of_a_write(found: Any) -> None:
    """What no fault was made for: the system writes so much, and no more."""
    for one in found["limited"]:
        fits = one["size"] >= one["whole"]
        assert fits == (one["why"] == ""), one
        assert fits or "File too large (writing)" in one["why"], one
        assert (one["content"], one["beside"], one["after"]) == (2 if fits else 1, [], [3, []])
    assert {one["why"] == "" for one in found["limited"]} == {True, False}


def test_nothing_that_was_saved_is_lost_however_often_the_process_is_killed(found: Any) -> None:
    """What is found is what the process last told of, or the state that it was about to tell of."""
    assert len(found["random"]) == KILLS
    for one in found["random"]:
        assert one["found"] in (one["told"], one["told"] + 1), one
        assert one["beside"] in ([], ["other.snapshot.part"], [NAME], [NAME, "other.snapshot.part"]), one
    # A save without an old file has a call less: a kill at the last of them does not come.
    assert sum(one["killed"] for one in found["random"]) >= KILLS - 2
    assert {one["found"] - one["told"] for one in found["random"]} == {0, 1}


# ------------------------------------------------------------------------------------------- odd places
def engine_at(number: int) -> fc.Engine:
    """An engine that has taken so many ticks."""
    engine = fc.Engine({"sma": fc.SMA(3)})
    for i in range(number):
        engine.symbol("a").on_tick(T0 + i, 100.0, 1.0)
    return engine


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_folder_that_is_read_only_is_named(open_folder: Path) -> None:
    """As a user who may not write there: the sentence says where; the old file is as it was."""
    path = open_folder / NAME
    engine_at(1).save(path)
    old, engine = path.read_bytes(), engine_at(2)
    open_folder.chmod(0o555)

    def work(tell: Any) -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        with pytest.raises(PermissionError) as caught:
            engine.save(path)
        tell(str(caught.value))

    (sentence,) = in_child(work).lines
    assert f"cannot write {str(path)!r}: Permission denied (opening the file beside it)" in sentence
    open_folder.chmod(0o755)
    assert path.read_bytes() == old
    assert [one.name for one in open_folder.iterdir()] == [NAME]


def test_places_where_no_file_can_be_are_refused(tmp_path: Path) -> None:
    """No folder, a folder, a name too long, and devices, which must stay what they are."""
    engine = engine_at(2)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for place, kind, why in (
        ("absent/engine", FileNotFoundError, "No such file or directory"),
        ("file/engine", NotADirectoryError, "Not a directory"),
        ("folder", IsADirectoryError, r"Is a directory \(replacing it\)"),
        ("x" * 255, OSError, "File name too long"),
    ):
        with pytest.raises(kind, match=rf"Engine.save: cannot write '.*{place}': {why}"):
            engine.save(tmp_path / place)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "mine"
    os.mkfifo(tmp_path / "pipe")
    for device in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OSError, match=r"Invalid argument \(replacing it\)"):
            engine.save(device)
        assert not stat.S_ISREG(device.stat().st_mode)
    os.mkfifo(tmp_path / "new.part")  # in the way of what becomes "new": opening it would wait for a reader
    with pytest.raises(OSError, match="Invalid argument"):
        engine.save(tmp_path / "new")
    with pytest.raises(FileNotFoundError, match=r"Engine.load: cannot read '.*absent': No such file"):
        fc.Engine.load(tmp_path / "absent")
    with pytest.raises(IsADirectoryError, match=r"Engine.load: cannot read '.*folder': Is a directory"):
        fc.Engine.load(tmp_path / "folder")


def test_a_save_keeps_the_mode_of_the_file_and_follows_links(tmp_path: Path) -> None:
    """Who could read it still can, and no one else; what pointed to it still does."""
    path, link = tmp_path / "kept", tmp_path / "link"
    engine_at(1).save(path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    link.symlink_to(path)
    for mode in (0o600, 0o440, 0o664):
        path.chmod(mode)
        engine_at(mode % 7).save(link)
        assert path.read_bytes() == engine_at(mode % 7).snapshot()
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert link.is_symlink()
    odd = tmp_path / os.fsdecode(b"\xff\n'")  # any name that the system takes
    engine_at(3).save(odd)
    assert fc.Engine.load(odd).ledger["received"] == 3


def test_many_savers_of_one_file_wait_for_each_other(tmp_path: Path) -> None:
    """Each save is whole; the file is one of them at every moment, and nothing is left beside it."""
    path, engines = tmp_path / NAME, [engine_at(number) for number in range(4)]
    whole = {engine.snapshot() for engine in engines}
    engines[0].save(path)
    savers = [threading.Thread(target=lambda e=e: [e.save(path) for _ in range(40)]) for e in engines]
    for saver in savers:
        saver.start()
    while any(saver.is_alive() for saver in savers):
        assert path.read_bytes() in whole
    for saver in savers:
        saver.join()
    assert [one.name for one in tmp_path.iterdir()] == [NAME]


def test_errors_have_the_number_of_the_system(tmp_path: Path) -> None:
    """For who asks for the number, not for the sentence."""
    with pytest.raises(OSError) as caught:
        engine_at(1).save(tmp_path / "absent" / NAME)
    assert caught.value.errno == errno.ENOENT
