"""A valid manifest and what it asks of its registries, as bytes: for another process and for the next run.

A record holds normal forms and where the name is written, not the tree: what needs the tree reads the file's
bytes anew. It has no mistakes and no refusals in it: a file with one of them is never recorded, so that
every mistake is found and told by the code that reads files, and by nothing else.
"""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

from reconciler.desired import Desired, desire_each
from reconciler.errors import InternalError, Place
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.files import File
from reconciler.manifests.load import Manifest, read_documents
from reconciler.manifests.yamltree import Document, parse
from reconciler.money import Price, Unit
from reconciler.registries import KINDS
from reconciler.registries.codecs import Choice, Flag, Id, Json, Money, Text, Value, Whole, Word
from reconciler.registries.rows import Field, Path, Table
from reconciler.registries.shapes import Fields, Shape, shape_of
from reconciler.secrets import SecretRef

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_KNOWN: Final = frozenset({Choice, Flag, Id, Text, Whole, Word})
"""Codecs whose normal forms are texts, whole numbers, true and false."""


class StaleRecordError(Exception):
    """A record does not fit this version: read the file itself."""


class _NotRecordableError(Exception):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What many manifests have in common besides the shape of their fields. ``text`` is it, written out."""

    text: str
    shape: Shape
    unheld: tuple[Path, ...]
    overridden: frozenset[Path]
    units: Mapping[Path, Unit]
    hints: tuple[str, ...]
    money: tuple[tuple[int, Money, dict[str, Price]], ...]
    """Where prices stand, and those that were met there, by their amounts."""
    odd: tuple[int, ...]
    """Where values stand that are not written as they are."""

    @classmethod
    def read(cls, text: str) -> Form:
        """Raises StaleRecordError where the tables have no such fields."""
        kind, variant, paths, unheld, overridden, units, hints = json.loads(text, parse_float=Decimal)
        table = KINDS[kind].tables.get(variant) if kind in KINDS else None
        if table is None:
            raise StaleRecordError
        known = _fields_of(kind, variant)
        found = {path: known[path] for path in map(tuple, paths)}
        money: list[tuple[int, Money, dict[str, Price]]] = []
        odd: list[int] = []
        for index, item in enumerate(found.values()):
            codec = item.row.codec
            if type(codec) is Money:
                money.append((index, codec, {}))
            elif type(codec) not in _KNOWN:
                odd.append(index)
        return cls(
            text,
            shape_of(table, found),
            tuple(map(tuple, unheld)),
            frozenset(map(tuple, overridden)),
            {tuple(path): Unit(dimension, count) for path, dimension, count in units},
            tuple(hints),
            tuple(money),
            tuple(odd),
        )

    def given(self, values: Sequence[Any]) -> tuple[Value, ...]:
        """The normal forms that were written as ``values``."""
        given = list(values)
        for index, codec, met in self.money:
            amount = given[index]
            if type(amount) is str:
                price = met.get(amount)
                if price is None:
                    price = Price(Decimal(amount), codec.currency, codec.unit)
                    if len(met) < _MOST_PRICES:
                        met[amount] = price
                given[index] = price
            elif amount is not None:
                given[index] = _read(amount)
        for index in self.odd:
            if type(given[index]) is tuple:
                given[index] = _read(given[index])
        return tuple(given)


class _Fields(dict[Path, Field]):
    """The fields of a table, by their paths. Raises StaleRecordError for a path that it does not have."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __missing__(self, path: Path) -> Field:
        found = self._table.find(path)
        if found is None:
            raise StaleRecordError
        if len(self) < _MOST_FIELDS:
            self[path] = found
        return found


@cache
def _fields_of(kind: str, variant: str) -> _Fields:
    return _Fields(KINDS[kind].tables[variant])


_MOST_FIELDS: Final = 8192
_MOST_PRICES: Final = 8192


