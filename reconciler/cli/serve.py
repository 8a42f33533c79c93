"""`reconciler serve`: the embedded registry on a socket, for any client."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

from reconciler.cli.console import say, shown_path, write
from reconciler.cli.logs import set_up_logging
from reconciler.embedded.options import DEFAULT, Options
from reconciler.manifests.config import is_loopback
from reconciler.secrets import EnvSource

_LONGEST_SECONDS = 10 * 365 * 24 * 3600


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
@click.option(
    "--seed",
    "seed_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML with what to put in before it listens: vendor-owned models, deployments, providers, models.",
)
@click.option(
    "--faults",
    "faults_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML with what to do wrong, for tests of clients: errors, resets, lost and stale answers.",
)
@click.option("--no-probe", is_flag=True, help="Orq: store openai-like models without asking their endpoint.")
@click.option(
    "--respan-requests-per-minute",
    type=click.IntRange(min=1),
    metavar="N",
    help="Respan: answer 429 beyond it; Respan itself allows 60.",
)
@click.option(
    "--watsonx-model-quota",
    type=click.IntRange(min=0),
    metavar="N",
    help="watsonx: answer 429 to a create that would make more models.",
)
@click.option(
    "--access-token-seconds",
    type=click.IntRange(1, _LONGEST_SECONDS),
    metavar="N",
    default=DEFAULT.access_token_seconds,
    show_default=True,
    help="watsonx: how long a token of POST /identity/token is good for.",
)
def command(
    host: str,
    port: int,
    database: Path,
    token_env: str | None,
    seed_file: Path | None,
    faults_file: Path | None,
    no_probe: bool,
    respan_requests_per_minute: int | None,
    watsonx_model_quota: int | None,
    access_token_seconds: int,
) -> None:
    """Serve the embedded registry on a socket, until interrupted."""
    from reconciler.cli import faults as fault_files
    from reconciler.cli import seeding
    from reconciler.embedded.server import serve

    set_up_logging(logging.WARNING)
    token = EnvSource(token_env).read("the server's token", os.environ).reveal() if token_env else None

    faults = None if faults_file is None else fault_files.read(faults_file)
    contents = None if seed_file is None else seeding.read(seed_file)

    def put_in() -> None:
        if seed_file is not None and contents is not None:
            entries = seeding.parts(seeding.put(database, contents))
            text = "; ".join(f"{vendor}: {words}" for vendor, words in entries)
            say(f"put in from {shown_path(seed_file)}: {text or 'nothing'}")

    def ready(url: str) -> None:
        write(f"listening on {url}")
        if token is None and not is_loopback(host):
            say("no token is demanded: whoever reaches this address may write (--token-env NAME)")

    chosen = Options(
        probe=not no_probe,
        respan_requests_per_minute=respan_requests_per_minute,
        watsonx_model_quota=watsonx_model_quota,
        access_token_seconds=access_token_seconds,
    )
    serve(
        database,
        host=host,
        port=port,
        token=token,
        on_ready=ready,
        options=chosen,
        faults=faults,
        before_listening=put_in,
    )
    for line in faults.told() if faults is not None else ():
        say(line)
    say("stopped")
