"""`reconciler registries`: what is configured, whether it answers, and what it can do."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import click

from reconciler.capabilities import capabilities
from reconciler.cli import options
from reconciler.cli.console import paint, write
from reconciler.cli.loading import Project, load
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.run import choose_registries, completed, connections, observe
from reconciler.errors import ExitCode, RegistryError
from reconciler.planner import Selection, failure_of
from reconciler.registries import KINDS
from reconciler.registries.interface import Observation
from reconciler.report.documents import registries_document, render
from reconciler.report.registries import Held, RegistryState, registries_text


@click.command()
@options.config
@options.output
@options.verbose("what each does with every field")
@options.registry
def command(config_path: Path, output: str, verbose: int, registries: tuple[str, ...]) -> int:
    """List the configured registries, whether they answer, and what each can do."""
    set_up_logging(level_of(verbose))
    project = load(config_path)
    names = choose_registries(project, registries or tuple(project.config.value.registries), Selection())
    states = _states(project, names)
    kinds = {state.kind: capabilities(KINDS[state.kind]) for state in states}
    code = ExitCode.ERROR if any(state.failure for state in states) else ExitCode.OK
    if output == "json":
        write(render(registries_document(states, kinds, code)))
    else:
        write(registries_text(states, kinds, verbose=verbose > 0, paint=paint(sys.stdout)))
    return int(code)


def _states(project: Project, names: list[str]) -> list[RegistryState]:
    observed = completed(asyncio.run, observe(project, connections(project, names)))
    return [_state(project, name, found) for name, found in observed.items()]


def _state(project: Project, name: str, found: Observation | RegistryError) -> RegistryState:
    entry = project.config.value.registries[name]
    kind = KINDS[entry.kind]
    state = RegistryState(
        name=name,
        kind=kind.name,
        title=kind.title,
        target=entry.url or f"embedded:{entry.embedded}",
        declared=sum(one.registry == name for one in project.desired),
        read_only=entry.read_only,
    )
    if isinstance(found, RegistryError):
        return replace(state, failure=failure_of(found))
    resources = dict.fromkeys(table.resource for table in kind.tables.values())
    held = tuple(_held(resource, found) for resource in resources)
    return replace(state, account=kind.account(found.objects), held=held)


def _held(resource: str, found: Observation) -> Held:
    ours = [live.ours for live in found.objects if live.resource == resource]
    return Held(resource, sum(ours), len(ours) - sum(ours))
