"""Which manifests are meant by a few words: names, globs, labels."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping


def fits(name: str, labels: Mapping[str, str], pattern: str) -> bool:
    """Whether ``pattern`` means the manifest: its name, a glob as ``gpt-*``, or ``label=value``."""
    label, equals, value = pattern.partition("=")
    if equals:
        return label in labels and fnmatch.fnmatchcase(labels[label], value)
    return fnmatch.fnmatchcase(name, pattern)
