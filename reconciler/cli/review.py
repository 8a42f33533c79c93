"""`reconciler review`: what merging a request would apply, for those who review it.

What is planned is the proposed head merged into the tip of the base, under the base's reconciler.yaml. Of
the proposal only manifests and acknowledgements are read, as data, from git; what is checked out is not
looked at.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import click

from reconciler.cli import forge as forges
from reconciler.cli import options
from reconciler.cli.console import OutputError, paint, say, shown_path, write
from reconciler.cli.loading import Project
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.publishing import Desk, ReviewPublisher, project_of
from reconciler.cli.run import Asked, read_and_plan
from reconciler.declared import Diff, Registry, Side, diff_declared
from reconciler.errors import ExitCode, InputError, Place, Problem, SecretError, UsageError
from reconciler.forge.environment import DEFAULTS, ForgeName, Surroundings
from reconciler.forge.interface import Forge, ForgeError, ProposedChange, Verdict
from reconciler.git import GitError, commit_of, merged
from reconciler.guards.acknowledgements import Acknowledged
from reconciler.manifests.config import LoadedConfig, RegistryEntry
from reconciler.manifests.load import but_for
from reconciler.plan import Made, Plan
from reconciler.planfile import PlanFileError
from reconciler.planner import Selection
from reconciler.report.documents import render, review_document
from reconciler.report.markdown import COMMENT
from reconciler.report.review import marker, review_markdown, review_text
from reconciler.review import (
    NoLongerManaged,
    NotPlanned,
    Request,
    Review,
    flags_of,
    mistakes_of,
    new_acknowledgements,
    review_exit_code,
)
from reconciler.reviewfile import load_review
from reconciler.revisions import (
    Declared,
    Revision,
    acknowledged_in,
    changed_files,
    config_in,
    declared,
    holds,
    open_revision,
    path_from_top,
    proposed,
    unchanged,
    write_files,
)
from reconciler.secrets import FileSource
from reconciler.stages import stage

_SUMMARY_BYTES: Final = 1_000_000
"""GitHub takes 1 MiB for the summary of a step."""

_SHOWN: Final = "The job of the request had no credentials; its own words are in the comment."

_Code = Literal["no-credential", "only-proposed", "in-proposal"]


@click.command()
@options.common
@forges.options
@click.option("--request", "number", type=click.IntRange(min=1), help="The number of the request.")
@click.option("--base", metavar="REVISION", help="What it is merged into; the tip of its base if left out.")
@click.option("--head", metavar="REVISION", help="Its last commit; HEAD outside of CI.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the review, as JSON, to this file.",
)
@click.option("--no-publish", is_flag=True, help="Only print.")
@click.option(
    "--publish",
    "document",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Only post the review in this file, from a run that had no credentials, as a comment.",
)
def command(
    config_path: Path,
    output: str,
    verbose: int,
    forge: ForgeName | None,
    repository: str | None,
    api_url: str | None,
    token_env: str | None,
    number: int | None,
    base: str | None,
    head: str | None,
    out: Path | None,
    no_publish: bool,
    document: Path | None,
) -> int:
    """Show what merging a pull request or merge request would apply, and publish that for its reviewers.

    In GitHub Actions and GitLab CI the request is found; elsewhere give --base, and --head if it is not what
    is checked out. Published are one comment, which later runs replace, and a check with remarks on lines.
    """
    set_up_logging(level_of(verbose))
    where = forges.found(forge, repository, api_url, token_env)
    if document is not None:
        return _post(document, config_path, where, number)
    if number is not None and number != where.number:
        where = replace(where, number=number, base=None, head=None, fork=False, can_write=True)
    given = not (forge is None and repository is None and number is None)
    with _publishing(where, config_path, no_publish=no_publish, given=given) as publisher:
        return _review(config_path, output, verbose, where, publisher, base=base, head=head, out=out)


def _review(
    config_path: Path,
    output: str,
    verbose: int,
    where: Surroundings,
    publisher: ReviewPublisher | None,
    *,
    base: str | None,
    head: str | None,
    out: Path | None,
) -> int:
    if publisher is not None:
        where = publisher.begin(where)
    try:
        review = make_review(config_path, _sides(where, base, head), request=_request(where))
    except BaseException as error:
        if publisher is not None:
            publisher.fail(error)
        raise
    with stage("report"):
        return _told(config_path, output, verbose, where, publisher, review, out)


def _told(
    config_path: Path,
    output: str,
    verbose: int,
    where: Surroundings,
    publisher: ReviewPublisher | None,
    review: Review,
    out: Path | None,
) -> int:
    code = review_exit_code(review)
    artefact = out.name if out is not None else None
    command = _command(config_path, review)
    text = render(review_document(review, code)) if out is not None or output == "json" else ""
    if out is not None:
        _save(text, out)
    if output == "markdown":
        text = review_markdown(review, limit=COMMENT, artefact=artefact, command=command)
    elif output == "text":
        text = review_text(review, verbose=verbose > 0, paint=paint(sys.stdout))
    try:
        write(text)
        if where.summary is not None:
            told = review_markdown(review, limit=_SUMMARY_BYTES, artefact=artefact, command=command)
            _append(told, where.summary)
    finally:
        if publisher is not None:
            publisher.end(review, artefact=artefact, command=command)
    return int(code)


@contextmanager
def _publishing(
    where: Surroundings, config_path: Path, *, no_publish: bool, given: bool
) -> Iterator[ReviewPublisher | None]:
    """A publisher where there is a request and a token that can write; what is missing is said.

    ``given``: options say what to publish to, so that a missing token is a mistake.

    Raises ForgeError, and UsageError where the forge cannot be asked at all.
    """
    if no_publish:
        yield None
    elif not where.can_write:
        say("the request comes from a fork, whose jobs cannot write: nothing is published")
        yield None
    elif given and forges.token_of(where) is None:
        name = where.token_env or " or ".join(variable for _, variable in DEFAULTS.values())
        hint = f"export {name}=… , name another variable with --token-env, or give --no-publish"
        raise UsageError(f"there is no token for the forge: {name} is not set", hint=hint)
    elif where.number is None:
        yield None
    elif forges.token_of(where) is None:
        say(f"{where.token_env} is not set: nothing is published, and nothing is approved")
        yield None
    else:
        desk = Desk(forges.connect(where))
        try:
            yield ReviewPublisher(desk, where.number, project_of(config_path))
        finally:
            desk.close()


def _post(document: Path, config_path: Path, where: Surroundings, number: int | None) -> int:
    """Posts the review of a run that nobody trusts. Which request it is for, CI says, never the file.

    Raises PlanFileError, ForgeError, and UsageError where it is not known for which request.
    """
    review = load_review(document, shown_path(document))
    desk = Desk(forges.connect(where))
    try:
        change = desk.ask(_change(desk.forge, where, number))
        if review.head.commit != change.head:
            say("a newer commit has been pushed: nothing is posted")
            return int(ExitCode.OK)
        begin = marker("review", project_of(config_path))
        try:
            body = review_markdown(review, limit=desk.forge.comment_bytes, begin=begin, unverified=True)
        except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError):
            raise PlanFileError(f"{shown_path(document)}: it does not read as a review") from None
        desk.ask(desk.forge.begin(forges.SHOWN, change.head))
        desk.ask(desk.forge.end(forges.SHOWN, change.head, Verdict("neutral", "Shown, not reviewed", _SHOWN)))
        desk.ask(desk.forge.put_comment(change.number, begin, body))
    finally:
        desk.close()
    write(body)
    return int(ExitCode.OK)


async def _change(forge: Forge, where: Surroundings, number: int | None) -> ProposedChange:
    known = number if number is not None else where.number
    if known is not None:
        return await forge.change(known)
    if where.source is None or where.head is None:
        raise UsageError("it is not known for which request this is", hint="give --request")
    found = await forge.open_change(*where.source, where.head)
    if found is None:
        raise ForgeError(f"no open request ends with {where.head[:12]}")
    return found


def _request(where: Surroundings) -> Request | None:
    if where.forge is None or where.repository is None or where.number is None:
        return None
    return Request(where.forge, where.repository, where.number, where.fork)


@dataclass(frozen=True, slots=True)
class Sides:
    """Two revisions as git finds them, and as messages call them."""

    base: str
    base_name: str
    head: str
    head_name: str


def _sides(where: Surroundings, base: str | None, head: str | None) -> Sides:
    """Raises UsageError where it is not known what to merge into what."""
    if base is None and where.base is None:
        raise UsageError(
            "it is not known what the proposal is to be merged into",
            hint="give --base, or run it in CI for a pull request or merge request",
        )
    # The whole name: a tag or a branch of the same name must not take its place.
    tip = f"refs/remotes/origin/{where.base}" if base is None else base
    last = head or where.head or "HEAD"
    return Sides(tip, base or where.base or "", last, head or (where.head and "the request") or "HEAD")


def _command(config_path: Path, review: Review) -> str:
    """The command line that shows the same, at the top of the repository."""
    config = path_from_top(config_path).as_posix()
    words = ["reconciler", "review", "--base", review.base.commit, "--head", review.head.commit]
    return shlex.join([*words, *([] if config == "reconciler.yaml" else ["--config", config])])


def make_review(config_path: Path, sides: Sides, *, request: Request | None) -> Review:
    """The review of one side merged into the other.

    Raises GitError, and InputError for what is wrong with the base's reconciler.yaml.
    """
    base = open_revision(config_path, sides.base, prefixed=True, label=sides.base_name)
    head = commit_of(base.folder, sides.head)
    found = merged(base.folder, base.commit, head)
    review = Review(
        request,
        Side(sides.base_name, base.commit),
        Side(sides.head_name, head),
        found.tree,
        conflicts=found.conflicts,
    )
    return review if found.tree is None else _with_plan(review, base, found.tree)


def _with_plan(review: Review, base: Revision, tree: str) -> Review:
    problems: list[Problem] = []
    config: LoadedConfig | None = None
    try:
        config = config_in(base, tree)
    except GitError as error:
        place = Place(base.config_file.as_posix())
        problems.append(Problem("config-unreadable", error.message, place, error.hint))
    except InputError as error:
        problems += error.problems
    acknowledged = Acknowledged()
    try:
        acknowledged = acknowledged_in(base, tree)
    except InputError as error:
        problems += error.problems
    now = replace(proposed(base, tree), config=_with_registries(base.config, config))
    loaded = declared(now, now.files)
    problems += loaded.problems
    problems += but_for(problems, _violations(base, loaded))
    review = replace(
        review,
        unchanged=unchanged(base, tree),
        mistakes=mistakes_of(problems),
        flags=flags_of(base.config, config) if config is not None else (),
        acknowledged=new_acknowledgements(_acknowledged_before(base), acknowledged),
    )
    if problems:
        return review
    left_out = tuple(_left_out(base, tree, now.config, loaded))
    review = replace(review, not_planned=left_out, released=_released(review, base, now, loaded))
    plan = _plan(review, base, loaded, acknowledged)
    diff = _diff(review, base, now)
    return replace(review, plan=plan, diff=diff)


def _violations(base: Revision, loaded: Declared) -> list[Problem]:
    """What the policies of the base say of the manifests. Raises OutputError where they find no room."""
    if base.config.value.policies is None:
        return []
    from reconciler.policies.check import check_policies

    documents = [*loaded.broken, *(manifest.document for manifest in loaded.manifests)]
    try:
        with TemporaryDirectory(prefix="reconciler-") as folder:
            write_files(base, ".json", Path(folder))
            return check_policies(replace(base.config, folder=Path(folder)), documents)
    except OSError as error:
        raise OutputError("a folder for the policies", error) from None


def _acknowledged_before(base: Revision) -> Acknowledged:
    """Those of the base; none where they are wrong, so that all of the proposal's are new."""
    try:
        return acknowledged_in(base, base.commit)
    except InputError:
        return Acknowledged()


