"""`reconciler new`: a manifest from an entry of the catalogue of public prices. Overwrites nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.console import OutputError, say, shown_path, write
from reconciler.cli.prices import day as day_option
from reconciler.errors import Problem, UsageError

if TYPE_CHECKING:
    from reconciler.manifests.config import LoadedConfig


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="ENTRY",
    help="openai/gpt-4o-mini, or gpt-4o-mini where one provider alone has it.",
)
@options.config
@options.output
@click.option(
    "--registry",
    "registries",
    multiple=True,
    metavar="NAME",
    help="The manifest is for this registry; may be repeated.",
)
@day_option
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to write. Default: NAME.yaml in the folder of manifests.",
)
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the manifest, write no file.")
def command(
    name: str,
    source: str,
    config_path: Path,
    output: str,
    registries: tuple[str, ...],
    day: datetime | None,
    target: Path | None,
    to_stdout: bool,
) -> None:
    """Write a manifest for the model NAME from an entry of the catalogue of public prices.

    What the catalogue does not know is left as a comment, and named. A file that is there is never
    overwritten.
    """
    from reconciler.manifests.config import load_config
    from reconciler.prices.catalogue import load_catalogue
    from reconciler.prices.draft import new_manifest
    from reconciler.prices.lookup import by_name

    if to_stdout and (target is not None or output == "json"):
        raise UsageError("--stdout writes no file and no document; leave --to and -o json out")
    config = load_config(config_path, shown_path(config_path))
    _check_name(config, name)
    if target is None and not to_stdout and config.manifests.is_file():
        raise UsageError(
            f"the manifests are one file, {shown_path(config.manifests)}, and no file is changed",
            hint="name another with --to, or print the manifest with --stdout",
        )
    named, choice = _registries(config, registries)
    catalogue = load_catalogue(day.date() if day else None)
    made = new_manifest(catalogue, by_name(catalogue, source), name, registries=named, choice=choice)
    file = target or (config.manifests / f"{name}.yaml")
    missing = _problems(config, made.text, file)
    if to_stdout:
        write(made.text)
    else:
        _create(file, made.text)
    if output == "json":
        from reconciler.report.documents import API_VERSION, render

        head = {"apiVersion": API_VERSION, "kind": "NewManifest", "exit_code": 0}
        valid = {"valid": not missing, "fill_in": made.unknown}
        write(render({**head, "file": shown_path(file), **valid}))
        return
    if not to_stdout:
        write(f"{shown_path(file)} is written.")
    say(f"not in the catalogue, so left to you: {', '.join(made.unknown)}")
    if missing:
        say("it does not validate yet:")
        for problem in missing:
            say(f"  {problem.message}; {problem.hint}" if problem.hint else f"  {problem.message}")


def _check_name(config: LoadedConfig, name: str) -> None:
    """Raises UsageError for what is no name, or is a manifest's already."""
    from reconciler.manifests.files import load_folder
    from reconciler.manifests.vocabulary import NAME, full
    from reconciler.manifests.yamltree import locate

    if full(NAME).match(name) is None:
        raise UsageError(
            f"'{name}' is no name for a manifest",
            hint="a name is 1 to 128 letters, digits, '.', '_' or '-', and starts with a letter or digit",
        )
    # Mistakes in other files are no reason not to add one.
    documents, _ = load_folder(config.manifests, relative_to=Path.cwd())
    for document in documents:
        root = document.root
        metadata = root.get("metadata") if isinstance(root, dict) and root.get("kind") == "Model" else None
        if isinstance(metadata, dict) and metadata.get("name") == name:
            place = locate(document, ("metadata", "name"))
            raise UsageError(f"a Model named '{name}' is already declared", hint=f"see {place}")


def _registries(config: LoadedConfig, given: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The registries to name in the manifest; where none is chosen, those to choose from.

    Raises UsageError for one that reconciler.yaml does not have.
    """
    from reconciler.manifests.problems import did_you_mean

    known = config.value.registries
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or f"reconciler.yaml has {', '.join(known)}"
            raise UsageError(f"no registry is named '{name}'", hint=hint)
    if given:
        return tuple(dict.fromkeys(given)), ()
    if config.value.default_registries is not None:
        return (), ()
    return (tuple(known), ()) if len(known) == 1 else ((), tuple(known))


def _problems(config: LoadedConfig, text: str, file: Path) -> Sequence[Problem]:
    """What `validate` would say of the manifest alone."""
    from reconciler.desired import desire_all
    from reconciler.manifests.load import read_documents
    from reconciler.manifests.yamltree import parse

    documents, problems = parse(text.encode(), shown_path(file))
    loaded = read_documents(config, documents)
    problems = [*problems, *loaded.problems] or desire_all(config, loaded)[1]
    return sorted(set(problems), key=Problem.sort_key)


def _create(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(shown_path(file), error) from None
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(
            f"{shown_path(file)} is there already, and nothing is overwritten", hint="name another with --to"
        ) from None
    except OSError as error:
        raise OutputError(shown_path(file), error) from None
