"""Lines of input files without what may be the text of a secret.

A literal secret in a broken manifest must not be repeated by the message about it, and a manifest that is
broken cannot be asked where its secrets are. So this goes by how keys are named, line by line, and hides
too much rather than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.manifests.secretkeys import SECRET_FORMS, SECRET_WORDS

# Wider than what the checks refuse: also parts of words, ids and names of variables.
_SECRET: Final = re.compile(
    rf"""(?<![\w.-])(?P<key>["']?[\w.-]*
    (?:key|env|{SECRET_WORDS})
    (?:[_-]?id)?{SECRET_FORMS}["']?\s*[:=])(?P<value>.*)""",
    re.IGNORECASE | re.VERBOSE,
)
_USER_INFORMATION: Final = re.compile(r"://[^\s/@]+@")
_BEFORE_A_BLOCK_KEY: Final = re.compile(r"[ \t]*(?:[-?][ \t]+)*")
HIDDEN: Final = "…"


def masked(lines: Iterable[str]) -> Iterator[str]:
    """Every line, with the values of secret-like keys hidden, also where they go on in further lines."""
    value = _Value(-1)
    for raw in lines:
        line = _USER_INFORMATION.sub(f"://{HIDDEN}@", raw)
        if value.goes_on(line):
            yield line[: _indent(line)] + HIDDEN
            continue
        found = _SECRET.search(line)
        if found is None:
            yield line
            continue
        value = _Value.after(line, found)
        yield line[: found.end("key")] + (f" {HIDDEN}" if found["value"].strip() else "")


class _Value:
    """The value of a secret-like key: whether the next line still belongs to it.

    ``deeper_than`` is the column that its lines are indented past, ``quote`` the quotation mark that is
    still open, ``pending`` whether nothing of it has come yet, in brackets, where indentation says little.
    """

    def __init__(self, deeper_than: int, quote: str = "", *, pending: bool = False) -> None:
        self.deeper_than = deeper_than
        self.quote = quote
        self.pending = pending
        self.over = deeper_than < 0

    @classmethod
    def after(cls, line: str, found: re.Match[str]) -> _Value:
        before = _BEFORE_A_BLOCK_KEY.match(line)
        in_block = before is not None and before.end() == found.start()
        text = found["value"].strip()
        quote = text[:1] if text[:1] in {"'", '"'} and text[:1] not in text[1:] else ""
        column = found.start() if in_block else _indent(line)
        return cls(column, quote, pending=not in_block and not text)

    def goes_on(self, line: str) -> bool:
        if self.over or not line.strip():
            return False
        if self.quote:
            if self.quote in line:
                self.quote = ""
            return True
        if self.pending:
            self.pending = False
            return True
        indent = _indent(line)
        # A list may stand in the column of its own key.
        self.over = indent < self.deeper_than or (indent == self.deeper_than and line[indent] != "-")
        return not self.over


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
