"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from reconciler.cli.reports import Reports

if TYPE_CHECKING:
    from reconciler.sharding import Shard

F = TypeVar("F", bound=Callable[..., Any])

config = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("reconciler.yaml"),
    show_default=True,
    help="The configuration; manifests are found from its folder.",
)
NO_CACHE: Final = "reconciler.no_cache"
"""Where a context remembers that its run shall have no cache."""


def _no_cache(context: click.Context, _: click.Parameter, given: bool) -> None:
    if given:
        context.meta[NO_CACHE] = True


no_cache = click.option(
    "--no-cache",
    is_flag=True,
    expose_value=False,
    callback=_no_cache,
    help="Read every manifest anew; keep nothing of it for the next run.",
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


def _measure(_: click.Context, __: click.Parameter, value: bool) -> None:
    if value:
        from reconciler.cli.observing import measure

        measure()


timings = click.option(
    "--timings",
    is_flag=True,
    expose_value=False,
    callback=_measure,
    help="Show on stderr, after the report, what each stage took; with -o json as one line of JSON.",
)


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


since = click.option(
    "--since",
    metavar="REV",
    help="Only manifests that git says have changed since HEAD left this revision (branch, tag or commit), "
    "also in what is not committed, and those that a changed reconciler.yaml or acknowledgement reaches.",
)


def selection(function: F) -> F:
    """--registry, --only and --except."""
    return registry(only(without(function)))


class _Shard(click.ParamType["Shard"]):
    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        from reconciler.sharding import Shard

        try:
            return Shard.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


shard = click.option(
    "--shard",
    type=_Shard(),
    metavar="I/N",
    help="Be one of N processes that share this run, from 1/N to N/N: all is looked at, and this one's part "
    "is done. `reconciler merge` joins what they write.",
)


_LONGEST_ID: Final = 200


def _id(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (len(value) <= _LONGEST_ID and value.isascii() and value.isprintable()):
        raise click.BadParameter(
            f"an ID has at most {_LONGEST_ID} printable characters of ASCII", context, param
        )
    return value


run = click.option(
    "--run",
    metavar="ID",
    envvar="RECONCILER_RUN",
    show_envvar=True,
    callback=_id,
    help="With --shard: what tells this run from others, the same for all its shards. By default the plan "
    "file tells it, or GitHub Actions or GitLab CI.",
)


def common(function: F) -> F:
    """--config, --output, --verbose and --timings, of a command that plans."""
    return config(report_output(verbose()(timings(function))))


class _Report(click.ParamType[tuple[str, Path]]):
    name = "report"

    def __init__(self, formats: Sequence[str]) -> None:
        self.formats = formats

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Path]:
        name, equals, file = str(value).partition("=")
        if name not in self.formats or not equals or not file:
            self.fail(f"'{value}' is not FORMAT=FILE with one of {', '.join(self.formats)}", param, ctx)
        return name, Path(file)


def report(command: str, *formats: str) -> Callable[[F], F]:
    """--report of ``command``, for findings and, besides, ``formats``. The command gets Reports."""
    formats = ("sarif", "codequality", "github", *formats)

    def made(ctx: click.Context, param: click.Parameter, value: Sequence[tuple[str, Path]]) -> Reports:
        files = [str(path) for _, path in value]
        twice = next((file for file in files if files.count(file) > 1), None)
        if twice is not None:
            raise click.BadParameter(f"two reports cannot stand in one file, {twice}", ctx, param)
        return Reports(command, value)

    return click.option(
        "--report",
        "reports",
        multiple=True,
        type=_Report(formats),
        metavar="FORMAT=FILE",
        callback=made,
        help=f"Also write a file for machines: {', '.join(formats)}. May be repeated.",
    )
