"""What a git revision declares: its reconciler.yaml and its manifests, read from git without a checkout."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from reconciler.desired import Desired, desire_all
from reconciler.errors import InputError, Place, Problem
from reconciler.git import Blob, GitError, commit_of, contents, files_of, path_in_repository
from reconciler.guards.acknowledgementfile import read_acknowledgements
from reconciler.guards.acknowledgements import FILE, Acknowledged
from reconciler.manifests.config import LoadedConfig, read_config
from reconciler.manifests.files import is_manifest, too_large
from reconciler.manifests.load import Manifest, but_for, read_documents
from reconciler.manifests.yamltree import DEFAULT_LIMITS, Document, parse
from reconciler.stages import staged


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: its commit or tree, a reconciler.yaml, and its manifest files by path from the top.

    The reconciler.yaml is that of another revision where the files are a proposal to it.
    """

    commit: str
    config: LoadedConfig
    config_blob: str
    config_file: PurePosixPath
    """Its path from the top."""
    files: Mapping[str, Blob]
    folder: Path
    """Where the repository is asked."""
    shown: Mapping[str, str]
    """What messages call each file."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What some files of a revision declare, and every mistake in them."""

    manifests: tuple[Manifest, ...]
    broken: tuple[Document, ...]
    desired: tuple[Desired, ...]
    problems: tuple[Problem, ...]


@staged("revisions")
def open_revision(
    config_path: Path, name: str, *, prefixed: bool = False, label: str | None = None
) -> Revision:
    """The revision ``name`` of the project whose reconciler.yaml is at ``config_path``.

    ``prefixed``: messages name the revision before each file, because the folder may hold another one; they
    call it ``label`` where that is given.

    Raises GitError, and InputError for what is wrong with its reconciler.yaml.
    """
    folder = _asked_in(config_path)
    commit = commit_of(folder, name)
    prefix = path_in_repository(folder)
    path = path_from_top(config_path).as_posix()
    blob = files_of(folder, commit, path).get(path)
    if blob is None or blob.link:
        message = f"{config_path} is not in {name} ({commit[:12]})"
        raise GitError(message, hint="say where it is with --config FILE")
    [data] = contents(folder, [blob.name])
    called = f"{label or name}:" if prefixed else ""
    config = read_config(data, f"{called}{config_path.as_posix()}", config_path.parent)
    files = _manifests(folder, commit, PurePosixPath(path), config)
    shown = {name: f"{called}{_shown(name, prefix)}" for name in files}
    return Revision(commit, config, blob.name, PurePosixPath(path), files, folder, shown)


def path_from_top(config_path: Path) -> PurePosixPath:
    """The path of a reconciler.yaml from the top of its repository. Raises GitError."""
    folder = _asked_in(config_path)
    below = config_path.absolute().relative_to(folder).as_posix()
    return PurePosixPath(f"{path_in_repository(folder)}{below}")


def _asked_in(config_path: Path) -> Path:
    """The folder of a reconciler.yaml; one above where it is gone from the working tree."""
    folder = config_path.absolute().parent
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _manifests(folder: Path, tree: str, config_file: PurePosixPath, config: LoadedConfig) -> dict[str, Blob]:
    root = _joined(config_file.parent, config.value.manifests)
    found = files_of(folder, tree, root.as_posix() if root.parts else "")
    return {
        name: blob
        for name, blob in sorted(found.items())
        if name == root.as_posix() or is_manifest(PurePosixPath(name).relative_to(root))
    }


def proposed(base: Revision, tree: str) -> Revision:
    """The manifests in ``tree`` under the reconciler.yaml of ``base``; that of ``tree`` is not looked at.

    Messages name files from the top of the repository. Raises GitError.
    """
    files = _manifests(base.folder, tree, base.config_file, base.config)
    return replace(base, commit=tree, files=files, shown={name: _shown(name, "") for name in files})


def config_in(base: Revision, tree: str) -> LoadedConfig | None:
    """The reconciler.yaml in ``tree``; None where it is that of ``base``.

    Raises GitError where there is none, and InputError for what is wrong with it.
    """
    path = base.config_file.as_posix()
    blob = files_of(base.folder, tree, path).get(path)
    if blob is None or blob.link:
        raise GitError(f"{path} is not there any more", hint="reconciler.yaml must stay where it is")
    if blob.name == base.config_blob:
        return None
    if blob.size > DEFAULT_LIMITS.file_bytes:
        raise InputError([too_large(path, DEFAULT_LIMITS.file_bytes)])
    [data] = contents(base.folder, [blob.name])
    return read_config(data, path, base.config.folder)


def unchanged(base: Revision, tree: str) -> bool:
    """Whether ``tree`` has everything that is read of the project as ``base`` has it: reconciler.yaml,
    manifests, acknowledgements, policies. Raises GitError."""
    if _manifests(base.folder, tree, base.config_file, base.config) != base.files:
        return False
    return _beside(base, tree) == _beside(base, base.commit)