def _with_registries(base: LoadedConfig, proposal: LoadedConfig | None) -> LoadedConfig:
    """``base`` with the registries that only ``proposal`` has, so that manifests may name them."""
    if proposal is None:
        return base
    new = {
        name: entry for name, entry in proposal.value.registries.items() if name not in base.value.registries
    }
    registries = {**base.value.registries, **new}
    return replace(base, value=base.value.model_copy(update={"registries": registries}))


def _left_out(base: Revision, tree: str, config: LoadedConfig, loaded: Declared) -> Iterator[NotPlanned]:
    """The registries that manifests are for and that are not asked, and why."""
    wanted = {one.registry for one in loaded.desired}
    for name, entry in config.value.registries.items():
        why = _why_not(base, tree, name, entry) if name in wanted else None
        if why is not None:
            yield NotPlanned(name, entry.kind, _target(entry), *why)


def _why_not(base: Revision, tree: str, name: str, entry: RegistryEntry) -> tuple[_Code, str] | None:
    if name not in base.config.value.registries:
        return "only-proposed", "it is not in the reconciler.yaml of the base"
    if entry.embedded is not None:
        in_proposal = holds(base, tree, entry.embedded)
        return ("in-proposal", "its file is part of the proposal") if in_proposal else None
    source = base.config.credential(name)
    if isinstance(source, FileSource) and holds(base, tree, source.file):
        return "in-proposal", "the file of its credential is part of the proposal"
    try:
        if source is not None:
            source.read(name, os.environ)
    except SecretError as error:
        return "no-credential", error.message.removeprefix(f"{name}: ")
    return None


