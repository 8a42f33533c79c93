"""How a run tells a forge what it does: a check that begins and ends, and one comment."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from reconciler.approval import approval_of, approval_text
from reconciler.cli.console import say
from reconciler.cli.forge import REVIEW
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.forge.environment import Surroundings
from reconciler.forge.interface import Annotation, Forge, ForgeError, ProposedChange, Verdict
from reconciler.plan import Plan, plan_digest
from reconciler.report.markdown import error_markdown
from reconciler.report.review import headline, marker, review_markdown
from reconciler.review import Review, conclusion_of, remarks, review_exit_code
from reconciler.revisions import path_from_top

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """A forge, asked from code that does not run in a loop. Close it."""

    forge: Forge
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(question)

    def close(self) -> None:
        with suppress(ForgeError):
            self.ask(self.forge.aclose())
        self._runner.close()


@dataclass(slots=True)
class ReviewPublisher:
    """Publishes the review of the request with this number. ``project``: the path of its reconciler.yaml."""

    desk: Desk
    number: int
    project: str
    commit: str = ""

    def begin(self, where: Surroundings) -> Surroundings:
        """Begins the check; gives ``where`` with what the forge says of the request. Raises ForgeError."""
        change = self._change()
        where = replace(
            where, base=where.base or change.base, head=where.head or change.head, fork=change.fork
        )
        self.commit = where.head or change.head
        self.desk.ask(self.desk.forge.begin(REVIEW, self.commit))
        return where

    def end(self, review: Review, *, artefact: str | None, command: str) -> None:
        """Ends the check and writes the comment. Raises ForgeError."""
        if review.head.commit != self.commit:
            told = f"the review is of {review.head.commit[:12]}, and the request ends with {self.commit[:12]}"
            error = ForgeError(f"not published: {told}", hint="give no --head, or --no-publish")
            self.fail(error)
            raise error
        forge = self.desk.forge
        kept = ""
        plan = review.plan
        if plan is None and review.unchanged and review_exit_code(review) is ExitCode.OK:
            plan = Plan((), plan_digest(()))  # approves nothing, and tells a merge that nothing was due
        if plan is not None:
            approval = approval_of(
                plan, request=self.number, head=review.head.commit, base=review.base.commit
            )
            kept = approval_text(approval, forge.kept_characters)
        annotations = [
            Annotation(one.path, one.line, one.level, one.title, one.message) for one in remarks(review)
        ]
        begin = marker("review", self.project)
        body = review_markdown(
            review, limit=forge.comment_bytes, artefact=artefact, command=command, begin=begin
        )
        summary = body.removeprefix(f"{begin}\n")
        verdict = Verdict(conclusion_of(review), headline(review), summary, kept, annotations)
        self.desk.ask(forge.end(REVIEW, self.commit, verdict))
        self._comment(body, begin)

    def fail(self, error: BaseException) -> None:
        """Ends the check where there is no review. Another failure of the forge is only said."""
        known = error if isinstance(error, ReconcilerError) else ReconcilerError("the run was cut off")
        text = error_markdown(known)
        try:
            self.desk.ask(self.desk.forge.end(REVIEW, self.commit, Verdict("failure", "No review", text)))
            if isinstance(error, ReconcilerError):
                begin = marker("review", self.project)
                self._comment(f"{begin}\n{text}", begin)
        except ForgeError as failure:
            say(f"error: {failure.message}")

    def _comment(self, body: str, begin: str) -> None:
        if self._change().head != self.commit:
            say("a newer commit has been pushed: the comment is left to its review")
            return
        self.desk.ask(self.desk.forge.put_comment(self.number, begin, body))

    def _change(self) -> ProposedChange:
        return self.desk.ask(self.desk.forge.change(self.number))


def project_of(config_path: Path) -> str:
    """What tells the projects of a repository apart. Raises GitError."""
    return path_from_top(config_path).as_posix()
