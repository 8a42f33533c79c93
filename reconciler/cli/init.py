"""`reconciler init`: the files of a new repository, and the workflows of its forge. Overwrites nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from reconciler import git, scaffold
from reconciler.cli.console import OutputError, say, shown_path, write
from reconciler.errors import UsageError


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--ci",
    "forges",
    multiple=True,
    type=click.Choice(scaffold.FORGES),
    help="Add the workflows of this forge; may be repeated.",
)
@click.option(
    "--kind",
    type=click.Choice(scaffold.KINDS),
    default=scaffold.KINDS[0],
    show_default=True,
    help="The kind of registry to start with.",
)
def command(folder: Path, forges: tuple[str, ...], kind: str) -> None:
    """Write reconciler.yaml, one manifest, the schemas for editors and a line in .gitignore into DIR.

    The registry is an embedded one, so plan and apply work at once. Overwrites nothing: where one of the
    files is there already, none is written. Where reconciler.yaml is there, --ci adds the workflows alone.
    """
    branch = _branch(folder, forges)
    wanted, notes = _wanted(folder, forges, kind, branch)
    taken = [path for path in wanted if (folder / path).exists() or (folder / path).is_symlink()]
    if taken:
        listed = ", ".join(shown_path(folder / path) for path in taken)
        raise UsageError(
            f"nothing is overwritten, and nothing was written; there already: {listed}",
            hint="move them away, or give another folder",
        )
    ignore = folder / ".gitignore"
    with _all_or_none() as made:
        for path, text in wanted.items():
            _create(folder / path, text, made)
        if not ignore.exists():
            _create(ignore, scaffold.ignoring(""), made)
        elif _add_line(ignore):
            notes = [f"{shown_path(ignore)} got the line {scaffold.IGNORED}", *notes]
    write("\n".join(shown_path(path) for path in made.files))
    for note in notes:
        say(f"note: {note}")
    if "reconciler.yaml" in wanted:
        where = "" if folder.resolve() == Path.cwd() else f"cd {shown_path(folder)}, then "
        say(f"next: {where}reconciler plan")


def _wanted(
    folder: Path, forges: Sequence[str], kind: str, branch: str
) -> tuple[dict[str, str], Sequence[str]]:
    """The files to write, by their paths in ``folder``, and what to say about them."""
    files: dict[str, str] = {}
    notes = []
    if forges and (folder / "reconciler.yaml").is_file():
        notes.append(f"{shown_path(folder / 'reconciler.yaml')} is there; only the workflows are added")
    else:
        files = scaffold.repository(kind) | _schemas()
    for forge in forges:
        files |= scaffold.workflows(forge, kind, branch)
    if "github" in forges:
        notes.append(f"the workflow of apply runs on the branch {branch}")
    if scaffold.GITLAB_ENTRY in files and (folder / scaffold.GITLAB_ENTRY).is_file():
        del files[scaffold.GITLAB_ENTRY]
        notes.append(
            f"{shown_path(folder / scaffold.GITLAB_ENTRY)} is there and stays as it is; add below its "
            f"`include:`  - local: {scaffold.GITLAB_JOBS}"
        )
    return files, notes


def _schemas() -> dict[str, str]:
    """The schemas of what people write."""
    from reconciler.schemas import schema_of, text_of

    written = ("config", "model", "provider", "acknowledgements")
    names = [f"{name}.schema.json" for name in written]
    return {f"schemas/{name}": text_of(schema_of(name)) for name in names}


def _branch(folder: Path, forges: Sequence[str]) -> str:
    """The default branch. Raises UsageError where workflows would lie where no forge looks for them."""
    if not forges:
        return ""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    try:
        below = git.path_in_repository(there)
    except git.GitError:
        return "main"
    if below or there != folder.absolute():
        raise UsageError(
            f"{shown_path(folder)} is not the top of its repository, and forges look for workflows there",
            hint="run init --ci at the top; docs/ci.md says how jobs work in a folder below it",
        )
    return git.default_branch(there) or "main"


class _Made:
    """What this run has made, in order."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.folders: list[Path] = []


@contextlib.contextmanager
def _all_or_none() -> Iterator[_Made]:
    """Takes away what was made where something goes wrong."""
    made = _Made()
    try:
        yield made
    except BaseException:
        for path in made.files:
            path.unlink(missing_ok=True)
        for folder in reversed(made.folders):
            with contextlib.suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def _create(file: Path, text: str, made: _Made) -> None:
    missing = [folder for folder in file.parents if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir()
            made.folders.append(folder)
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            made.files.append(file)
            stream.write(text)
    except OSError as error:
        raise OutputError(shown_path(file), error) from None


def _add_line(ignore: Path) -> bool:
    """Adds the line that a .gitignore needs; whether it lacked it."""
    try:
        before = ignore.read_bytes().decode("utf-8", "surrogateescape")
        more = scaffold.ignoring(before)[len(before) :]
        if more:
            with ignore.open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(more)
    except OSError as error:
        raise OutputError(shown_path(ignore), error) from None
    return bool(more)
