"""The steps of a run that follow `loading`: observe, plan. Each takes values and gives values."""

from __future__ import annotations

import datetime as dt
import os
import shlex
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from reconciler.cli.console import shown_path
from reconciler.cli.loading import Project
from reconciler.errors import PluginError, RegistryError, SecretError, StorageError, UsageError
from reconciler.git import head
from reconciler.guards.acknowledgements import FILE
from reconciler.manifests.problems import did_you_mean
from reconciler.plan import Made, Plan, Scope
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation, Reader, ReaderByName, Usages
from reconciler.stages import stage

if TYPE_CHECKING:
    from reconciler.narrow import Narrow
    from reconciler.sharding import Shard
    from reconciler.since import Changed

T = TypeVar("T")

Reached = Connection | RegistryError
Observed = dict[str, Observation | RegistryError]
Told = dict[str, Usages | None]


class NotReady(RegistryError):
    """A registry that cannot even be asked: its token, its file, its adapter. Tells what its cause tells."""

    def __init__(self, registry: str, cause: SecretError | StorageError | PluginError) -> None:
        super().__init__(cause.message, registry=registry, hint=cause.hint)
        self.code = cause.code


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made from. ``reached`` and ``observed`` are by registry name.

    ``whole`` is what the plan is a part of, where this process is one of several.
    """

    project: Project
    reached: Mapping[str, Reached]
    observed: Mapping[str, Observation | RegistryError]
    plan: Plan
    whole: Plan | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks of a plan; ``make_plan`` says what each part means. ``since`` is a revision
    of git: only what has changed since."""

    registries: Sequence[str]
    selection: Selection
    resend: Sequence[str] = ()
    all_usages: bool = False
    since: str | None = None

    def command(
        self,
        config_path: Path,
        name: str = "plan",
        *,
        applied: str | None = None,
        shard: Shard | None = None,
    ) -> str:
        """The command line that plans the same, or that the command called ``name`` makes of it; ``applied``
        is the revision that `drift` was told was applied last, ``shard`` the part that it was asked for."""
        since = applied or self.since
        config = shown_path(config_path)
        options = [
            *([] if config == "reconciler.yaml" else ["--config", config]),
            *(word for name in self.registries for word in ("--registry", name)),
            *(word for pattern in self.selection.only for word in ("--only", pattern)),
            *(word for pattern in self.selection.without for word in ("--except", pattern)),
            *(word for path in self.resend for word in ("--resend", path)),
            *(["--usages"] if self.all_usages else []),
            *(["--since", since] if since else []),
            *(["--shard", str(shard)] if shard else []),
        ]
        return shlex.join(["reconciler", name, *options])


def show_command(plan_file: Path) -> str:
    """The command line that shows a saved plan."""
    return shlex.join(["reconciler", "show", shown_path(plan_file)])


Run = Callable[[Coroutine[Any, Any, None]], None]
"""What runs a coroutine to its end, such as ``asyncio.run``."""


def completed(run: Run, coroutine: Coroutine[Any, Any, T]) -> T:
    """What ``coroutine`` gives, by way of a main task that gives nothing.

    When asyncio puts the handler of SIGINT back, Python makes a text of that task and of its result, which
    for ten thousand models takes longer than to read them.
    """
    results: list[T] = []

    async def main() -> None:
        results.append(await coroutine)

    run(main())
    return results[0]


def read_and_plan(
    project: Project,
    asked: Asked,
    *,
    run: Run,
) -> Planned:
    """Reads the registries and plans. ``run`` is what runs a coroutine, such as ``asyncio.run``.

    Raises UsageError for a registry, a pattern or a path that nothing has, and GitError for a revision.
    """
    asked.selection.check(project.manifests)
    # Before any registry is asked: a name that git does not have is found at once.
    changed = None if asked.since is None else changed_in(project, asked.since, asked.selection)
    selection = asked.selection if changed is None else replace(asked.selection, keys=changed.keys)
    names = choose_registries(project, asked.registries, selection)
    if project.split is not None and project.split.is_idle:
        names = []
    reached = connections(project, names)
    few = _few(project, reached, selection, asked.resend)
    observed, told = completed(run, _read(project, reached, few))
    plan = make_plan(
        project.config,
        project.desired,
        observed,
        selection=selection,
        acknowledged=project.acknowledged,
        usages=told,
        all_usages=asked.all_usages,
        resend=asked.resend,
    )
    scope = Scope(
        tuple(asked.registries),
        selection.only,
        selection.without,
        tuple(asked.resend),
        None if changed is None else changed.commit,
    )
    notes = plan.notes if changed is None else (*changed.notes, *plan.notes)
    return Planned(project, reached, observed, replace(plan, made=_made(project), scope=scope, notes=notes))


def changed_in(project: Project, revision: str, selection: Selection) -> Changed:
    """What has changed in the folder since ``revision``. Raises GitError."""
    from reconciler.since import Now, Patterns, changed_since

    now = Now(project.config, project.manifests, project.desired, project.acknowledged)
    return changed_since(now, revision, Patterns(selection.only, selection.without))


def selection_of(plan: Plan) -> Selection:
    """What ``plan`` is about. What had changed when it was made is what it has actions for: git may not be
    able to tell it again."""
    scope = plan.scope
    keys = None if scope.since is None else frozenset((each.registry, each.key) for each in plan.actions())
    return Selection(scope.only, scope.without, keys)


