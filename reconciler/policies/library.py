"""Which files are policies, and what they may refer to: the folder of reconciler.yaml, and nothing else.

Nothing is downloaded. A `$ref` is a path from the file that it stands in, and no link on the way may lead out
of the folder. Every mistake of a policy is found when it is read, so that none is found by a manifest.
"""

from __future__ import annotations

import difflib
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from reconciler.errors import Place, Problem
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.files import printable, read_regular
from reconciler.manifests.problems import dotted
from reconciler.manifests.yamltree import Document, Map, locate
from reconciler.policies.jsontree import parse_json
from reconciler.policies.patterns import translated
from reconciler.policies.rules import AT_THE_KEY, DIALECT, NEVER, Rules, words

_ROOT: Final = "file:///policies-of-this-project/"
"""The folder of reconciler.yaml in addresses. Not `file:///`: a path that leaves it must not come back in."""
_MOST_BYTES: Final = 4 * 2**20
_MOST_PROBLEMS: Final = 20  # of one file

_ONE: Final = frozenset(
    "additionalProperties contains contentSchema else if items not propertyNames then unevaluatedItems "
    "unevaluatedProperties".split()
)
_FALSE: Final = frozenset("additionalProperties items unevaluatedItems unevaluatedProperties".split())
"""Where `false` is told of by the keyword itself."""
_LISTS: Final = frozenset("allOf anyOf oneOf prefixItems".split())
_MAPS: Final = frozenset("$defs definitions dependentSchemas patternProperties properties".split())
_REFERENCES: Final = ("$ref", "$dynamicRef")
_KNOWN: Final = (
    _ONE
    | _LISTS
    | _MAPS
    | set(Rules.VALIDATORS)
    | set(
        "$anchor $comment $dynamicAnchor $id $schema $vocabulary contentEncoding contentMediaType default "
        "deprecated description examples maxContains minContains readOnly title writeOnly".split()
    )
)


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, ready to be used. ``validator`` says what is wrong with a manifest."""

    document: Document
    validator: Any

    @property
    def reason(self) -> str | None:
        """What it is for, in its author's words."""
        return reason_of(self.document.root)


def reason_of(schema: object) -> str | None:
    """What a schema says of itself."""
    for key in ("description", "title"):
        text = schema.get(key) if isinstance(schema, Mapping) else None
        if isinstance(text, str) and text.strip():
            return text
    return None


