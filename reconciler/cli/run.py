"""The steps of a run: load, observe, plan. Each takes values and gives values."""

from __future__ import annotations

import datetime as dt
import os
import shlex
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from reconciler.cli.console import shown_path
from reconciler.cli.progress import working
from reconciler.desired import Desired, desire_all
from reconciler.errors import (
    InputError,
    PluginError,
    Problem,
    RegistryError,
    SecretError,
    StorageError,
    UsageError,
)
from reconciler.git import head
from reconciler.guards import FILE, Acknowledged, load_acknowledgements
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Manifest, but_for, load_manifests
from reconciler.manifests.problems import did_you_mean
from reconciler.plan import Made, Plan, Scope
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation, Reader, Usages
from reconciler.report.values import counted
from reconciler.sharding import Shard, Split

T = TypeVar("T")

Reached = Connection | RegistryError
Observed = dict[str, Observation | RegistryError]
Told = dict[str, Usages | None]


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that the folder says, free of mistakes but those that the command ``tolerated``.

    ``split`` is how the run is split, where this process is one of several.
    """

    config: LoadedConfig
    manifests: Sequence[Manifest]
    desired: Sequence[Desired]
    acknowledged: Acknowledged
    tolerated: Sequence[Problem] = ()
    split: Split | None = None


def load(config_path: Path, *, tolerate: Collection[str] = ()) -> Project:
    """Reads and checks every file.

    Raises InputError with all mistakes of all files, if there are others than those whose codes ``tolerate``
    has.
    """
    config = load_config(config_path, shown_path(config_path))
    loaded = load_manifests(config, relative_to=Path.cwd())
    desired, more = desire_all(config, loaded)
    problems = [*loaded.problems, *but_for(loaded.problems, more)]
    if config.value.policies is not None:
        from reconciler.policies.check import check_policies

        documents = [*loaded.broken, *(manifest.document for manifest in loaded.manifests)]
        problems += but_for(problems, check_policies(config, documents))
    acknowledged = Acknowledged()
    try:
        acknowledged = load_acknowledgements(config.folder / FILE, shown_path(config.folder / FILE))
    except InputError as error:
        problems += error.problems
    if any(problem.code not in tolerate for problem in problems):
        raise InputError(problems)
    return Project(config, loaded.manifests, desired, acknowledged, problems)


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
    """What the command line asks of a plan; ``make_plan`` says what each part means."""

    registries: Sequence[str]
    selection: Selection
    resend: Sequence[str] = ()
    all_usages: bool = False

    def command(
        self, config_path: Path, name: str = "plan", *, since: str | None = None, shard: Shard | None = None
    ) -> str:
        """The command line that plans the same, or that the command called ``name`` makes of it."""
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


def read_and_plan(
    project: Project,
    asked: Asked,
    *,
    run: Callable[[Coroutine[Any, Any, tuple[Observed, Told]]], tuple[Observed, Told]],
) -> Planned:
    """Reads the registries and plans. ``run`` is what runs a coroutine, such as ``asyncio.run``.

    Raises UsageError for a registry, a pattern or a path that nothing has.
    """
    asked.selection.check(project.manifests)
    registries = choose_registries(project, asked.registries, asked.selection)
    if project.split is not None and project.split.is_idle:
        registries = []
    reached = connections(project, registries)
    with working(f"reading {counted(len(reached), 'registry', 'registries')}"):
        observed, told = run(_read(project, reached))
    plan = make_plan(
        project.config,
        project.desired,
        observed,
        selection=asked.selection,
        acknowledged=project.acknowledged,
        usages=told,
        all_usages=asked.all_usages,
        resend=asked.resend,
    )
    scope = Scope(tuple(asked.registries), asked.selection.only, asked.selection.without, tuple(asked.resend))
    return Planned(project, reached, observed, replace(plan, made=_made(project), scope=scope))


def planned_anew(planned: Planned, observed: Mapping[str, Observation | RegistryError]) -> Plan:
    """What a plan of the same scope would be, were it made on ``observed``."""
    scope = planned.plan.scope
    return _plan_of(planned.project, observed, Selection(scope.only, scope.without))


def same_again(project: Project, scope: Scope, observed: Mapping[str, Observation | RegistryError]) -> Plan:
    """A plan of ``scope`` on ``observed``, which sends again what that did; it may fit nothing any more."""
    selection = Selection(scope.only, scope.without)
    plan = _plan_of(project, observed, selection)
    known = {path for action in plan.actions() for path in action.unverified}
    resend = [path for path in scope.resend if path in known]
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
    """The registries of a run, in the file's order: those given, else every one that a manifest of
    ``selection`` is for.

    Raises UsageError for a name that reconciler.yaml does not have.
    """
    known = project.config.value.registries
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or f"reconciler.yaml has {', '.join(known)}"
            raise UsageError(f"no registry is named '{name}'", hint=hint)
    wanted = set(given) or {one.registry for one in project.desired if selection.takes(one.manifest)}
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


async def _read(project: Project, reached: Mapping[str, Reached]) -> tuple[Observed, Told]:
    """What every registry holds, and at the same time who uses it."""
    import asyncio

    observed, told = await asyncio.gather(observe(project, reached), usages(project, reached))
    return observed, told


async def usages(project: Project, reached: Mapping[str, Reached]) -> Told:
    """Who uses what in every registry that can be asked; one that does not say costs a warning only."""

    def failed(name: str, error: RegistryError) -> Usages | None:
        if reached[name] is error or (isinstance(error, NotReady) and error.code == PluginError.code):
            return None  # it cannot be read either, and that is said
        message = error.message.removeprefix(f"{name}: ")
        return Usages(warning=f"it is not known who uses the models: {message}")

    answers = await _ask(project, reached, lambda reader: reader.usages())
    return {
        name: failed(name, answer) if isinstance(answer, RegistryError) else answer
        for name, answer in answers.items()
    }


async def observe(project: Project, reached: Mapping[str, Reached]) -> Observed:
    """Every registry read whole, all at the same time; one that fails stops no other."""
    return await _ask(project, reached, lambda reader: reader.observe())


async def _ask(
    project: Project, reached: Mapping[str, Reached], question: Callable[[Reader], Awaitable[T]]
) -> dict[str, T | RegistryError]:
    """What each registry answers, or why it does not, all at the same time."""
    import asyncio

    from reconciler.connect import kind_of

    async def one(name: str, connection: Reached) -> T | RegistryError:
        if isinstance(connection, RegistryError):
            return connection
        try:
            async with kind_of(project.config, name).client().reader(connection) as reader:
                return await question(reader)
        except (SecretError, StorageError, PluginError) as error:
            return NotReady(name, error)
        except RegistryError as error:
            return error

    answers = await asyncio.gather(*(one(name, connection) for name, connection in reached.items()))
    return dict(zip(reached, answers, strict=True))
