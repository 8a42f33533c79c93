"""`reconciler serve`: the embedded registry on a socket, for any client."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

from reconciler.cli.console import say, write
from reconciler.cli.logs import set_up_logging
from reconciler.manifests.config import is_loopback
from reconciler.secrets import EnvSource


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0: any free one.")
@click.option(
    "--db",
    "database",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".reconciler/registry.db"),
    show_default=True,
    help="The SQLite file; made where there is none.",
)
@click.option(
    "--token-env",
    metavar="NAME",
    help="Demand the bearer token in this environment variable. Without it, everybody may write.",
)
def command(host: str, port: int, database: Path, token_env: str | None) -> None:
    """Serve the embedded registry on a socket, until interrupted."""
    from reconciler.embedded.server import serve

    set_up_logging(logging.WARNING)
    token = EnvSource(token_env).read("the server's token", os.environ).reveal() if token_env else None

    def ready(url: str) -> None:
        write(f"listening on {url}")
        if token is None and not is_loopback(host):
            say("no token is demanded: whoever reaches this address may write (--token-env NAME)")

    serve(database, host=host, port=port, token=token, on_ready=ready)
    say("stopped")
