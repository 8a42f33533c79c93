"""`reconciler import`: manifests for what a registry holds already."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import OutputError, say, shown_path, write
from reconciler.cli.loading import Project, load
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.run import choose_registries, completed, connections, observe
from reconciler.errors import ExitCode, InputError, ReconcilerError, RegistryError, UsageError
from reconciler.importing import Import, Imported, SecretStub, choose, import_objects
from reconciler.planner import Selection
from reconciler.registries.interface import Observation
from reconciler.report.counting import counted
from reconciler.report.safe import safe
from reconciler.secrets import SecretRef

_NAMED: int = 10
"""How many files an error names."""


class FilesExist(ReconcilerError):
    """What would be written is there already; nothing is ever overwritten."""

    code = "file-exists"


@dataclass(frozen=True, slots=True)
class _Target:
    """Where manifests go: ``file`` for all in one, or one each into ``folder``; ``stdout`` for neither."""

    folder: Path
    file: Path | None
    stdout: bool


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    text: str
    manifests: tuple[Imported, ...]


@click.command("import")
@click.argument("registry")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.config
@options.output
@options.verbose("")
@click.option(
    "--to", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Write one file each here."
)
@click.option("--one-file", "file", metavar="FILE", type=click.Path(path_type=Path), help="Write one file.")
@click.option("--stdout", is_flag=True, help="Write no file; print the manifests.")
def command(
    registry: str,
    names: tuple[str, ...],
    config_path: Path,
    output: str,
    verbose: int,
    folder: Path | None,
    file: Path | None,
    stdout: bool,
) -> int:
    """Write manifests for what REGISTRY holds, so that the next plan has nothing to do.

    NAME is an id, a name or a glob; without any, all of yours that no manifest means yet. Nothing is
    overwritten, and nothing is changed in the registry.
    """
    set_up_logging(level_of(verbose))
    if sum((folder is not None, file is not None, stdout)) > 1:
        raise UsageError("--to, --one-file and --stdout exclude each other", hint="keep one of them")
    project = _project(config_path)
    target = _Target(folder or project.config.manifests, file, stdout)
    if not stdout and file is None and target.folder.exists() and not target.folder.is_dir():
        raise UsageError(f"{shown_path(target.folder)} is no folder", hint="give --one-file FILE or --to DIR")
    observation = _observation(project, registry)
    desired = [one for one in project.desired if one.registry == registry]
    taken = {(one.resource, one.name) for one in project.manifests}
    chosen = choose(observation, names)
    result = import_objects(project.config, desired, observation, chosen, taken, secrets=_secrets(project))
    files = _files(project, target, result)
    if not stdout:
        _save(files)
    code = ExitCode.REFUSED if any(one.failed for one in result.skipped) else ExitCode.OK
    if output == "json":
        _write_document(project, registry, result, files, code, stdout=stdout)
    else:
        _write_text(project, target, result, files)
    return int(code)


def _project(config_path: Path) -> Project:
    """What the folder says. It need not be there yet: this may be what fills it first.

    It may name secrets that reconciler.yaml lacks and violate the team's policies, because an earlier import
    leaves it so. Raises InputError.
    """
    try:
        return load(config_path, tolerate={"unknown-secret", "policy"})
    except InputError as error:
        if [problem.code for problem in error.problems] != ["folder-missing"]:
            raise
    from reconciler.guards.acknowledgements import Acknowledged
    from reconciler.manifests.config import load_config

    return Project(load_config(config_path, shown_path(config_path)), (), (), Acknowledged())


def _secrets(project: Project) -> set[str]:
    """The names of all secrets that manifests use."""
    values = (value for one in project.desired for _, value in one.fields.values())
    return {value.name for value in values if isinstance(value, SecretRef)}


def _observation(project: Project, registry: str) -> Observation:
    """Raises UsageError for a registry that is not there, RegistryError for one that cannot be read."""
    reached = connections(project, choose_registries(project, [registry], Selection()))
    found = completed(asyncio.run, observe(project, reached))[registry]
    if isinstance(found, RegistryError):
        raise found
    return found


# ---- files


def _files(project: Project, target: _Target, result: Import) -> list[_File]:
    """Every file that there will be, one for each manifest or one for all."""
    if not result.manifests:
        return []
    if target.file is not None or target.stdout:
        path = target.file or target.folder / "stdout.yaml"
        texts = [one.text(_schema(project, path, one)) for one in result.manifests]
        return [_File(path, "\n---\n".join(texts), result.manifests)]
    names = Counter(one.name.casefold() for one in result.manifests)
    files = []
    for one in result.manifests:
        # A model and a provider may have one name; two files may not.
        ending = (
            "" if one.resource == "Model" or names[one.name.casefold()] == 1 else f".{one.resource.lower()}"
        )
        path = target.folder / f"{one.name}{ending}.yaml"
        files.append(_File(path, one.text(_schema(project, path, one)), (one,)))
    return files


def _schema(project: Project, path: Path, one: Imported) -> str:
    """Where editors find the schema from ``path``: in the folder `schemas` beside reconciler.yaml."""
    schema = project.config.folder.resolve() / "schemas" / f"{one.resource.lower()}.schema.json"
    return Path(os.path.relpath(schema, path.resolve().parent)).as_posix()


def _save(files: Sequence[_File]) -> None:
    """Writes every file, or none. Raises FilesExist, OutputError."""
    there = [shown_path(file.path) for file in files if os.path.lexists(file.path)]
    if there:
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        raise FilesExist(
            f"{', '.join(there[:_NAMED])}{more}: there already; nothing was written",
            hint="move them away, or write elsewhere with --to DIR or --one-file FILE",
        )
    written: list[Path] = []
    for file in files:
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            with file.path.open("x", encoding="utf-8", newline="\n") as stream:
                written.append(file.path)
                stream.write(file.text)
        except OSError as error:
            for path in written:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise OutputError(shown_path(file.path), error) from None


# ---- words


def _write_document(
    project: Project, registry: str, result: Import, files: Sequence[_File], code: ExitCode, *, stdout: bool
) -> None:
    from reconciler.report.documents import API_VERSION, render

    written = [
        {
            "resource": one.resource,
            "name": one.name,
            "id": one.id,
            "file": None if stdout else shown_path(file.path),
            "left_out": list(one.left_out),
        }
        for file in files
        for one in file.manifests
    ]
    document = {
        "apiVersion": API_VERSION,
        "kind": "Import",
        "exit_code": int(code),
        "registry": registry,
        "written": written,
        "already": [{"resource": live.resource, "id": live.id} for live in result.already],
        "skipped": [{"id": one.id, "reason": one.reason} for one in result.skipped],
        "warnings": _warnings(project, result),
        "secrets": [
            {"name": stub.name, "env": stub.name, "hosts": list(stub.hosts), "used_by": stub.used_by}
            for stub in _stubs(result)
        ],
    }
    texts = {"manifests": "".join(file.text for file in files)} if stdout else {}
    write(render({**document, **texts}))


def _write_text(project: Project, target: _Target, result: Import, files: Sequence[_File]) -> None:
    tell = say if target.stdout else write
    if target.stdout:
        for file in files:
            write(file.text)
    elif target.file is None and files and not _is_read(project, target.folder):
        say(f"note: {shown_path(target.folder)} is not read: the manifests are in {_manifests(project)}")
    elif target.file is not None and files and not _is_read(project, target.file):
        say(f"note: {shown_path(target.file)} is not read: the manifests are in {_manifests(project)}")
    for warning in _warnings(project, result):
        say(f"warning: {safe(warning)}")
    place = "" if target.stdout or not files else f" to {shown_path(target.file or target.folder)}"
    verb = "printed" if target.stdout else "written"
    already = f", {len(result.already)} already in git" if result.already else ""
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    manifests = counted(len(result.manifests), "manifest", "manifests")
    tell(f"{manifests} {verb}{place}{already}{skipped}.")
    stubs = _stubs(result)
    if stubs:
        tell(
            "\nKeys are never read from a registry. Until reconciler.yaml has these, validate says what is "
            "missing:"
        )
        tell("\n".join(["", "secrets:", *(f"  {stub.line}" for stub in stubs), "", ""]))
    if result.manifests:
        unlisted = any(problem.code == "unknown-secret" for problem in project.tolerated)
        given = ", once the secrets are there" if stubs or unlisted else ""
        tell(f"A plan of {'them' if len(result.manifests) > 1 else 'it'} has nothing to do{given}.")


def _manifests(project: Project) -> str:
    return shown_path(project.config.manifests)


def _is_read(project: Project, path: Path) -> bool:
    """Whether what lies at ``path`` is among the manifests of the project."""
    return path.resolve().is_relative_to(project.config.manifests.resolve())


def _stubs(result: Import) -> list[SecretStub]:
    return [stub for one in result.manifests for stub in one.secrets]


def _warnings(project: Project, result: Import) -> list[str]:
    unlisted = [f"{problem.place}: {problem.message}" for problem in project.tolerated]
    left_out = [f"{one.name}: left out {text}" for one in result.manifests for text in one.left_out]
    return [*unlisted, *left_out, *(f"{one.label}: not imported: {one.reason}" for one in result.skipped)]
