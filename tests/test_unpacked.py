"""What stands in a plan as JSON: what `dataclasses.asdict` gives, whatever is in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from reconciler.unpacked import unpacked


@dataclass(frozen=True, slots=True)
class Inner:
    text: str
    value: Any = None


@dataclass(frozen=True)
class Outer:
    one: Inner
    many: tuple[Inner, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


OUTER = Outer(
    Inner("a", Decimal("1.50")),
    (Inner("b", True), Inner("c", [1, {"deep": (Inner("d"), None)}])),
    {"one": Inner("e", {}), "two": [Text("f"), b"bytes", 1.5]},
)


def test_it_is_what_asdict_gives() -> None:
    assert unpacked(OUTER) == asdict(OUTER)
    assert repr(unpacked(OUTER)) == repr(asdict(OUTER))


def test_nothing_of_it_can_change_what_it_was_made_of() -> None:
    before = repr(OUTER)
    made = unpacked(OUTER)
    made["named"]["two"].append("more")
    made["many"][1]["value"][1]["deep"] = ()
    made["many"][1]["value"].clear()
    assert repr(OUTER) == before


def test_two_classes_with_the_same_name_keep_their_own_fields() -> None:
    def made(*names: str) -> Any:
        return dataclass(type("Same", (), {"__annotations__": dict.fromkeys(names, int)}))

    first, second = made("a", "b"), made("b", "c")
    assert unpacked(first(1, 2)) == {"a": 1, "b": 2}
    assert unpacked(second(1, 2)) == {"b": 1, "c": 2}
