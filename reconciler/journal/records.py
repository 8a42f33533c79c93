"""The lines of the journal. No secret is in them: they are made of plans and outcomes, which hold none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from reconciler import __version__
from reconciler.outcome import ActionResult, Proof
from reconciler.plan import Action, JsonValue, Operation, Shown, key_of

FORMAT = 1
"""The version of the format; a reader refuses a file with one that it does not know."""


def now() -> str:
    """This moment, as records have it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who runs it: in CI whom the CI names, with the address of its run; else the user of this machine."""

    name: str
    host: str
    pid: int
    ci: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A registry that the run may write to: its name in reconciler.yaml, its kind, its address."""

    name: str
    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Begin:
    """The first line. ``plan`` is the digest of what is applied; ``commit`` is null where it is not known;
    ``whole``: no manifest of its registries was left out. ``shard`` is which of several that share a run it
    is, as 3/8."""

    run: str
    actor: Actor
    plan: str
    registries: tuple[Written, ...]
    commit: str | None = None
    dirty: bool | None = None
    whole: bool = False
    shard: str | None = None
    at: str = ""
    command: str = "apply"
    tool: str = __version__
    format: int = FORMAT
    record: Literal["begin"] = "begin"


@dataclass(frozen=True, slots=True)
class Field:
    """One field that shall change. ``wire`` is the value as it goes out."""

    path: str
    live: Shown
    desired: Shown
    wire: JsonValue = None


@dataclass(frozen=True, slots=True)
class Intent:
    """One action that is about to be sent."""

    registry: str
    resource: str
    name: str
    operation: Operation
    id: str | None
    digest: str
    changes: tuple[Field, ...] = ()

    @classmethod
    def of(cls, action: Action) -> Intent:
        changes = (
            Field(change.path, change.live, change.desired, change.wire_desired) for change in action.changes
        )
        return cls(
            action.registry,
            action.resource,
            action.name,
            action.operation,
            action.id,
            action.digest,
            tuple(changes),
        )

    @classmethod
    def plain(cls, action: Action) -> dict[str, Any]:
        """The JSON of ``of``, ten times as fast: calls are under way while it is written."""
        return {
            "registry": action.registry,
            "resource": action.resource,
            "name": action.name,
            "operation": action.operation,
            "id": action.id,
            "digest": action.digest,
            "changes": [
                {
                    "path": change.path,
                    "live": {"form": change.live.form, "value": change.live.value},
                    "desired": {"form": change.desired.form, "value": change.desired.value},
                    "wire": change.wire_desired,
                }
                for change in action.changes
            ],
        }

    @property
    def key(self) -> tuple[str, str]:
        """The registry, and what tells it from every other action there."""
        return self.registry, key_of(self.resource, self.name)


@dataclass(frozen=True, slots=True)
class Intents:
    """Actions of which nothing is sent before this line is on the disk."""

    actions: tuple[Intent, ...]
    at: str = ""
    record: Literal["intents"] = "intents"


@dataclass(frozen=True, slots=True)
class Results:
    """What became of actions. A later result of the same action counts: the proof may take one back."""

    results: tuple[ActionResult, ...]
    at: str = ""
    record: Literal["results"] = "results"


@dataclass(frozen=True, slots=True)
class Proofs:
    """What the registries showed after the writes."""

    proofs: tuple[Proof, ...]
    at: str = ""
    record: Literal["proof"] = "proof"


@dataclass(frozen=True, slots=True)
class End:
    """The last line. ``settles`` are earlier runs that had not ended and that this one has looked after;
    ``error`` says why the run ended where it did."""

    exit_code: int
    interrupted: bool = False
    settles: tuple[str, ...] = ()
    error: str | None = None
    at: str = ""
    record: Literal["end"] = "end"


Record = Begin | Intents | Results | Proofs | End


@cache
def adapter() -> Any:
    """pydantic's reader and writer of one line; late, because building it takes a while."""
    from pydantic import Field as Discriminated  # noqa: PLC0415
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(Annotated[Record, Discriminated(discriminator="record")])