@dataclass(slots=True)
class Library:
    """The policies of a project, and every file that they refer to.

    ``written`` tells of a schema that is used (by its identity) in which document it is written, and as what:
    what is used is a copy, with patterns as Python reads them.
    """

    config: LoadedConfig
    policies: list[Policy] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    written: dict[int, tuple[Document, Map]] = field(default_factory=dict)
    _files: dict[str, dict[str, Any] | bool] = field(default_factory=dict)
    _documents: dict[str, Document] = field(default_factory=dict)
    _names: dict[str, Document] = field(default_factory=dict)
    _unchecked: deque[str] = field(default_factory=deque)

    @classmethod
    def of(cls, config: LoadedConfig) -> Library:
        """What `policies` of reconciler.yaml names, and every mistake in it. Raises nothing for bad input."""
        library = cls(config)
        names = list(library._named())
        for name in names:
            library._read(name)
        library._check_references()
        if not library.problems:
            registry = library._registry()
            for name in names:
                schema = library._files[_uri(name)]
                validator = Rules(schema, registry=registry)
                library.policies.append(Policy(library._documents[_uri(name)], validator))
        return library

    def _named(self) -> Iterator[str]:
        """The paths, from the folder, of all files that `policies` names, sorted and each once."""
        found: set[str] = set()
        for index, pattern in enumerate(self.config.value.policies or ()):
            matches = self._matches(pattern)
            if isinstance(matches, str):
                place = self.config.place("policies", index)
                hint = "a path from the folder of reconciler.yaml, such as policies/*.json"
                self.problems.append(Problem("policies", matches, place, hint, dotted(("policies", index))))
            else:
                found.update(matches)
        yield from sorted(found)

    def _matches(self, pattern: str) -> list[str] | str:
        """What ``pattern`` leads to, or why nothing does."""
        parts = PurePosixPath(pattern).parts
        if not parts or parts[0] == "/" or ".." in parts:
            return "a policy is a file in the folder of reconciler.yaml"
        try:
            below = [path.relative_to(self.config.folder) for path in self.config.folder.glob(pattern)]
        except (ValueError, NotImplementedError, OSError) as error:
            return f"'{pattern}' is no pattern of paths: {printable(str(error))}"
        hidden = any(part.startswith(".") for part in parts)
        names = [
            path.as_posix()
            for path in below
            if hidden or not any(part.startswith(".") for part in path.parts)
        ]
        return names or f"'{pattern}' matches no file"

    def shown(self, name: str) -> str:
        """What messages call the file at ``name``, a path from the folder."""
        return printable((PurePosixPath(self.config.file).parent / name).as_posix())

    def _read(self, name: str) -> None:
        """Takes in the file at ``name``, or what is wrong with it."""
        uri = _uri(name)
        if uri in self._documents:
            return
        document = self._parsed(name)
        if isinstance(document, Problem):
            self.problems.append(document)
            return
        self._documents[uri] = document
        mistakes = list(_dialect(document, document.root)) or list(dict.fromkeys(_mistakes(document)))
        mistakes += self._name_twice(document, uri)
        self.problems += mistakes
        if not mistakes:
            self._files[uri] = self._prepared(document, document.root, uri)
            self._unchecked.append(uri)

    def _name_twice(self, document: Document, uri: str) -> Iterator[Problem]:
        root = document.root
        given = root.get("$id") if isinstance(root, Map) else None
        names = {uri, urldefrag(urljoin(uri, given)).url} if isinstance(given, str) else {uri}
        for name in names:
            first = self._names.setdefault(name, document)
            if first is not document:
                place = locate(document, ("$id",))
                message = f"two policies go by the name '{given or uri.removeprefix(_ROOT)}'"
                related = (locate(first, ("$id",)),)
                yield Problem("policy-id", message, place, "leave out $id", "$id", related)

    def _parsed(self, name: str) -> Document | Problem:
        shown = self.shown(name)
        path = self.config.folder / name
        try:
            real = path.resolve(strict=True)
            inside = real.is_relative_to(self.config.folder.resolve())
        except (OSError, RuntimeError, ValueError):
            inside = True  # read_regular says what is wrong
        if not inside:
            message = "the link leads out of the folder of reconciler.yaml"
            return Problem("link-leaves-folder", message, Place(shown), "put the file itself into the folder")
        data = read_regular(path, shown, _MOST_BYTES)
        return data if isinstance(data, Problem) else parse_json(data, shown)

    def _prepared(self, document: Document, schema: Any, uri: str = "") -> Any:
        """A copy of ``schema`` to be run; ``uri`` is the file's, at its top."""
        if schema is False and not uri:
            return {NEVER: True}  # jsonschema tells of `false` without its path
        if not isinstance(schema, Map):
            return schema
        done: dict[str, Any] = {}
        self.written[id(done)] = (document, schema)
        for key, value in schema.items():
            if key in _ONE and not (value is False and key in _FALSE):
                done[key] = self._prepared(document, value)
            elif key in _LISTS:
                done[key] = [self._prepared(document, each) for each in value]
            elif key in _MAPS:
                done[key] = {
                    self._pattern(document, schema, name, key) if key == "patternProperties" else name: (
                        self._prepared(document, each)
                    )
                    for name, each in value.items()
                }
            elif key == "pattern":
                done[key] = self._pattern(document, schema, value, key)
            elif key != "$schema":  # with it, jsonschema would take its own rules for those of this project
                done[key] = value
            if key not in _KNOWN and (near := difflib.get_close_matches(key, _KNOWN, n=1, cutoff=0.8)):
                place = Place(document.file, *schema.key_place(key))
                message = f"'{key}' is no keyword of JSON Schema, so it would check nothing"
                self.problems.append(Problem("policy-keyword", message, place, f"did you mean '{near[0]}'?"))
        if uri:
            done["$id"] = urljoin(uri, str(schema.get("$id", "")))
        else:
            self.problems += _dialect(document, schema)
        return done

    def _pattern(self, document: Document, schema: Map, pattern: str, key: str) -> str:
        try:
            return translated(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            node = schema if key == "pattern" else schema[key]
            at = schema.value_place(key) if key == "pattern" else node.key_place(pattern)
            message = f"this is no regular expression: {error}"
            hint = "patterns are those of Python's module re"
            self.problems.append(Problem("policy-pattern", message, Place(document.file, *at), hint))
            return ""

    def _registry(self) -> Registry[Any]:
        resources = {uri: DRAFT202012.create_resource(schema) for uri, schema in self._files.items()}
        registry: Registry[Any] = Registry(retrieve=self._retrieve)  # type: ignore[call-arg, unused-ignore]
        return registry.with_resources([*resources.items(), *_by_id(resources)]).crawl()

    def _retrieve(self, uri: str) -> Resource[Any]:
        """Raises _NotHereError where there is no such file."""
        name = _name(uri)
        hidden = any(part.startswith(".") for part in name.split("/"))
        if not uri.startswith(_ROOT) or hidden or not name.endswith(".json") or "\0" in name:
            raise _NotHereError(uri)
        if not (self.config.folder / name).is_file():
            raise _NotHereError(uri)
        self._read(name)
        if uri not in self._files:
            raise _NotHereError(uri)
        return DRAFT202012.create_resource(self._files[uri])

    def _check_references(self) -> None:
        """Follows every reference once; what it leads to is taken in."""
        while self._unchecked:
            uri = self._unchecked.popleft()
            resource = DRAFT202012.create_resource(self._files[uri])
            resolver = self._registry().resolver_with_root(resource)
            for schema, at in _schemas(resource.contents, resolver):
                self._follow(schema, at)

    def _follow(self, schema: Mapping[str, Any], resolver: Any) -> None:
        if id(schema) not in self.written:  # one that was `false`
            return
        document, node = self.written[id(schema)]
        for key in _REFERENCES:
            if key not in schema:
                continue
            known = len(self.problems)
            message = None
            try:
                target = resolver.lookup(schema[key]).contents
            except Unresolvable as error:
                message = self._why_not(str(schema[key]), error)
            except RecursionError:
                message = f"'{schema[key]}' leads back to itself"
            else:
                if (
                    id(target) not in self.written
                    and not isinstance(target, bool)
                    and target != {NEVER: True}
                ):
                    message = f"'{schema[key]}' leads to what is no schema"
            if message is not None and known == len(self.problems):
                place = Place(document.file, *node.value_place(key))
                hint = "write #/$defs/…, or the path to a .json file in the folder of reconciler.yaml"
                self.problems.append(Problem("policy-reference", message, place, hint))

    def _why_not(self, reference: str, error: BaseException) -> str:
        wanted = ""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, _NotHereError):
                wanted = cause.uri
            cause = cause.__cause__
        if wanted and not wanted.startswith(_ROOT):
            return f"'{reference}' leads out of the folder of reconciler.yaml; nothing is downloaded"
        if wanted:
            name = printable(_name(wanted))
            return f"'{reference}' leads to '{name}', which is no policy in the folder of reconciler.yaml"
        return f"'{reference}' leads to nothing"


