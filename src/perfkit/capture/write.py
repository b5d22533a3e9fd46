"""A capture file that is being written: one write a tick, whole lines whatever happens.

The file is locked, opened for appending and continued where it can be (`repair`).  A tick that
does not fit is taken back.  A name that ends in `.gz` makes it gzip (`member`).  What is no
regular file (a pipe, /dev/stdout) is written to as it is.

Times are nanoseconds since 1970 of the scheduled tick: no clock is read here.
"""

import os
import select

from perfkit.capture.files import (
    STDOUT,
    failure,
    is_in_place,
    move_away,
    open_capture,
    remove_oldest,
    sync_folder,
)
from perfkit.capture.member import END_BYTES, Member
from perfkit.errors import DiskError, UsageError
from perfkit.units import MIB, NS_PER_SECOND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOOK = 10 * NS_PER_SECOND
"""Time between two looks at the file's place and at the free space."""

PIPE_WAIT = 200
"""Milliseconds until a signal is noticed while a pipe is full."""

MINUTE = 60 * NS_PER_SECOND
HOUR = 60 * MINUTE

FSYNC_EACH_TICK = 0
FSYNC_NEVER = -1

_FOREIGN = (".zst", ".bz2", ".xz", ".zip", ".lz4")


class Limits:
    """What bounds a capture.

    Args:
        fsync: Nanoseconds between two fdatasync, or FSYNC_EACH_TICK, or FSYNC_NEVER.
        min_free: Bytes that have to stay free on the file system.
        max_bytes: Size that the file is rotated at, and does not pass; None for never.
        max_age: Nanoseconds from the first tick to the rotation; None for never.
        keep: Rotated files that stay; None for all.
        member_bytes: Size after which a new gzip member begins: it bounds a repair.
        member_age: Nanoseconds after which a new gzip member begins.
    """

    __slots__ = ("fsync", "keep", "max_age", "max_bytes", "member_age", "member_bytes", "min_free")

    def __init__(
        self,
        *,
        fsync: int = MINUTE,
        min_free: int = 0,
        max_bytes: int | None = None,
        max_age: int | None = None,
        keep: int | None = None,
        member_bytes: int = 16 * MIB,
        member_age: int = HOUR,
    ) -> None:
        self.fsync = fsync
        self.min_free = min_free
        self.max_bytes = max_bytes
        self.max_age = max_age
        self.keep = keep
        self.member_bytes = member_bytes
        self.member_age = member_age


