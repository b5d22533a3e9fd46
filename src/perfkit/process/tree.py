"""The folder that a conversion fills: whole at its end, or as it was before.

Files are written in a hidden folder beside their place and renamed one by one at the end.  Whatever
ends the work before that, a signal too, takes away what was begun.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from perfkit.errors import UsageError

HIDDEN_PREFIX = ".perfkit-"


class OutputTree:
    """Files on their way to a folder.

    Args:
        folder: Where they go; made if absent.
        force: Whether files that are there may be replaced.
        elsewhere: Where a file goes that does not go to `folder`, by its name.
    """

    def __init__(
        self, folder: Path, *, force: bool = False, elsewhere: dict[str, Path] | None = None
    ) -> None:
        self._folder = folder
        self._force = force
        self._elsewhere = elsewhere or {}
        self._hidden: dict[Path, Path] = {}
        self._made: list[Path] = []
        self._open: dict[str, BinaryIO] = {}
        self._staged: dict[str, Path] = {}
        self._spill: BinaryIO | None = None
        self._checked: Sequence[str] = ()

    def check(
        self, names: Sequence[str], sources: Mapping[str, os.stat_result] | None = None
    ) -> None:
        """Refuse the work if its files could not be put in their places.

        Args:
            names: Of the files.
            sources: What they are made of, by what messages call it: none of them may replace it.

        Raises:
            UsageError: a file is there and may not be replaced, or something else is in its place.
        """
        self._checked = names
        _check_folder(self._folder)
        taken: dict[Path, str] = {}
        for name in names:
            target = self._target(name)
            _check_folder(target.parent)
            other = taken.setdefault(target.resolve(), name)
            if other != name:
                raise UsageError(f"{target}: is the place of {other} too: name another for {name}")
            for source, status in (sources or {}).items():
                if target.exists() and os.path.samestat(target.stat(), status):
                    raise UsageError(f"{target}: is {source} itself, which is never replaced")
            if target.is_dir():
                raise UsageError(f"{target}: is a folder, expected to write a file there")
            if target.exists() and not target.is_file():
                raise UsageError(f"{target}: is a device or a pipe, expected to write a file there")
            if not self._force and (target.exists() or target.is_symlink()):
                raise UsageError(
                    f"{target}: exists: choose another --output-dir, or --force to replace it"
                )

    def open(self, name: str) -> BinaryIO:
        """Return a new file that will have this name."""
        staged = self._hidden_in(self._target(name).parent, name) / name.replace("/", "_")
        file = staged.open("xb")
        self._open[name] = file
        self._staged[name] = staged
        return file

    def spill(self) -> BinaryIO:
        """Return a file for what waits until the end."""
        path = self._hidden_in(self._folder, "") / "spill"
        self._spill = path.open("x+b")
        path.unlink()
        return self._spill

    def publish(self) -> list[str]:
        """Put the files in their places.  On failure none that is new stays there.

        Returns:
            Names of files of an earlier conversion that this one does not have: they are removed,
            as they would pass for a part of it.
        """
        for file in self._open.values():
            file.close()
        new: list[Path] = []
        try:
            for name, staged in self._staged.items():
                target = self._target(name)
                self._make(target.parent)
                if not target.exists():
                    new.append(target)
                staged.replace(target)
        except BaseException:
            for target in new:
                target.unlink(missing_ok=True)
            raise
        self._made.clear()
        return [name for name in self._checked if self._is_stale(name)]

    def _is_stale(self, name: str) -> bool:
        """Remove the file of this name if it is not one of those just made; return whether."""
        target = self._target(name)
        if name in self._staged or name in self._elsewhere or not target.is_file():
            return False
        target.unlink()
        return True

    def __enter__(self) -> Self:
        """Return the tree itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the hidden folders, and the folders that were made if nothing came of them."""
        for file in (*self._open.values(), *([self._spill] if self._spill else [])):
            try:
                file.close()
            except OSError:
                # A full disk refuses the buffer's rest again: the file goes anyway.
                continue
        for hidden in self._hidden.values():
            for left in hidden.iterdir():
                left.unlink()
            hidden.rmdir()
        for folder in reversed(self._made):
            try:
                folder.rmdir()
            except OSError:
                # Somebody else put something there: then it is not ours to remove.
                continue

    def _target(self, name: str) -> Path:
        return self._elsewhere.get(name, self._folder / name)

    def _hidden_in(self, folder: Path, name: str) -> Path:
        """Return the hidden folder for a file: on the file system of its place."""
        parent = folder if name in self._elsewhere else self._folder
        if parent not in self._hidden:
            self._make(parent)
            # The time tells it from one that a killed process of the same number left.
            hidden = parent / f"{HIDDEN_PREFIX}{os.getpid()}-{time.time_ns()}"
            hidden.mkdir(mode=0o700)
            self._hidden[parent] = hidden
        return self._hidden[parent]

    def _make(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir()
            self._made.append(each)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that could not be made, as something else is in its place or above it.

    Raises:
        UsageError: with what that is.
    """
    # A working folder that was removed has no other above it.
    while not folder.is_dir() and folder != folder.parent:
        if folder.is_symlink() and not folder.exists():
            there = folder.readlink()
            raise UsageError(f"{folder}: is a link to {there}, which is absent: expected a folder")
        if folder.exists():
            raise UsageError(f"{folder}: is a file, expected a folder for the output")
        folder = folder.parent