class _NotHereError(Exception):
    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri


def _uri(name: str) -> str:
    return _ROOT + quote(name, errors="surrogateescape")  # a file's name need not be UTF-8


def _name(uri: str) -> str:
    return unquote(uri.removeprefix(_ROOT), errors="surrogateescape")


def _by_id(resources: Mapping[str, Resource[Any]]) -> Iterable[tuple[str, Resource[Any]]]:
    for uri, resource in resources.items():
        name = urldefrag(resource.id() or "").url
        if name and name != uri and urlsplit(name).scheme:
            yield name, resource


def _schemas(schema: Any, resolver: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """A schema and all in it, each with what its references are resolved by."""
    if not isinstance(schema, dict):
        return
    yield schema, resolver
    for key, value in schema.items():
        below: Iterable[Any] = ()
        if key in _ONE:
            below = (value,)
        elif key in _LISTS:
            below = value
        elif key in _MAPS:
            below = value.values()
        for each in below:
            if isinstance(each, dict):
                yield from _schemas(each, resolver.in_subresource(DRAFT202012.create_resource(each)))


def _dialect(document: Document, schema: Any) -> Iterator[Problem]:
    dialect = schema.get("$schema", DIALECT) if isinstance(schema, Map) else DIALECT
    if str(dialect).rstrip("#") != DIALECT:
        place = Place(document.file, *schema.value_place("$schema"))
        message = f"policies are written in JSON Schema 2020-12, not in {dialect}"
        yield Problem("policy-dialect", message, place, f'write "$schema": "{DIALECT}"')


def _mistakes(document: Document) -> Iterator[Problem]:
    """What makes it no JSON Schema."""
    for count, found in enumerate(Rules(Rules.META_SCHEMA).iter_errors(document.root)):
        if count == _MOST_PROBLEMS:
            return
        error = best_match([found]) or found
        error = next(iter(error.context or ()), error)  # of equally good ones, the first
        path = list(error.absolute_path)
        place = locate(document, path, key=error.validator in AT_THE_KEY)
        where = f"'{dotted(path)}': " if path else ""
        yield Problem("policy-schema", f"this is no JSON Schema: {where}{words(error)}", place)
