"""The command line: which commands there are, and how every run ends.

A run ends in one place: whatever happened becomes one exit code and, with ``-o json`` or ``-o markdown``, one
document on stdout. No traceback is ever shown; a bug leaves a report that can be pasted.
"""

from __future__ import annotations

import contextlib
import importlib
import keyword
import os
import re
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, Self

import click

from reconciler import __version__
from reconciler.errors import ExitCode, InternalError, ReconcilerError, UsageError

_COMMANDS: Final = {
    "init": "Write the files of a new repository, and the workflows of its forge.",
    "validate": "Check reconciler.yaml and every manifest; no network.",
    "plan": "Show what would change in each registry.",
    "apply": "Make only the calls that are needed.",
    "show": "Show a plan file.",
    "diff": "Show what two git revisions declare differently; no network.",
    "review": "Show what merging a request would apply, and publish that for its reviewers.",
    "drift": "Show what moved in the registries since the last apply.",
    "history": "List what was applied, and show one run in full; no network.",
    "import": "Write manifests for what a registry holds already.",
    "probe": "Ask the declared upstreams what they do; no registry is asked.",
    "prices": "Compare the declared prices with public ones; no network.",
    "new": "Write a manifest from an entry of the catalogue of public prices.",
    "registries": "List the configured registries, whether they answer, what they can do.",
    "schema": "Print or write the JSON Schemas for editors.",
    "serve": "Serve the embedded registry on a socket.",
    "seed": "Put what no client can create into an embedded registry.",
}

_EPILOG: Final = """\b
Exit codes:
  0  done, nothing to do, or a plan was made
  1  error, and nothing was written
  2  only with --exit-code: there are changes or differences
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
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"reconciler.cli.{name}")
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
    from reconciler.cli.observing import observed

    output = _output_of(arguments)
    with _Signals() as signals, observed(_command_of(arguments), output) as observation:
        observation.code = _run(arguments, output, signals)
        return observation.code


def _run(arguments: Sequence[str], output: str, signals: _Signals) -> int:
    try:
        return _main(arguments, output)
    except KeyboardInterrupt:
        from reconciler.cli.console import Interrupted

        failure: ReconcilerError = Interrupted(signals.received)
    except InternalError as error:
        failure = _bug(error)
    except ReconcilerError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - the last resort, so that nobody sees a traceback
        failure = _bug(error)
    return _fail(failure, output)


def _command_of(arguments: Sequence[str]) -> str:
    """The command that is going to run; empty where none is."""
    helps = any(word in ("-h", "--help") for word in arguments)
    return arguments[0] if arguments and arguments[0] in _COMMANDS and not helps else ""


def _main(arguments: Sequence[str], output: str) -> int:
    from reconciler.cli.console import StdoutError, set_up_streams

    set_up_streams(utf8=output in {"json", "markdown"})
    try:
        with app.make_context("reconciler", list(arguments) or ["--help"]) as context:
            result = app.invoke(context)
    except click.exceptions.Exit as end:  # --help and --version
        return end.exit_code
    except click.ClickException as error:
        hint = f"see reconciler {' '.join(_path(error))}--help"
        raise UsageError(error.format_message(), hint=hint) from None
    except BrokenPipeError as error:  # of --help: everything else is written by console.write
        raise StdoutError(error) from None
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


class _Signals:
    """SIGTERM ends a run the way SIGINT does, but for its exit code. Handlers are given back at the end."""

    received = ExitCode.SIGINT

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _terminate(self, *_: object) -> None:
        self.received = ExitCode.SIGTERM
        signal.raise_signal(signal.SIGINT)


def _path(error: click.ClickException) -> list[str]:
    context: Any = getattr(error, "ctx", None)
    words = context.command_path.split()[1:] if context is not None else []
    return [f"{word} " for word in words]


_OUTPUT: Final = re.compile(r"(?:--output=|-v*o=?)(?P<joined>.+)|(?P<apart>--output|-v*o)")


def _output_of(arguments: Sequence[str]) -> str:
    """What `-o` asks for, also on a command line that is wrong elsewhere."""
    wanted = ""
    for argument, following in pairwise([*arguments, ""]):
        found = _OUTPUT.fullmatch(argument)
        if found is not None:
            wanted = found["joined"] or following
    return wanted


def _fail(error: ReconcilerError, output: str) -> int:
    from reconciler.cli.console import SourceLines, StdoutError, paint, say, write
    from reconciler.errors import InputError
    from reconciler.report.problems import failure_text, problems_text

    source, colour = SourceLines(), paint(sys.stderr)
    if isinstance(error, StdoutError):
        if not error.silent:
            say(failure_text(error, paint=colour))
        return int(error.exit_code)
    document = ""
    if output == "json":
        from reconciler.report.documents import error_document, render

        document = render(error_document(error, error.exit_code, source))
    elif output == "markdown":
        from reconciler.report.markdown import error_markdown

        document = error_markdown(error)
    if document:
        with contextlib.suppress(StdoutError):
            write(document)
    if isinstance(error, InputError):
        say(problems_text(error.problems, source, paint=colour))
    say(failure_text(error, paint=colour))
    return int(error.exit_code)


def _bug(error: Exception) -> InternalError:
    """A report with the traceback (code only, no values) that can be pasted into a bug."""
    import tempfile
    import traceback

    what = error.message if isinstance(error, InternalError) else type(error).__name__
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    text = f"reconciler {__version__}, Python {sys.version.split()[0]}\n{frames}{what}\n"
    try:
        descriptor, name = tempfile.mkstemp(prefix="reconciler-bug-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        hint = f"please report it with this: {text}"
    else:
        hint = f"please report it with {name}"
    return InternalError(f"this is a bug in reconciler ({what})", hint=hint)
