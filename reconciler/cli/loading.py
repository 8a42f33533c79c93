"""The first step of a run: what the folder says. Without network, and without all that plans."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.console import say, shown_path
from reconciler.cli.options import NO_CACHE
from reconciler.desired import Desired
from reconciler.errors import InputError, Problem
from reconciler.folder import read_folder
from reconciler.guards.acknowledgements import FILE, Acknowledged, load_acknowledgements
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Manifest, but_for
from reconciler.stages import count, staged

if TYPE_CHECKING:
    from reconciler.sharding import Split


@dataclass(frozen=True, slots=True, eq=False, repr=False)
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


def _warn(text: str) -> None:
    say(f"warning: {text}")


def cache_environ() -> Mapping[str, str] | None:
    """Where the cache of this run is; None where it shall not have one."""
    context = click.get_current_context(silent=True)
    return None if context is not None and context.meta.get(NO_CACHE) else os.environ


@staged("load")
def load(config_path: Path, *, tolerate: Collection[str] = ()) -> Project:
    """Reads and checks every file.

    Raises InputError with all mistakes of all files, if there are others than those whose codes ``tolerate``
    has.
    """
    config = load_config(config_path, shown_path(config_path))
    loaded, desired, problems = read_folder(
        config, relative_to=Path.cwd(), environ=cache_environ(), warn=_warn
    )
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
    count("manifests", len(loaded.manifests))
    return Project(config, loaded.manifests, desired, acknowledged, problems)
