"""Files that are there whole or not at all; and what is no file is never replaced by one.

A file is written beside the one whose place it takes, is on the disk before it does, and is removed where it
could not be finished. A rename over a path replaces whatever is there: run as root with `--out /dev/stdout`,
it would leave the machine a file in the place of that link, and every program would write into it. So a pipe
or a device is written to as it is, links are followed to what they name, and all else is refused.

`Engine.save` does the same natively (``cpp/src/file.cpp``).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["Replacement", "replace_file", "replacing", "settle", "target_of"]

#: Links that may lead to one another, as the kernel counts.
_LINKS = 40
#: How a part is opened.
_PART = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def target_of(path: str | os.PathLike[str]) -> Path | None:
    """The file that is replaced where `path` is written, links followed; None for a pipe or a device.

    Raises
    ------
    OSError
        If a folder, a socket or a disk is there: `errno` says which, the message is a sentence.
    """
    if _descriptor(path) is not None:
        return None
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    if stat.S_ISREG(mode):
        return Path(os.path.realpath(path))
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return None
    if stat.S_ISDIR(mode):
        raise _refused(errno.EISDIR, f"{os.fspath(path)} cannot be written: it is a folder")
    what = "a socket" if stat.S_ISSOCK(mode) else "a disk"
    raise _refused(errno.EINVAL, f"{os.fspath(path)} cannot be written: it is {what}, and no file")


def settle(part: Path, target: Path) -> None:
    """Have a part that is whole take the target's place; when this returns, it outlasts a loss of power.

    Raises
    ------
    OSError
        If it cannot; the part is then where it was.
    """
    held = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(held)
    finally:
        os.close(held)
    real = target_of(target)  # another may have put something there since it was looked at
    if real is None:
        raise _refused(errno.EINVAL, f"{target} cannot be replaced: it has become a pipe or a device")
    os.replace(part, real)
    try:
        _sync_folder(real.parent)
    except OSError as error:  # it is in its place; a folder that may not be read, or be synced at all, is so
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP):
            raise


class Replacement:
    """A file in the making; it is `keep` that gives it its place, and `drop` that leaves nothing of it.

    Parameters
    ----------
    path : path
        What it will be. A regular file there is replaced, and its mode kept; a link is followed. To a pipe or
        a device is written at once, and opening a pipe waits for its reader.
    mode : int, optional
        Of the file, such as 0o600; by default that of the one before it, or the process's own.
    wait : bool
        Whether to wait for another process that writes the same file, or else to raise.

    Attributes
    ----------
    part : Path or None
        Where to write: an empty file beside the target, of its name and ``.part``; None for a pipe or a
        device.
    file : file object
        Open for writing bytes, to the part or to the pipe or device.

    Raises
    ------
    OSError
        If the path is a folder, a socket or a disk, or the part cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], *, mode: int | None = None, wait: bool = True) -> None:
        self._target = target_of(path)
        self.part: Path | None = None
        if self._target is None:
            number = _descriptor(path)
            self.file: BinaryIO = os.fdopen(
                os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC) if number is None else os.dup(number),
                "wb",
            )
            return
        with contextlib.suppress(FileNotFoundError):
            before = stat.S_IMODE(os.stat(self._target).st_mode)
            mode = before if mode is None else mode
        self.part = self._target.with_name(self._target.name + ".part")
        self._mode = mode
        self.file = os.fdopen(_open_part(self.part, 0o666 if mode is None else mode | 0o200, wait), "wb")

    def keep(self) -> None:
        """Bring it to the disk and into its place."""
        if self._target is None or self.part is None:
            self.file.close()
            return
        self.file.flush()
        if self._mode is not None:
            os.fchmod(self.file.fileno(), self._mode)
        settle(self.part, self._target)
        self.part = None
        self.file.close()  # last: it holds the part's lock

    def drop(self) -> None:
        """Leave nothing half written; does nothing after `keep`."""
        if self.part is not None:
            self.part.unlink(missing_ok=True)
            self.part = None
        with contextlib.suppress(OSError):  # what it still has to write is not wanted
            self.file.close()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file object for bytes whose content takes the place of `path` when the block ends well.

    Parameters are those of `Replacement`.

    Raises
    ------
    OSError
        As `Replacement`, or if it cannot be written; what was there is then as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> with replacing(path) as file:
    ...     _ = file.write(b"1 2 3")
    >>> path.read_text(), [one.name for one in path.parent.iterdir()]
    ('1 2 3', ['numbers.txt'])
    """
    replacement = Replacement(path, mode=mode)
    try:
        yield replacement.file
        replacement.keep()
    finally:
        replacement.drop()


def replace_file(path: str | os.PathLike[str], data: bytes, *, mode: int | None = None) -> None:
    """Put data into a file, as `replacing` does."""
    with replacing(path, mode=mode) as file:
        file.write(data)


def _open_part(part: Path, mode: int, wait: bool) -> int:
    """Open a part, empty, with nobody else in it."""
    while True:
        # Without waiting: to open a pipe that someone has put there would wait for its reader.
        try:
            file = os.open(part, _PART, mode)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ELOOP):  # a pipe, a socket, a link
                raise _refused(errno.EINVAL, f"{part} is in the way: it is no file") from None
            raise
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise _refused(errno.EINVAL, f"{part} is in the way: it is no file")
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _is_at(file, part):
                os.ftruncate(file, 0)
                return file
        except BlockingIOError:
            os.close(file)
            raise _refused(errno.EBUSY, f"another process is writing {part}") from None
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # whoever held it before has renamed or removed it by now


def _sync_folder(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """The number of the file that this process has open and that a path is a name of, as /dev/stdout is.

    Followed to its end, such a name is that of whatever file the output was led to by the shell.
    """
    here = Path(path)
    for _ in range(_LINKS):
        here = Path(os.path.realpath(here.parent)) / here.name
        if here.parent == Path(f"/proc/{os.getpid()}/fd") and here.name.isdecimal():
            return int(here.name)
        if not here.is_symlink():
            return None
        here = here.parent / os.readlink(here)
    return None


def _refused(number: int, sentence: str) -> OSError:
    """An error whose text is the sentence and whose `errno` is the number."""
    error = IsADirectoryError(sentence) if number == errno.EISDIR else OSError(sentence)
    error.errno = number
    return error
