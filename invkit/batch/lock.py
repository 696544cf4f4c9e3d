"""A folder of one run at a time: a lock that dies with its process, and a place for files half written.

    with Lock(Path("out")) as lock:
        lock.begin(["a.png", "a.json"])    # a group of files, of which the last tells that all are there
        lock.place("a.png", content)       # appears whole under its name, or not at all
        lock.place("a.json", b"{}")

Whatever a killed run has left in its place is removed by the next one, and so is a group that is not whole.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from invkit.errors import OutputError
from invkit.files.solutions import writable_folder

__all__ = ["HeldError", "Lock"]

#: the file that is locked; it names its holder in a line, and in the next the group that is being written
_LOCK = "lock"


class HeldError(OutputError):
    """Another run writes to the folder."""


class Lock:
    """The right to write to a folder, for as long as the block lasts.

    Args:
        folder: made where it is missing, and removed again if nothing was written.
        name: of the place in it; runs with different names may write to a folder together.

    Raises:
        OutputError: the folder cannot be written.
        HeldError: another run holds it.
    """

    def __init__(self, folder: Path, name: str = ".run") -> None:
        self.folder, self._inside = folder, folder / name
        self._made: list[Path] = []
        self._handle, self._group_at = -1, 0

    def __enter__(self) -> Lock:
        self._made = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        writable_folder(self.folder)
        path = self._inside / _LOCK
        while True:
            try:
                self._inside.mkdir(exist_ok=True)
                self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:  # the run before has just ended
                continue
            if not _locked(self._handle):
                holder = os.read(self._handle, 200).partition(b"\n")[0].decode(errors="replace")
                os.close(self._handle)
                raise HeldError(
                    f"another run writes to {self.folder}: {holder}",
                    hint="wait until it is done, or choose another folder",
                )
            with suppress(OSError):
                if os.path.samestat(os.fstat(self._handle), os.stat(path)):
                    break
            os.close(self._handle)  # a file that the run before has removed
        self._remove(_begun(path))
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        self._group_at = os.write(self._handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        for left in self._inside.iterdir():
            if left != path:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A lock is removed while it is held, where the system lets an open file be removed.
        with suppress(OSError):
            shutil.rmtree(self._inside)
        os.close(self._handle)
        for each in self._made:
            with suppress(OSError):
                each.rmdir()  # if nothing was written

    def scratch(self, name: str) -> Path:
        """A path for a file that is not whole yet."""
        return self._inside / name

    def begin(self, names: Sequence[str]) -> None:
        """Note which files of the folder are about to be written or removed together.

        The last of the names is that of the file that is written last. If it is missing when the next run
        begins, this run was killed in between, and the next one removes all of them.

        Raises:
            OutputError: that cannot be written down.
        """
        line = json.dumps(list(names)).encode() + b"\n"
        try:
            os.lseek(self._handle, self._group_at, os.SEEK_SET)
            os.write(self._handle, line)
            os.ftruncate(self._handle, self._group_at + len(line))
        except OSError as error:
            raise self._refused(self.scratch(_LOCK), error) from error

    def begun(self) -> set[str]:
        """The files of all groups that runs have noted in this folder; killed runs may have left some."""
        return {name for path in self.folder.glob(f".run*/{_LOCK}") for name in _begun(path)}

    def give_up(self, names: Sequence[str]) -> None:
        """Remove the files of a group that could not be completed."""
        self._remove(names)

    def _remove(self, names: Sequence[str]) -> None:
        if names and not (self.folder / names[-1]).exists():
            for name in names:
                with suppress(OSError):
                    (self.folder / name).unlink()

    def place(self, name: str, data: bytes) -> list[int]:
        """Write a file of the folder: it appears whole, or the one that was there stays.

        Returns:
            Its size in bytes, and when it was written, in nanoseconds.

        Raises:
            OutputError: it cannot be written.
        """
        half, path = self.scratch(name), self.folder / name
        try:
            with half.open("wb") as stream:
                stream.write(data)
                stream.flush()
                stat = os.fstat(stream.fileno())
            os.replace(half, path)
        except OSError as error:
            raise self._refused(path, error) from error
        return [stat.st_size, stat.st_mtime_ns]

    @staticmethod
    def _refused(path: Path, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write {path}: {error.strerror or error}",
            hint="choose a folder that you may write to and that has room",
        )


def _begun(path: Path) -> list[str]:
    """The names that :meth:`Lock.begin` has written to a file; none where they are missing or torn."""
    try:
        names = json.loads(path.read_bytes().split(b"\n")[1])
    except (OSError, ValueError, IndexError):
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []
    return [name for name in names if name == Path(name).name]


if sys.platform == "win32":
    import msvcrt

    def _locked(handle: int) -> bool:
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # a locked byte cannot be read
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
