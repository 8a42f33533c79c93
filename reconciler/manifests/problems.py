"""pydantic's errors, as mistakes that a person can find and fix."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.errors import Problem
from reconciler.manifests.yamltree import Document, locate

M = TypeVar("M", bound=BaseModel)

_MESSAGES = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "string_type": "must be a text",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "list_type": "must be a list",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}
_OLD_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _hint(kind: str, value: object) -> str | None:
    """How to fix a value of the wrong type."""
    if kind == "bool_type" and isinstance(value, str):
        word = value.lower()
        if word in ("true", "false"):
            return "remove the quotes"
        meant = _OLD_BOOLEANS.get(word)
        return f"write {meant}: YAML 1.2 knows only true and false" if meant else None
    if kind == "int_type" and isinstance(value, Decimal) and value == value.to_integral_value():
        return f"write {int(value)}"
    if kind == "int_type" and isinstance(value, str):
        digits = value.replace("_", "").replace(",", "")
        if digits.isascii() and digits.isdecimal():
            return f"write {digits}" if digits != value else "remove the quotes"
    if kind == "string_type" and isinstance(value, bool | int | Decimal):
        return "put it in quotes"
    if value is None and kind in ("model_type", "dict_type", "list_type"):
        return "nothing is written here"
    return None


def did_you_mean(word: object, known: Iterable[str]) -> str | None:
    """A hint with the nearest of ``known``, or None when nothing is near."""
    import difflib  # noqa: PLC0415 - most files have no mistake

    nearest = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"did you mean '{nearest[0]}'?" if nearest else None


def validate(model: type[M], document: Document) -> tuple[M | None, list[Problem]]:
    """``document`` as ``model``, or every mistake in it."""
    try:
        return model.model_validate(document.root), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return None, [_problem(model, document, detail) for detail in details]


def _problem(model: type[BaseModel], document: Document, detail: ErrorDetails) -> Problem:
    location, kind = tuple(detail["loc"]), detail["type"]
    context: dict[str, Any] = detail.get("ctx", {})
    if location and location[-1] == "[key]":
        location = location[:-1]
        place = locate(document, location, key=True)
        text = context.get("text") or f"'{location[-1]}' is not a name that may stand here"
        return Problem("key", text, place, context.get("hint") or None, dotted(location))
    path = dotted(location)
    if kind == "extra_forbidden":
        return _unknown_field(model, document, location)
    if kind == "missing":
        place = locate(document, location[:-1])
        where = dotted(location[:-1]) or "the document"
        return Problem("missing", f"'{location[-1]}' is missing", place, f"add it to {where}", path)
    place = locate(document, location)
    if "text" in context:
        return Problem(kind, context["text"], place, _word_hint(context), path)
    template = _MESSAGES.get(kind)
    message = template.format(**context) if template else detail["msg"]
    return Problem(kind.replace("_", "-"), message, place, _hint(kind, _value(document, location)), path)


def _word_hint(context: dict[str, Any]) -> str | None:
    near = None
    if "word" in context:
        near = did_you_mean(context["word"], context["known"])
        if near is None and len(context["known"]) <= 12:
            near = f"one of {', '.join(context['known'])}"
    parts = [part for part in (near, context.get("hint")) if part]
    return ("; " if near is None or not near.endswith("?") else " ").join(parts) or None


def _value(document: Document, location: Iterable[str | int]) -> Any:
    """The value that a mistake is about."""
    value: Any = document.root
    for step in location:
        value = value[step]
    return value


def _unknown_field(model: type[BaseModel], document: Document, location: Sequence[str | int]) -> Problem:
    owner = _model_at(model, location[:-1])
    known = list(owner.model_fields) if owner else []
    hint = did_you_mean(location[-1], known)
    if hint is None and known:
        hint = f"known here: {', '.join(known)}"
    where = dotted(location[:-1])
    return Problem(
        "unknown-field",
        f"{where or 'the document'} has no field '{location[-1]}'",
        locate(document, location, key=True),
        hint,
        dotted(location),
    )


def _model_at(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The class that a path of the document leads to."""
    current: Any = model
    for step in location:
        found = _class_in(current)
        if found is None:
            return None
        owner, in_container = found
        # In a mapping or list the step is a name or an index; else it is a field.
        current = owner if in_container else owner.model_fields[str(step)].annotation
    found = _class_in(current)
    return found[0] if found and not found[1] else None


def _class_in(annotation: Any) -> tuple[type[BaseModel], bool] | None:
    """The model in an annotation, and whether it stands in a mapping or a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    container = typing.get_origin(annotation) in (dict, list)
    for argument in typing.get_args(annotation):
        found = _class_in(argument)
        if found is not None:
            return found[0], container or found[1]
    return None


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it: ``spec.registries[0]``; a name with dots stands in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = f'"{step}"' if "." in step else step
            text += f".{name}" if text else name
    return text
