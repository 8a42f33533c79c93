"""`reconciler validate`: every mistake of every file, without network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import shown_path, write
from reconciler.cli.loading import load
from reconciler.cli.reports import Reports
from reconciler.manifests.load import RESOURCES
from reconciler.report.counting import counted
from reconciler.stages import stage


@click.command()
@options.config
@options.no_cache
@options.output
@options.timings
@options.report("validate")
def command(config_path: Path, output: str, reports: Reports) -> None:
    """Check reconciler.yaml and every manifest; no network, no tokens."""
    with reports.of_mistakes():
        project = load(config_path)
    registries = list(project.config.value.registries)
    kinds = {name: sum(one.resource == name for one in project.manifests) for name in RESOURCES}
    with stage("report"):
        reports.write(list)
        if output == "json":
            from reconciler.report.documents import render, validation_document

            write(render(validation_document(kinds, registries)))
        else:
            targets = counted(len(registries), "registry", "registries")
            write(f"{_by_kind(kinds)} for {targets}: no mistakes.")
            if not project.manifests:
                write(f"note: {shown_path(project.config.manifests)} holds no manifest")


def _by_kind(kinds: Mapping[str, int]) -> str:
    """``3 models and 1 provider``."""
    counts = [counted(count, name.lower(), f"{name.lower()}s") for name, count in kinds.items() if count]
    return " and ".join(counts) or "0 manifests"
