"""What a review approves: the actions of its plan, each by its digest, as text that a forge keeps.

The text is kept where only the app that reviewed can write. It holds as much as there is room for: the whole
plan, so that a difference can be told field by field; else the digest of every action; else only that of the
plan, which then has to be the same as a whole. What cannot be read approves nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import simplejson

from reconciler.delta import Delta, Entry, Verdict, delta
from reconciler.errors import ReconcilerError
from reconciler.guards.holding import held_back, refused
from reconciler.plan import Action, Plan, canonical, digest_of, plan_digest, plan_type
from reconciler.refusal import Refusal

FORMAT: Final = 1
LEAST_ROOM: Final = 255
"""Characters that always suffice for the digest of the plan: what a commit status of GitLab describes."""

_BEGIN: Final = "reconciler-approval:"
_TEXT: Final = re.compile(rf"^{_BEGIN}([A-Za-z0-9+/=]+)$", re.MULTILINE)
_COMMIT: Final = "[0-9a-f]{40}|[0-9a-f]{64}"
_SHORT: Final = re.compile(
    rf"^reviewed plan=(?P<plan>[0-9a-f]{{64}}) request=(?P<request>[0-9]{{1,18}}) "
    rf"head=(?P<head>{_COMMIT}) base=(?P<base>{_COMMIT})$",
    re.MULTILINE,
)
_MOST_BYTES: Final = 16 * 2**20
_DIGEST: Final = re.compile("[0-9a-f]{64}")

NOT_REVIEWED: Final = "not-reviewed"
"""The code of the refusal of an action that nobody reviewed."""


class ApprovalError(ReconcilerError):
    """There is no approval, or none that can be relied on. Nothing was written."""

    code = "not-approved"


@dataclass(frozen=True, slots=True)
class Approval:
    """The actions that a review showed.

    ``request`` is the number of the request, ``head`` and ``base`` the commits that were merged to see what
    would be applied. ``actions`` has the digest of each action by registry and key, None where there was no
    room; ``reviewed`` is the plan without what does nothing, None likewise.
    """

    request: int
    head: str
    base: str
    plan: str
    actions: Mapping[str, Mapping[str, str]] | None
    reviewed: Plan | None


def approval_of(plan: Plan, *, request: int, head: str, base: str) -> Approval:
    """The approval of everything that ``plan`` would do."""
    parts = tuple(
        replace(part, actions=actions, not_held=(), left_alone=(), warnings=())
        for part in plan.registries
        if (actions := tuple(_bare(action) for action in part.actions if action.requests))
    )
    digests = {part.name: {action.key: action.digest for action in part.actions} for part in parts}
    return Approval(request, head, base, plan.digest, digests, replace(plan, registries=parts, notes=()))


def _bare(action: Action) -> Action:
    return replace(action, notes=(), hints=(), unmanaged=(), unverified=(), used_by=())


def approval_text(approval: Approval, room: int) -> str:
    """``approval`` in at most ``room`` characters, which are at least LEAST_ROOM."""
    assert room >= LEAST_ROOM
    short = replace(approval, reviewed=None)
    for one in (approval, short):
        text = _packed(one)
        if len(text) <= room:
            return text
    return (
        f"reviewed plan={approval.plan} request={approval.request} head={approval.head} base={approval.base}"
    )


def _packed(approval: Approval) -> str:
    document = {"format": FORMAT, **asdict(approval)}
    packed = zlib.compress(canonical(document).encode(), 9)
    return f"{_BEGIN}{base64.b64encode(packed).decode('ascii')}"


def read_approval(text: str) -> Approval:
    """The approval in ``text``. Raises ApprovalError."""
    shorts, found = list(_SHORT.finditer(text)), _TEXT.findall(text)
    if len(shorts) + len(found) != 1:
        raise ApprovalError("the review holds no approval, or more than one")
    if shorts:
        number, head, base, plan = shorts[0].group("request", "head", "base", "plan")
        return Approval(int(number), head, base, plan, None, None)
    try:
        document = _unpacked(found[0])
        approval = _approval(document)
    except (ValueError, KeyError, TypeError, RecursionError, ArithmeticError):
        raise ApprovalError(
            "the approval of the review cannot be read", hint="review again with this version of reconciler"
        ) from None
    return approval


def _unpacked(text: str) -> Any:
    """Raises ValueError."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from None
    if not stream.eof:
        raise ValueError("cut, or too large")
    return simplejson.loads(data.decode(), use_decimal=True)