class Forms:
    """The forms that are known, by a digest of their text."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._forms: dict[str, Form] = {}
        self._written: dict[tuple[Any, ...], str] = {}

    def add(self, texts: Mapping[str, str]) -> None:
        """Makes forms known that another process, or another run, wrote."""
        self.texts.update(texts)

    def get(self, digest: str) -> Form:
        """Raises StaleRecordError."""
        found = self._forms.get(digest)
        if found is None:
            text = self.texts.get(digest)
            if type(text) is not str or _digest(text) != digest:
                raise StaleRecordError
            found = self._forms[digest] = Form.read(text)
        return found

    def name(self, desired: Desired) -> str:
        """The digest of the form of ``desired``, which is known from then on."""
        shape, units = desired.fields.shape, desired.units
        # The shape itself, not its number: a number is given again once a shape is forgotten.
        key = (shape, desired.unheld, desired.overridden, tuple(units.items()), desired.hints)
        found = self._written.get(key)
        if found is None:
            assert desired.table is not None
            kind = KINDS.get(desired.table.kind)
            if kind is None or kind.tables.get(desired.table.variant) is not desired.table:
                raise _NotRecordableError  # another distribution's, made for this manifest
            parts = [
                desired.table.kind,
                desired.table.variant,
                shape.paths,
                desired.unheld,
                sorted(desired.overridden),
                [(path, unit.dimension, unit.count) for path, unit in units.items()],
                desired.hints,
            ]
            text = json.dumps(parts, separators=(",", ":"))
            found = self._written[key] = _digest(text)
            self.texts[found] = text
        return found


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def record_of(config: LoadedConfig, file: File, forms: Forms) -> bytes | None:
    """All manifests of a file as a record; None where one of them has a mistake, is refused, or has a value
    that no record can hold."""
    documents, problems = parse(file.data, file.name)
    if problems:
        return None
    loaded = read_documents(config, documents)
    if loaded.problems or loaded.broken:
        return None
    entries = []
    for manifest in loaded.manifests:
        desired, problems = desire_each(config, manifest)
        if problems or any(one.refusals or one.table is None for one in desired):
            return None
        try:
            asked = [(one.registry, forms.name(one), _values(one.fields)) for one in desired]
        except _NotRecordableError:
            return None
        entries.append(
            (
                manifest.resource,
                manifest.name,
                dict(manifest.labels),
                manifest.registries,
                manifest.named_at.line,
                manifest.named_at.column,
                manifest.document.index,
                asked,
            )
        )
    return marshal.dumps(entries)


def _values(fields: Fields) -> list[Any]:
    written: list[Any] = list(fields.given)
    for index, value in enumerate(fields.given):
        if type(value) not in _PLAIN:
            codec = fields.shape.items[index].row.codec
            as_usual = type(value) is Price and type(codec) is Money and _follows(value, codec)
            written[index] = str(value.amount) if as_usual else _written(value)
    return written


def _follows(price: Price, codec: Money) -> bool:
    """Whether currency and unit of a price are those of its field."""
    return price.currency == codec.currency and price.unit == codec.unit


def _written(value: Value) -> tuple[str, Any]:
    """A value that is no text, whole number, true, false or null, as its mark and such."""
    match value:
        case Price():
            return ("p", (str(value.amount), value.currency, value.unit.count, value.unit.dimension))
        case Decimal():
            return ("d", str(value))
        case tuple():
            return ("t", [item if type(item) in _PLAIN else _written(item) for item in value])
        case Json():
            return ("j", value.text)
        case SecretRef():
            return ("s", value.name)
    raise _NotRecordableError  # another distribution's codec made it


def _read(value: Any) -> Value:
    """What `_written` made a pair of."""
    mark, content = value
    match mark:
        case "p":
            amount, currency, count, dimension = content
            return Price(Decimal(amount), currency, Unit(dimension, count))
        case "d":
            return Decimal(content)
        case "t":
            return tuple(_read(item) if type(item) is tuple else item for item in content)
        case "j":
            return Json(content)
        case "s":
            return SecretRef(content)
    raise StaleRecordError


def restored(record: bytes, file: File, forms: Forms) -> Iterator[tuple[Manifest, list[Desired]]]:
    """The manifests of a record of ``file``, and what they ask. Raises StaleRecordError."""
    for resource, name, labels, registries, line, column, index, asked in marshal.loads(record):  # noqa: S302 - ours, and whole: it has our seal
        place = Place(file.name, line, column)
        manifest = Manifest(resource, name, labels, tuple(registries), place, _Later(file, index))
        desired = []
        for registry, digest, values in asked:
            form = forms.get(digest)
            desired.append(
                Desired(
                    registry,
                    manifest,
                    form.shape.table,
                    Fields(form.shape, form.given(values)),
                    form.unheld,
                    (),
                    form.overridden,
                    form.units,
                    form.hints,
                )
            )
        yield manifest, desired


@dataclass(frozen=True, slots=True)
class _Later:
    """A document of a file whose bytes are here; it is read when it is asked for."""

    file: File
    index: int

    def document(self) -> Document:
        return next(one for one in _documents(self.file) if one.index == self.index)


@lru_cache(maxsize=16)
def _documents(file: File) -> Sequence[Document]:
    """The documents of a file without mistakes. The last few are kept: a plan shows many places of one."""
    documents, problems = parse(file.data, file.name)
    if problems:
        raise InternalError(f"{file.name} had no mistakes, and has some now")
    return documents