def planned_anew(planned: Planned, observed: Mapping[str, Observation | RegistryError]) -> Plan:
    """What a plan of the same scope would be, were it made on ``observed``."""
    return _plan_of(planned.project, observed, selection_of(planned.whole or planned.plan))


def same_again(
    project: Project,
    selection: Selection,
    again: Sequence[str],
    observed: Mapping[str, Observation | RegistryError],
) -> Plan:
    """A plan of ``selection`` on ``observed``, which sends ``again`` what one before did; that may fit
    nothing any more."""
    plan = _plan_of(project, observed, selection)
    known = {path for action in plan.actions() for path in action.unverified}
    resend = [path for path in again if path in known]
    return _plan_of(project, observed, selection, resend) if resend else plan


def _plan_of(
    project: Project,
    observed: Mapping[str, Observation | RegistryError],
    selection: Selection,
    resend: Sequence[str] = (),
) -> Plan:
    return make_plan(
        project.config,
        project.desired,
        observed,
        selection=selection,
        acknowledged=project.acknowledged,
        resend=resend,
    )


def _made(project: Project) -> Made:
    """Now, and from what git has checked out."""
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    folder = project.config.folder
    known = head(folder, Path(project.config.file).name, FILE, project.config.value.manifests)
    return Made(at, *(known or (None, None)))


def choose_registries(project: Project, given: Sequence[str], selection: Selection) -> list[str]:
    """The registries of a run, in the file's order: every one that a manifest of ``selection`` is for, of
    those that are given. With everything selected, those given.

    Raises UsageError for a name that reconciler.yaml does not have.
    """
    known = project.config.value.registries
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or f"reconciler.yaml has {', '.join(known)}"
            raise UsageError(f"no registry is named '{name}'", hint=hint)
    about = {one.registry for one in project.desired if selection.chooses(one)}
    # Of a registry that is named alone, a plan tells what it holds, also where no manifest is for it.
    wanted = set(given) & about if given and selection != Selection() else set(given) or about
    return [name for name in known if name in wanted]


def connections(project: Project, registries: Sequence[str]) -> dict[str, Reached]:
    """A connection to each of ``registries``, or why there is none; one without stops no other."""
    from reconciler.connect import connect

    def one(name: str) -> Reached:
        try:
            share = project.split.limits.get(name) if project.split is not None else None
            return connect(project.config, name, os.environ, share=share)
        except (SecretError, StorageError) as error:
            return NotReady(name, error)

    return {name: one(name) for name in registries}


def _few(
    project: Project, registries: Iterable[str], selection: Selection, resend: Collection[str]
) -> dict[str, Narrow]:
    """By registry, what is asked for by name, where that may be enough."""
    found: dict[str, Narrow] = {}
    if selection == Selection():
        return found
    from reconciler.narrow import narrow

    for name in registries:
        desired = [one for one in project.desired if one.registry == name]
        one = narrow(project.config, name, desired, selection, resend)
        if one is not None:
            found[name] = one
    return found


async def _read(
    project: Project, reached: Mapping[str, Reached], few: Mapping[str, Narrow]
) -> tuple[Observed, Told]:
    """What every registry holds, and at the same time who uses it."""
    import asyncio

    with stage("read"):
        observed, told = await asyncio.gather(_observe(project, reached, few), usages(project, reached))
    return observed, told


async def usages(project: Project, reached: Mapping[str, Reached]) -> Told:
    """Who uses what in every registry that can be asked; one that does not say costs a warning only."""

    def failed(name: str, error: RegistryError) -> Usages | None:
        if reached[name] is error or (isinstance(error, NotReady) and error.code == PluginError.code):
            return None  # it cannot be read either, and that is said
        message = error.message.removeprefix(f"{name}: ")
        return Usages(warning=f"it is not known who uses the models: {message}")

    answers = await _ask("usages", project, reached, lambda _, reader: reader.usages())
    return {
        name: failed(name, answer) if isinstance(answer, RegistryError) else answer
        for name, answer in answers.items()
    }


async def observe(
    project: Project, reached: Mapping[str, Reached], few: Mapping[str, Narrow] = MappingProxyType({})
) -> Observed:
    """Every registry read, all at the same time; one that fails stops no other. Each is read whole, but
    where ``few`` of its objects are enough."""
    with stage("read"):
        return await _observe(project, reached, few)


async def _observe(project: Project, reached: Mapping[str, Reached], few: Mapping[str, Narrow]) -> Observed:
    async def one(name: str, reader: Reader) -> Observation:
        wanted = few.get(name)
        if wanted is not None:
            found = await cast("ReaderByName", reader).observe_only(wanted.names)
            if found is not None and wanted.suffices(found):
                return found
        return await reader.observe()

    return await _ask("read", project, reached, one)


async def _ask(
    what: str,
    project: Project,
    reached: Mapping[str, Reached],
    question: Callable[[str, Reader], Awaitable[T]],
) -> dict[str, T | RegistryError]:
    """What each registry answers, or why it does not, all at the same time."""
    import asyncio

    from reconciler.connect import kind_of

    async def one(name: str, connection: Reached) -> T | RegistryError:
        if isinstance(connection, RegistryError):
            return connection
        try:
            with stage(what, name, kind=project.config.value.registries[name].kind):
                async with kind_of(project.config, name).client().reader(connection) as reader:
                    return await question(name, reader)
        except (SecretError, StorageError, PluginError) as error:
            return NotReady(name, error)
        except RegistryError as error:
            return error

    answers = await asyncio.gather(*(one(name, connection) for name, connection in reached.items()))
    return dict(zip(reached, answers, strict=True))
