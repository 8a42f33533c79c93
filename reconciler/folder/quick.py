"""The manifests of large folders: from the cache, and from several processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain

from reconciler.desired import Desired
from reconciler.folder.cache import Cache, digest_of
from reconciler.folder.records import Forms, record_of, restored
from reconciler.folder.workers import processes, records, settle
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.files import File
from reconciler.manifests.load import Manifest

_WORTH_A_FORK = 96 * 1024
"""Bytes of one process's share."""

Ready = dict[int, list[tuple[Manifest, list[Desired]]]]
"""The manifests of a file and what they ask, by the file's index."""


def quick(
    config: LoadedConfig,
    files: Sequence[File],
    environ: Mapping[str, str] | None,
    warn: Callable[[str], None],
) -> Ready:
    """The manifests of all ``files`` that have no mistake and are not refused.

    ``environ`` says where the cache is; without it, there is none. ``warn`` is told of one that is not safe.
    """
    settle()
    cache = None if environ is None else Cache.of(config, environ, warn)
    reading = _Reading(config, files, cache)
    if cache is not None:
        reading.remember(cache)
    reading.make([index for index in range(len(files)) if index not in reading.ready])
    return reading.ready


class _Reading:
    """The manifests of ``files`` as far as they are read."""

    def __init__(self, config: LoadedConfig, files: Sequence[File], cache: Cache | None) -> None:
        self.config = config
        self.files = files
        self.cache = cache
        self.forms = Forms()
        self.ready: Ready = {}

    def remember(self, cache: Cache) -> None:
        """Takes what an earlier run has kept."""
        digests = [digest_of(file) for file in self.files]
        texts, known = cache.read(frozenset(digests))
        self.forms.add(texts)
        for index, digest in enumerate(digests):
            record = known.pop(digest, None)
            if record is not None:
                self._take(index, record)

    def make(self, missing: Sequence[int]) -> None:
        """Reads the files at the indexes ``missing``, and keeps what comes of it."""
        if not missing:
            return
        new = [self.files[index] for index in missing]
        count = min(processes(), sum(len(file.data) for file in new) // _WORTH_A_FORK, len(new))
        if count > 1:
            with closing(records(self.config, new, self.forms, self.cache, count=count)) as batches:
                for number, record in chain.from_iterable(batches):
                    if record is not None:
                        self._take(missing[number], record)
        else:
            self._make_here(missing)
        if self.cache is not None:
            self.cache.tidy()

    def _make_here(self, missing: Sequence[int]) -> None:
        kept = []
        for index in missing:
            record = record_of(self.config, self.files[index], self.forms)
            if record is not None:
                self._take(index, record)
                kept.append((digest_of(self.files[index]), record))
        if self.cache is not None:
            self.cache.add(self.forms.texts, kept)

    def _take(self, index: int, record: bytes) -> None:
        """Whatever is wrong with a record, its file is read."""
        with suppress(Exception):
            self.ready[index] = list(restored(record, self.files[index], self.forms))
