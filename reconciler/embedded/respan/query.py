"""The list of models: filters, order, pages.

Source: the vendor's client (respan-api), which names the operators and says of ``count``: "Number of
results on this page, not the total. Request pages until ``next`` is null."
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.datastructures import URL, QueryParams

from reconciler.embedded.answers import Refused
from reconciler.embedded.respan.errors import not_found
from reconciler.embedded.respan.fields import FILTER
from reconciler.embedded.respan.model import Document

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100

_FIELDS = frozenset(
    "id model_name display_name base_model_name affiliation_category input_cost output_cost "
    "cache_hit_input_cost cache_creation_input_cost max_context_window streaming_support function_call "
    "image_support source created_at updated_at".split()
)


def _is(value: Any, wanted: Sequence[Any]) -> bool:
    return value in wanted


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Sequence[Any]], bool]:
    def holds(value: Any, wanted: Sequence[Any]) -> bool:
        same = isinstance(value, int | Decimal) == isinstance(wanted[0], int | Decimal)
        return value is not None and same and compare(value, wanted[0])

    return holds


def _on_text(compare: Callable[[str, str], bool]) -> Callable[[Any, Sequence[Any]], bool]:
    return lambda value, wanted: any(compare(str(value or ""), str(item)) for item in wanted)


_OPERATORS: dict[str, Callable[[Any, Sequence[Any]], bool]] = {
    "": _is,
    "in": _is,
    "not": lambda value, wanted: not _is(value, wanted),
    "not_in": lambda value, wanted: not _is(value, wanted),
    "lt": _compared(lambda value, limit: bool(value < limit)),
    "lte": _compared(lambda value, limit: bool(value <= limit)),
    "gt": _compared(lambda value, limit: bool(value > limit)),
    "gte": _compared(lambda value, limit: bool(value >= limit)),
    "contains": _on_text(lambda value, part: part in value),
    "not_contains": lambda value, wanted: not any(str(item) in str(value or "") for item in wanted),
    "icontains": _on_text(lambda value, part: part.lower() in value.lower()),
    "startswith": _on_text(str.startswith),
    "endswith": _on_text(str.endswith),
    "empty": lambda value, _wanted: value in {None, ""},
    "not_empty": lambda value, _wanted: value not in {None, ""},
}
_NEEDS_A_VALUE = {"lt", "lte", "gt", "gte"}


def filtered(models: Sequence[Document], filters: Mapping[str, Any]) -> list[Document]:
    """The models that every filter takes. Raises Refused 400 for a field or an operator that is not known."""
    kept = list(models)
    for field, condition in filters.items():
        if field not in _FIELDS:
            raise Refused(400, "filters: a field that cannot be filtered by")
        FILTER(f"filters.{field}", condition)
        operator, wanted = condition.get("operator", ""), condition["value"]
        if operator not in _OPERATORS:
            raise Refused(400, f"filters.{field}.operator: not supported")
        if not wanted and operator in _NEEDS_A_VALUE:
            raise Refused(400, f"filters.{field}.value: empty")
        kept = [model for model in kept if _OPERATORS[operator](model.get(field), wanted)]
    return kept


def ordered(models: Sequence[Document], sort_by: str | None) -> list[Document]:
    """By ``sort_by`` (``-`` before the name: downwards), else as they were made. What has no value is last.

    No source names the fields that one may sort by, nor the order without it.
    """
    if not sort_by:
        return list(models)
    field = sort_by.removeprefix("-")
    if field not in _FIELDS:
        raise Refused(400, "sort_by: a field that cannot be sorted by")
    with_value = [model for model in models if model.get(field) is not None]
    without = [model for model in models if model.get(field) is None]
    return [*sorted(with_value, key=lambda model: model[field], reverse=sort_by.startswith("-")), *without]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, as ``{count, next, previous, …, results}``."""

    count: int
    next: str | None
    previous: str | None
    results: Sequence[Document]

    def body(self, **more: object) -> Document:
        links = {"count": self.count, "next": self.next, "previous": self.previous}
        return {**links, **more, "results": self.results}


def page(items: Sequence[Document], url: URL, parameters: QueryParams) -> Page:
    """The page that ``page`` and ``page_size`` ask for.

    Django REST's paginator: a size that is no number is the default, one that is too large the largest,
    and a page beyond the end is 404. The first page is there even when it is empty.
    """
    size = min(_number(parameters.get("page_size")) or DEFAULT_PAGE, LARGEST_PAGE)
    number = _number(parameters.get("page", "1"))
    start = (number - 1) * size
    if number < 1 or (number > 1 and start >= len(items)):
        raise not_found()
    shown = items[start : start + size]
    following = str(url.include_query_params(page=number + 1)) if start + size < len(items) else None
    before = str(url.include_query_params(page=number - 1)) if number > 1 else None
    return Page(len(shown), following, before, shown)


def _number(text: str | None) -> int:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text) else 0
