"""`reconciler probe`: what the declared upstreams do, beside what is declared. Asks no registry."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reconciler.cli import options
from reconciler.cli.console import paint, write
from reconciler.cli.logs import level_of, set_up_logging
from reconciler.cli.progress import working
from reconciler.probe.results import MOST_REQUESTS


@click.command(
    help=f"""Ask the upstreams in spec.endpoint what they do, and compare it with what is declared.

    NAME is a manifest's name, a glob or label=value; all manifests if left out. No registry is asked and
    nothing is changed, but an endpoint may charge for the few tokens of its answers.

    For each model, at most {MOST_REQUESTS} requests go to its endpoint: the list of models, one token of
    an answer, and for a chat model streaming, tools, json_schema and vision. None is sent twice."""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.config
@options.output
@options.verbose("")
@click.option("--exit-code", is_flag=True, help="Exit with 2 where something declared differs.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=600),
    default=15,
    show_default=True,
    metavar="SECONDS",
    help="For each request.",
)
def command(
    names: tuple[str, ...], config_path: Path, output: str, verbose: int, exit_code: bool, timeout: float
) -> int:
    import asyncio

    from reconciler.cli.loading import load
    from reconciler.planner import Selection
    from reconciler.probe import results
    from reconciler.probe.calls import probe_all
    from reconciler.probe.targets import targets_of
    from reconciler.report.counting import counted
    from reconciler.report.documents import render
    from reconciler.report.probe import probe_document, probe_text
    from reconciler.secrets import SecretStore

    set_up_logging(level_of(verbose))
    project = load(config_path)
    selection = Selection(names)
    selection.check(project.manifests)
    targets, skipped = targets_of(each for each in project.manifests if selection.takes(each))
    with working(f"probing {counted(len(targets), 'endpoint', 'endpoints')}"):
        probed = asyncio.run(probe_all(targets, SecretStore(project.config.secret_rules()), seconds=timeout))
    probe = results.Probe(tuple(probed), tuple(skipped))
    code = results.exit_code(probe, differences_count=exit_code)
    if output == "json":
        write(render(probe_document(probe, code)))
    else:
        write(probe_text(probe, paint=paint(sys.stdout)))
    return int(code)
