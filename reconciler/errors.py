"""Every way in which a run can fail, and the exit code of each.

::

    ReconcilerError                      1
    ├── InputError                       1   manifests or reconciler.yaml are wrong; holds every Problem
    ├── UsageError                       1   the command line is wrong
    ├── SecretError                      1   a secret is not set, or may not go where it is sent
    ├── StorageError                     1   the embedded registry's database cannot be used
    ├── PluginError                      1   an installed adapter cannot be used
    ├── JournalError                     1   the record of applies cannot be written or read
    ├── LockedError                      1   another apply runs from the same checkout
    ├── RegistryError                    1   a live registry; holds registry, request and cause
    │   ├── Unreachable                      nothing was sent: name, connection, TLS
    │   ├── Unauthorised                     401 or 403
    │   ├── Rejected                         any other 4xx: the registry understood and said no
    │   ├── RateLimited                      429 past every retry
    │   ├── UnexpectedAnswer                 a shape, size, type or redirect that we do not accept
    │   └── UnknownOutcome                   sent, but no answer tells whether it took effect
    └── InternalError                    1   a bug of ours; the message asks for a report

The code of a whole run is computed once, from its typed result, in ``outcome.exit_code``: a failure
after something was written is 4, whatever the exception says. Exceptions never hold the text of a
secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a run ends with. Where several hold, the first of 4, 1, 5, 3, 2, 0 wins."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    REFUSED = 3
    PARTIAL = 4
    STALE = 5
    SIGINT = 130
    SIGTERM = 143


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point in a file. ``line`` and ``column`` count from 1, columns in characters."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in an input file.

    ``code`` is a stable kebab-case word for machines, ``message`` says what is wrong, ``hint`` how to
    fix it, ``path`` which field of the document it is about (``spec.pricing.input``), ``related``
    where else to look (the other of two duplicates).
    """

    code: str
    message: str
    place: Place
    hint: str | None = None
    path: str | None = None
    related: tuple[Place, ...] = ()

    def sort_key(self) -> tuple[Place, str, str]:
        return (self.place, self.code, self.message)


class ReconcilerError(Exception):
    """The root. ``hint`` says how to fix it, where we know."""

    exit_code: ExitCode = ExitCode.ERROR
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(ReconcilerError):
    """Input files are wrong. Holds all mistakes of all files, sorted by place, without repetition."""

    code = "invalid-input"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = sorted(set(problems), key=Problem.sort_key)
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the input files")


class UsageError(ReconcilerError):
    code = "usage"


class SecretError(ReconcilerError):
    code = "secret"


class StorageError(ReconcilerError):
    code = "storage"


class PluginError(ReconcilerError):
    """An adapter from another distribution is broken. The message names both."""

    code = "plugin"


class JournalError(ReconcilerError):
    """The record of applies cannot be written or read. The message names the file."""

    code = "journal"


class LockedError(ReconcilerError):
    """Another apply runs from the same checkout, or the lock cannot be had."""

    code = "locked"


class RegistryError(ReconcilerError):
    """A live registry failed us.

    ``registry`` is its name in reconciler.yaml, ``request`` the method and the address without
    credentials or query, ``status`` the HTTP status where an answer came, ``request_id`` the
    registry's own id for the request where it gave one.
    """

    code = "registry"

    def __init__(
        self,
        message: str,
        *,
        registry: str,
        request: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.registry = registry
        self.request = request
        self.status = status
        self.request_id = request_id


class Unreachable(RegistryError):
    code = "unreachable"


class Unauthorised(RegistryError):
    code = "unauthorised"


class Rejected(RegistryError):
    code = "rejected"


class RateLimited(RegistryError):
    """Not processed. ``wait``: seconds after which the same call may go out again; None: give up."""

    code = "rate-limited"
    wait: float | None = None


class UnexpectedAnswer(RegistryError):
    code = "unexpected-answer"


class UnknownOutcome(RegistryError):
    code = "unknown-outcome"


class InternalError(ReconcilerError):
    code = "internal"