def _approval(document: Any) -> Approval:
    """Raises ValueError, KeyError and TypeError for what is no approval."""
    if document["format"] != FORMAT:
        raise ValueError("another format")
    actions, reviewed = document["actions"], document["reviewed"]
    digests = [document["plan"], *(one for part in actions.values() for one in part.values())]
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in digests):
        raise ValueError("no digest")
    if _digest_of(actions) != document["plan"]:
        raise ValueError("its parts contradict each other")
    plan = None if reviewed is None else plan_type().validate_python(reviewed)
    if plan is not None and _digests(plan) != actions:
        raise ValueError("its parts contradict each other")
    number, head, base = document["request"], document["head"], document["base"]
    if not (isinstance(number, int) and isinstance(head, str) and isinstance(base, str)):
        raise TypeError("of another type")
    return Approval(number, head, base, document["plan"], actions, plan)


def _digest_of(actions: Mapping[str, Mapping[str, str]]) -> str:
    return digest_of(sorted(digest for part in actions.values() for digest in part.values()))


def _digests(plan: Plan) -> dict[str, dict[str, str]]:
    return {part.name: {action.key: action.digest for action in part.actions} for part in plan.registries}


@dataclass(frozen=True, slots=True)
class Held:
    """A plan held against an approval.

    ``plan`` does only what was approved: every other action is refused. ``moved`` are the approved actions
    that are not as they were; where there is one, nothing may be done. ``delta`` is all that differs.
    """

    plan: Plan
    moved: tuple[Entry, ...]
    delta: Delta
    unexpected: bool = False
    """Only the digest of the whole plan is known, and this is another one."""

    @property
    def stale(self) -> bool:
        return self.unexpected or bool(self.moved)


def hold(approval: Approval, now: Plan) -> Held:
    """``now`` without what nobody approved."""
    if approval.actions is None:
        found = Delta(approval.plan, now.digest, ())
        nothing_left = not any(action.requests for action in now.actions())
        return Held(now, (), found, unexpected=now.digest != approval.plan and not nothing_left)
    if approval.reviewed is not None:
        found = delta(approval.reviewed, now)
    else:
        found = Delta(approval.plan, now.digest, tuple(_entries(approval.actions, now)))
    approved = {
        (name, key): digest for name, part in approval.actions.items() for key, digest in part.items()
    }
    parts = tuple(
        replace(part, actions=tuple(held_back([_only(one, approved, approval) for one in part.actions])))
        for part in now.registries
    )
    moved = tuple(found.of("moved", "refused"))
    return Held(replace(now, registries=parts, digest=plan_digest(parts)), moved, found)


def _only(action: Action, approved: Mapping[tuple[str, str], str], approval: Approval) -> Action:
    """``action`` where it is approved as it is, or refused."""
    if not action.requests or approved.get((action.registry, action.key)) == action.digest:
        return action
    refusal = Refusal(
        NOT_REVIEWED,
        f"the review of request {approval.request} does not have it",
        "it stands in the next review; or plan and apply by hand",
        (),
    )
    return refused(action, refusal)


def _entries(approved: Mapping[str, Mapping[str, str]], now: Plan) -> Iterator[Entry]:
    """What `delta` says, where only digests are known."""
    parts = {part.name: part for part in now.registries}
    for name, digests in approved.items():
        part = parts.get(name)
        actions = {action.key: action for action in part.actions} if part is not None else {}
        for key, digest in digests.items():
            resource, _, manifest = key.partition("/")
            verdict: Verdict = "unknown"
            if part is not None and part.failure is None:
                verdict = _verdict(actions.get(key), digest)
            yield Entry(name, resource, manifest, verdict, digest)
    for part in now.registries:
        for action in part.actions:
            if action.requests and action.key not in approved.get(part.name, {}):
                yield Entry(part.name, action.resource, action.name, "new", action.digest)


def _verdict(now: Action | None, digest: str) -> Verdict:
    if now is None:
        return "gone"
    if now.operation == "none":
        return "done"
    if now.operation == "refused":
        return "refused"
    return "holds" if now.digest == digest else "moved"
