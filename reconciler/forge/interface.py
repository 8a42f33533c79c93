"""What every forge can do for a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from reconciler.errors import ReconcilerError


class ForgeError(ReconcilerError):
    """The forge cannot be asked, or did not do what it was asked for."""

    code = "forge"


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """A pull request or merge request. ``head`` is its last commit; ``fork``: from another repository."""

    number: int
    base: str
    """The branch that it is for."""
    head: str
    fork: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark for one line of a file; ``path`` from the top of the repository."""

    path: str
    line: int
    level: Literal["failure", "warning"]
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check ends. ``kept`` is what the forge shall keep for `kept`; empty for nothing."""

    conclusion: Literal["success", "failure", "neutral"]
    title: str
    summary: str
    kept: str = ""
    annotations: Sequence[Annotation] = ()


class Forge(Protocol):
    """One repository at a forge. Every method raises ForgeError.

    ``comment_bytes`` fit into a comment, ``kept_characters`` into what a check keeps.
    """

    name: str
    comment_bytes: int
    kept_characters: int

    async def change(self, number: int) -> ProposedChange:
        """The request with this number."""
        ...

    async def open_change(self, owner: str, branch: str, head: str) -> ProposedChange | None:
        """The open request of ``owner``'s ``branch`` whose last commit is ``head``."""
        ...

    async def merged_change(self, commit: str, branch: str) -> ProposedChange | None:
        """The request whose merge into ``branch`` made ``commit``, its last one."""
        ...

    async def begin(self, check: str, commit: str) -> None:
        """Says at ``commit`` that ``check`` has begun. Comes before everything that asks who we are."""
        ...

    async def end(self, check: str, commit: str, verdict: Verdict) -> None:
        """Says how the ``check`` that was begun at ``commit`` has ended."""
        ...

    async def kept(self, check: str, commit: str) -> str | None:
        """What the newest ``check`` at ``commit`` keeps, where we made it and it has ended; else None."""
        ...

    async def put_comment(self, number: int, marker: str, body: str) -> None:
        """Writes our one comment that begins with ``marker``, or replaces it.

        Comments of others count for nothing, whatever they begin with.
        """
        ...

    async def aclose(self) -> None: ...
