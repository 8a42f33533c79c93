"""Mistakes with their place and a way out; our words for the errors of libyaml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from reconciler.errors import Place, Problem
from reconciler.manifests.yamltree.scalars import MOST_DIGITS, MOST_EXPONENT, NOT_FINITE
from reconciler.manifests.yamltree.tree import Lines

# What YAML forbids, and the three characters that libyaml takes for line breaks as YAML 1.1 did. To
# everyone else these are part of the line: text after one, in a comment say, would become content.
# Written as what it has, not as what it lacks: the other way it takes ten times as long to compile.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
# In column 1 these three dashes start a document wherever they stand, even inside an open quote.
NEXT_DOCUMENT: Final = re.compile(r"(?<=[\r\n])---(?=[ \t\r\n]|\Z)")


class TooManyProblemsError(Exception):
    """A file has so many mistakes that more would help nobody."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Explanation:
    """Our words for an error of libyaml. ``at_start`` puts the place where the broken thing starts."""

    message: str
    hint: str
    code: str = "syntax"
    at_start: bool = False


_UNCLOSED_QUOTE: Final = _Explanation(
    "the quote that opens here is not closed", "add the closing quote", at_start=True
)
_UNCLOSED_BRACKET: Final = _Explanation(
    "the bracket that opens here is not closed", "add the closing bracket", at_start=True
)
_UNCLOSED_BEFORE: Final = _Explanation(  # libyaml does not say which one
    "the document ends inside brackets that are not closed", "add the closing bracket"
)
_INDENTATION: Final = "check the indentation: entries that belong together start in the same column"
_TAB: Final = _Explanation("a tab cannot indent YAML", "indent with spaces")
_VERSION: Final = _Explanation(
    "only YAML 1.1 and 1.2 are known", "write %YAML 1.2, or remove the line", "directive"
)
_COMMA: Final = "add the comma, or close the bracket; put text with brackets, commas or ': ' in quotes"
_EXPLANATIONS: Final[Mapping[str, _Explanation]] = {
    "mapping values are not allowed in this context": _Explanation(
        "a ':' cannot stand here", "put a value that contains ': ' in quotes, and check the indentation"
    ),
    "found character that cannot start any token": _Explanation(
        "an unquoted value cannot start with this character", "put the value in quotes"
    ),
    "found unexpected end of stream": _UNCLOSED_QUOTE,
    "found unexpected document indicator": _UNCLOSED_QUOTE,
    "did not find expected ',' or ']'": _Explanation("expected ',' or ']'", _COMMA),
    "did not find expected ',' or '}'": _Explanation("expected ',' or '}'", _COMMA),
    "did not find expected key": _Explanation("expected a key, or the end of this mapping", _INDENTATION),
    "did not find expected '-' indicator": _Explanation(
        "expected '- ', or the end of this list", _INDENTATION
    ),
    "did not find expected <document start>": _Explanation(
        "the document has ended before this line", f"{_INDENTATION}; a line '---' starts a new document"
    ),
    "block sequence entries are not allowed in this context": _Explanation(
        "a list cannot start here",
        "start it on a line of its own, or put text that starts with '- ' in quotes",
    ),
    "did not find expected node content": _Explanation(
        "expected a value", "write the value; put text that starts with a special character in quotes"
    ),
    "could not find expected ':'": _Explanation(
        "this line is neither 'key: value' nor part of a value",
        f"add the ':', or {_INDENTATION}",
        at_start=True,
    ),
    "found unknown escape character": _Explanation(
        "double quotes know no such escape", r"write \\ for a backslash, or use single quotes"
    ),
    "found invalid Unicode character escape code": _Explanation(
        "this escape is not a character", r"write the character itself, or \U and its 8 digits", "encoding"
    ),
    "found incompatible YAML document": _VERSION,
    "found duplicate %YAML directive": _Explanation("%YAML is given twice", "remove one", "directive"),
    "found undefined tag handle": _Explanation("tags are not supported", "remove the tag", "tag"),
}


class Report:
    """Collects the mistakes of one file. ``lines`` and ``documents`` say how far reading has come."""

    def __init__(self, file: str, lines: Lines, most: int) -> None:
        self.file = file
        self.lines = lines
        self.documents = 0
        self.problems: list[Problem] = []
        self._most = most

    def add(self, code: str, message: str, offset: int, hint: str, *, related: Sequence[int] = ()) -> None:
        """Adds a mistake at ``offset``. Raises TooManyProblemsError after the last one that is wanted."""
        others = tuple(self._place(other) for other in related)
        self.problems.append(Problem(code, message, self._place(offset), hint, related=others))
        if len(self.problems) >= self._most:
            message = f"the file has {self._most} mistakes or more"
            hint = "the rest of the file was not read"
            self.problems.append(Problem("too-many-problems", message, self._place(offset), hint))
            raise TooManyProblemsError

    def _place(self, offset: int) -> Place:
        return Place(self.file, *self.lines.place(offset))

    def forbidden_characters(self, text: str) -> None:
        for found in FORBIDDEN.finditer(text):
            hint = f'remove it, or write it as "\\u{ord(found[0]):04x}" in double quotes'
            message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
            self.add("control-character", message, found.start(), hint)

    def number(self, text: str, offset: int) -> None:
        """Says why an unquoted scalar is UNREADABLE."""
        if NOT_FINITE.fullmatch(text):
            self.add(
                "number-not-finite", f"'{text}' is not a number that we take", offset, "put text in quotes"
            )
        else:
            message = f"a number has at most {MOST_DIGITS} digits and an exponent up to {MOST_EXPONENT}"
            self.add("number-out-of-range", message, offset, "put text in quotes")

    def syntax(self, error: yaml.MarkedYAMLError, text: str) -> int:
        """Adds an error of libyaml. Gives the offset where reading stopped."""
        assert error.problem_mark is not None
        stopped = error.problem_mark.index
        opened = error.context_mark.index if error.context_mark else stopped
        explanation = _explain(error.problem or "", error.context or "", text, self.lines.base + stopped)
        offset, related = stopped, (opened,)
        if explanation.at_start:
            offset, related = opened, (stopped,)
        others = related if opened != stopped else ()
        self.add(explanation.code, explanation.message, offset, explanation.hint, related=others)
        return stopped


def _explain(problem: str, context: str, text: str, stopped: int) -> _Explanation:
    """``stopped`` is where in ``text`` libyaml gave up."""
    if "parsing a flow" in context and (not text[stopped:].strip() or NEXT_DOCUMENT.match(text, stopped)):
        return _UNCLOSED_BRACKET if "',' or" in problem else _UNCLOSED_BEFORE
    if "tab character" in problem or ("cannot start any token" in problem and text[stopped] == "\t"):
        return _TAB
    if problem in _EXPLANATIONS:
        return _EXPLANATIONS[problem]
    message = f"{problem} {context}".strip()
    for word in ("directive", "tag"):
        if word in message.lower():
            return _Explanation(message, f"remove it: manifests need no {word}s", word)
    if "alias" in message or "anchor" in message:
        return _Explanation(message, "put a value that starts with '&' or '*' in quotes")
    return _Explanation(message, "put the value in quotes if it is text")
