"""A file of usage: how much of what each model did in a month. What is ambiguous is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from pathlib import Path
from typing import Final

from reconciler.costs.cells import SEPARATORS, Cell, Malformed, rows
from reconciler.costs.quantities import BY_NAME, COLUMNS, FLAG, MODEL, MONTH, REGISTRY, Quantity
from reconciler.errors import InputError, Place, Problem, UsageError
from reconciler.manifests.problems import did_you_mean

FILE_BYTES: Final = 32 * 2**20
MISTAKES: Final = 100
"""Mistakes after which the rest of a file is not looked at."""

_EXACT: Final = Context(prec=120)
_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")
_WHOLE: Final = re.compile(r"[0-9]{1,20}(?:\.00?)?")
_MAYBE_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+")
_GROUPED: Final = re.compile(r"[0-9]+(?:[.,' \u00a0\u2009\u202f’_][0-9]+)+")
_EXPONENT: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
_MONTH: Final = re.compile(r"([0-9]{4}-[0-9]{2})(-[0-9]{2})?")

Months = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class UsageFile:
    """All that a file says. ``file`` is its name as it was given.

    ``months`` are all of it, sorted, as 2026-10; ``quantities`` those that have a column; ``ignored`` the
    columns without a meaning. ``by_registry``: every row is for one registry, else for each that holds the
    model. ``numbers`` are by registry (empty where rows name none) and model, then by quantity and month; a
    month is there only if the file has a number for it.
    """

    file: str
    months: tuple[str, ...]
    quantities: frozenset[str]
    ignored: tuple[str, ...]
    by_registry: bool
    numbers: Mapping[tuple[str, str], Mapping[str, Months]]

    def of(self, registry: str, model: str) -> Mapping[str, Months] | None:
        """What a model did in a registry, by quantity and month; None where no row is about it."""
        return self.numbers.get((registry if self.by_registry else "", model))


def columns_of(given: Iterable[str]) -> dict[str, str]:
    """Our names with those of a file's columns, from texts such as ``input_tokens=Prompt tokens``.

    Raises UsageError.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, column = (part.strip() for part in text.partition("="))
        if not equals or not column:
            raise UsageError(f"{FLAG} {text}: not NAME=COLUMN", hint=f"{FLAG} 'input_tokens=Prompt tokens'")
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS) or f"known: {', '.join(COLUMNS)}"
            raise UsageError(f"{FLAG}: there is no '{name}'", hint=hint)
        if name in found:
            raise UsageError(f"{FLAG} gives '{name}' twice", hint="a name has one column")
        if column in found.values():
            raise UsageError(f"{FLAG} gives the column '{column}' twice", hint="it would be counted twice")
        found[name] = column
    return found


def read_usage(
    path: Path, shown: str, *, columns: Mapping[str, str], registries: Collection[str]
) -> UsageFile:
    """Reads a file of usage; messages name it as ``shown``.

    ``columns`` are the file's names for ours, where they differ; ``registries`` those of reconciler.yaml.
    Raises InputError with all mistakes.
    """
    return _Reader(shown, registries).read(_text(path, shown), columns)


def _text(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_BYTES + 1)
    except OSError as error:
        hint = "--usage takes a CSV file; --usages, which tells who uses models, takes none"
        message = f"'{shown}' cannot be read: {error.strerror or type(error).__name__}"
        raise InputError([Problem("file-unreadable", message, Place(shown), hint)]) from None
    if len(data) > FILE_BYTES:
        message = f"'{shown}' has more than {FILE_BYTES:,} bytes"
        raise InputError([Problem("file-too-large", message, Place(shown), "sum its rows by month")])
    try:
        text = data.decode("utf-8")
        bad = text.find("\0")
        before = text[:bad] if bad >= 0 else None
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
    if before is not None:
        lines = re.split(r"\r\n|\n|\r", before.removeprefix("\ufeff"))
        place = Place(shown, len(lines), len(lines[-1]) + 1)
        raise InputError([Problem("encoding", "not UTF-8 text", place, "save it as 'CSV UTF-8'")])
    return text.removeprefix("\ufeff")


