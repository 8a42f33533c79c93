"""Codecs: one field between the manifest's vocabulary and the wire. Pure, no float.

A *normal form* is what both sides are compared in: the same value always has the same one. The law
that every echoed row keeps: ``decode(encode(normal(x))) == normal(x)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Final

from reconciler.manifests.concealing import concealed
from reconciler.manifests.fields import SECRET_SCHEMA, JsonSchema, secret_shape_problem, text_schema
from reconciler.manifests.vocabulary import BASE_URL, full
from reconciler.money import SIGNIFICANT_DIGITS, InexactPrice, Price, Unit, as_double, plain
from reconciler.secrets import SecretJson, SecretRef

Value = Any
"""A normal form: str, bool, int, Decimal, Price, Json, a sorted tuple, SecretRef, or None for unset."""

Wire = Any
"""JSON as a registry speaks it, numbers with a point as Decimal."""


class BadValue(ValueError):
    """A manifest's native value has the wrong type or range: a mistake in the file."""


class CannotExpress(ValueError):
    """The registry has the field, but it cannot take this value."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A live value of a type that the field never has. Equal to nothing that a manifest can ask for."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Json:
    """Any JSON value by its canonical text, so that 1 is not true, and 1.0 is 1."""

    text: str

    @property
    def value(self) -> Wire:
        import json  # noqa: PLC0415 - few fields hold any JSON

        return json.loads(self.text, parse_float=Decimal)

    def __str__(self) -> str:
        return self.text


def json_of(value: Wire, *, drop_empty: bool = False, shape: Mapping[str, Any] | None = None) -> Json:
    """The canonical form of ``value``; ``drop_empty`` leaves out what Go's ``omitempty`` would.

    The keys that ``shape`` requires are always there, so that a price of 0 stays a price.
    """
    import simplejson  # noqa: PLC0415 - few fields hold any JSON

    canonical = _canonical(value, drop_empty=drop_empty, shape=shape or {})
    return Json(simplejson.dumps(canonical, use_decimal=True, sort_keys=True))


_ZEROS: Final[Mapping[str, Wire]] = {"string": "", "number": 0, "integer": 0}


def _canonical(value: Wire, *, drop_empty: bool, shape: Mapping[str, Any]) -> Wire:
    if isinstance(value, Mapping):
        known = shape.get("properties", {})
        pairs = (
            (key, _canonical(item, drop_empty=drop_empty, shape=known.get(key, {})))
            for key, item in value.items()
        )
        kept = {key: item for key, item in pairs if not (drop_empty and item in (False, None, "", [], {}))}
        return {key: _ZEROS[known[key]["type"]] for key in shape.get("required", ())} | kept
    if isinstance(value, list | tuple):
        items = shape.get("items", {})
        return [_canonical(item, drop_empty=drop_empty, shape=items) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return value if _is_extreme(value) else whole_if_exact(as_double(value))


def _unreadable(wire: Wire) -> Unreadable:
    return Unreadable(json_of(wire).text)


class Codec:
    """The protocol of a codec, and what most have in common.

    ``plain``: a value needs nothing but ``normal``. It is no tree, holds no secret, and goes nowhere.
    """

    __slots__ = ()
    plain: ClassVar[bool] = False

    def schema(self) -> JsonSchema:
        """The JSON Schema of the native value."""
        raise NotImplementedError

    def normal(self, value: Any, *, native: bool) -> Value:
        """The normal form of a manifest's value.

        ``native`` tells a value in the registry's own words from a portable one, whose type the
        manifest's model has checked. Raises BadValue or CannotExpress.
        """
        raise NotImplementedError

    def encode(self, value: Value) -> Wire:
        """The wire form of a normal form."""
        return value

    def decode(self, wire: Wire) -> Value:
        """The normal form of a live value; Unreadable where the type is not the field's."""
        raise NotImplementedError

    def shown(self, value: Value, *, native: bool) -> Value:
        """The value in the words of the manifest's path."""
        del native
        return value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Text(Codec):
    """A text. With ``empty_is_unset``, ``""`` is what the registry answers for none."""

    plain: ClassVar[bool] = True
    max_length: int | None = None
    empty_is_unset: bool = False

    def schema(self) -> JsonSchema:
        length = {} if self.max_length is None else {"maxLength": self.max_length}
        return {"type": "string", "minLength": 0 if self.empty_is_unset else 1, **length}

    def normal(self, value: Any, *, native: bool) -> Value:
        if not isinstance(value, str):
            raise BadValue("must be a text")
        if not value and not self.empty_is_unset:
            raise BadValue("must not be empty")
        if self.max_length is not None and len(value) > self.max_length:
            raise (BadValue if native else CannotExpress)(f"must have at most {self.max_length} characters")
        return self.decode(value)

    def decode(self, wire: Wire) -> Value:
        if wire is None or (self.empty_is_unset and wire == ""):
            return None
        return wire if isinstance(wire, str) else _unreadable(wire)

    def encode(self, value: Value) -> Wire:
        return "" if value is None else value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choice(Text):
    """One of a few words, which is all that the registry takes."""

    words: tuple[str, ...] = ()

    def schema(self) -> JsonSchema:
        return {"type": "string", "enum": list(self.words)}

    def normal(self, value: Any, *, native: bool) -> Value:
        text = Text.normal(self, value, native=native)
        if text not in self.words:
            raise (BadValue if native else CannotExpress)(f"must be one of {', '.join(self.words)}")
        return text