def _beside(base: Revision, tree: str) -> dict[str, Blob]:
    """What is read besides manifests. A policy may lead to any other file of JSON."""
    top = base.config_file.parent
    known = {base.config_file.as_posix(), (top / FILE).as_posix()}
    policies = base.config.value.policies is not None
    return {
        name: blob
        for name, blob in files_of(base.folder, tree, top.as_posix()).items()
        if name in known or (policies and name.endswith(".json"))
    }


def acknowledged_in(base: Revision, tree: str) -> Acknowledged:
    """The acknowledgements in ``tree``, in the project of ``base``. Raises GitError and InputError."""
    path = (base.config_file.parent / FILE).as_posix()
    blob = files_of(base.folder, tree, path).get(path)
    if blob is None:
        return Acknowledged()
    if blob.link:
        message = "a link; it is read from git, where a link has no contents"
        raise InputError([Problem("file-not-regular", message, Place(path), "put the file itself there")])
    if blob.size > DEFAULT_LIMITS.file_bytes:
        raise InputError([too_large(path, DEFAULT_LIMITS.file_bytes)])
    [data] = contents(base.folder, [blob.name])
    return read_acknowledgements(data, path)


def holds(base: Revision, tree: str, path: str) -> bool:
    """Whether ``path``, as it stands in the reconciler.yaml of ``base``, is a file in ``tree``, or leads
    through one, which would be a link."""
    try:
        wanted = _joined(base.config_file.parent, path)
    except GitError:
        return False
    steps = [step.as_posix() for step in (wanted, *wanted.parents) if step.parts]
    return any(step in files_of(base.folder, tree, step) for step in steps)


def _joined(folder: PurePosixPath, path: str) -> PurePosixPath:
    """``path`` below ``folder``, without dots. Raises GitError where it leaves the repository."""
    parts: list[str] = list(folder.parts)
    for part in PurePosixPath(path).parts:
        if part == ".." and not parts:
            raise GitError(f"the folder of manifests, '{path}', is not in the repository")
        if part == "..":
            parts.pop()
        elif part == "/":
            raise GitError(f"the folder of manifests, '{path}', is not named from reconciler.yaml")
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _shown(path: str, prefix: str) -> str:
    name = path.removeprefix(prefix)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


@staged("revisions")
def changed_files(one: Revision, other: Revision) -> tuple[set[str], set[str]]:
    """The files of each that the other does not have as they are; all where reconciler.yaml differs."""
    if one.config_blob != other.config_blob:
        return set(one.files), set(other.files)
    return (
        {name for name, blob in one.files.items() if other.files.get(name) != blob},
        {name for name, blob in other.files.items() if one.files.get(name) != blob},
    )


@staged("revisions")
def declared(revision: Revision, names: Collection[str]) -> Declared:
    """What the files called ``names`` declare in a revision. Raises GitError."""
    problems: list[Problem] = []
    documents: list[Document] = []
    most = DEFAULT_LIMITS.file_bytes
    wanted = {name: revision.files[name] for name in sorted(names)}
    for name, blob in wanted.items():
        if blob.link and not _leads_to_a_file(revision, name, blob):
            message = "a link that leads to no file of the folder of manifests"
            hint = "put the file itself into the folder"
            problems.append(Problem("link-leaves-folder", message, Place(revision.shown[name]), hint))
        elif not blob.link and blob.size > most:
            problems.append(too_large(revision.shown[name], most))
    read = {name: blob for name, blob in wanted.items() if not blob.link and blob.size <= most}
    for name, data in zip(
        read, contents(revision.folder, [blob.name for blob in read.values()]), strict=True
    ):
        found, mistakes = parse(data, revision.shown[name])
        documents += found
        problems += mistakes
    loaded = read_documents(revision.config, documents)
    problems += but_for(problems, loaded.problems)
    desired, more = desire_all(revision.config, loaded)
    problems += but_for(problems, more)
    return Declared(tuple(loaded.manifests), tuple(loaded.broken), tuple(desired), tuple(problems))


def write_files(revision: Revision, suffix: str, folder: Path) -> None:
    """Puts the files with ``suffix`` that stand beside and below reconciler.yaml into ``folder``, without
    links and what is larger than a manifest may be. Raises GitError and OSError."""
    top = revision.config_file.parent
    found = {
        name: blob
        for name, blob in files_of(revision.folder, revision.commit, top.as_posix()).items()
        if name.endswith(suffix) and not blob.link and blob.size <= DEFAULT_LIMITS.file_bytes
    }
    texts = contents(revision.folder, [blob.name for blob in found.values()])
    for name, data in zip(found, texts, strict=True):
        path = folder / PurePosixPath(name).relative_to(top)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _leads_to_a_file(revision: Revision, name: str, blob: Blob) -> bool:
    """Whether a link leads to what is read anyway, under its own name."""
    [target] = contents(revision.folder, [blob.name])
    try:
        path = _joined(PurePosixPath(name).parent, target.decode("utf-8")).as_posix()
    except (GitError, UnicodeDecodeError):
        return False
    return path in revision.files or any(other.startswith(f"{path}/") for other in revision.files)
