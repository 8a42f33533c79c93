"""The steps of a run: load, observe, plan. Each takes values and gives values."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.cli.console import shown_path
from reconciler.cli.progress import working
from reconciler.desired import Desired, desire_all
from reconciler.errors import (
    InputError,
    PluginError,
    RegistryError,
    SecretError,
    StorageError,
    UsageError,
)
from reconciler.guards import FILE, Acknowledged, load_acknowledgements
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Manifest, but_for, load_manifests
from reconciler.manifests.problems import did_you_mean
from reconciler.plan import Plan
from reconciler.planner import Selection, make_plan
from reconciler.registries.interface import Connection, Observation
from reconciler.report.values import counted

Reached = Connection | RegistryError
Observed = dict[str, Observation | RegistryError]


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that the folder says, free of mistakes."""

    config: LoadedConfig
    manifests: Sequence[Manifest]
    desired: Sequence[Desired]
    acknowledged: Acknowledged


def load(config_path: Path) -> Project:
    """Reads and checks every file.

    Raises InputError with all mistakes of all files.
    """
    config = load_config(config_path, shown_path(config_path))
    loaded = load_manifests(config, relative_to=Path.cwd())
    desired, more = desire_all(config, loaded)
    problems = [*loaded.problems, *but_for(loaded.problems, more)]
    acknowledged = Acknowledged()
    try:
        acknowledged = load_acknowledgements(config.folder / FILE, shown_path(config.folder / FILE))
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return Project(config, loaded.manifests, desired, acknowledged)


class NotReady(RegistryError):
    """A registry that cannot even be asked: its token, its file, its adapter. Tells what its cause tells."""

    def __init__(self, registry: str, cause: SecretError | StorageError | PluginError) -> None:
        super().__init__(cause.message, registry=registry, hint=cause.hint)
        self.code = cause.code


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made from. ``reached`` and ``observed`` are by registry name."""

    project: Project
    reached: Mapping[str, Reached]
    observed: Mapping[str, Observation | RegistryError]
    plan: Plan


def read_and_plan(
    project: Project,
    registries: Sequence[str],
    selection: Selection,
    *,
    run: Callable[[Coroutine[Any, Any, Observed]], Observed],
) -> Planned:
    """Reads the registries and plans. ``run`` is what runs a coroutine, such as ``asyncio.run``.

    Raises UsageError for a registry or a pattern that nothing has.
    """
    selection.check(project.manifests)
    reached = connections(project, choose_registries(project, registries, selection))
    with working(f"reading {counted(len(reached), 'registry', 'registries')}"):
        observed = run(observe(project, reached))
    plan = make_plan(
        project.config, project.desired, observed, selection=selection, acknowledged=project.acknowledged
    )
    return Planned(project, reached, observed, plan)


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
            return connect(project.config, name, os.environ)
        except (SecretError, StorageError) as error:
            return NotReady(name, error)

    return {name: one(name) for name in registries}


async def observe(project: Project, reached: Mapping[str, Reached]) -> Observed:
    """Every registry read whole, all at the same time; one that fails stops no other."""
    import asyncio

    from reconciler.connect import kind_of

    async def one(name: str, connection: Reached) -> Observation | RegistryError:
        if isinstance(connection, RegistryError):
            return connection
        try:
            async with kind_of(project.config, name).client().reader(connection) as reader:
                return await reader.observe()
        except (SecretError, StorageError, PluginError) as error:
            return NotReady(name, error)
        except RegistryError as error:
            return error

    answers = await asyncio.gather(*(one(name, connection) for name, connection in reached.items()))
    return dict(zip(reached, answers, strict=True))