class Id(Text):
    """A text that names the object in the address of later calls."""

    __slots__ = ()

    def normal(self, value: Any, *, native: bool) -> Value:
        identity = Text.normal(self, value, native=native)
        if not identity.isprintable() or identity in {".", ".."}:
            raise BadValue("cannot stand in an address: it is '.' or '..', or has unprintable characters")
        return identity

    def schema(self) -> JsonSchema:
        return {**Text.schema(self), "not": {"enum": [".", ".."]}}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Address(Text):
    """The address of an upstream, under the rule of the portable one; with ``bare`` also without scheme."""

    plain: ClassVar[bool] = False
    bare: bool = False

    def normal(self, value: Any, *, native: bool) -> Value:
        address = Text.normal(self, value, native=native)
        if address is not None and full(self._pattern()).match(address) is None:
            raise BadValue(f"must be {self._form()}, without user information, query or fragment")
        return address

    def schema(self) -> JsonSchema:
        pattern = f"(?:{self._pattern()})?" if self.empty_is_unset else self._pattern()
        return text_schema(pattern, f"{self._form()}, without user information, query or fragment")

    def _pattern(self) -> str:
        return f"(?:https?://)?{BASE_URL.removeprefix('https?://')}" if self.bare else BASE_URL

    def _form(self) -> str:
        scheme = "http:// or https://, a host and a path"
        return f"{scheme}, or a host and a path alone" if self.bare else scheme


class Flag(Codec):
    """True or false."""

    __slots__ = ()
    plain: ClassVar[bool] = True

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}

    def normal(self, value: Any, *, native: bool) -> Value:
        del native
        if not isinstance(value, bool):
            raise BadValue("must be true or false")
        return value

    def decode(self, wire: Wire) -> Value:
        return wire if isinstance(wire, bool) else _unreadable(wire)


