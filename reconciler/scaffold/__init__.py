"""The files of a new repository: configuration, one manifest, and the workflows of a forge."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from reconciler import __version__

IGNORED: Final = ".reconciler/"
"""What git must not hold: databases of embedded registries."""

GITLAB_ENTRY: Final = ".gitlab-ci.yml"
GITLAB_JOBS: Final = ".gitlab/reconciler.yml"


@dataclass(frozen=True, slots=True)
class _Start:
    """What a kind of registry needs to start with. ``live``: an entry below `registries`; ``variable``: the
    one that its credential is read from; ``native``: what a create of the manifest demands, and ``why``."""

    live: str
    variable: str
    native: str = ""
    why: str = ""


_STARTS: Final = {
    "orq": _Start("orq-prod: {kind: orq, url: https://api.orq.ai, token: {env: ORQ_API_KEY}}", "ORQ_API_KEY"),
    "respan": _Start(
        "respan-prod: {kind: respan, url: https://api.respan.ai, token: {env: RESPAN_API_KEY}}",
        "RESPAN_API_KEY",
        "{base_model_name: openai/gpt-4o-mini}",
        "who serves it",
    ),
    "watsonx": _Start(
        "wxo-prod: {kind: watsonx, url: https://…/v1/orchestrate, auth: {ibm_api_key: {env: IBM_API_KEY}}}",
        "IBM_API_KEY",
        "{connection_id: openai-keys}",
        "the connection that holds its credentials",
    ),
}
KINDS: Final = tuple(_STARTS)
FORGES: Final = ("github", "gitlab")

# Each commit is the one of the tag in its comment.
_ACTIONS: Final = {
    "__CHECKOUT__": "df4cb1c069e1874edd31b4311f1884172cec0e10  # v6.0.3",
    "__SETUP_PYTHON__": "a309ff8b426b58ec0e2a45f0f869d46889d02405  # v6.2.0",
    "__UPLOAD_ARTIFACT__": "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a  # v7.0.1",
    "__DOWNLOAD_ARTIFACT__": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c  # v8.0.1",
}


def repository(kind: str) -> dict[str, str]:
    """reconciler.yaml and one manifest, by their paths, for a ``kind`` of registry out of KINDS."""
    start = _STARTS[kind]
    native = f"  native: {{{kind}: {start.native}}}  # {start.why}\n" if start.native else ""
    config = _filled(_template("reconciler.yaml"), {"__KIND__": kind, "__LIVE__": start.live})
    return {"reconciler.yaml": config, "models/gpt-4o-mini.yaml": _template("model.yaml") + native}


def workflows(forge: str, kind: str, branch: str) -> dict[str, str]:
    """What ``forge``, out of FORGES, runs, by paths from the top of a repository.

    ``kind`` says which credential the jobs hand over, ``branch`` is the default branch.
    """
    words = {
        "__REQUIREMENT__": f"model-reconciler=={__version__}",
        "__SECRET__": _STARTS[kind].variable,
        "__BRANCH__": _pattern(branch),
    }
    if forge == "gitlab":
        return {
            GITLAB_ENTRY: _template("gitlab/gitlab-ci.yml"),
            GITLAB_JOBS: _filled(_template("gitlab/reconciler.yml"), words),
        }
    return {
        f".github/workflows/reconciler-{name}.yml": _filled(_template(f"github/{name}.yml"), words | _ACTIONS)
        for name in ("review", "comment", "apply", "drift")
    }


def ignoring(text: str) -> str:
    """``text``, a .gitignore, with the line that is needed; as it is where it has that line."""
    if any(line.strip().strip("/") == IGNORED.strip("/") for line in text.splitlines()):
        return text
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}{IGNORED}\n"


def _pattern(branch: str) -> str:
    """``branch`` as a pattern that fits it alone, as YAML writes it."""
    return json.dumps(re.sub(r"([+!\\])", r"\\\1", branch))


def _template(name: str) -> str:
    return files(__name__).joinpath("templates", name).read_text(encoding="utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, meant in words.items():
        text = text.replace(word, meant)
    return text
