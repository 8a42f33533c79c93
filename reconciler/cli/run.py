"""The steps of a run: load, observe, plan. Each takes values and gives values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.console import shown_path
from reconciler.desired import Desired, desire_all
from reconciler.errors import InputError, RegistryError, UsageError
from reconciler.guards import Acknowledged, load_acknowledgements
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Manifest, but_for, load_manifests
from reconciler.manifests.problems import did_you_mean
from reconciler.registries.interface import Connection, Observation


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
        acknowledged = load_acknowledgements(config.folder, shown_path(config.folder))
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return Project(config, loaded.manifests, desired, acknowledged)


def choose_registries(project: Project, given: Sequence[str]) -> list[str]:
    """The registries of a run: those given, else every one that a manifest is for, in the file's order.

    Raises UsageError for a name that reconciler.yaml does not have.
    """
    known = project.config.value.registries
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known) or f"reconciler.yaml has {', '.join(known)}"
            raise UsageError(f"no registry is named '{name}'", hint=hint)
    wanted = set(given) or {one.registry for one in project.desired}
    return [name for name in known if name in wanted]


def connections(project: Project, registries: Sequence[str]) -> dict[str, Connection]:
    """A connection to each of ``registries``.

    Raises SecretError, StorageError.
    """
    from reconciler.connect import connect

    return {name: connect(project.config, name, os.environ) for name in registries}


async def observe(
    project: Project, reached: Mapping[str, Connection]
) -> dict[str, Observation | RegistryError]:
    """Every registry read whole, all at the same time; one that fails stops no other."""
    import asyncio

    from reconciler.connect import kind_of

    async def one(name: str, connection: Connection) -> Observation | RegistryError:
        try:
            async with kind_of(project.config, name).client().reader(connection) as reader:
                return await reader.observe()
        except RegistryError as error:
            return error

    answers = await asyncio.gather(*(one(name, connection) for name, connection in reached.items()))
    return dict(zip(reached, answers, strict=True))
