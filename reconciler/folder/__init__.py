"""The folder of manifests and what they ask of their registries: large ones by several processes, and what
did not change since the last run from a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from reconciler.desired import Desired, desire_all
from reconciler.errors import Problem
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.files import File, read_files
from reconciler.manifests.load import Loaded, Manifest, but_for, read_documents
from reconciler.manifests.yamltree import Document, parse
from reconciler.stages import count

WORTH: Final = 192 * 1024
"""Bytes of manifests from which on processes and a cache are worth their start."""

_COUNTED_AT_ONCE: Final = 32
"""Files; to count each takes a tenth of the time that it takes to read it."""


def read_folder(
    config: LoadedConfig,
    *,
    relative_to: Path,
    environ: Mapping[str, str] | None,
    worth: int = WORTH,
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[Loaded, list[Desired], list[Problem]]:
    """Every manifest, what each asks of each of its registries, and every mistake of all files.

    ``environ`` says where records of earlier runs are kept; None: nowhere. ``worth`` is the size of a folder,
    in bytes, from which on there are records at all; ``warn`` is told why they are not kept where that is not
    safe. What comes is the same either way.
    """
    files: list[File] = []
    problems: list[Problem] = []
    for each in read_files(config.manifests, relative_to=relative_to):
        if isinstance(each, Problem):
            problems.append(each)
        else:
            files.append(each)
            if len(files) % _COUNTED_AT_ONCE == 0:
                count("files", _COUNTED_AT_ONCE)
    if left := len(files) % _COUNTED_AT_ONCE:
        count("files", left)
    ready: dict[int, list[tuple[Manifest, list[Desired]]]] = {}
    if files and sum(len(file.data) for file in files) >= worth:
        from reconciler.folder.quick import quick  # noqa: PLC0415 - small folders need none of it

        ready = quick(config, files, environ, warn)
    asked: dict[int, Sequence[Desired]] = {}
    items: list[Document | Manifest] = []
    for index, file in enumerate(files):
        found = ready.pop(index, None)
        if found is None:
            documents, mistakes = parse(file.data, file.name)
            items += documents
            problems += mistakes
            continue
        for manifest, desired in found:
            items.append(manifest)
            asked[id(manifest)] = desired
    loaded = read_documents(config, items)
    loaded = Loaded(loaded.manifests, loaded.broken, [*problems, *but_for(problems, loaded.problems)])
    desired_all, more = desire_all(config, loaded, asked)
    return loaded, desired_all, [*loaded.problems, *but_for(loaded.problems, more)]
