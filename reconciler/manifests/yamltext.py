"""Values to YAML text that `yamltree` reads back as exactly the same values.

Written by hand, because PyYAML's writers follow YAML 1.1 and know no Decimal. What other readers could take
for something else (`no`, `on`, `12:30`) stands in quotes, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from reconciler.manifests.yamltree.scalars import resolve
from reconciler.money import plain

LONGEST_KEY: Final = 200
"""Characters of a key that can be written: YAML takes no more than 1024 of them, escapes included."""

_PLAIN: Final = re.compile(
    r"[A-Za-z_][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*"
    r"|[0-9]+\.[0-9]+ / [A-Za-z0-9 ]*[A-Za-z0-9]|[0-9]+[KM] [a-z]+"  # a price with its unit, a unit
    r"|https?://[A-Za-z0-9._/:-]*[A-Za-z0-9/]"
)
_OLD_WORDS: Final = frozenset("y n yes no on off null true false".split())
"""What YAML 1.1 takes for something else than a text, in small letters."""

_BRIEF: Final = 80
"""Characters of a list, or a mapping with one entry, that stands on one line."""


class NotWritable(ValueError):
    """No YAML text means this value; the message says why, and does not repeat it."""


def yaml_text(value: Mapping[str, Any]) -> str:
    """``value`` as a YAML document in block style, with a newline at its end.

    Takes mappings, lists, texts, whole numbers, Decimals, true, false and null. Raises NotWritable.
    """
    return "\n".join(_mapping(value, 0)) + "\n" if value else "{}\n"


def check_writable(value: Any) -> None:
    """Raises NotWritable where ``yaml_text`` would."""
    for _ in _entry("-", value, 0):
        pass


def _mapping(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    for key, item in value.items():
        if len(key) > LONGEST_KEY:
            raise NotWritable(f"a key has more than {LONGEST_KEY} characters")
        yield from _entry(f"{scalar_text(key)}:", item, indent)


def _sequence(value: list[Any], indent: int) -> Iterator[str]:
    for item in value:
        yield from _entry("-", item, indent)


def _entry(head: str, value: Any, indent: int) -> Iterator[str]:
    """One entry of a mapping or a list, whose value stands behind ``head`` or below it."""
    pad = " " * indent
    if isinstance(value, Mapping | list) and value:
        brief = _brief(value)
        if brief is not None:
            yield f"{pad}{head} {brief}"
            return
        yield pad + head
        yield from _mapping(value, indent + 2) if isinstance(value, Mapping) else _sequence(value, indent + 2)
    elif isinstance(value, str) and _is_block(value):
        yield f"{pad}{head} {'|' if value.endswith(chr(10)) else '|-'}"
        for line in value.removesuffix("\n").split("\n"):
            yield f"{pad}  {line}" if line else ""
    else:
        yield f"{pad}{head} {scalar_text(value)}"


def _brief(value: Mapping[str, Any] | list[Any]) -> str | None:
    """A short list of scalars, or a mapping with one, on one line; None for any other."""
    items = value.values() if isinstance(value, Mapping) else value
    if any(isinstance(item, Mapping | list) or (isinstance(item, str) and _is_block(item)) for item in items):
        return None
    if not isinstance(value, Mapping):
        text = f"[{', '.join(map(scalar_text, value))}]"
    elif len(value) == 1:
        [(key, item)] = value.items()
        text = f"{{{scalar_text(key)}: {scalar_text(item)}}}"
    else:
        return None
    return text if len(text) <= _BRIEF else None


def _is_block(text: str) -> bool:
    """Whether a text of several lines can be written line by line, and reads better so."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(line.isprintable() for line in lines)
        and bool(lines[0].strip())
        and not lines[0].startswith(" ")
        and bool(lines[-1].strip())
        and all(line == "" or line.strip() for line in lines)
    )


def scalar_text(value: Any) -> str:
    """One value that is no mapping and no list, as it may stand anywhere, in a list too."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return _number(value)
        case str():
            return _text(value)
        case Mapping():
            return "{}"
        case list():
            return "[]"
    raise NotWritable(f"no YAML is known for a value of type {type(value).__name__}")


def _number(value: Decimal) -> str:
    """Every digit, without exponent. A number that is as well whole keeps its zeros: ``2.00``."""
    if not value.is_finite():
        raise NotWritable("is not a finite number")
    exponent = value.as_tuple().exponent
    text = format(value, "f") if isinstance(exponent, int) and exponent <= 0 else format(plain(value), "f")
    if not isinstance(resolve(text), int | Decimal):
        raise NotWritable("has more digits than a manifest may hold")
    return text


def _text(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise NotWritable("holds text that is not UTF-8 (half of a surrogate pair)")
    if _PLAIN.fullmatch(value) and value.lower() not in _OLD_WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return quoted if quoted.isprintable() else "".join(map(_escaped, quoted))


def _escaped(character: str) -> str:
    """What a reader may take for a line break, or hide, is written out."""
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
