"""`reconciler validate`: every mistake of every file, without network."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import shown_path, write
from reconciler.cli.run import load
from reconciler.report.values import counted


@click.command()
@options.config
@options.output
def command(config_path: Path, output: str) -> None:
    """Check reconciler.yaml and every manifest; no network, no tokens."""
    project = load(config_path)
    registries = list(project.config.value.registries)
    if output == "json":
        from reconciler.report.documents import render, validation_document

        write(render(validation_document(len(project.manifests), registries)))
    else:
        manifests = counted(len(project.manifests), "manifest", "manifests")
        write(f"{manifests} for {counted(len(registries), 'registry', 'registries')}: no mistakes.")
        if not project.manifests:
            write(f"note: {shown_path(project.config.manifests)} holds no manifest")
