"""Findings as workflow commands of GitHub, which it shows beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reconciler.report.findings import Finding, Level

_COMMANDS: Final[dict[Level, str]] = {"error": "error", "warning": "warning", "note": "notice"}


def github(findings: Iterable[Finding]) -> str:
    """A command on each line; empty where there is no finding."""
    return "\n".join(map(_command, findings))


def _command(finding: Finding) -> str:
    """Its characters are those that GitHub documents as to be escaped."""
    place = finding.place
    fields = {"file": place.file, "line": place.line, "col": place.column, "title": _title(finding)}
    text = ",".join(f"{name}={_field(str(value))}" for name, value in fields.items())
    return f"::{_COMMANDS[finding.level]} {text}::{_data(finding.text)}"


def _title(finding: Finding) -> str:
    return finding.topic if finding.topic != "reconciler" else f"reconciler: {finding.code}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _field(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
