"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

config = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("reconciler.yaml"),
    show_default=True,
    help="The configuration; manifests are found from its folder.",
)
output = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one document on stdout, in every ending.",
)
report_output = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="json: one document on stdout, in every ending; markdown: likewise, to be posted as a comment.",
)


def verbose(shows: str = "wire values and unmanaged fields") -> Callable[[F], F]:
    """--verbose, where a single -v ``shows`` more; empty: where it shows nothing more."""
    told = [f"-v: {shows}"] if shows else []
    text = "; ".join([*told, "-vv: log every request to stderr."])
    return click.option("-v", "--verbose", count=True, help=text)


registry = click.option(
    "--registry", "registries", multiple=True, metavar="NAME", help="Only this registry; may be repeated."
)
only = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only manifests with this name, glob or label=value; may be repeated.",
)
without = click.option(
    "--except",
    "without",
    multiple=True,
    metavar="PATTERN",
    help="No manifests with this name, glob or label=value; may be repeated.",
)


resend = click.option(
    "--resend",
    multiple=True,
    metavar="PATH",
    help="Send this field although it never reads back and so seems unchanged, such as "
    "endpoint.api_key; may be repeated.",
)


def selection(function: F) -> F:
    """--registry, --only and --except."""
    return registry(only(without(function)))


def common(function: F) -> F:
    """--config, --output and --verbose, of a command that plans."""
    return config(report_output(verbose()(function)))
