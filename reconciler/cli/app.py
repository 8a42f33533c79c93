"""The command line: which commands there are, and how every run ends.

A run ends in one place: whatever happened becomes one exit code and, with ``-o json``, one document on
stdout. No traceback is ever shown; a bug leaves a report that can be pasted.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from reconciler import __version__
from reconciler.errors import ExitCode, InternalError, ReconcilerError, UsageError

_COMMANDS: Final = {
    "validate": "Check reconciler.yaml and every manifest; no network.",
    "plan": "Show what would change in each registry.",
    "apply": "Make only the calls that are needed.",
    "registries": "List the configured registries and whether they answer.",
    "schema": "Print or write the JSON Schemas for editors.",
    "serve": "Serve the embedded registry on a socket.",
}

_EPILOG: Final = """\b
Exit codes:
  0  done, nothing to do, or a plan was made
  1  error, and nothing was written
  2  only with --exit-code: there are changes
  3  something was refused, the rest is done or can be
  4  written in part, unproven or interrupted
  5  stale: something moved since the plan, nothing was written
  130, 143  interrupted before any write"""


class _LazyGroup(click.Group):
    """Imports a command when it runs, so that --help and validate load no HTTP client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"reconciler.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in _COMMANDS and not name.startswith("-"):
            from reconciler.manifests.problems import did_you_mean

            raise click.UsageError(
                f"no command '{name}'; {did_you_mean(name, _COMMANDS) or 'see reconciler --help'}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Keep LLM model registries equal to a git folder of YAML manifests."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command. Returns the exit code; prints every failure where it belongs."""
    json_wanted = _wants_json(arguments)
    try:
        result = app.main(list(arguments), prog_name="reconciler", standalone_mode=False)
        code = int(result) if isinstance(result, int) else int(ExitCode.OK)
        sys.stdout.flush()
    except click.ClickException as error:
        hint = f"see reconciler {' '.join(_path(error))}--help"
        return _fail(UsageError(error.format_message(), hint=hint), json_wanted=json_wanted)
    except (click.Abort, KeyboardInterrupt):
        return _fail(Interrupted(), json_wanted=json_wanted)
    except ReconcilerError as error:
        return _fail(error, json_wanted=json_wanted)
    except BrokenPipeError:
        # Whoever read us has gone; there is nobody to tell.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.ERROR)
    except Exception as error:  # noqa: BLE001 - the last resort, so that nobody sees a traceback
        return _fail(_bug(error), json_wanted=json_wanted)
    return code


class Interrupted(ReconcilerError):
    """A signal came before anything was written."""

    exit_code = ExitCode.SIGINT
    code = "interrupted"

    def __init__(self) -> None:
        super().__init__("interrupted; nothing was written")


def _path(error: click.ClickException) -> list[str]:
    context: Any = getattr(error, "ctx", None)
    words = context.command_path.split()[1:] if context is not None else []
    return [f"{word} " for word in words]


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether `-o json` was asked for, also on a command line that is wrong elsewhere."""
    text = " ".join(arguments)
    return any(
        form in f" {text} " for form in (" -o json ", " -ojson ", " --output json ", " --output=json ")
    )


def _fail(error: ReconcilerError, *, json_wanted: bool) -> int:
    from reconciler.cli.console import paint, source_line
    from reconciler.errors import InputError, RegistryError
    from reconciler.report.safe import safe

    if json_wanted:
        from reconciler.report.documents import error_document, render

        sys.stdout.write(render(error_document(error, error.exit_code, source_line)))
        sys.stdout.flush()
    if isinstance(error, InputError):
        from reconciler.report.problems import problems_text

        click.echo(problems_text(error.problems, source_line, paint=paint(sys.stderr)), err=True)
    where = f"{error.registry}: " if isinstance(error, RegistryError) else ""
    click.echo(f"error: {where}{safe(error.message)}", err=True)
    if isinstance(error, RegistryError) and error.request:
        click.echo(f"  {safe(error.request)}", err=True)
    if error.hint:
        click.echo(f"  {safe(error.hint)}", err=True)
    return int(error.exit_code)


def _bug(error: Exception) -> InternalError:
    """A report with the traceback (code only, no values) that can be pasted into a bug."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    text = (
        f"reconciler {__version__}, Python {sys.version.split()[0]}\n{''.join(frames)}{type(error).__name__}"
    )
    if isinstance(error, InternalError):
        text += f": {error.message}"
    descriptor, name = tempfile.mkstemp(prefix="reconciler-bug-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    what = error.message if isinstance(error, InternalError) else type(error).__name__
    return InternalError(f"this is a bug in reconciler ({what})", hint=f"please report it with {Path(name)}")
