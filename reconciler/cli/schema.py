"""`reconciler schema`: the JSON Schemas, for editors and for CI."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.console import OutputError, shown_path, write
from reconciler.errors import UsageError
from reconciler.manifests.problems import did_you_mean
from reconciler.schemas import NAMES, schema_of, text_of, write_schemas


@click.command()
@click.argument("name", required=False)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all of them into this folder.",
)
def command(name: str | None, folder: Path | None) -> None:
    """Print one schema, or write all with --write.

    NAME is model, provider, config, plan, drift, probe, price-check, acknowledgements or faults.

    In a manifest, this line makes editors check it:

        # yaml-language-server: $schema=<folder>/model.schema.json
    """
    if folder is not None:
        if name is not None:
            raise UsageError("--write writes every schema; leave the name out")
        try:
            written = write_schemas(folder)
        except OSError as error:
            raise OutputError(str(folder), error) from None
        write("\n".join(shown_path(path) for path in written))
        return
    known = {file.removesuffix(".schema.json"): file for file in NAMES}
    if name is None:
        write("\n".join(known))
    elif name in known:
        write(text_of(schema_of(known[name])))
    else:
        hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
        raise UsageError(f"no schema is named '{name}'", hint=hint)
