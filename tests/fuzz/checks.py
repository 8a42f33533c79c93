"""What is made of a plan and of a failure, and must hold whatever went in."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.delta import delta
from reconciler.errors import ExitCode, InternalError, Place, ReconcilerError, RegistryError
from reconciler.manifests.config import LoadedConfig
from reconciler.outcome import Outcome, apply_exit_code, plan_exit_code
from reconciler.plan import Plan
from reconciler.planfile import hold_against, read_plan
from reconciler.report.delta import delta_text
from reconciler.report.documents import apply_document, error_document, plan_document, render
from reconciler.report.markdown import COMMENT, error_markdown, outcome_markdown, plan_markdown
from reconciler.report.problems import failure_text
from reconciler.report.text import made_text, outcome_text, plan_text

from .runner import Broken
from .stage import SECRETS

SourceLine = Callable[[Place], str | None]


def nowhere(_: Place) -> None:
    """No line of any file."""


def failure(error: ReconcilerError, source: SourceLine = nowhere) -> str:
    """An error as it is shown; what it is called. A bug of ours is raised again."""
    if isinstance(error, InternalError):
        raise error
    if isinstance(error, RegistryError) and type(error) is RegistryError:
        raise Broken(f"a registry failed in no known way: {error.message[:80]}")
    shown(failure_text(error), error_markdown(error), render(error_document(error, ExitCode.ERROR, source)))
    return error.code


def shown(*texts: str) -> None:
    """What a user gets to see."""
    for text in texts:
        text.encode("utf-8")
        if any(secret in text for secret in SECRETS.values()):
            raise Broken("a report holds a secret")


def plan(made: Plan, config: LoadedConfig, *, ours: bool = True) -> str:
    """Every report of a plan; what it holds, in a few words. ``ours``: it reads back as it was."""
    code = plan_exit_code(made, changes_count=True)
    document = render(plan_document(made, code))
    shown(
        document,
        plan_text(made),
        plan_text(made, verbose=True),
        plan_markdown(made),
        plan_markdown(made, limit=COMMENT, artefact="plan.json", command="reconciler plan"),
        made_text(made),
    )
    if ours:
        again = read_plan(document.encode(), "plan.json")
        if again.digest != made.digest:
            raise Broken("a plan reads back with another digest")
        hold_against(again, config, "plan.json")
    codes = {refusal.code for action in made.actions() for refusal in action.refusals}
    failures = {part.failure.code for part in made.registries if part.failure}
    operations = {action.operation for action in made.actions()}
    return " ".join(sorted(operations | codes | failures))


def outcome(made: Plan, ended: Outcome, now: Plan) -> str:
    """Every report of a run; what became of it, in a few words."""
    moved = delta(made, now)
    code = apply_exit_code(made, ended)
    shown(
        outcome_text(made, ended, verbose=True),
        outcome_markdown(made, ended, moved, limit=COMMENT, command="reconciler plan"),
        render(apply_document(made, ended, code, moved)),
        delta_text(moved),
    )
    failures = {result.failure.code for result in ended.results if result.failure}
    if InternalError.code in failures:
        raise Broken("an action ended in a bug")
    return " ".join(sorted({result.status for result in ended.results} | failures))
