"""Bytes to documents, from one document to the next."""

from __future__ import annotations

import codecs
import itertools
from typing import Final

import yaml

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree.builder import Builder, DocumentGivenUpError
from reconciler.manifests.yamltree.mistakes import FORBIDDEN, NEXT_DOCUMENT, Report, TooManyProblemsError
from reconciler.manifests.yamltree.tree import DEFAULT_LIMITS, Document, Limits, Lines

_PLAIN_BYTES: Final = bytes((*b"\t\n\r", *range(0x20, 0x7F)))  # a file of only these needs no search
_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_FEW: Final = 8
"""Files that are read before it is worth while to learn what they have in common."""
_FILES: Final = itertools.count()
_ENCODING_HINT: Final = "save the file as UTF-8"


def parse(data: bytes, file: str, *, limits: Limits = DEFAULT_LIMITS) -> tuple[list[Document], list[Problem]]:
    """The documents of ``data`` that are not null, in order, and every mistake in it.

    ``file`` is the name to show. Raises nothing for bad content.
    """
    written = _decode(data, file)
    if isinstance(written, Problem):
        return [], [written]
    text = written
    if data.translate(None, _PLAIN_BYTES):
        text = FORBIDDEN.sub(" ", written)  # of the same length, so that every place stays true
    elif limits is DEFAULT_LIMITS and next(_FILES) >= _FEW:
        from reconciler.manifests.yamltree.pieces import PIECES  # noqa: PLC0415 - a few files need none

        quick = PIECES.read(text, file)
        if quick is not None:
            return quick, []
    report = Report(file, Lines.of(text), limits.problems)
    documents: list[Document] = []
    try:
        if text != written:
            report.forbidden_characters(written)
        start: int | None = 0
        while start is not None:
            start = _read(text, start, report, documents, limits)
    except TooManyProblemsError:
        pass
    return documents, report.problems


def _decode(data: bytes, file: str) -> str | Problem:
    if data.startswith(_BYTE_ORDER_MARKS) or 0 in data[:2]:
        return Problem("encoding", "the file is UTF-16, UTF-32 or no text", Place(file), _ENCODING_HINT)
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = FORBIDDEN.sub(" ", data[: error.start].decode())
        place = Place(file, *Lines.of(before).place(len(before)))
        return Problem("encoding", f"byte {data[error.start]:#04x} is not UTF-8", place, _ENCODING_HINT)


def _read(text: str, start: int, report: Report, documents: list[Document], limits: Limits) -> int | None:
    """Reads from ``start`` to the end, or to a mistake that ends a document.

    Gives where to read on: libyaml stops for good at such a mistake, but the next document may be sound.
    """
    report.lines = Lines(report.lines.starts, start)
    try:
        builder = Builder(text[start:], report, limits)
        documents.extend(builder.documents())
    except yaml.MarkedYAMLError as error:
        stopped = start + report.syntax(error, text)
    except DocumentGivenUpError as error:
        stopped = start + error.offset
    else:
        return None
    following = NEXT_DOCUMENT.search(text, max(stopped, start + 1))
    return following.start() if following else None
