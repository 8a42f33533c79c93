"""The folder of manifests: which files it has, and what they hold.

A folder may come from a stranger's pull request, so links that leave it, devices, endless loops and
huge files are reported and not read. Whatever the operating system refuses becomes a Problem: one bad
file never hides the mistakes of the others.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree import DEFAULT_LIMITS, Document, Limits, parse

_SUFFIXES: Final = (".yaml", ".yml")


class File(NamedTuple):
    """A file of manifests: the name to show, and its bytes."""

    name: str
    data: bytes


class Found(NamedTuple):
    """The paths of the files in a folder, sorted, and what stands in the way of others.

    ``regular`` are those that the folder itself says are regular files, and no links.
    """

    files: list[str]
    regular: set[str]
    problems: list[Problem]


def load_folder(
    folder: Path, *, relative_to: Path, limits: Limits = DEFAULT_LIMITS
) -> tuple[list[Document], list[Problem]]:
    """All documents of all YAML files below ``folder``, and every mistake. Raises nothing for bad input.

    ``folder`` may also be one file. Places name files relative to ``relative_to`` where that is possible.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for file in read_files(folder, relative_to=relative_to, limits=limits):
        if isinstance(file, Problem):
            problems.append(file)
            continue
        found, mistakes = parse(file.data, file.name, limits=limits)
        documents += found
        problems += mistakes
    return documents, problems


def read_files(
    folder: Path, *, relative_to: Path, limits: Limits = DEFAULT_LIMITS
) -> Iterator[File | Problem]:
    """The bytes of all YAML files below ``folder``, sorted by path; first what stands in the way of some."""
    below = f"{folder}{os.sep}"
    shown = _shown(folder, relative_to)
    above = "" if shown == "." else f"{shown}/"

    def shown_as(path: str) -> str:
        if not path.startswith(below):
            return _shown(Path(path), relative_to)
        return above + printable(path[len(below) :].replace(os.sep, "/"))

    files, regular, problems = find_files(folder, shown_as=shown_as)
    yield from problems
    for path in files:
        name = shown_as(path)
        data = read_regular(path, name, limits.file_bytes, was_regular=path in regular)
        yield data if isinstance(data, Problem) else File(name, data)


def is_manifest(path: PurePosixPath) -> bool:
    """Whether a path in the folder of manifests is one that is read: YAML, and nothing on the way hidden."""
    return _is_yaml(path.name) and not any(part.startswith(".") for part in path.parts)


def find_files(folder: Path, *, shown_as: Callable[[str], str]) -> Found:
    """Every ``*.yaml`` and ``*.yml`` below ``folder``.

    Hidden files and folders are passed over. A link counts only for what nothing else in the folder
    leads to. ``shown_as`` names a path in a Problem. A ``folder`` that is a file stands for itself.
    """
    name = str(folder)
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            return Found([name], set(), [])
    except FileNotFoundError:
        message = f"there is no folder '{shown_as(name)}'"
        hint = "create it, or correct the path of the manifests"
        return Found([], set(), [Problem("folder-missing", message, Place(shown_as(name)), hint)])
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links; ValueError: a NUL
        return Found([], set(), [_unreadable(shown_as(name), error)])
    walk = _Walk(root, shown_as)
    walk.folder(name, str(root))
    while walk.links:  # after the files, so that a file is known by its own name rather than a link's
        walk.link(heapq.heappop(walk.links))
    return Found(sorted(walk.files.values(), key=_by_parts), walk.regular, walk.problems)


def _by_parts(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")


@dataclass(slots=True, eq=False, repr=False)
class _Walk:
    """What is known so far. Paths are texts: for thousands of files, to join them otherwise takes longer than
    to read them.

    ``files`` is keyed by real path, so that no file is read twice; ``regular`` is of its values. ``links`` is
    a heap, so that which of two links to one file counts does not depend on the order of the disk.
    """

    root: Path
    shown_as: Callable[[str], str]
    files: dict[str, str] = field(default_factory=dict)
    regular: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def folder(self, path: str, real: str) -> None:
        """Walks a folder and those in it. Links wait in ``links``."""
        waiting = [(path, real)]
        while waiting:
            path, real = waiting.pop()
            if real in self.folders:
                continue
            self.folders.add(real)
            above, real_above = _opened(path), _opened(real)
            try:
                with os.scandir(path) as entries:
                    for entry in entries:
                        name = entry.name
                        if name.startswith("."):
                            continue
                        if entry.is_symlink():
                            heapq.heappush(self.links, above + name)
                        elif entry.is_dir(follow_symlinks=False):
                            waiting.append((above + name, real_above + name))
                        elif _is_yaml(name):
                            self.files.setdefault(real_above + name, above + name)
                            if entry.is_file(follow_symlinks=False):
                                self.regular.add(above + name)
            except OSError as error:
                self.problems.append(_unreadable(self.shown_as(path), error))

    def link(self, path: str) -> None:
        """Follows a link to what is inside the root and not known yet."""
        try:
            real = Path(path).resolve(strict=True)
            is_folder = real.is_dir()
        except (OSError, RuntimeError) as error:
            if _is_yaml(path) or not Path(path).suffix:  # any other would not have been read anyway
                self.problems.append(_unreadable(self.shown_as(path), error))
            return
        if not is_folder and not _is_yaml(path):
            return
        if not real.is_relative_to(self.root):
            self.problems.append(_leaves(Path(path), self.shown_as(path)))
        elif is_folder:
            self.folder(path, str(real))
        else:
            self.files.setdefault(str(real), path)


def _opened(folder: str) -> str:
    """What the paths in a folder begin with."""
    if folder == ".":
        return ""
    return folder if folder.endswith(os.sep) else folder + os.sep


def _is_yaml(name: str) -> bool:
    return name.endswith(_SUFFIXES)


def read_regular(path: str | Path, name: str, most: int, *, was_regular: bool = False) -> bytes | Problem:
    """The bytes of a regular file that has at most ``most``. ``was_regular``: the folder has just said that
    it is one, and no link."""
    try:
        # Asked before opening, because to open a device can already do something, and again after,
        # because it may be another file by then. O_NONBLOCK: to open a FIFO waits for its writer.
        if not was_regular and not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - no Path for each
            return _not_regular(name)
        opened = os.open(path, _FLAGS | _NO_LINK if was_regular else _FLAGS)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                return _not_regular(name)
            if status.st_size > most:
                return too_large(name, most)
            data = os.read(opened, status.st_size + 1)
            if len(data) != status.st_size:  # it has grown, or the system gave a part
                with open(opened, "rb", closefd=False) as stream:
                    stream.seek(0)
                    data = stream.read(most + 1)
        finally:
            os.close(opened)
        return too_large(name, most) if len(data) > most else data
    except OSError as error:
        return _unreadable(name, error)


_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)


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
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
