"""pydantic's errors, as mistakes that a person can find and fix."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.errors import Problem
from reconciler.manifests.yamltree import Document, locate

M = TypeVar("M", bound=BaseModel)

_MESSAGES = {
    "missing": "'{name}' is missing",
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
_HINTS = {
    "string_type": "put it in quotes",
    "bool_type": "YAML 1.2 knows only true and false: yes, no, on and off are texts",
}


def did_you_mean(word: object, known: Iterable[str]) -> str | None:
    """A hint with the nearest of ``known``, or None when nothing is near."""
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
        return Problem("missing", f"'{location[-1]}' is missing", locate(document, location[:-1]), None, path)
    place = locate(document, location)
    if "text" in context:
        hint = did_you_mean(context["word"], context["known"]) if "word" in context else None
        if "word" in context and hint is None:
            hint = f"one of {', '.join(context['known'])}"
        return Problem(kind, context["text"], place, hint or context.get("hint") or None, path)
    template = _MESSAGES.get(kind)
    message = template.format(**context, name=location[-1]) if template else detail["msg"]
    return Problem(kind.replace("_", "-"), message, place, _HINTS.get(kind), path)


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
        classes = list(_classes(current))
        fields = [c.model_fields[step] for c in classes if isinstance(step, str) and step in c.model_fields]
        current = fields[0].annotation if fields else current
    return next(_classes(current), None)


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _classes(argument)


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
