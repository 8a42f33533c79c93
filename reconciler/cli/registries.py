"""`reconciler registries`: what is configured, and whether it answers."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli import options
from reconciler.cli.console import paint, write
from reconciler.cli.progress import working
from reconciler.cli.run import Project, choose_registries, connections, load, observe
from reconciler.errors import ExitCode, RegistryError, SecretError, StorageError
from reconciler.registries import KINDS
from reconciler.registries.interface import Observation
from reconciler.report.documents import API_VERSION, render
from reconciler.report.safe import safe


@click.command()
@options.config
@options.output
@options.registry
def command(config_path: Path, output: str, registries: tuple[str, ...]) -> int:
    """List the configured registries, and whether they answer."""
    project = load(config_path)
    names = choose_registries(project, registries or tuple(project.config.value.registries))
    with working(f"reading {len(names)} registries"):
        entries = [_entry(project, name) for name in names]
    code = ExitCode.ERROR if any(entry["error"] for entry in entries) else ExitCode.OK
    if output == "json":
        document = {
            "apiVersion": API_VERSION,
            "kind": "Registries",
            "exit_code": int(code),
            "registries": entries,
        }
        write(render(document))
    else:
        colour = paint(sys.stdout)
        for entry in entries:
            write(colour(f"{entry['name']}  ({entry['title']}, {safe(entry['target'])})", "bold"))
            if entry["error"]:
                write(colour(f"  {safe(entry['error'])}", "error"))
                if entry["hint"]:
                    write(f"  {safe(entry['hint'])}")
            else:
                write(
                    f"  answers; {entry['ours']} models of yours, {entry['vendor_owned']} built in, "
                    f"{entry['declared']} declared by manifests"
                )
    return int(code)


def _entry(project: Project, name: str) -> dict[str, Any]:
    configured = project.config.value.registries[name]
    entry: dict[str, Any] = {
        "name": name,
        "kind": configured.kind,
        "title": KINDS[configured.kind].title,
        "target": configured.url or f"embedded:{configured.embedded}",
        "declared": sum(one.registry == name for one in project.desired),
        "ours": None,
        "vendor_owned": None,
        "error": None,
        "hint": None,
    }
    try:
        found = asyncio.run(observe(project, connections(project, [name])))[name]
    except (SecretError, StorageError) as error:
        return entry | {"error": error.message, "hint": error.hint}
    if isinstance(found, RegistryError):
        return entry | {"error": found.message, "hint": found.hint}
    assert isinstance(found, Observation)
    ours = sum(live.ours for live in found.objects)
    return entry | {"ours": ours, "vendor_owned": len(found.objects) - ours}
