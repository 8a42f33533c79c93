"""The corpus of manifests, and both verdicts on one: ours, and that of the published schema."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from published import published

from reconciler.desired import desire_all
from reconciler.errors import InputError, Problem
from reconciler.guards.acknowledgements import FILE, load_acknowledgements
from reconciler.manifests.config import LoadedConfig, load_config
from reconciler.manifests.load import Loaded, read_documents
from reconciler.manifests.yamltree import Document, parse

DATA: Final = Path(__file__).parents[1] / "data"
MANIFESTS: Final = DATA / "manifests"

_EXPECT: Final = re.compile(r"# expect: (\d+):(\d+) (.+)")
_SCHEMA_ACCEPTS: Final = "# schema: accepts, because "

NOT_ABOUT_ONE_DOCUMENT: Final = frozenset(
    {"duplicate-name", "secret-host", "twin", "unknown-registry", "unknown-secret", "unused-override"}
)
"""Codes of the rules that need more than one document's own shape: the schema cannot know them."""


@dataclass(frozen=True)
class Expected:
    """One mistake that a bad document shall be told of."""

    line: int
    column: int
    text: str


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    path: Path
    expected: tuple[Expected, ...]
    schema_accepts: bool

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


def cases(folder: Path) -> list[Case]:
    """Every file of a folder of the corpus, with what its head says."""
    return [_case(path) for path in sorted(folder.glob("*.yaml"))]


def _case(path: Path) -> Case:
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    found = [match for line in head if (match := _EXPECT.fullmatch(line))]
    expected = tuple(Expected(int(match[1]), int(match[2]), match[3]) for match in found)
    accepts = any(line.startswith(_SCHEMA_ACCEPTS) for line in head)
    return Case(path, expected, accepts)


def told(problem: Problem) -> str:
    """All that a person reads of a mistake besides its place."""
    return f"{problem.message} -- {problem.hint}" if problem.hint else problem.message


@cache
def config() -> LoadedConfig:
    """The reconciler.yaml that every document of the corpus is read with."""
    return load_config(MANIFESTS / "reconciler.yaml", "reconciler.yaml")


def problems_of(data: bytes, file: str) -> list[Problem]:
    """Every mistake that we find, in order of place."""
    documents, problems = parse(data, file)
    return sorted([*problems, *problems_of_documents(documents)], key=Problem.sort_key)


def problems_of_documents(documents: list[Document]) -> Iterator[Problem]:
    """Every mistake behind the YAML itself."""
    loaded = read_documents(config(), documents)
    yield from loaded.problems
    yield from desire_all(config(), loaded)[1]


def is_about_the_document(problem: Problem) -> bool:
    """Whether the schema can know of a mistake."""
    if problem.code == "unknown-word" and problem.message.startswith("kind "):
        return False  # the word is one of ours, but that kind of registry has none for it
    return problem.code not in NOT_ABOUT_ONE_DOCUMENT


@cache
def validator(name: str = "model") -> Draft202012Validator:
    """A validator with a schema as it is generated now."""
    schema = published(f"{name}.schema.json")
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def schema_accepts(root: Any, name: str | None = None) -> bool:
    """The verdict of the published schema on a parsed tree; without ``name``, of the one of its kind."""
    return bool(validator(name or kind_of(root)).is_valid(root))


def kind_of(root: Any) -> str:
    """The schema that a manifest is written against; that of models where it does not say."""
    kind = root.get("kind") if isinstance(root, dict) else None
    return "provider" if kind == "Provider" else "model"


def config_problems_of(path: Path) -> list[Problem]:
    """Every mistake that we find in a reconciler.yaml, in order of place."""
    try:
        loaded = load_config(path, path.name)
    except InputError as error:
        return list(error.problems)
    return sorted(desire_all(loaded, Loaded([], [], []))[1], key=Problem.sort_key)


def acknowledgement_problems_of(path: Path) -> list[Problem]:
    """Every mistake that we find in an acknowledgements.yaml, in order of place."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "acknowledgements.yaml").write_bytes(path.read_bytes())
        try:
            load_acknowledgements(Path(folder) / FILE, FILE)
        except InputError as error:
            return list(error.problems)
    return []
