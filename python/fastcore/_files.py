"""Files that are written whole or not at all: a crash at any step leaves the old file or the new one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


def write_whole(path: str | os.PathLike[str], data: bytes, what: str) -> None:
    """Put data into a file by way of a temporary one beside it: write, fsync, rename, fsync of the folder.

    Parameters
    ----------
    path : path-like
        Where the file is to be; what is there is replaced.
    data : bytes
        All of it.
    what : str
        Who writes, for the sentence of an error.

    Raises
    ------
    OSError
        With a sentence that names the file and the step, if the folder is not there or not writable, the disk
        is full, or a file may not be that large. The old file is as it was, and nothing lies beside it.
    """
    target = os.path.abspath(os.fspath(path))
    folder, name = os.path.split(target)
    with _sentences(what, target, "the old file, if there is one, is as it was"):
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    with _sentences(what, target, "the new file is there, but its name may not outlast a loss of power"):
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextlib.contextmanager
def _sentences(what: str, target: str, state: str) -> Iterator[None]:
    """Errors of the system as sentences that say what could not be done, where and why."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{what}: cannot write {target!r}: {error.strerror}; {state}") from error