class ZeroOrOne(Codec):
    """True or false, which the wire keeps as 1 or 0; a JSON boolean is understood on read."""

    __slots__ = ()
    plain: ClassVar[bool] = True

    def schema(self) -> JsonSchema:
        return {"type": ["boolean", "integer"], "minimum": 0, "maximum": 1}

    def normal(self, value: Any, *, native: bool) -> Value:
        if isinstance(value, bool):
            return value
        if not native or not isinstance(value, int) or value not in (0, 1):
            raise BadValue("must be true or false, or natively 1 or 0")
        return value == 1

    def encode(self, value: Value) -> Wire:
        return int(value)

    def decode(self, wire: Wire) -> Value:
        if isinstance(wire, bool):
            return wire
        number = None if isinstance(wire, str) else _number(wire)
        return number == 1 if number in (0, 1) else _unreadable(wire)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Whole(Codec):
    """A whole number of which every digit is kept, also where a server stores doubles; from 0, or signed."""

    plain: ClassVar[bool] = True
    LARGEST: ClassVar = 10**SIGNIFICANT_DIGITS
    signed: bool = False

    def schema(self) -> JsonSchema:
        least = -self.LARGEST if self.signed else 0
        return {"type": "integer", "minimum": least, "maximum": self.LARGEST}

    def normal(self, value: Any, *, native: bool) -> Value:
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadValue("must be a whole number")
        if value < 0 and not self.signed:
            raise BadValue("must not be negative")
        if value > self.LARGEST:
            raise (BadValue if native else CannotExpress)(f"must be at most {self.LARGEST}")
        if value < -self.LARGEST:
            raise (BadValue if native else CannotExpress)(f"must be at least -{self.LARGEST}")
        return value

    def decode(self, wire: Wire) -> Value:
        number = _number(wire)
        if number is None or number != number.to_integral_value():
            return _unreadable(wire)
        return int(number)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(Codec):
    """A number without a published unit; from 0, or signed."""

    plain: ClassVar[bool] = True
    signed: bool = False

    def schema(self) -> JsonSchema:
        return {"type": "number"} if self.signed else {"type": "number", "minimum": 0}

    def normal(self, value: Any, *, native: bool) -> Value:
        del native
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            raise BadValue("must be a number")
        if value < 0 and not self.signed:
            raise BadValue("must not be negative")
        _check_digits(value)
        return plain(Decimal(value))

    def decode(self, wire: Wire) -> Value:
        number = _number(wire)
        return _unreadable(wire) if number is None else number

    def encode(self, value: Value) -> Wire:
        return whole_if_exact(value)


def _check_digits(value: Any) -> None:
    """Raises CannotExpress where a number of ``value`` would come back as another one."""
    if isinstance(value, Mapping):
        for item in value.values():
            _check_digits(item)
    elif isinstance(value, list):
        for item in value:
            _check_digits(item)
    elif isinstance(value, int | Decimal) and as_double(value) != value:
        digits = f"{SIGNIFICANT_DIGITS} significant digits"
        raise CannotExpress(f"has a number of more than {digits}, which is all a registry keeps")


def _number(wire: Wire) -> Decimal | None:
    """A number of the wire, also where it stands as a text; None for anything else."""
    if isinstance(wire, bool) or not isinstance(wire, int | Decimal | str):
        return None
    try:
        number = Decimal(wire)
    except ArithmeticError:
        return None
    return as_double(number) if number.is_finite() and not _is_extreme(number) else None


def _is_extreme(number: int | Decimal) -> bool:
    """Beyond anything that a field holds; to spell it out would fill the memory."""
    return abs(Decimal(number).adjusted()) > _LARGEST_EXPONENT


_LARGEST_EXPONENT: Final = 100


