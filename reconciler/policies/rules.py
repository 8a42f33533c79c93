"""JSON Schema 2020-12 with exact numbers, and our words for what it finds.

jsonschema counts in floats where a schema holds some. Here every number is an int or a Decimal, of the
manifest as of the policy, so nothing is rounded: 0.3 is a multiple of 0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import simplejson
from jsonschema import Draft202012Validator, TypeChecker, ValidationError
from jsonschema.validators import extend

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MESSAGE: Final = "x-message"
"""The keyword whose text is the message where its schema is not met."""
NEVER: Final = "reconciler:never"
"""A keyword of ours in place of the schema `false`."""
_LONGEST: Final = 200
_MOST: Final = 12

Errors = Iterator[ValidationError]


def _is_integer(_checker: TypeChecker, value: object) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _multiple_of(validator: Any, factor: Any, value: Any, _schema: Any) -> Errors:
    if validator.is_type(value, "number") and (Fraction(value) / Fraction(factor)).denominator != 1:
        yield ValidationError("")


def _required(validator: Any, names: Any, value: Any, _schema: Any) -> Errors:
    """One error for each name, with its path."""
    if validator.is_type(value, "object"):
        for name in names:
            if name not in value:
                yield ValidationError(f"'{name}' is missing", path=(name,))


def _dependent_required(validator: Any, names: Any, value: Any, _schema: Any) -> Errors:
    if validator.is_type(value, "object"):
        for present, needed in names.items():
            for name in needed if present in value else ():
                if name not in value:
                    yield ValidationError(f"'{name}' is missing; it goes with '{present}'", path=(name,))


_additional = Draft202012Validator.VALIDATORS["additionalProperties"]


def _additional_properties(validator: Any, schema: Any, value: Any, parent: Any) -> Errors:
    """One error for each property where none may be, with its path."""
    if schema is not False or not validator.is_type(value, "object"):
        yield from _additional(validator, schema, value, parent)
        return
    for name in value:
        others = {key: parent[key] for key in ("properties", "patternProperties") if key in parent}
        if any(_additional(validator, False, {name: None}, others)):  # noqa: FBT003 - a schema, not a flag
            yield ValidationError(_forbidden(name), path=(name,))


def _property_names(validator: Any, schema: Any, value: Any, _parent: Any) -> Errors:
    if validator.is_type(value, "object"):
        for name in value:
            yield from validator.descend(name, schema, path=name)


def _never(_validator: Any, _schema: Any, _value: Any, _parent: Any) -> Errors:
    yield ValidationError("")


# Decimal is registered as a number, so that only whole ones need a word of ours.
Rules: Final[Any] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        NEVER: _never,
        "additionalProperties": _additional_properties,
        "dependentRequired": _dependent_required,
        "multipleOf": _multiple_of,
        "propertyNames": _property_names,
        "required": _required,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
"""A validator for schemas and values whose numbers are ints and Decimals."""

AT_THE_KEY: Final = frozenset({"required", "dependentRequired", "propertyNames", NEVER})
"""The keywords whose errors are about a key rather than its value."""


def words(error: ValidationError, written: Any = None) -> str:
    """What is wrong, in one sentence. It shows nothing of the manifest but names: a value may be a secret.

    ``written`` is what the policy says at the keyword, where that is not what was run.
    """
    schema: Any = error.schema
    told = schema.get(MESSAGE) if isinstance(schema, Mapping) else None
    if isinstance(told, str) and told.strip():
        return told
    keyword: Any = error.validator
    if keyword in (None, NEVER):
        return _forbidden(error.absolute_path[-1]) if error.absolute_path else "may not stand here"
    if keyword in ("required", "dependentRequired", "additionalProperties"):
        return error.message
    word = _WORDS.get(str(keyword))
    return (
        word(error.validator_value if written is None else written)
        if word
        else f"does not meet '{keyword}' of the policy"
    )


def _forbidden(name: object) -> str:
    return f"'{name}' may not stand here"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else simplejson.dumps(value, use_decimal=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _list(values: Any, between: str = ", ") -> str:
    shown = [_short(value) for value in values[:_MOST]]
    return between.join([*shown, "…"] if len(values) > _MOST else shown)


_TYPES: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}


def _counted(bound: str, thing: str) -> Callable[[Any], str]:
    return lambda count: f"must have at {bound} {count} {thing}{'' if count == 1 else 's'}"


def _types(given: Any) -> str:
    names = [given] if isinstance(given, str) else given
    return "must be " + " or ".join(_TYPES.get(name, name) for name in names)


_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "anyOf": lambda schemas: f"fits none of {len(schemas)} alternatives",
    "const": lambda value: f"must be {_short(value)}",
    "contains": lambda _: "has no item of the kind that must be in it",
    "enum": lambda values: f"must be {'one of ' if len(values) > 1 else ''}{_list(values)}",
    "exclusiveMaximum": lambda bound: f"must be less than {_short(bound)}",
    "exclusiveMinimum": lambda bound: f"must be more than {_short(bound)}",
    "items": lambda _: "has more items than may stand here",
    "maxContains": lambda count: f"must have at most {count} items of this kind",
    "maxItems": _counted("most", "item"),
    "maxLength": _counted("most", "character"),
    "maxProperties": _counted("most", "key"),
    "maximum": lambda bound: f"must be at most {_short(bound)}",
    "minContains": lambda count: f"must have at least {count} items of this kind",
    "minItems": _counted("least", "item"),
    "minLength": _counted("least", "character"),
    "minProperties": _counted("least", "key"),
    "minimum": lambda bound: f"must be at least {_short(bound)}",
    "multipleOf": lambda factor: f"must be a multiple of {_short(factor)}",
    "not": lambda _: "is what may not stand here",
    "oneOf": lambda schemas: f"must fit exactly one of {len(schemas)} alternatives",
    "pattern": lambda pattern: f"must match {_short(pattern)}",
    "type": _types,
    "unevaluatedItems": lambda _: "holds an item that may not stand here",
    "unevaluatedProperties": lambda _: "holds a key that may not stand here",
    "uniqueItems": lambda _: "holds something twice",
}
