"""What a file of faults may say. It is checked here, and its schema is published."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

KINDS: Final = ("list", "get", "create", "update", "switch", "usages", "token", "other")
"""What a call is for. ``switch``: Orq's enable and disable. ``usages``: Orq's deployments."""

READS: Final = frozenset({"list", "get"})
WRITES: Final = frozenset({"create", "update", "switch"})

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
_TIME: Final = r"[0-9]+(\.[0-9]+)?(ms|s|m)"
_READS: Final = r"[1-9][0-9]* reads?"
_END: Final = r"(?![\s\S])"

T = TypeVar("T")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def _failure(code: str, message: str, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError(code, "{text}", {"text": message, "hint": hint})


@dataclass(frozen=True, slots=True)
class Staleness:
    """For how long reads are answered from before a write: ``seconds``, or that many ``reads``."""

    seconds: float | None = None
    reads: int | None = None


def _seconds(text: str) -> float:
    unit = next(unit for unit in _UNITS if text.endswith(unit))  # ms comes before s
    return float(text.removesuffix(unit)) * _UNITS[unit]


def _time(value: object) -> float:
    if not isinstance(value, str) or re.fullmatch(_TIME, value) is None:
        raise _failure("time", "a time is a number with its unit: 200ms, 3s or 1m")
    return _seconds(value)


def _staleness(value: object) -> Staleness:
    if isinstance(value, str) and re.fullmatch(_READS, value):
        return Staleness(reads=int(value.partition(" ")[0]))
    if isinstance(value, str) and re.fullmatch(_TIME, value):
        return Staleness(seconds=_seconds(value))
    raise _failure("staleness", "write how long reads are stale: a time (3s), or a number of them (2 reads)")


def _lost(value: object) -> tuple[str, ...] | Literal[True]:
    if value is True:
        return True
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise _failure("lose", "write true, or a list of the fields that are lost: [metadata.region]")


def _kinds(value: object) -> tuple[str, ...]:
    asked = value if isinstance(value, list) else [value]
    for item in asked:
        if item not in KINDS:
            raise _failure("call", f"a call is one of {', '.join(KINDS)}", "a list may name several")
    if not asked:
        raise _failure("call", "the list names no call", "leave `call` out for every call")
    return tuple(asked)


def _texts(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern}){_END}"}


def _field(check: Callable[[object], T], schema: dict[str, Any]) -> Any:
    return PlainValidator(check), WithJsonSchema(schema)


Time: TypeAlias = Annotated[float, *_field(_time, _texts(_TIME))]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
_ONE_KIND: Final[dict[str, Any]] = {"enum": [*KINDS]}
_Kinds: TypeAlias = Annotated[
    tuple[str, ...],
    *_field(_kinds, {"anyOf": [_ONE_KIND, {"type": "array", "items": _ONE_KIND, "minItems": 1}]}),
]
_Stale: TypeAlias = Annotated[Staleness, *_field(_staleness, _texts(f"{_TIME}|{_READS}"))]
_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
_Lost: TypeAlias = Annotated[
    tuple[str, ...] | Literal[True],
    *_field(_lost, {"anyOf": [{"const": True}, {"type": "array", "items": _TEXT, "minItems": 1}]}),
]


class Match(_Strict):
    """Which calls a rule is about, and which of those meet its fault."""

    method: Text = Field("*", description="The HTTP method; * for any.", examples=["POST"])
    path: Text = Field("*", description="A pattern for the path, without the query.", examples=["/v2/*"])
    call: _Kinds = Field(tuple(KINDS), description="What the call is for, in every vendor's API.")
    name: Text = Field(
        "*", description="A pattern for the name or id of the object that it is about.", examples=["house-*"]
    )
    at: Annotated[int, Field(ge=1)] = Field(
        1, description="The first of the matching calls that meets it, counted from 1."
    )
    times: Annotated[int, Field(ge=1)] = Field(
        1_000_000_000, description="How many calls meet it; one where `at` is given, else all."
    )
    probability: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(
        1.0, description="The chance of each matching call to meet it."
    )

    @property
    def most(self) -> int:
        """How many calls meet it."""
        return 1 if "at" in self.model_fields_set and "times" not in self.model_fields_set else self.times


FAULTS: Final = ("latency", "status", "reset", "truncate", "malformed", "stale", "lose", "duplicate")
Hint: TypeAlias = Literal[
    "none",
    "retry-after",
    "retry-after-date",
    "retry-after-ms",
    "x-ratelimit-reset",
    "x-ratelimit-reset-at",
    "body",
]


class Rule(_Strict):
    """One fault, and the calls that meet it."""

    match: Match = Field(
        default_factory=lambda: Match.model_validate({}), description="Which calls meet it; all, if left out."
    )
    latency: Time = Field(0.0, description="Answer that much later. The rules after this one hold too.")
    status: Literal[429, 500, 502, 503, 504] = Field(500, description="Answer with this status.")
    hint: Hint = Field("none", description="429: how the answer says when to try again.")
    wait: Time = Field(1.0, description="429: the wait that the hint asks for.")
    when: Literal["before", "after"] = Field(
        "before", description="500 to 504: before or after the call takes effect."
    )
    reset: Literal["before", "after"] = Field(
        "before", description="Reset the connection, before or after the call takes effect."
    )
    truncate: Literal["length", "json"] = Field(
        "length",
        description="Send half of the answer: under the length of the whole, or as if it were all.",
    )
    malformed: Literal["html", "content-type", "json"] = Field(
        "json", description="Answer 200 with a page, with the wrong content type, or with what is no JSON."
    )
    stale: _Stale = Field(
        Staleness(reads=1),
        description="After a write: answer list and get from before it, for a time or a number of reads. "
        "The rules after this one hold too.",
    )
    lose: _Lost = Field(
        default=True, description="A write: answer that it is stored, and store nothing, or not these fields."
    )
    duplicate: Literal[True] = Field(
        default=True,
        description="A create: another client makes the same just before. The rules after this one hold too.",
    )

    @model_validator(mode="after")
    def _one_fault(self) -> Rule:
        given = [name for name in FAULTS if name in self.model_fields_set]
        if len(given) != 1:
            has = f"has {' and '.join(given)}" if given else "has none"
            raise _failure("one-fault", f"a rule has exactly one fault; this one {has}", _ONE)
        limited = "status" in given and self.status == 429
        for name, fits in (("hint", limited), ("wait", limited), ("when", "status" in given and not limited)):
            if name in self.model_fields_set and not fits:
                only = "`status: 500` to `504`" if name == "when" else "`status: 429`"
                raise _failure("misplaced", f"`{name}` stands beside {only} only", "remove it")
        apart = sorted(set(self.match.call) - _TAKES.get(given[0], set(KINDS)))
        if apart and "call" in self.match.model_fields_set:
            takes = ", ".join(kind for kind in KINDS if kind in _TAKES[given[0]])
            message = f"`{given[0]}` is for {takes}, and not for {', '.join(apart)}"
            raise _failure("no-such-call", message)
        return self

    @property
    def fault(self) -> str:
        """Its fault's word."""
        return next(name for name in FAULTS if name in self.model_fields_set)

    @property
    def decides(self) -> bool:
        """Whether no rule after it is asked."""
        return self.fault not in {"latency", "stale", "duplicate"}

    def takes(self, kind: str) -> bool:
        """Whether it can be about calls of that kind."""
        return kind in self.match.call and kind in _TAKES.get(self.fault, {kind})

    def __str__(self) -> str:
        """One line that says what it does, and to what."""
        about = self.match.model_dump(exclude_unset=True)
        if "call" in about:
            about["call"] = "|".join(about["call"])
        what = [_word(name, getattr(self, name)) for name in _SAID if name in self.model_fields_set]
        where = " ".join(f"{name}={value}" for name, value in about.items())
        return f"{', '.join(what)}, where {where}" if where else f"{', '.join(what)}, of every call"


_ONE: Final = f"write one of {', '.join(FAULTS)}"
_SAID: Final = (*FAULTS, "when", "hint", "wait")
_TAKES: Final[dict[str, set[str]]] = {
    "stale": set(WRITES),
    "lose": set(WRITES),
    "duplicate": {"create"},
}


def _word(name: str, value: object) -> str:
    if isinstance(value, Staleness):
        value = f"{value.reads} reads" if value.reads else f"{value.seconds:g}s"
    if isinstance(value, float):
        value = f"{value:g}s"
    if isinstance(value, tuple):
        value = ", ".join(value)
    return name if value is True else f"{name} {value}"


class FaultFile(_Strict):
    """What a registry shall do wrong. The first rule that fires for a call decides; latency, stale and
    duplicate only add to it."""

    seed: int = Field(0, description="What chance follows: the same seed, the same calls, the same faults.")
    faults: Annotated[list[Rule], Field(min_length=1)] = Field(description="The rules, in order.")
