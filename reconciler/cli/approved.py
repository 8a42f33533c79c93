"""`reconciler apply --approved`: exactly what the review of a merged request showed, or nothing.

What was reviewed is read from the check on the request's last commit, where our own app keeps it. Comments
can be edited: they are for reading only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from reconciler.approval import Approval, ApprovalError, Held, hold, read_approval
from reconciler.cli import forge as forges
from reconciler.cli.console import say, shown_path
from reconciler.cli.publishing import Desk, project_of
from reconciler.cli.run import Planned
from reconciler.delta import Delta
from reconciler.errors import ExitCode, InputError, ReconcilerError
from reconciler.forge.environment import Surroundings
from reconciler.forge.interface import ForgeError, ProposedChange, Verdict
from reconciler.git import GitError, head
from reconciler.guards.acknowledgements import FILE
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.outcome import Outcome, Proof, settled
from reconciler.plan import Plan
from reconciler.report.markdown import COMMENT, error_markdown, outcome_markdown
from reconciler.report.review import marker
from reconciler.report.text import outcome_totals
from reconciler.revisions import open_revision

_MARKER: Final = 200
"""Bytes that the hidden marker takes at most."""


@dataclass(slots=True)
class ApprovedRun:
    """One run for a push. Without an approval, the push is one that may be applied as it is."""

    desk: Desk
    where: Surroundings
    commit: str
    project: str
    change: ProposedChange | None = None
    approval: Approval | None = None
    held: Held | None = None

    def find(self, config_path: Path) -> None:
        """Begins the check at the pushed commit, and finds what was reviewed.

        Raises ApprovalError and ForgeError.
        """
        forge, branch = self.desk.forge, self.where.branch
        if branch is None:
            raise ApprovalError("only a push to a branch merges a request", hint="or give --branch")
        self.desk.ask(forge.begin(forges.APPLY, self.commit))
        self.change = self.desk.ask(forge.merged_change(self.commit, branch))
        if self.change is None:
            self._check_direct(config_path)
            return
        number, last = self.change.number, self.change.head
        text = self.desk.ask(forge.kept(forges.REVIEW, last))
        hint = "run `reconciler review` for the request, with its plan, before it is merged; or apply by hand"
        if not text:
            told = f"request {number} has no finished review of its last commit, {last[:12]}, by this app"
            raise ApprovalError(told, hint=hint)
        approval = read_approval(text)
        if (approval.request, approval.head) != (number, last):
            told = f"the review at {last[:12]} is of request {approval.request}, {approval.head[:12]}"
            raise ApprovalError(told, hint=hint)
        self.approval = approval

    def _check_direct(self, config_path: Path) -> None:
        """Whether a push without a request may be applied. The revision before it decides, too: the push
        itself could have brought the permission. Raises ApprovalError."""
        allowed = _allows(config_path, self.commit)
        before = self.where.before is not None and _allows(config_path, self.where.before)
        if not (allowed and before):
            told = f"no merged request made {self.commit[:12]}, so nobody has reviewed it"
            if allowed:
                told = f"{told}; reconciler.yaml allowed that only with this push"
            hint = "open a request; or set `approval: {allow_direct_push: true}` in reconciler.yaml"
            raise ApprovalError(told, hint=hint)

    def restrict(self, planned: Planned) -> Planned:
        """``planned`` without what nobody reviewed."""
        if self.approval is None:
            return planned
        self.held = hold(self.approval, planned.plan)
        return replace(planned, plan=self.held.plan)

    @property
    def stale(self) -> bool:
        """Whether something that was reviewed is not as it was."""
        return self.held is not None and self.held.stale

    def stopped(self) -> tuple[Outcome, Delta]:
        """The outcome where nothing was tried, and what moved. Only where it is ``stale``."""
        assert self.held is not None
        names = {(entry.registry, entry.key) for entry in self.held.moved}
        reasons = {
            True: "it is not as it was reviewed",
            False: "not tried, because something else that was reviewed has moved",
        }
        results = tuple(
            settled(action, "stale", reasons[(action.registry, action.key) in names])
            for action in self.held.plan.actions()
        )
        what = "what was reviewed has moved"
        if self.held.unexpected:
            what = "the plan as a whole is not the one that was reviewed"
        return Outcome(results, unexpected=what), self.held.delta

    def tell(
        self, plan: Plan, outcome: Outcome, moved: Delta | None, code: ExitCode, proofs: Sequence[Proof]
    ) -> None:
        """Ends the check, and comments on the request. A failure is only said: what is done is done."""
        show = partial(outcome_markdown, plan, outcome, moved, proofs=proofs)
        title, summary = outcome_totals(plan, outcome), show(limit=COMMENT)
        verdict = Verdict("success" if code is ExitCode.OK else "failure", title, summary)
        self._tell(verdict, show(limit=self.desk.forge.comment_bytes - _MARKER))

    def fail(self, error: BaseException) -> None:
        """Ends the check where the run ended before there was an outcome."""
        known = error if isinstance(error, ReconcilerError) else ReconcilerError("the run was cut off")
        text = error_markdown(known)
        self._tell(Verdict("failure", "Not applied", text), text)

    def _tell(self, verdict: Verdict, body: str) -> None:
        forge = self.desk.forge
        try:
            self.desk.ask(forge.end(forges.APPLY, self.commit, verdict))
            if self.change is not None:
                begin = marker("apply", self.project)
                self.desk.ask(forge.put_comment(self.change.number, begin, f"{begin}\n{body}"))
        except (ForgeError, KeyError) as error:
            say(f"error: {error.message if isinstance(error, ForgeError) else 'the check was never begun'}")


def _allows(config_path: Path, commit: str) -> bool:
    """Whether the reconciler.yaml of a commit allows pushes without a request; not if it cannot be read."""
    try:
        config: LoadedConfig = open_revision(config_path, commit).config
    except (GitError, InputError):
        return False
    return config.value.approval is not None and config.value.approval.allow_direct_push


@contextmanager
def approved_push(config_path: Path, given: Mapping[str, Any]) -> Iterator[ApprovedRun | None]:
    """The run for the push that CI tells of, or that ``given`` do: the options of the forge, and `branch`.

    Whatever ends it is told to the forge. Raises ApprovalError, GitError, UsageError and ForgeError, and
    InputError for what is wrong in reconciler.yaml.
    """
    where = forges.found(*(given[name] for name in ("forge", "repository", "api_url", "token_env")))
    where = replace(where, branch=given["branch"] or where.branch)
    config = load_config(config_path, shown_path(config_path))
    known = head(config.folder, config_path.name, FILE, config.value.manifests)
    if known is None:
        raise GitError("what is checked out is in no git repository", hint="check out the pushed commit")
    commit, dirty = known
    if where.commit is not None and where.commit != commit:
        raise ApprovalError(f"the push is of {where.commit[:12]}, and {commit[:12]} is checked out")
    if dirty:
        raise ApprovalError("the folder holds what no commit has, so nobody has reviewed it")
    desk = Desk(forges.connect(where))
    run = ApprovedRun(desk, where, commit, project_of(config_path))
    try:
        run.find(config_path)
        yield run
    except BaseException as error:
        run.fail(error)
        raise
    finally:
        desk.close()
