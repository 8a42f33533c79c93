"""The folder of manifests: which files it has, and what they hold.

A folder may come from a stranger's pull request, so links that leave it, devices, endless loops and
huge files are reported and not read. Whatever the operating system refuses becomes a Problem: one bad
file never hides the mistakes of the others.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree import DEFAULT_LIMITS, Document, Limits, parse
from reconciler.stages import count

_SUFFIXES = frozenset({".yaml", ".yml"})


def load_folder(
    folder: Path, *, relative_to: Path, limits: Limits = DEFAULT_LIMITS
) -> tuple[list[Document], list[Problem]]:
    """All documents of all YAML files below ``folder``, and every mistake. Raises nothing for bad input.

    ``folder`` may also be one file. Places name files relative to ``relative_to`` where that is possible.
    """

    def shown_as(path: Path) -> str:
        return _shown(path, relative_to)

    files, problems = find_files(folder, shown_as=shown_as)
    documents: list[Document] = []
    for file in files:
        name = shown_as(file)
        data = read_regular(file, name, limits.file_bytes)
        if isinstance(data, Problem):
            problems.append(data)
            continue
        found, mistakes = parse(data, name, limits=limits)
        documents += found
        problems += mistakes
        count("files")
    return documents, problems


def is_manifest(path: PurePosixPath) -> bool:
    """Whether a path in the folder of manifests is one that is read: YAML, and nothing on the way hidden."""
    return path.suffix in _SUFFIXES and not any(part.startswith(".") for part in path.parts)


def find_files(folder: Path, *, shown_as: Callable[[Path], str]) -> tuple[list[Path], list[Problem]]:
    """Every ``*.yaml`` and ``*.yml`` below ``folder``, sorted by path, and what stands in the way.

    Hidden files and folders are passed over. A link counts only for what nothing else in the folder
    leads to. ``shown_as`` names a path in a Problem. A ``folder`` that is a file stands for itself.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            return [folder], []
    except FileNotFoundError:
        message = f"there is no folder '{shown_as(folder)}'"
        hint = "create it, or correct the path of the manifests"
        return [], [Problem("folder-missing", message, Place(shown_as(folder)), hint)]
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links; ValueError: a NUL
        return [], [_unreadable(shown_as(folder), error)]
    walk = _Walk(root, shown_as)
    walk.folder(folder, root)
    while walk.links:  # after the files, so that a file is known by its own name rather than a link's
        walk.link(heapq.heappop(walk.links))
    return sorted(walk.files.values(), key=Path.as_posix), walk.problems


@dataclass(slots=True)
class _Walk:
    """What is known so far.

    ``files`` is keyed by real path, so that no file is read twice; ``links`` is a heap, so that which of
    two links to one file counts does not depend on the order of the disk.
    """

    root: Path
    shown_as: Callable[[Path], str]
    files: dict[Path, Path] = field(default_factory=dict)
    folders: set[Path] = field(default_factory=set)
    links: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def folder(self, path: Path, real: Path) -> None:
        """Walks a folder and those in it. Links wait in ``links``."""
        waiting = [(path, real)]
        while waiting:
            path, real = waiting.pop()
            if real in self.folders:
                continue
            self.folders.add(real)
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        if entry.name.startswith("."):
                            continue
                        here = path / entry.name
                        if entry.is_symlink():
                            heapq.heappush(self.links, here)
                        elif entry.is_dir(follow_symlinks=False):
                            waiting.append((here, real / entry.name))
                        elif here.suffix in _SUFFIXES:
                            self.files.setdefault(real / entry.name, here)
            except OSError as error:
                self.problems.append(_unreadable(self.shown_as(path), error))

    def link(self, path: Path) -> None:
        """Follows a link to what is inside the root and not known yet."""
        try:
            real = path.resolve(strict=True)
            is_folder = real.is_dir()
        except (OSError, RuntimeError) as error:
            if path.suffix in {*_SUFFIXES, ""}:  # any other suffix would not have been read anyway
                self.problems.append(_unreadable(self.shown_as(path), error))
            return
        if not is_folder and path.suffix not in _SUFFIXES:
            return
        if not real.is_relative_to(self.root):
            self.problems.append(_leaves(path, self.shown_as(path)))
        elif is_folder:
            self.folder(path, real)
        else:
            self.files.setdefault(real, path)


def read_regular(path: Path, name: str, most: int) -> bytes | Problem:
    """The bytes of a regular file that has at most ``most``."""
    try:
        # Asked before opening, because to open a device can already do something, and again after,
        # because it may be another file by then. O_NONBLOCK: to open a FIFO waits for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            return _not_regular(name)
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                return _not_regular(name)
            data = stream.read(most) if status.st_size <= most else b""
            if status.st_size > most or stream.read(1):  # it may have grown
                return too_large(name, most)
            return data
    except OSError as error:
        return _unreadable(name, error)


def _unreadable(name: str, error: Exception) -> Problem:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    message = f"'{name}' cannot be read: {printable(reason)}"
    return Problem("file-unreadable", message, Place(name), "check that it exists and its permissions")


def _not_regular(name: str) -> Problem:
    message = f"'{name}' is a pipe, a socket or a device"
    return Problem("file-not-regular", message, Place(name), "only ordinary files are read: remove it")


def too_large(name: str, most: int) -> Problem:
    message = f"'{name}' has more than {most:,} bytes"
    return Problem("file-too-large", message, Place(name), "split it into several files")


def _leaves(path: Path, name: str) -> Problem:
    try:
        target = printable(str(path.readlink()))
    except OSError as error:
        return _unreadable(name, error)
    message = f"the link leads out of the folder of manifests, to '{target}'"
    return Problem("link-leaves-folder", message, Place(name), "put the file itself into the folder")


def _shown(path: Path, relative_to: Path) -> str:
    absolute, base = path.absolute(), relative_to.absolute()
    shown = absolute.relative_to(base) if absolute.is_relative_to(base) else path
    return printable(shown.as_posix())


def printable(text: str) -> str:
    """A file's name may hold line breaks, terminal codes and bytes that are not UTF-8: those escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