def _plan(review: Review, base: Revision, loaded: Declared, acknowledged: Acknowledged) -> Plan | None:
    """What would be applied to the registries that may be asked; None where there is none."""
    left_out = {one.registry for one in review.not_planned}
    desired = [one for one in loaded.desired if one.registry not in left_out]
    names = [name for name in base.config.value.registries if any(one.registry == name for one in desired)]
    if not names:
        return None
    project = Project(base.config, loaded.manifests, desired, acknowledged)
    plan = read_and_plan(project, Asked(names, Selection()), run=asyncio.run).plan
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return replace(plan, made=Made(at, review.head.commit, dirty=False))


def _released(review: Review, base: Revision, now: Revision, loaded: Declared) -> tuple[NoLongerManaged, ...]:
    """What the base manages and the merge does not, for every registry of the base."""
    before, _ = changed_files(base, now)
    then = declared(base, before).desired
    known = {(one.registry, one.manifest.resource, one.name) for one in then}
    since = [one for one in loaded.desired if (one.registry, one.manifest.resource, one.name) in known]
    registries = [
        Registry(name, entry.kind, _target(entry)) for name, entry in base.config.value.registries.items()
    ]
    found = diff_declared((review.base, review.head), registries, then, since)
    return tuple(
        NoLongerManaged(part.name, one.resource, one.name, one.place)
        for part in found.registries
        for one in part.released
    )


def _target(entry: RegistryEntry) -> str:
    return entry.url or f"embedded:{entry.embedded}"


def _diff(review: Review, base: Revision, now: Revision) -> Diff | None:
    """What is declared differently for the registries that were not asked; None where there is none."""
    names = {one.registry for one in review.not_planned}
    if not names:
        return None
    before, after = changed_files(base, now)
    if (
        base.config != now.config
    ):  # what is declared for new registries is new, in files that did not change too
        before, after = set(base.files), set(now.files)
    then, since = declared(base, before), declared(now, after)
    notes = [f"{problem.place}: {problem.message}; taken as not declared" for problem in then.problems]
    registries = [Registry(one.registry, one.kind, one.target) for one in review.not_planned]
    found = diff_declared((review.base, review.head), registries, then.desired, since.desired, notes)
    return found if found.registries or found.notes else None


def _save(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), error) from None


def _append(text: str, path: Path) -> None:
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise OutputError(str(path), error) from None
