"""Findings as GitLab's report of code quality, which it shows in a merge request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from reconciler.report.findings import Finding, Level, fingerprints

_SEVERITIES: Final[dict[Level, str]] = {"error": "major", "warning": "minor", "note": "info"}


def codequality(findings: Sequence[Finding]) -> str:
    """A list with one entry for each finding."""
    entries = [
        {
            "description": one.text.replace("\n", " – "),
            "check_name": one.code,
            "fingerprint": digest,
            "severity": _SEVERITIES[one.level],
            "location": {"path": one.place.file, "lines": {"begin": one.place.line}},
        }
        for one, digest in zip(findings, fingerprints(findings), strict=True)
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
