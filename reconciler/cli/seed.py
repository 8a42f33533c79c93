"""`reconciler seed`: puts what no client can create into the file of an embedded registry."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import shown_path, write
from reconciler.cli.logs import set_up_logging
from reconciler.errors import UsageError
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.problems import did_you_mean


@click.command()
@click.argument("registry")
@click.argument("file", type=click.Path(path_type=Path))
@options.config
@options.output
def command(registry: str, file: Path, config_path: Path, output: str) -> None:
    """Put the contents of FILE into the embedded registry REGISTRY of reconciler.yaml.

    They are vendor-owned models, deployments, providers and models, by vendor. All of it is put in, or
    nothing; an entry replaces what has its id.
    """
    from reconciler.cli.seeding import parts, put, read

    set_up_logging()
    config = load_config(config_path, shown_path(config_path))
    database = _database(config, registry)
    seeded = put(database, read(file))
    if output == "json":
        from reconciler.report.documents import API_VERSION, render

        head = {"apiVersion": API_VERSION, "kind": "Seed", "exit_code": 0}
        places = {"registry": registry, "database": shown_path(database), "file": shown_path(file)}
        write(render({**head, **places, "put": seeded}))
        return
    write(f"{registry} ({shown_path(database)}) holds what {shown_path(file)} says:")
    lines = [f"  {vendor}: {entries}" for vendor, entries in parts(seeded)]
    write("\n".join(lines or ["  nothing"]))


def _database(config: LoadedConfig, registry: str) -> Path:
    """Raises UsageError for a registry that is not there, is not in a file, or is read-only."""
    known = config.value.registries
    if registry not in known:
        hint = did_you_mean(registry, known) or f"reconciler.yaml has {', '.join(known)}"
        raise UsageError(f"no registry is named '{registry}'", hint=hint)
    if known[registry].embedded is None:
        raise UsageError(
            f"registry '{registry}' has a url; only an embedded one can be seeded",
            hint="give it `embedded: FILE` instead, or serve a file with `reconciler serve --seed FILE`",
        )
    if known[registry].read_only:
        place = config.place("registries", registry, "read_only")
        raise UsageError(f"registry '{registry}' is read-only ({place})", hint="take `read_only` away")
    return config.database(registry)
