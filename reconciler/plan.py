"""The plan: a frozen, serialisable list of actions. It holds no secret by construction.

These classes are the plan document: `plan -o json` and `plan --out` write them, schemas/plan.schema.json
is generated from them. Values stand in them as JSON (numbers as Decimal or int), in the manifest's
vocabulary and units; requests hold what goes on the wire.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import cache, lru_cache
from typing import Any, Final, Literal

import simplejson

from reconciler import __version__
from reconciler.money import Price, amount_text, parse_unit
from reconciler.refusal import PlanPlace, Refusal
from reconciler.registries.codecs import Json, Unreadable
from reconciler.registries.rows import Contradiction, Edit
from reconciler.secrets import SecretRef

FORMAT = 1
"""The version of the document; a reader refuses one that it does not know."""

_DIGITS: Final = 300
_EXACT: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)
_HALF: Final = re.compile("[\ud800-\udfff]")

JsonValue = Any
Operation = Literal["create", "update", "none", "refused"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One value in the manifest's vocabulary.

    ``form`` says how to read ``value``: `value` any JSON, `unset` nothing, `price` with amount, currency
    and per, `secret` the name of a reference, `unreadable` a text about what the registry holds.
    """

    form: Literal["value", "unset", "price", "secret", "unreadable"]
    value: JsonValue = None

    @property
    def price(self) -> Price | None:
        """The price that it is, if it is one."""
        if self.form != "price":
            return None
        return Price(Decimal(self.value["amount"]), self.value["currency"], parse_unit(self.value["per"]))


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. ``wire`` are the raw values, for those who check the translation."""

    path: str
    live: Shown
    desired: Shown
    place: PlanPlace | None
    wire_live: JsonValue
    wire_desired: JsonValue
    default: bool = False
    note: str | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """One point of a request's body: a value, a secret by name, or a key that is left out."""

    path: tuple[str, ...]
    value: JsonValue = None
    secret: str | None = None
    cleared: bool = False

    @classmethod
    def of(cls, edit: Edit) -> PlannedEdit:
        if type(edit.value) is bool and not edit.cleared and edit.secret is None:
            return _switched(edit.path, edit.value)
        return cls(edit.path, edit.value, edit.secret.name if edit.secret else None, edit.cleared)

    def edit(self) -> Edit:
        return Edit(self.path, self.value, SecretRef(self.secret) if self.secret else None, self.cleared)


