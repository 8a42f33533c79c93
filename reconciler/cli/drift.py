"""`reconciler drift`: what moved in the registries since the last apply. Writes nothing, as `plan`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, write
from reconciler.cli.loading import load
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.past import recent, with_past
from reconciler.cli.run import Asked, Planned, read_and_plan
from reconciler.desired import Desired
from reconciler.drift import Baseline, Drift, Key, exit_code, find_drift
from reconciler.errors import InputError, JournalError
from reconciler.git import GitError, path_in_repository
from reconciler.journal.applied import Applied, Moment, last_applied
from reconciler.journal.reading import Folder
from reconciler.journal.records import Written
from reconciler.manifests.config import LoadedConfig
from reconciler.plan import key_of
from reconciler.planner import Selection
from reconciler.report.documents import render
from reconciler.report.drift import drift_document, drift_markdown, drift_text
from reconciler.report.markdown import COMMENT
from reconciler.revisions import Revision, declared, open_revision
from reconciler.stages import stage, staged


@click.command()
@options.common
@options.no_cache
@options.selection
@click.option(
    "--since",
    metavar="REV",
    help="The revision (branch, tag or commit) that was applied last; the journal is then not asked.",
)
@click.option("--exit-code", "drift_counts", is_flag=True, help="Exit with 2 where there is drift.")
def command(
    config_path: Path,
    output: str,
    verbose: int,
    registries: tuple[str, ...],
    only: tuple[str, ...],
    without: tuple[str, ...],
    since: str | None,
    drift_counts: bool,
) -> int:
    """Show what moved in the registries since the last apply. Nothing is written anywhere.

    Says of each field that is not live as declared whether the registry or git moved, as far as the journal
    or the last applied commit tells. What only git moved is not drift: it is declared, and not applied yet.
    """
    set_up_logging(level_of(verbose))
    project = load(config_path)
    # Before any registry is asked: a name that git does not have is found at once.
    revision = None if since is None else open_revision(config_path, since, prefixed=True)
    asked = Asked(registries, Selection(only, without))
    planned = with_past(read_and_plan(project, asked, run=asyncio.run)).planned
    found = _drift(config_path, planned, revision)
    code = exit_code(found, drift_counts=drift_counts)
    with stage("report"):
        if output == "json":
            write(render(drift_document(found, code)))
        elif output == "markdown":
            again = asked.command(config_path, "drift", applied=since)
            write(drift_markdown(found, limit=COMMENT, command=again))
        else:
            write(drift_text(found, verbose=verbose > 0, paint=paint(sys.stdout)))
    return int(code)


@staged("compare")
def _drift(config_path: Path, planned: Planned, revision: Revision | None) -> Drift:
    plan, config = planned.plan, planned.project.config
    actions = plan.actions("create", "update", "refused")
    wanted = {(action.registry, action.key): action.place.file for action in actions}
    notes: tuple[str, ...] = ()
    if revision is not None:
        baselines = _of_revision(revision, Moment(commit=revision.commit), wanted, config)
    else:
        registries = [Written(part.name, part.kind, part.target) for part in plan.registries]
        try:
            applied = last_applied(recent(Folder(config.journal)), registries, list(wanted))
        except JournalError as error:
            applied, notes = {}, (error.message,)
        baselines = _of_journal(config_path, applied, wanted, config)
    found = find_drift(
        plan,
        planned.project.desired,
        planned.observed,
        baselines,
        since=None if revision is None else revision.commit,
    )
    return replace(found, notes=(*found.notes, *(note for note in notes if note not in found.notes)))


def _of_journal(
    config_path: Path, applied: Mapping[Key, Applied], wanted: Mapping[Key, str], config: LoadedConfig
) -> dict[Key, Baseline]:
    """What the journal, and the commits that it names, say of each object."""
    baselines = {key: Baseline(applied=known) for key, known in applied.items()}
    by_moment: dict[Moment, list[Key]] = {}
    for key, known in applied.items():
        if known.of_commit is not None and known.doubt is None:
            by_moment.setdefault(known.of_commit, []).append(key)
    for moment, keys in by_moment.items():
        try:
            revision = open_revision(config_path, moment.commit or "", prefixed=True)
            found = _of_revision(revision, moment, {key: wanted[key] for key in keys}, config)
        except (GitError, InputError) as error:
            why = f"the commit of run {moment.run} cannot be read: {_message(error)}"
            found = {key: Baseline(reason=why) for key in keys}
        baselines |= {key: replace(each, applied=applied[key]) for key, each in found.items()}
    return baselines


def _message(error: GitError | InputError) -> str:
    return error.problems[0].message if isinstance(error, InputError) else error.message


def _of_revision(
    revision: Revision, moment: Moment, wanted: Mapping[Key, str], config: LoadedConfig
) -> dict[Key, Baseline]:
    """What a revision declares of ``wanted``, whose files are where their manifests are now.

    Raises GitError.
    """
    if not wanted:
        return {}
    known = revision.config.value.registries
    now = config.value.registries
    name = revision.commit[:12]
    found, mistake = _declared(revision, wanted, config)

    def baseline(key: Key) -> Baseline:
        registry = key[0]
        there = known.get(registry)
        is_same = there is not None and all(
            getattr(there, part) == getattr(now[registry], part) for part in ("kind", "url", "embedded")
        )
        if not is_same:
            return Baseline(reason=f"{name} has no registry '{registry}' of this kind and address")
        one = found.get(key)
        if one is None and mistake is not None:
            return Baseline(reason=f"{name} cannot be read whole: {mistake}")
        if one is not None and one.refusals and moment.run is None:
            return Baseline(reason=f"{name} could not be applied: {one.refusals[0].message}")
        return Baseline(moment, one)

    return {key: baseline(key) for key in wanted}


def _declared(
    revision: Revision, wanted: Mapping[Key, str], config: LoadedConfig
) -> tuple[dict[Key, Desired], str | None]:
    """What a revision declares, and the first mistake in it.

    Manifests mostly stay in their files, so those are read first, and the others only where one is missing.
    """
    prefix = path_in_repository(revision.folder)
    folder = config.folder.absolute()
    likely = {f"{prefix}{_below(Path(file), folder)}" for file in wanted.values()} & set(revision.files)

    def read(names: Collection[str]) -> tuple[dict[Key, Desired], str | None]:
        some = declared(revision, names)
        by_key = {(one.registry, key_of(one.manifest.resource, one.name)): one for one in some.desired}
        mistakes = [f"{problem.place}: {problem.message}" for problem in some.problems]
        return by_key, (mistakes[0] if mistakes else None)

    found = read(likely)
    return found if wanted.keys() <= found[0].keys() else read(revision.files)


def _below(file: Path, folder: Path) -> str:
    return Path(os.path.relpath(file.absolute(), folder)).as_posix()
