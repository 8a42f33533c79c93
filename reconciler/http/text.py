"""Words of a registry made fit for a terminal: secrets struck out, control characters shown, length cut.

A registry may echo what it was sent, so its words are the one place where the text of a secret could
come back to us. This is the second line: no text of ours has a secret in it to begin with.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from html.entities import codepoint2name
from itertools import islice
from typing import Any
from urllib.parse import quote

from reconciler.secrets import Secret

LONGEST_WORDS = 500
"""Characters of a registry's own message that an error repeats."""

_SHORTEST_PART = 8
"""Characters from which a string inside a secret JSON document counts as secret by itself."""

_MOST_SPECIAL = 512
"""Characters of a secret that are no letter and no digit; a key of 4,096 bits in base64 has some forty."""

# What formats spell differently, and the pieces of those spellings. All repetition is bounded, so that no
# answer can make the search slow.
_SPECIAL = re.compile(r"\\+|\s+|[^0-9A-Za-z]")
_PLAIN = re.compile(r"[0-9A-Za-z]+")
_PERCENT = "%(?:25){0,3}"
_BACKSLASH = rf"(?:\\|{_PERCENT}5c)"
_END = rf"(?:;|{_PERCENT}3b)"
_AMPERSAND = rf"(?:&|{_PERCENT}26)(?:amp{_END}){{0,3}}"
_NUMBER = rf"{_AMPERSAND}(?:#|{_PERCENT}23)"
_SPACE = (
    rf"(?:[\s+]|{_BACKSLASH}{{1,8}}(?:[nrtfv]|x[01][0-9a-f]|u00[012][0-9a-f])"
    rf"|{_PERCENT}(?:0[9a-d]|20|2b)|{_NUMBER}(?:9|1[0-3]|32|x0?[9a-d]|x20){_END})"
)

# A page is cut up by patterns that look at each character once, not by a parser that a page can slow down.
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)(?:</title\s*>|\Z)", re.IGNORECASE)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|code|em|font|i|kbd|mark|samp|small|span|strong|tt|u|wbr)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_TAG = re.compile(r"<[a-z/!?][^<>]*(?:>|\Z)", re.IGNORECASE)


def is_page(text: str, media: str = "") -> bool:
    """Whether ``text`` is HTML, by its ``media`` type or by how it begins."""
    return media.partition(";")[0].strip().lower() in _HTML or _PAGE.match(text) is not None


def page_text(page: str, secrets: Iterable[Secret] = ()) -> str:
    """What a person would read of an HTML ``page``: its title and its words, without tags and scripts.

    Secrets are struck out first, because one may hold what looks like a tag; ``harmless`` does the rest,
    and finds those that the tags had hidden.
    """
    seen = _UNSEEN.sub(" ", _strike(page, secrets))
    title = _TITLE.search(seen)
    head = _words_of(title[1]) if title else ""
    words = _words_of(_TITLE.sub(" ", seen))
    if not head or words.casefold().startswith(head.casefold()):
        return words
    return f"{head}: {words}" if words else head


def _words_of(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", _INLINE.sub("", markup))).split())


def harmless(text: str, secrets: Iterable[Secret] = (), *, limit: int = LONGEST_WORDS) -> str:
    """``text`` on one line of at most ``limit`` characters, with every secret replaced by its name.

    Whatever a terminal could obey or hide (escapes, direction marks, lone surrogates) is spelled out.
    """
    # Secrets first: a cut or an escape in the middle of one would leave a part that no longer matches.
    line = " ".join(_strike(text, secrets).split())
    cut = line[:limit] + "…" if len(line) > limit else line
    return "".join(char if char.isprintable() else _spell(char) for char in cut)


def _spell(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _strike(text: str, secrets: Iterable[Secret]) -> str:
    found = {part: secret.name for secret in secrets for part in (secret.reveal(), *_parts(secret.reveal()))}
    # One pass, longest first, so that a short secret cannot break up a longer one that holds it.
    parts = sorted((part for part in found if part and _may_stand_in(text, part)), key=len, reverse=True)
    if not parts:
        return text
    pattern = "|".join(f"({_pattern(part)})" for part in parts)
    return re.sub(pattern, lambda match: f"[secret {found[parts[(match.lastindex or 0) - 1]]}]", text)


def _may_stand_in(text: str, secret: str) -> bool:
    """Whether ``text`` has the longest run of plain characters of ``secret``, which every spelling keeps. To
    look for the rest takes far longer."""
    return max(_PLAIN.findall(secret), key=len, default="") in text


def _pattern(secret: str) -> str:
    """What finds a secret, however a server spells it.

    A registry makes its own access tokens: one of thousands of brackets would take seconds to compile, so
    that of such only whole spellings are looked for.
    """
    if sum(1 for _ in islice(_SPECIAL.finditer(secret), _MOST_SPECIAL + 1)) <= _MOST_SPECIAL:
        return _SPECIAL.sub(_spellings, secret)
    whole = (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret))
    quoted = (quote(secret, safe=safe, errors="surrogatepass") for safe in ("/", ""))
    return "|".join(re.escape(text) for text in dict.fromkeys((*whole, *quoted)))


def _spellings(special: re.Match[str]) -> str:
    """A pattern for every way in which a server may echo ``special``: in JSON, an address, HTML, a repr.

    They nest: a repr in a JSON string in a JSON string has several backslashes before a quote.
    """
    text = special[0]
    if text.startswith("\\"):
        return f"(?i:{_BACKSLASH}|{_NUMBER}(?:92|x5c){_END}){{{len(text)},{8 * len(text)}}}"
    if text.isspace():
        return f"(?i:{_SPACE}){{1,{8 * len(text)}}}"
    code = ord(text)
    halves = text.encode("utf-16-be", "surrogatepass").hex()
    pairs = [halves[start : start + 4] for start in range(0, len(halves), 4)]
    escape = "".join(rf"{_BACKSLASH}{{1,8}}u{pair}" for pair in pairs)
    octets = "".join(f"{_PERCENT}{octet:02x}" for octet in text.encode("utf-8", "surrogatepass"))
    name = codepoint2name.get(code, "apos")
    return (
        rf"(?i:{_BACKSLASH}{{0,8}}(?:{re.escape(text)}|{octets}|{_NUMBER}(?:{code}|x{code:x}){_END}"
        rf"|{_AMPERSAND}{name}{_END})|{escape}|{_BACKSLASH}{{1,8}}(?:x{code:02x}|U{code:08x}))"
    )


def _parts(secret: str) -> Iterator[str]:
    """The strings inside a secret that is a JSON document, as a service account is."""
    if secret.lstrip()[:1] not in {"{", "["}:
        return
    try:
        pending: list[Any] = [json.loads(secret)]
    except (ValueError, RecursionError):
        return
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, str) and len(node) >= _SHORTEST_PART:
            yield node
