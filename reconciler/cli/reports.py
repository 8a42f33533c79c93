"""`--report FORMAT=FILE`: what a run found, in files for machines. stdout stays the product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from reconciler.outcome import Outcome
    from reconciler.plan import Plan
    from reconciler.report.findings import Finding


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reports:
    """The files that one run shall write, by their formats. ``command`` is what runs."""

    command: str
    files: Sequence[tuple[str, Path]]

    @contextmanager
    def of_mistakes(self) -> Iterator[None]:
        """Writes the mistakes that end what is done within."""
        try:
            yield
        except InputError as error:
            if self.files:
                self._write_mistakes(error.problems)
            raise

    def _write_mistakes(self, problems: Sequence[Problem]) -> None:
        """A file that cannot be written must not hide the mistakes."""
        from reconciler.cli.console import OutputError, say
        from reconciler.report.findings import of_problems
        from reconciler.report.junit import junit_of_mistakes

        try:
            self.write(lambda: of_problems(problems), lambda: junit_of_mistakes(problems))
        except OutputError as error:
            say(f"error: {error.message}")

    def write(self, find: Callable[[], list[Finding]], junit: Callable[[], str] | None = None) -> None:
        """Writes every file. What they hold is asked for only where there is one.

        Raises OutputError.
        """
        if not self.files:
            return
        from reconciler.report.annotations import github
        from reconciler.report.codequality import codequality
        from reconciler.report.findings import rooted
        from reconciler.report.sarif import sarif

        findings = rooted(find(), _prefix())
        for name, path in self.files:
            match name:
                case "sarif":
                    text = sarif(findings, self.command)
                case "codequality":
                    text = codequality(findings)
                case "github":
                    text = "".join(f"{line}\n" for line in github(findings).splitlines())
                case _:
                    text = junit() if junit is not None else ""
            _save(text, path)

    def write_outcome(self, plan: Plan, outcome: Outcome, code: ExitCode) -> ExitCode:
        """Writes what became of ``plan``; the exit code of the run. What was written in a registry is not
        forgotten where a file cannot be."""
        from reconciler.cli.console import OutputError, say
        from reconciler.report.findings import of_plan
        from reconciler.report.junit import junit

        try:
            self.write(lambda: of_plan(plan), lambda: junit(plan, outcome))
        except OutputError as error:
            say(f"error: {error.message}")
            return code or (ExitCode.PARTIAL if outcome.written else ExitCode.ERROR)
        return code


def _prefix() -> str:
    """The way from the top of the repository to where we are; empty outside of git."""
    from reconciler.git import GitError, path_in_repository

    try:
        return path_in_repository(Path.cwd())
    except GitError:
        return ""


def _save(text: str, path: Path) -> None:
    from reconciler.cli.console import OutputError

    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(text)
    except OSError as error:
        raise OutputError(str(path), error) from None
