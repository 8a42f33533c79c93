"""Findings as SARIF 2.1.0, which code scanning and editors read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler import __version__
from reconciler.errors import Place
from reconciler.report.findings import Finding, fingerprints

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_TOP: Final = "%SRCROOT%"
_LINK: Final = re.compile(r"\[(?=[^\]]*\]\()")
_PLACEHOLDER: Final = re.compile(r"\{[0-9]+\}")
_HELP: Final = {
    "Refused": "The plan refuses this change, and the message says how to go on. What a guard took for a "
    "slip goes through with an acknowledgement in acknowledgements.yaml. See docs/guards.md.",
    "Public prices": "The declared price was compared with the public one. See docs/prices.md.",
    "policy": "The manifest breaks a rule of your own team, which stands at the related place. "
    "See docs/policies.md.",
    "": "The file cannot be used as it is. The message says what is wrong and how to mend it. "
    "See docs/manifest.md.",
}


def sarif(findings: Sequence[Finding], command: str) -> str:
    """One log with one run. ``command`` tells the runs of several commands apart."""
    codes = list(dict.fromkeys(one.code for one in findings))
    first = {one.code: one for one in reversed(findings)}
    run = {
        "tool": {
            "driver": {
                "name": "reconciler",
                "version": __version__,
                "rules": [_rule(first[code]) for code in codes],
            }
        },
        "automationDetails": {"id": f"reconciler/{command.replace(' ', '-')}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            _TOP: {"description": {"text": "The top of the repository; outside of git, where it was run."}}
        },
        "results": [
            _result(one, codes.index(one.code), digest)
            for one, digest in zip(findings, fingerprints(findings), strict=True)
        ],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    code = finding.code
    kind = "policy" if code.startswith("policy") else finding.topic
    return {
        "id": code,
        "shortDescription": {"text": code.replace("-", " ").capitalize()},
        "help": {"text": _HELP.get(kind, _HELP[""])},
        "defaultConfiguration": {"level": finding.level},
    }


def _result(finding: Finding, index: int, digest: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.level,
        "message": {"text": _plain(finding.text)},
        "locations": [{"physicalLocation": _location(finding.place)}],
        "partialFingerprints": {"reconcilerFinding/v1": digest},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(place), "message": {"text": "see here"}}
            for number, place in enumerate(finding.related, 1)
        ]
    return result


def _location(place: Place) -> dict[str, Any]:
    if place.file.startswith("/"):
        artifact = {"uri": f"file://{quote(place.file, errors='replace')}"}
    else:
        artifact = {"uri": quote(place.file, errors="replace"), "uriBaseId": _TOP}
    return {
        "artifactLocation": artifact,
        "region": {"startLine": place.line, "startColumn": place.column},
    }


def _plain(text: str) -> str:
    """`[a](b)` is a link and `{0}` a placeholder in a message (SARIF 3.11.5 and 3.11.6). Other brackets and
    braces stay as they are, because many readers do not undo their escapes."""
    return _PLACEHOLDER.sub(r"{\g<0>}", _LINK.sub(r"\\[", text))
