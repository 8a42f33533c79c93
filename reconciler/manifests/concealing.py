"""Credentials in free values, found by the key above them, by the name beside them, and by how they read.

For what is shown or written into files: where it is in doubt whether a text is one, it is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from reconciler.manifests.secretkeys import is_address_with_secret, names_secret

HIDDEN: Final = "(hidden)"
"""What stands for a credential."""

_NAMES: Final = frozenset({"field", "header", "headername", "key", "name"})
_VALUES: Final = frozenset({"content", "default", "text", "val", "value", "values"})


# Compiled when they are asked for: most runs look for no credential.
@cache
def _announced() -> re.Pattern[str]:
    """After these comes the credential itself, or a word of a sentence: `bearer of news`."""
    return re.compile(
        r"\b(?:bearer|basic)\s+(?P<scheme>[^\s\"',;]+)"
        r"|(?:key|token|secret|password|passwd|pwd|authorization|credentials?|cookie|signature|\bsig)"
        r"[\"']?\s*[:=]\s*[\"']?(?P<named>[^\s\"',;]+)",
        re.IGNORECASE,
    )


@cache
def _prefixed() -> re.Pattern[str]:
    return re.compile(
        r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk)[-_]|gh[opsu]_|github_pat_|glpat-|hf_|xox[a-z]-)(?P<rest>[A-Za-z0-9_-]{4,})"
    )


@cache
def _alone() -> re.Pattern[str]:
    return re.compile(
        r"(?<![A-Za-z0-9])(?:A[KS]IA[A-Z0-9]{16}|AIza[\w-]{30,}|eyJ[\w-]+\.[\w-]+\.[\w-]*)"
        r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    )


_PLACEHOLDER: Final = re.compile(r"\$|\{\{|<[A-Za-z]|\(hidden\)")
_WORD: Final = re.compile(r"(?:[A-Za-z]?[a-z]{0,15})[.:!?)]*")


def concealed(value: Any, *, by_key: bool = True) -> Any:
    """``value``, any JSON, with `(hidden)` for every credential in it.

    Without ``by_key`` only for those that read like one, or stand beside the name of one.
    """
    if isinstance(value, Mapping):
        beside = _is_pair(value)
        return {
            key: HIDDEN
            if (by_key and _is_value(item) and names_secret(key)) or (beside and key.lower() in _VALUES)
            else concealed(item, by_key=by_key)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [[item[0], HIDDEN] if _is_named(item) else concealed(item, by_key=by_key) for item in value]
    return HIDDEN if isinstance(value, str) and reads_like_one(value) else value


def holds_one(value: Any) -> bool:
    """Whether ``value``, any JSON, holds a credential."""
    return bool(concealed(value) != (list(value) if isinstance(value, tuple) else value))


def reads_like_one(text: str) -> bool:
    """Whether a text is or holds a credential: after `Bearer`, after `api-key:`, in an address, `sk-…`."""
    if is_address_with_secret(text) or _alone().search(text):
        return True
    if any(_is_strong(found["rest"]) for found in _prefixed().finditer(text)):
        return True
    # One may stand behind the other: `Authorization: Bearer …`.
    at = 0
    while (found := _announced().search(text, at)) is not None:
        if _is_strong(found["scheme"] or found["named"]):
            return True
        at = found.start("scheme" if found["scheme"] else "named")
    return False


def _is_strong(text: str) -> bool:
    """Whether a text is no plain word, and nothing that stands for one."""
    return not _WORD.fullmatch(text) and not _PLACEHOLDER.match(text)


def _is_value(item: Any) -> bool:
    """Whether something stands there: a flag tells nothing."""
    return item is not None and not isinstance(item, bool)


def _is_pair(value: Mapping[str, Any]) -> bool:
    return any(
        re.sub("[-_]", "", key).lower() in _NAMES and isinstance(item, str) and names_secret(item)
        for key, item in value.items()
    )


def _is_named(item: Any) -> bool:
    """Whether an item of a list is a pair of a credential's name and the credential."""
    return (
        isinstance(item, list | tuple)
        and len(item) == 2
        and isinstance(item[0], str)
        and names_secret(item[0])
    )