@lru_cache(maxsize=4096)
def _switched(path: tuple[str, ...], value: bool) -> PlannedEdit:  # noqa: FBT001 - it is the value
    """An edit to true or false, of which every manifest has the same few dozen."""
    return PlannedEdit(path, value)


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One call, as edits: the body is composed when it is sent, from what is live then."""

    call: str
    method: str
    path: str
    edits: tuple[PlannedEdit, ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """A wire path that an update rests on, with a short digest of its live value."""

    path: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A field that is set live and that the manifest leaves out; it stays. ``clearable``: null clears it."""

    path: str
    live: Shown
    clearable: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """What shall happen to one resource in one registry.

    ``id`` is the live object's, or the one that a create sends; ``rests_on`` the fingerprint of what was
    read, and ``basis`` its parts; ``hints`` say how the manifest is better written; ``used_by`` are those
    that are known to use it; ``after`` the keys (``Model/support-mini``) of the actions in this registry
    that come first; ``labels`` are the manifest's, None where they are not known.
    """

    registry: str
    resource: str
    name: str
    operation: Operation
    variant: str
    id: str | None
    place: PlanPlace
    changes: tuple[Change, ...] = ()
    requests: tuple[PlannedRequest, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    used_by: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    rests_on: str = ""
    basis: tuple[Basis, ...] = ()
    digest: str = ""
    labels: Mapping[str, str] | None = None

    @property
    def key(self) -> str:
        """What tells it from every other action in its registry."""
        return key_of(self.resource, self.name)


@dataclass(frozen=True, slots=True)
class NotHeld:
    """A declared field that this kind has no place for, and the manifests of one resource that declare it."""

    path: str
    names: tuple[str, ...]
    resource: str = "Model"


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A live object of ours that no manifest names. Never touched.

    ``name`` is what a manifest would pin it by, ``id`` what the registry calls it: mostly the same.
    """

    name: str
    id: str
    display_name: str | None = None
    resource: str = "Model"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing can be said of a registry, or why a request failed."""

    code: str
    message: str
    hint: str | None = None
    request: str | None = None
    status: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class RegistryPlan:
    """One registry's part. With ``failure`` it could not be read, and ``actions`` is empty.

    ``account`` is whose registry it is, where what was read from it tells.
    ``vendor_owned`` counts the vendor's own models that no manifest names; ``users_are`` is what the
    ``used_by`` of its actions are (`deployment`); ``warnings`` are about what could not be read. ``own``
    counts the team's own models, None where that is not known. With ``refusals`` nothing is written to it.
    ``in_part``: only what its manifests mean was read, so that nothing is known of ``left_alone``,
    ``vendor_owned`` and ``own``.
    """

    name: str
    kind: str
    target: str
    failure: Failure | None = None
    actions: tuple[Action, ...] = ()
    not_held: tuple[NotHeld, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    vendor_owned: int = 0
    account: str | None = None
    users_are: str = ""
    warnings: tuple[str, ...] = ()
    own: int | None = None
    refusals: tuple[Refusal, ...] = ()
    in_part: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """When a plan was made (ISO 8601, UTC), and from which git commit.

    ``commit`` is None outside of git; ``dirty``: the folder held what no commit has.
    """

    at: str
    commit: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan was asked for; everything where nothing is given. The words are those of the options.

    ``since`` is the commit that the manifests were compared with: the plan is about those that differ.
    """

    registries: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    resend: tuple[str, ...] = ()
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """What a shard's plan has of one registry: of all its ``actions`` those ``at`` these places, from 0."""

    registry: str
    actions: int
    at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShardOf:
    """Which part of a whole plan a plan is.

    ``of`` is the same for all shards of one run: the digest of what is declared, or of the plan file that
    they share. ``run`` is the id of that run, where there is one: what is declared may be applied again and
    again. ``digest`` is the whole plan's and ``registries`` are its registries, as this shard saw them;
    both are of nothing for a shard that has nothing to do, and so no ``portions``.
    """

    number: int
    count: int
    of: str
    digest: str
    registries: tuple[str, ...]
    portions: tuple[Portion, ...]
    run: str | None = None

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole. ``digest`` is the hash of the sorted digests of its actions.

    With ``refusals`` nothing of it is done. With ``shard`` it is a part of a plan, and the guards over a run
    have looked at the whole.
    """

    registries: tuple[RegistryPlan, ...]
    digest: str
    notes: tuple[str, ...] = ()
    made: Made | None = None
    scope: Scope = Scope()
    apiVersion: Literal["reconciler/v1"] = "reconciler/v1"  # noqa: N815 - the field's name is given
    kind: Literal["Plan"] = "Plan"
    format: int = FORMAT
    tool: str = __version__
    refusals: tuple[Refusal, ...] = ()
    shard: ShardOf | None = None

    def actions(self, *operations: Operation) -> list[Action]:
        """Every action with one of ``operations``; all where none is given."""
        return [
            action
            for registry in self.registries
            for action in registry.actions
            if not operations or action.operation in operations
        ]

    @property
    def held(self) -> dict[str, Refusal]:
        """By registry, the first reason why nothing is written to it; those that may be are not there."""
        return {
            registry.name: refusal
            for registry in self.registries
            for refusal in (*registry.refusals, *self.refusals)[:1]
        }

    @property
    def failed(self) -> bool:
        return any(registry.failure for registry in self.registries)


def key_of(resource: str, name: str) -> str:
    """One resource in one registry; two resources may have the same name."""
    return f"{resource}/{name}"


UNSET = Shown("unset")
_TRUE: Final = Shown("value", value=True)
_FALSE: Final = Shown("value", value=False)
_NO_VALUES: Final = (Unreadable, Contradiction)


def shown(value: Any) -> Shown:
    """A normal form as the plan shows it."""
    kind = type(value)
    if kind is bool:  # most fields are one or the other
        return _TRUE if value else _FALSE
    if kind is str or kind is int:
        return Shown("value", value)
    if value is None or value == ():
        return UNSET
    if isinstance(value, Price):
        return Shown(
            "price",
            {"amount": amount_text(value.amount), "currency": value.currency, "per": str(value.unit)},
        )
    if isinstance(value, SecretRef):
        return Shown("secret", value.name)
    if isinstance(value, _NO_VALUES):
        return Shown("unreadable", str(value))
    if isinstance(value, Json):
        return Shown("value", value.value)
    return Shown("value", list(value) if isinstance(value, tuple) else value)


def canonical(value: Any) -> str:
    """JSON with sorted keys and exact numbers."""
    # To ask each list whether it is a named tuple takes longer than to write it, and none is one.
    return simplejson.dumps(
        value,
        use_decimal=True,
        sort_keys=True,
        separators=(",", ":"),
        default=str,
        namedtuple_as_object=False,
    )


def digest_of(*parts: Any) -> str:
    """A digest over JSON values; the same on any machine. Numbers count by their value, however written."""
    return hashlib.sha256(canonical(_by_value(parts)).encode()).hexdigest()


_AS_IT_IS: Final = frozenset({bool, int, type(None)})


def _by_value(value: Any) -> Any:
    """``value`` with one spelling for each number: 1, 1.0 and 1e0 are one.

    Half a character counts as what a document has in its place.
    """
    kind = type(value)
    if kind is list or kind is tuple:
        # What stays as it is, as most does, is not handed on.
        return [
            item if type(item) in _AS_IT_IS or (type(item) is str and item.isascii()) else _by_value(item)
            for item in value
        ]
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if kind is dict:
        return {
            key if type(key) is str and key.isascii() else _by_value(key): item
            if type(item) in _AS_IT_IS or (type(item) is str and item.isascii())
            else _by_value(item)
            for key, item in value.items()
        }
    if isinstance(value, Mapping):
        return {_by_value(key): _by_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_by_value(item) for item in value]
    if isinstance(value, Decimal) and value.is_finite():
        whole = value == value.to_integral_value() and value.adjusted() < _DIGITS
        return int(value) if whole else value.normalize(_EXACT)
    return value


def plan_digest(registries: Iterable[RegistryPlan]) -> str:
    """The hash of the sorted digests of every action that would be done; a refused one would not."""
    digests = sorted(
        action.digest for registry in registries for action in registry.actions if action.requests
    )
    return digest_of(digests)


@cache
def plan_type() -> Any:
    """pydantic's reader and writer of plan documents; late, because building it takes a while."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(Plan)
