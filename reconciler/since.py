"""What has changed since a git revision, and which manifests that reaches. Asks git alone.

The working tree is compared, so that what is not committed counts. The other side is the commit at which
the history of HEAD left that of the revision: what the other branch has gained since is none of ours.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from reconciler.desired import Desired
from reconciler.errors import InputError
from reconciler.git import (
    Blob,
    GitError,
    blob_name,
    commit_of,
    contents,
    files_of,
    merge_base,
    path_in_repository,
)
from reconciler.guards.acknowledgements import Acknowledged
from reconciler.manifests.config import Config, LoadedConfig
from reconciler.manifests.files import read_regular
from reconciler.manifests.load import RESOURCES, Manifest
from reconciler.manifests.selecting import fits
from reconciler.manifests.yamltree import DEFAULT_LIMITS, parse
from reconciler.plan import digest_of, key_of
from reconciler.revisions import Revision, acknowledged_in, open_revision, path_from_top
from reconciler.secrets import SecretRef

Key = tuple[str, str]
"""A registry, and the key of a manifest for it."""

_TALK: Final = frozenset({"requests_per_minute", "concurrency", "probe", "insecure_http"})
"""What an entry of a registry says of how it is talked to. The rest is what it is, and what may be done."""

_NAMES: Final = 8
_PER_REGISTRY: Final = ("overrides", "registries")
"""The parts of a spec that say something of single registries."""


@dataclass(frozen=True, slots=True)
class Changed:
    """``commit`` is what was compared with, ``keys`` what it reaches, ``notes`` what is to be said of it."""

    commit: str
    keys: frozenset[Key]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Now:
    """What the working tree declares."""

    config: LoadedConfig
    manifests: Sequence[Manifest]
    desired: Sequence[Desired]
    acknowledged: Acknowledged


@dataclass(frozen=True, slots=True)
class Patterns:
    """The manifests that a note may be about, as `--only` and `--except` have them."""

    only: Sequence[str] = ()
    without: Sequence[str] = ()

    def take(self, name: str, labels: Mapping[str, str]) -> bool:
        chosen = not self.only or any(fits(name, labels, pattern) for pattern in self.only)
        return chosen and not any(fits(name, labels, pattern) for pattern in self.without)


def changed_since(now: Now, revision: str, patterns: Patterns) -> Changed:
    """What has changed since ``revision``, with what changed shared files reach.

    Raises GitError for a revision, or a folder, that git does not know.
    """
    folder = now.config.folder
    commit = _left(folder, revision)
    said = f"{revision} ({commit[:12]})"
    try:
        before, everything = _before(now.config, commit, revision)
        then = None if before is None else _Then(before, acknowledged_in(before, commit))
    except InputError as error:
        then, everything = None, f"{error.problems[0].message} ({error.problems[0].place})"
    if then is None:
        keys = frozenset(map(_key, now.desired))
        return Changed(commit, keys, (f"everything counts as changed since {said}: {everything}",))
    files = _Files.between(now, then.revision)
    keys = frozenset((*_edited(now, then, files), *_reached(now, then)))
    names = {key for _, key in keys}
    every = {key_of(one.resource, one.name) for one in now.manifests}
    notes = [f"only what has changed since {said}: {len(names)} of {len(every)} manifests"]
    gone = list(_gone(now, then, files, patterns))
    if gone:
        shown = ", ".join(gone[:_NAMES]) + (f" and {len(gone) - _NAMES} more" if len(gone) > _NAMES else "")
        notes.append(f"no longer managed since {said}: {shown}; what is live stays")
    return Changed(commit, keys, tuple(notes))


def _left(folder: Path, revision: str) -> str:
    """The commit at which HEAD left ``revision``: itself, where HEAD comes from it."""
    try:
        path_in_repository(folder)
    except GitError as error:
        hint = error.hint or "--since asks git what has changed: run it in a checkout, or leave --since out"
        raise GitError(error.message, hint=hint) from None
    return merge_base(folder, commit_of(folder, revision), commit_of(folder, "HEAD"))


def _before(config: LoadedConfig, commit: str, revision: str) -> tuple[Revision | None, str]:
    """The project as it was, or why there was none. Raises GitError and InputError."""
    path = config.folder / Path(config.file).name
    wanted = path_from_top(path).as_posix()
    if wanted not in files_of(config.folder, commit, wanted):
        return None, f"{config.file} was not there"
    try:
        return open_revision(path, commit, prefixed=True, label=revision), ""
    except GitError as error:
        hint = error.hint or "--since needs reconciler.yaml and the manifests in one repository"
        raise GitError(error.message, hint=hint) from None


@dataclass(frozen=True, slots=True)
class _Then:
    revision: Revision
    acknowledged: Acknowledged

    @property
    def config(self) -> Config:
        return self.revision.config.value


@dataclass(frozen=True, slots=True)
class _Files:
    """What differs: files of now, as documents call them, and what the others declared before.

    ``before`` is by kind and name, the documents as they were written.
    """

    now: frozenset[str]
    before: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def between(cls, now: Now, then: Revision) -> _Files:
        """Raises GitError."""
        folder, prefix = now.config.folder.absolute(), path_in_repository(now.config.folder)
        differ, same = set(), set()
        for file in {manifest.document.file for manifest in now.manifests}:
            path = os.path.normpath(f"{prefix}{os.path.relpath(Path(file).absolute(), folder)}")
            if _is_same(Path(file), then.files.get(path)):
                same.add(path)
            else:
                differ.add(file)
        gone = [
            name
            for name, blob in then.files.items()
            if name not in same and not blob.link and blob.size <= DEFAULT_LIMITS.file_bytes
        ]
        before: dict[tuple[str, str], Mapping[str, Any]] = {}
        texts = contents(then.folder, [then.files[name].name for name in gone])
        for name, data in zip(gone, texts, strict=True):
            for document in parse(data, then.shown[name])[0]:
                named = _named(document.root)
                if named is not None:
                    before.setdefault(named, document.root)
        return cls(frozenset(differ), before)


def _is_same(file: Path, blob: Blob | None) -> bool:
    """Whether a file of the working tree has the very contents that git knows."""
    if blob is None or blob.link:
        return False
    data = read_regular(file, str(file), DEFAULT_LIMITS.file_bytes)
    return isinstance(data, bytes) and blob_name(data, blob.name) == blob.name


def _named(root: Any) -> tuple[str, str] | None:
    """The kind and the name that a document declares; None where it declares none."""
    kind, metadata = (root.get(key) if isinstance(root, Mapping) else None for key in ("kind", "metadata"))
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if isinstance(name, str) and isinstance(kind, str) and kind in RESOURCES:
        return kind, name
    return None


def _key(one: Desired) -> Key:
    return one.registry, key_of(one.manifest.resource, one.name)


# ---- manifests


def _edited(now: Now, then: _Then, files: _Files) -> Iterator[Key]:
    """The manifests whose documents say something else, for the registries that they say it of."""
    for manifest in now.manifests:
        if manifest.document.file not in files.now:
            continue
        key = key_of(manifest.resource, manifest.name)
        before = files.before.get((manifest.resource, manifest.name))
        for registry in manifest.registries:
            if before is None or _differs(before, manifest, registry, then.config):
                yield registry, key


def _differs(before: Mapping[str, Any], manifest: Manifest, registry: str, config: Config) -> bool:
    """Whether a document asks something else of ``registry`` than it did. How it is written means nothing."""
    root: Any = manifest.document.root
    if digest_of(_common(before)) != digest_of(_common(root)):
        return True
    was, is_ = (_of_registry(document, registry) for document in (before, root))
    return registry not in _registries(before, config) or digest_of(was) != digest_of(is_)


def _common(root: Mapping[str, Any]) -> dict[str, Any]:
    """What a document says of every registry."""
    spec = root.get("spec")
    kept = spec
    if isinstance(spec, Mapping):
        kept = {key: value for key, value in spec.items() if key not in _PER_REGISTRY}
    return {**root, "spec": kept}


def _of_registry(root: Mapping[str, Any], registry: str) -> Any:
    """What a document says of one registry alone."""
    spec = root.get("spec")
    overrides = spec.get("overrides") if isinstance(spec, Mapping) else None
    return overrides.get(registry) if isinstance(overrides, Mapping) else None


def _registries(root: Mapping[str, Any], config: Config) -> Sequence[str]:
    """The registries that a document was for; it may have been wrong."""
    spec = root.get("spec")
    named = spec.get("registries") if isinstance(spec, Mapping) else None
    return named if isinstance(named, list) else config.default_registries or ()


def _gone(now: Now, then: _Then, files: _Files, patterns: Patterns) -> Iterator[str]:
    """What is declared no more, or no more for a registry that it was for."""
    there = {(manifest.resource, manifest.name): manifest for manifest in now.manifests}
    for (kind, name), root in sorted(files.before.items()):
        labels = root["metadata"].get("labels")
        known = {key: str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}
        if not patterns.take(name, known):
            continue
        what = name if kind == "Model" else f"{kind.lower()} {name}"
        manifest = there.get((kind, name))
        if manifest is None:
            yield what
        else:
            left = [one for one in _registries(root, then.config) if one not in manifest.registries]
            if left:
                yield f"{what} in {', '.join(map(str, left))}"
    yield from _no_default(now, then, files, patterns)


def _no_default(now: Now, then: _Then, files: _Files, patterns: Patterns) -> Iterator[str]:
    """What its own file says as before, and is for fewer registries because they are no default any more."""
    is_ = now.config.value.default_registries or ()
    left = [one for one in then.config.default_registries or () if one not in is_]
    for one in sorted(now.manifests, key=lambda one: (one.resource, one.name)) if left else ():
        if set(one.registries) != set(is_) or not patterns.take(one.name, one.labels):
            continue
        edited = one.document.file in files.now or (one.resource, one.name) in files.before
        if not edited and one.value.spec.registries is None:
            what = one.name if one.resource == "Model" else f"{one.resource.lower()} {one.name}"
            yield f"{what} in {', '.join(left)}"


# ---- shared files


def _reached(now: Now, then: _Then) -> Iterator[Key]:
    """What changes of reconciler.yaml and of acknowledgements.yaml reach.

    Not reached by anything: `policies` (they stop a run and change nothing that it does), `journal`,
    `approval`, the folder of manifests itself.
    """
    was, is_ = then.config, now.config.value
    if was.guards != is_.guards:
        yield from map(_key, now.desired)
        return
    registries = {
        name
        for name, entry in is_.registries.items()
        if _told(entry, _TALK) != _told(was.registries.get(name), _TALK)
    }
    secrets = _secrets(was, is_)
    added = set(is_.default_registries or ()) - set(was.default_registries or ())
    for one in now.desired:
        by_default = one.registry in added and one.manifest.value.spec.registries is None
        if one.registry in registries or by_default or (secrets and not secrets.isdisjoint(_names(one))):
            yield _key(one)
    yield from _acknowledged(now, then)


def _told(model: BaseModel | None, without: Collection[str] = ()) -> dict[str, Any] | None:
    """A part of reconciler.yaml, to be compared; None where there is none."""
    return None if model is None else {key: value for key, value in model if key not in without}


def _secrets(was: Config, is_: Config) -> set[str]:
    """The secrets that come from elsewhere, or may go elsewhere."""
    folders = was.secret_folders != is_.secret_folders
    return {
        name
        for name, entry in is_.secrets.items()
        if entry != was.secrets.get(name) or (folders and entry.file is not None)
    }


def _names(one: Desired) -> set[str]:
    """The secrets that a manifest names."""
    return {value.name for _, value in one.fields.values() if isinstance(value, SecretRef)}


def _acknowledged(now: Now, then: _Then) -> Iterator[Key]:
    """What acknowledgements that came or went are about: a manifest, a registry, or all."""
    was, is_ = (
        {(each.guard, each.registry, each.model, each.digest, each.expires) for each, _ in found.entries}
        for found in (then.acknowledged, now.acknowledged)
    )
    about = {(registry, model) for _, registry, model, _, _ in was ^ is_}
    for one in now.desired if about else ():
        if not about.isdisjoint(((None, None), (one.registry, None), (one.registry, one.name))):
            yield _key(one)