class CaptureWriter:
    """A capture file open for appending, locked for this process.

    Args:
        path: The file; its folder is made if absent.  `.gz` at its end makes it gzip.
        limits: What bounds it.
        warn: Takes one line for a person: what was repaired, moved away or removed.
        is_ending: Whether not to wait any longer for the reader of a pipe that is full.

    Raises:
        UsageError: the path is a folder, names a format that is not written, or is in use.
        InputError: there is something else in the file.
        DiskError: it cannot be opened, or there is no room.
    """

    __slots__ = (
        "_checked",
        "_file",
        "_first",
        "_has_bounds",
        "_is_ending",
        "_is_fresh",
        "_is_made",
        "_is_packed",
        "_is_regular",
        "_last_bytes",
        "_limits",
        "_member",
        "_path",
        "_size",
        "_synced",
        "_warn",
        "written",
    )

    def __init__(
        self,
        path: str,
        limits: Limits,
        warn: "Callable[[str], None]",
        *,
        is_ending: "Callable[[], bool]" = lambda: False,
    ) -> None:
        if path.endswith(_FOREIGN):
            raise UsageError(
                f"{path}: a capture is written as plain text or gzip: name it .json.gz"
            )
        # A name that leads elsewhere stays what it is when its file is rotated.
        self._path = (
            os.path.realpath(path)
            if path != STDOUT and os.path.islink(path) and os.path.isfile(path)
            else path
        )
        self._limits = limits
        self._warn = warn
        self._is_ending = is_ending
        self._file = -1
        self._member: Member | None = None
        self._is_packed = False
        self._first: int | None = None
        self._has_bounds = limits.max_bytes is not None or limits.max_age is not None
        self._last_bytes = 0
        self._synced: int | None = None
        self._checked = -LOOK
        self.written = 0
        """Bytes that this process has put into files."""
        self._open()
        try:
            self._check_room()
        except DiskError:
            self.close()
            raise

    def prepare(self, at: int) -> bool:
        """Make ready for the tick of the time `at`; return whether it opens a file.

        A file opens with `perfkit/host`, so the caller has to know before it has the text.

        Raises:
            DiskError: there is no room, or a new file cannot be made.
        """
        if not self._is_regular or (
            os.lseek(self._file, 0, os.SEEK_END) == self._size
            and 0 <= at - self._checked < LOOK
            and not self._has_bounds
        ):
            return self._is_fresh
        try:
            self._look_after(at)
        except OSError as error:
            raise failure(self._path, error) from error
        return self._is_fresh

    def append(self, text: bytes, at: int) -> None:
        """Add the lines of one tick, all of them or none.

        Raises:
            DiskError: they cannot be written; the file is as it was before.
        """
        before = self.written
        if self._is_packed:
            self._append_packed(text, at)
        else:
            self._write(text)
        self._last_bytes = self.written - before
        self._is_fresh = False
        if self._first is None:
            self._first = at
        if self._synced is None:
            self._synced = at
        wait = self._limits.fsync
        if wait != FSYNC_NEVER and not 0 <= at - self._synced < wait:
            self._sync()
            self._synced = at

    def close(self) -> None:
        """Close the file whole: its gzip member ends, the disk has it all, no empty file stays.

        Raises:
            DiskError: the disk refuses what it was given before.
        """
        if self._file < 0:
            return
        try:
            self._finish()
            in_place = not self._is_regular or self._is_in_place()
            if self._is_made and not self._size and in_place:
                os.unlink(self._path)
            if self._size and not in_place:
                self._say_lost()
        finally:
            self._let_go()

    def _is_in_place(self) -> bool:
        try:
            return is_in_place(self._file, self._path)
        except OSError:
            return False

    def _say_lost(self) -> None:
        """Say that the name leads elsewhere.

        Raises:
            DiskError: the file has no name at all any more.
        """
        what = f"{self._path}: moved away or removed"
        if os.fstat(self._file).st_nlink:
            self._warn(f"{what}: its last samples are in the file that was moved")
            return
        raise DiskError(f"{what} while it was recorded: {self._size} bytes of samples are lost")

    def _let_go(self) -> None:
        """Give the file back, and its lock with it."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)

    def _open(self, *, is_new: bool = False) -> None:
        self._let_go()
        self._is_made = not os.path.exists(self._path)
        self._file, tail = open_capture(self._path, self._warn, is_new=is_new)
        self._member = None
        self._is_fresh = True
        self._is_regular = tail is not None
        self._is_packed = self._is_regular and self._path.endswith(".gz")
        self._size = tail.keep + len(tail.closing) if tail else 0
        first = tail.first if tail else None
        self._first = None if first is None else first * NS_PER_SECOND

    def _append_packed(self, text: bytes, at: int) -> None:
        member, end = self._member, b""
        limits = self._limits
        if member is None:
            member = Member(at)
        elif member.size >= limits.member_bytes or not 0 <= at - member.at < limits.member_age:
            end, member = member.end(), Member(at)
        packed = member.tick(text)
        self._write(end + packed if end else packed)
        member.written(text, len(packed))
        self._member = member

    def _write(self, data: bytes) -> None:
        done = 0
        try:
            while done < len(data):
                try:
                    done += os.write(self._file, data[done:] if done else data)
                except BlockingIOError:
                    self._wait_for_reader()
        except BrokenPipeError:
            raise
        except OSError as error:
            if done and self._is_regular:
                os.ftruncate(self._file, self._size)
            raise failure(self._path, error) from error
        self._size += done
        self.written += done

    def _wait_for_reader(self) -> None:
        """Wait a while until a full pipe has room.

        Raises:
            DiskError: the recording is to end, and what was begun cannot be written.
        """
        if self._is_ending():
            reason = "its reader takes no more: ends in the middle of a sample"
            raise DiskError(f"{self._path}: {reason}")
        poll = select.poll()
        poll.register(self._file, select.POLLOUT)
        poll.poll(PIPE_WAIT)

    def _look_after(self, at: int) -> None:
        """Notice what happened to the file since the last tick, and what is due now."""
        if os.lseek(self._file, 0, os.SEEK_END) != self._size:
            self._warn(f"{self._path}: changed by another program: going on after what it holds")
            self._open()
        if not 0 <= at - self._checked < LOOK:
            self._checked = at
            self._check_room()
            if not is_in_place(self._file, self._path):
                lost = "" if os.fstat(self._file).st_nlink else f", {self._size} bytes are lost"
                self._warn(f"{self._path}: moved away or removed{lost}: going on in a new file")
                self._finish()
                self._open()
        if self._is_due(at):
            self._rotate()

    def _is_due(self, at: int) -> bool:
        """Return whether the file has to be rotated before the tick of the time `at`."""
        limits = self._limits
        if self._first is None or not self._size:
            return False
        if limits.max_bytes is not None:
            # The last tick tells how big the next one will be: within a few bytes, as a rule.
            end = END_BYTES if self._is_packed else 0
            if self._size + self._last_bytes + end > limits.max_bytes:
                return True
        return limits.max_age is not None and at - self._first >= limits.max_age

    def _rotate(self) -> None:
        self._finish()
        target = move_away(self._path)
        self._open(is_new=True)
        if self._limits.fsync != FSYNC_NEVER:
            sync_folder(self._path)
        self._warn(f"{self._path}: full, moved to {target}")
        if self._limits.keep is not None:
            for name in remove_oldest(self._path, self._limits.keep):
                self._warn(f"{name}: removed, {self._limits.keep} rotated files are kept")

    def _check_room(self) -> None:
        if not self._is_regular or not self._limits.min_free:
            return
        space = os.fstatvfs(self._file)
        free = space.f_bavail * space.f_frsize
        if free < self._limits.min_free:
            wanted = f"{self._limits.min_free / MIB:.1f} MiB have to stay free (--min-free)"
            what = f"found {free / MIB:.1f}: free some space or name another file"
            raise DiskError(f"{self._path}: {wanted}, {what}")

    def _finish(self) -> None:
        """End the gzip member and hand everything to the disk."""
        if not self._is_regular:
            return
        if self._member:
            try:
                self._write(self._member.end())
            except DiskError:
                self._warn(f"{self._path}: ends without a gzip trailer: all samples can be read")
            self._member = None
        if self._limits.fsync != FSYNC_NEVER:
            self._sync()

    def _sync(self) -> None:
        if not self._is_regular:
            return
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise failure(self._path, error) from error
