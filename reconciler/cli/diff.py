"""`reconciler diff`: what two git revisions declare differently. No registry, no token, no checkout."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, shown_path, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.declared import Diff, Registry, Side, diff_declared
from reconciler.errors import ExitCode, InputError
from reconciler.manifests.config import LoadedConfig
from reconciler.report.diff import diff_text
from reconciler.report.documents import diff_document, render
from reconciler.report.markdown import COMMENT, diff_markdown
from reconciler.revisions import Revision, changed_files, declared, open_revision
from reconciler.stages import stage


@click.command()
@click.argument("base")
@click.argument("head", default="HEAD")
@options.common
@click.option("--exit-code", is_flag=True, help="Exit with 2 where anything is declared differently.")
def command(config_path: Path, output: str, verbose: int, base: str, head: str, exit_code: bool) -> int:
    """Show what two git revisions declare differently. Asks git alone: no registry, no token, no checkout.

    BASE and HEAD are branches, tags or commits; HEAD is what is checked out if left out. What is not
    committed is not looked at.
    """
    set_up_logging(level_of(verbose))
    found = between(config_path, base, head)
    code = ExitCode.REFUSED if found.actions("refused") else ExitCode.OK
    if code is ExitCode.OK and exit_code and found.registries:
        code = ExitCode.CHANGES
    with stage("report"):
        if output == "json":
            write(render(diff_document(found, code)))
        elif output == "markdown":
            words = ["reconciler", "diff", found.base.commit, found.head.commit]
            write(diff_markdown(found, limit=COMMENT, command=shlex.join([*words, *_given(config_path)])))
        else:
            write(diff_text(found, verbose=verbose > 0, paint=paint(sys.stdout)))
    return int(code)


def _given(config_path: Path) -> list[str]:
    config = shown_path(config_path)
    return [] if config == "reconciler.yaml" else ["--config", config]


def between(config_path: Path, base: str, head: str) -> Diff:
    """What two revisions declare differently.

    Raises GitError, and InputError for mistakes in ``head``; what is wrong in ``base`` is only told.
    """
    then = open_revision(config_path, base, prefixed=True)
    now = open_revision(config_path, head)
    before, after = (
        declared(revision, names)
        for revision, names in zip((then, now), changed_files(then, now), strict=True)
    )
    if after.problems:
        raise InputError(after.problems)
    notes = [f"{problem.place}: {problem.message}; taken as not declared" for problem in before.problems]
    return diff_declared(
        (Side(base, then.commit), Side(head, now.commit)),
        _registries(now, then),
        before.desired,
        after.desired,
        notes,
    )


def _registries(*revisions: Revision) -> list[Registry]:
    """The registries of the first revision, then those that only a later one has."""
    found: dict[str, Registry] = {}
    for revision in revisions:
        for registry in _configured(revision.config):
            found.setdefault(registry.name, registry)
    return list(found.values())


def _configured(config: LoadedConfig) -> list[Registry]:
    return [
        Registry(name, entry.kind, entry.url or f"embedded:{entry.embedded}")
        for name, entry in config.value.registries.items()
    ]