def whole_if_exact(number: Decimal) -> Wire:
    """``number`` as an int where it is one, so that it is written without exponent or point."""
    return int(number) if number == number.to_integral_value() else number


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Money(Codec):
    """A price that the wire keeps per ``unit`` in ``currency``; its normal form is for exactly that unit.

    ``native_unit`` is what a bare native number is per, where that is not the wire's unit.
    """

    plain: ClassVar[bool] = True
    unit: Unit
    currency: str = "USD"
    native_unit: Unit | None = None

    def schema(self) -> JsonSchema:
        return {
            "type": "number",
            "minimum": 0,
            "description": f"{self.currency} / {self.native_unit or self.unit}",
        }

    def normal(self, value: Any, *, native: bool) -> Value:
        if native:
            number = Number().normal(value, native=True)
            value = Price(number, self.currency, self.native_unit or self.unit)
        if value.currency != self.currency:
            raise CannotExpress(f"holds prices in {self.currency}, not in {value.currency}")
        try:
            return Price(value.wire(self.unit), self.currency, self.unit)
        except InexactPrice as error:
            raise CannotExpress(str(error)) from None

    def encode(self, value: Value) -> Wire:
        return whole_if_exact(value.wire(self.unit))

    def decode(self, wire: Wire) -> Value:
        if wire is None:
            return None  # a price may be null where none is set
        number = _number(wire)
        return _unreadable(wire) if number is None else Price(number, self.currency, self.unit)

    def shown(self, value: Value, *, native: bool) -> Value:
        if native and self.native_unit is not None and isinstance(value, Price):
            return value.to(self.native_unit)
        return value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SetOf(Codec):
    """A set that the wire keeps as a list: its order means nothing."""

    item: type[str] | type[int]

    def schema(self) -> JsonSchema:
        items = {"type": "string"} if self.item is str else Whole().schema()
        return {"type": "array", "items": items, "uniqueItems": True}

    def normal(self, value: Any, *, native: bool) -> Value:
        del native
        if not isinstance(value, list) or any(type(item) is not self.item for item in value):
            raise BadValue(f"must be a list of {'texts' if self.item is str else 'whole numbers'}")
        if len(set(value)) != len(value):
            raise BadValue("names one thing twice")
        if self.item is int:
            value = [Whole().normal(item, native=True) for item in value]
        return tuple(sorted(value))

    def decode(self, wire: Wire) -> Value:
        if wire is None:
            return ()
        if not isinstance(wire, list):
            return _unreadable(wire)
        items = wire if self.item is str else [Whole().decode(item) for item in wire]
        if any(type(item) is not self.item for item in items):
            return _unreadable(wire)
        return tuple(sorted(set(items)))

    def encode(self, value: Value) -> Wire:
        return list(value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tree(Codec):
    """Any JSON value, compared whole. ``shape`` is the schema of its keys where they are known.

    ``empty_is_unset``: an empty value, which some servers drop, is none. ``free``: credentials may stand
    anywhere in it. None is taken from a manifest, none of a live one shown.
    """

    shape: Mapping[str, Any] | None = None
    drop_empty: bool = False
    free: bool = False
    empty_is_unset: bool = False

    def schema(self) -> JsonSchema:
        return dict(self.shape or {})

    def normal(self, value: Any, *, native: bool) -> Value:
        del native
        if self.shape is not None:
            check_shape(value, self.shape)
        _check_digits(value)
        return self._read(value)

    def decode(self, wire: Wire) -> Value:
        return self._read(wire)

    def _read(self, value: Wire) -> Value:
        normal = json_of(value, drop_empty=self.drop_empty, shape=self.shape)
        if self.empty_is_unset and normal.text in ("{}", "[]", "null", '""'):
            return None
        return None if self.drop_empty and normal.text in ("{}", "[]", "null") else normal

    def encode(self, value: Value) -> Wire:
        return None if value is None else value.value

    def shown(self, value: Value, *, native: bool) -> Value:
        del native
        return json_of(concealed(value.value, by_key=self.free)) if isinstance(value, Json) else value


_KINDS: Final[Mapping[str, tuple[Any, str]]] = {
    "object": (dict, "a mapping"),
    "array": (list, "a list"),
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "number": ((int, Decimal), "a number"),
    "boolean": (bool, "true or false"),
}
"""The types of JSON Schema: those of Python, and their names."""


def check_shape(value: Any, schema: Mapping[str, Any], path: str = "") -> None:
    """Checks ``value`` against the small part of JSON Schema that the tables use.

    Raises BadValue, which names the key. jsonschema would cost the start-up of every command.
    """
    where = f"'{path}' " if path else ""
    choices = schema.get("anyOf", (schema,))
    fitting = next((choice for choice in choices if _is_of(choice, value)), None)
    if fitting is None:
        raise BadValue(f"{where}must be {' or '.join(_KINDS[choice['type']][1] for choice in choices)}")
    if fitting is not schema:
        check_shape(value, fitting, path)
        return
    if "minimum" in schema and value < schema["minimum"]:
        raise BadValue(f"{where}must be at least {schema['minimum']}")
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            if key not in known and others is False:
                raise BadValue(f"has no key '{below}'; known: {', '.join(known)}")
            check_shape(item, known.get(key, others), below)
        for key in schema.get("required", ()):
            if key not in value:
                raise BadValue(f"{where}needs the key '{key}'")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_shape(item, schema.get("items", {}), f"{path}[{index}]")


def _is_of(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether ``value`` has the type that ``schema`` asks for, if it asks for one."""
    kind = schema.get("type")
    if kind is None:
        return True
    return isinstance(value, _KINDS[kind][0]) and isinstance(value, bool) is (kind == "boolean")


class TreeOrSecret(Tree):
    """Any JSON value, or a secret by reference."""

    __slots__ = ()

    def shown(self, value: Value, *, native: bool) -> Value:
        del native
        return json_of(concealed(value.value)) if isinstance(value, Json) else value

    def normal(self, value: Any, *, native: bool) -> Value:
        if secret_shape_problem(value) is None:
            return SecretRef(value["secret"])
        return Tree.normal(self, value, native=native)


class EmptyMapping(Codec):
    """`{}` written where keys could stand: sent on create, asks nothing of what is live."""

    __slots__ = ()

    def schema(self) -> JsonSchema:
        return {"type": "object", "maxProperties": 0}

    def normal(self, value: Any, *, native: bool) -> Value:
        del native
        if value != {} or not isinstance(value, dict):
            raise BadValue("must be a mapping")
        return Json("{}")

    def decode(self, wire: Wire) -> Value:
        return Json("{}") if wire is None or isinstance(wire, Mapping) else _unreadable(wire)

    def encode(self, value: Value) -> Wire:
        del value
        return {}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Word(Codec):
    """A portable word with a spelling of the registry's own; natively, any text but those ``elsewhere``.

    The normal form is the registry's spelling. ``elsewhere`` maps what this table does not hold to why.
    """

    plain: ClassVar[bool] = True
    spellings: Mapping[str, str]
    kind: str
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def schema(self) -> JsonSchema:
        return {"type": "string", "minLength": 1}

    def normal(self, value: Any, *, native: bool) -> Value:
        if not isinstance(value, str) or not value:
            raise BadValue("must be a text")
        if native and value in self.elsewhere:
            raise CannotExpress(self.elsewhere[value])
        if native:
            return value
        if value not in self.spellings:
            raise CannotExpress(f"kind {self.kind} has no word for '{value}'")
        return self.spellings[value]

    def decode(self, wire: Wire) -> Value:
        return wire if isinstance(wire, str) else _unreadable(wire)

    def shown(self, value: Value, *, native: bool) -> Value:
        if native:
            return value
        return next((word for word, spelling in self.spellings.items() if spelling == value), value)


class SecretText(Codec):
    """A secret: a reference on our side, never read back."""

    __slots__ = ()

    def schema(self) -> JsonSchema:
        return SECRET_SCHEMA

    def normal(self, value: Any, *, native: bool) -> Value:
        del native
        if isinstance(value, SecretRef):
            return value
        problem = secret_shape_problem(value)
        if problem:
            raise BadValue(problem)
        return SecretRef(value["secret"])

    def decode(self, wire: Wire) -> Value:
        raise CannotExpress(f"a secret is never read back, and here is a {type(wire).__name__}")


class SecretObject(SecretText):
    """A secret whose text is a JSON object, which stands in a request as that object."""

    __slots__ = ()

    def encode(self, value: Value) -> Wire:
        return SecretJson(value) if isinstance(value, SecretRef) else value