@dataclass(frozen=True, slots=True)
class _Header:
    """Which column holds what, by index."""

    separator: str
    cells: Sequence[Cell]
    at: Mapping[str, int]

    @property
    def quantities(self) -> list[tuple[int, Quantity]]:
        return [(index, BY_NAME[name]) for name, index in self.at.items() if name in BY_NAME]


@dataclass
class _Reader:
    """What is known of one file so far."""

    file: str
    registries: Collection[str]
    problems: list[Problem] = field(default_factory=list)
    months: set[str] = field(default_factory=set)
    numbers: dict[tuple[str, str], dict[str, dict[str, Decimal]]] = field(default_factory=dict)

    def read(self, text: str, columns: Mapping[str, str]) -> UsageFile:
        header = self._header(text, columns)
        try:
            for number, row in enumerate(rows(text, header.separator)):
                if number:
                    self._row(header, row)
                if len(self.problems) >= MISTAKES:
                    break
        except Malformed as error:
            self._wrong("csv", str(error), Cell("", error.line, error.column))
        if not self.months and not self.problems:
            self._wrong("no-usage", "no row follows the header", header.cells[0])
        if self.problems:
            raise InputError(self.problems)
        used = {header.at[name] for name in header.at}
        return UsageFile(
            self.file,
            tuple(sorted(self.months)),
            frozenset(quantity.name for _, quantity in header.quantities),
            tuple(cell.text for index, cell in enumerate(header.cells) if index not in used and cell.text),
            REGISTRY in header.at,
            self.numbers,
        )

    def _wrong(self, code: str, message: str, cell: Cell, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, Place(self.file, cell.line, cell.column), hint))

    # ---- the header

    def _header(self, text: str, columns: Mapping[str, str]) -> _Header:
        """The first row. Its separator is the one that makes it have the columns that every file has.

        Raises InputError.
        """
        wanted = {name: columns.get(name, name) for name in COLUMNS}
        first: dict[str, list[Cell]] = {}
        for separator in SEPARATORS:
            try:
                first[separator] = next(rows(text, separator), [])
            except Malformed as error:
                self._wrong("csv", str(error), Cell("", error.line, error.column))
        best = max(
            first,
            key=lambda each: (
                len({wanted[MODEL], wanted[MONTH]} & {cell.text for cell in first[each]}),
                len(first[each]),
            ),
            default="",
        )
        if not first.get(best):
            if not self.problems:
                self._wrong("no-header", "the file is empty", Cell("", 1, 1), self._expected(wanted))
            raise InputError(self.problems)
        self.problems.clear()  # those of separators that it has not
        header = _Header(best, first[best], dict(self._columns(first[best], wanted, columns)))
        if not self.problems and not header.quantities:
            hint = _did_you_mean_any(header.cells, BY_NAME) or self._expected(wanted)
            self._wrong("no-quantity", "no column counts anything", header.cells[0], hint)
        if self.problems:
            raise InputError(self.problems)
        return header

    def _columns(
        self, cells: Sequence[Cell], wanted: Mapping[str, str], columns: Mapping[str, str]
    ) -> Iterator[tuple[str, int]]:
        texts = [cell.text for cell in cells]
        taken = set(columns.values())
        for name, column in wanted.items():
            if name not in columns and name in taken:
                continue  # the file's own column of that name is said to hold something else
            if column not in texts:
                if name in columns or name in (MODEL, MONTH):
                    hint = did_you_mean(column, texts)
                    given = f" ({FLAG} {name}={column})" if name in columns else ""
                    self._wrong(
                        "missing-column",
                        f"there is no column '{column}'{given}",
                        cells[0],
                        f"{hint or 'the header has ' + ', '.join(texts[:20])}"
                        + ("" if name in columns else f"; {FLAG} {name}=… says which one it is"),
                    )
                continue
            index = texts.index(column)
            if column in texts[index + 1 :]:
                again = cells[texts.index(column, index + 1)]
                self._wrong("duplicate-column", f"'{column}' is the name of two columns", again)
            yield name, index

    @staticmethod
    def _expected(wanted: Mapping[str, str]) -> str:
        required = f"{wanted[MODEL]}, {wanted[MONTH]}"
        return f"the first row names the columns: {required} and any of {', '.join(BY_NAME)}"

    # ---- the rows

    def _row(self, header: _Header, row: Sequence[Cell]) -> None:
        if len(row) != len(header.cells):
            more = len(row) > len(header.cells)
            hint = "a number in groups, as 1,234, is two cells: write 1234" if more else None
            message = f"the row has {len(row)} cells, and the header has {len(header.cells)}"
            self._wrong("row-length", message, row[len(header.cells)] if more else row[-1], hint)
            return
        model, month = row[header.at[MODEL]], self._month(row[header.at[MONTH]])
        if not model.text:
            self._wrong("no-model", "no model is named", model)
        registry = row[header.at[REGISTRY]] if REGISTRY in header.at else None
        if registry is not None:
            self._check_registry(registry)
        read = [
            (quantity.name, self._number(row[index], quantity, header.separator))
            for index, quantity in header.quantities
            if row[index].text
        ]
        if month is None:
            return
        self.months.add(month)
        key = (registry.text if registry is not None else "", model.text)
        counted = self.numbers.setdefault(key, {})
        for name, number in read:
            if number is not None:
                months = counted.setdefault(name, {})
                months[month] = _EXACT.add(months.get(month, Decimal(0)), number)

    def _check_registry(self, cell: Cell) -> None:
        if not cell.text:
            hint = "each row names one; or leave the column out, for usage of every registry"
            self._wrong("no-registry", "no registry is named", cell, hint)
        elif cell.text not in self.registries:
            known = f"reconciler.yaml has {', '.join(self.registries)}"
            hint = did_you_mean(cell.text, self.registries) or known
            self._wrong("unknown-registry", f"no registry is named '{cell.text}'", cell, hint)

    def _month(self, cell: Cell) -> str | None:
        found = _MONTH.fullmatch(cell.text)
        if found is not None:
            try:
                date.fromisoformat(f"{found[1]}{found[2] or '-01'}")
            except ValueError:
                found = None
        if found is None:
            hint = "a month reads 2026-10, or 2026-10-31 for a day of it"
            self._wrong("month", f"'{cell.text}' is not a month", cell, hint)
            return None
        return found[1]

    def _number(self, cell: Cell, quantity: Quantity, separator: str) -> Decimal | None:
        """A number that reads in one way only."""
        text = cell.text
        pattern = _WHOLE if quantity.whole else _NUMBER
        # Where a comma does not part cells, it may be the point, and a point may part thousands.
        unclear = not quantity.whole and separator != "," and _MAYBE_THOUSANDS.fullmatch(text)
        if pattern.fullmatch(text) and not unclear:
            return _EXACT.create_decimal(text)
        self._wrong("number", f"{quantity.name}: '{text}' {_why_no_number(text)}", cell, _plainly(quantity))
        return None


def _why_no_number(text: str) -> str:
    if _GROUPED.fullmatch(text):
        return "can be read in more than one way"
    if text.startswith(("-", "\u2212")):
        return "is negative"
    if _EXPONENT.fullmatch(text):
        return "has been rounded, as spreadsheets do"
    return "is not a number"


def _plainly(quantity: Quantity) -> str:
    if quantity.whole:
        return "write a whole number with digits alone, as 1234567"
    return "write a number without groups, with a point, as 1234.5"


def _did_you_mean_any(cells: Iterable[Cell], known: Collection[str]) -> str | None:
    """A hint for the first of ``cells`` that is near one of ``known``."""
    for cell in cells:
        hint = did_you_mean(cell.text, known)
        if hint is not None:
            return f"'{cell.text}': {hint}"
    return None
