"""Manifest x registry -> desired: what one manifest asks of one registry, checked against its tables.

Mistakes in the files (an unknown native field, a word that no kind has, a secret that may not go there)
come back as Problems. What this kind of registry cannot take is no mistake: it comes back as refusals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from reconciler.errors import Place, Problem
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.fields import Amount
from reconciler.manifests.load import Loaded, Manifest
from reconciler.manifests.model import SpecPatch
from reconciler.manifests.problems import did_you_mean, dotted
from reconciler.manifests.yamltree import Document, locate
from reconciler.money import Price, Unit
from reconciler.plan import Refusal
from reconciler.registries import KINDS
from reconciler.registries.codecs import (
    BadValue,
    CannotExpress,
    EmptyMapping,
    SecretText,
    TreeOrSecret,
    Value,
    Word,
)
from reconciler.registries.interface import Kind, Unsupported
from reconciler.registries.providers import ASK_WHICH, PROVIDERS
from reconciler.registries.rows import REST, Clear, Field, Path, Table
from reconciler.secrets import SecretRef, SecretRule

_SECRET_KEY: Final = re.compile(
    r"(?:^|_)(?:api_?key|secret|password|passphrase|private_?key|credentials?|token"
    r"|access_?key|service_?account(?:_json)?)$",
    re.IGNORECASE,
)
"""Keys of a free object whose value is a credential, by how vendors name theirs."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What one manifest asks of one registry.

    ``fields`` maps each declared path that the registry holds to its field and normal form; ``units``
    the declared prices to the unit that they are written in.
    """

    registry: str
    manifest: Manifest
    table: Table | None
    fields: Mapping[Path, tuple[Field, Value]]
    unheld: tuple[Path, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    overridden: frozenset[Path] = frozenset()
    units: Mapping[Path, Unit] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.manifest.name

    def place(self, path: Path) -> Place:
        """Where the value of ``path`` is written."""
        return _place(self.manifest.document, self.registry, path, overridden=path in self.overridden)


@dataclass(slots=True)
class _Draft:
    """One manifest for one registry while it is put together."""

    document: Document
    registry: str
    kind: Kind
    overridden: frozenset[Path]
    problems: list[Problem] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def problem(
        self,
        code: str,
        message: str,
        path: Path,
        hint: str | None = None,
        *,
        key: bool = False,
        related: tuple[Place, ...] = (),
    ) -> None:
        place = _place(self.document, self.registry, path, overridden=path in self.overridden, key=key)
        self.problems.append(Problem(code, message, place, hint, dotted(("spec", *path)), related))

    def refuse(self, path: Path, message: str, fix: str | None = None) -> None:
        self.refusals.append(Refusal("cannot-express", f"{dotted(path)}: {message}", fix, (dotted(path),)))


def _place(document: Document, registry: str, path: Path, *, overridden: bool, key: bool = False) -> Place:
    above = ("spec", "overrides", registry) if overridden else ("spec",)
    return locate(document, (*above, *path), key=key)


def desire_all(config: LoadedConfig, loaded: Loaded) -> tuple[list[Desired], list[Problem]]:
    """Every manifest for each of its registries, and every mistake that only the tables show."""
    desired: list[Desired] = []
    problems: list[Problem] = list(_config_problems(config))
    rules = config.secret_rules()
    for document in loaded.broken:
        problems += _broken_problems(document)
    for manifest in loaded.manifests:
        problems += _override_problems(manifest)
        kinds: set[str] = set()
        for registry in manifest.registries:
            kind = KINDS.get(config.value.registries[registry].kind)
            if kind is None:
                continue
            kinds.add(kind.name)
            one, found = _desire(config, manifest, registry, kind, rules)
            problems += found
            desired.append(one)
        problems += _unused_native_problems(manifest, kinds)
    return desired, problems


def _config_problems(config: LoadedConfig) -> Iterator[Problem]:
    for name, entry in config.value.registries.items():
        if entry.kind not in KINDS:
            hint = did_you_mean(entry.kind, KINDS) or f"known: {', '.join(KINDS)}"
            place = config.place("registries", name, "kind")
            yield Problem("unknown-kind", f"'{entry.kind}' is not a kind of registry", place, hint)


def _override_problems(manifest: Manifest) -> Iterator[Problem]:
    for registry in manifest.value.spec.overrides or ():
        if registry not in manifest.registries:
            yield Problem(
                "unused-override",
                f"overrides names '{registry}', but the manifest is not for it",
                manifest.place("spec", "overrides", registry, key=True),
                "add it to spec.registries, or delete the override",
                f"spec.overrides.{registry}",
            )


def _unused_native_problems(manifest: Manifest, used: set[str]) -> Iterator[Problem]:
    """`native` parts for kinds that this manifest does not go to: checked all the same."""
    for kind_name, tree in (manifest.value.spec.native or {}).items():
        if kind_name not in used:
            yield from _native_problems(manifest.document, kind_name, tree)


def _broken_problems(document: Document) -> Iterator[Problem]:
    """What the tables can say of a document whose own shape is wrong elsewhere."""
    root: Any = document.root
    spec = root.get("spec") if isinstance(root, dict) else None
    native = spec.get("native") if isinstance(spec, dict) else None
    for kind_name, tree in native.items() if isinstance(native, dict) else ():
        if isinstance(tree, dict):
            yield from _native_problems(document, kind_name, tree)


def _native_problems(document: Document, kind_name: str, tree: Mapping[str, Any]) -> Iterator[Problem]:
    kind = KINDS.get(kind_name)
    if kind is None:
        hint = did_you_mean(kind_name, KINDS) or f"known: {', '.join(KINDS)}"
        place = locate(document, ("spec", "native", kind_name), key=True)
        path = f"spec.native.{kind_name}"
        yield Problem("unknown-kind", f"'{kind_name}' is not a kind of registry", place, hint, path)
        return
    draft = _Draft(document, "", kind, frozenset())
    leaves = dict(_native_leaves(draft, kind.default_table, tree, ("native", kind_name)))
    _normalise(draft, kind.default_table, leaves)
    yield from draft.problems


def _desire(
    config: LoadedConfig,
    manifest: Manifest,
    registry: str,
    kind: Kind,
    rules: Mapping[str, SecretRule],
) -> tuple[Desired, list[Problem]]:
    spec = manifest.value.spec
    patch = (spec.overrides or {}).get(registry)
    declared = dict(_portable_leaves(spec, ()))
    over = dict(_portable_leaves(patch, ())) if patch is not None else {}
    draft = _Draft(manifest.document, registry, kind, frozenset())
    table = kind.choose({path: value for path, value in {**declared, **over}.items() if value is not None})
    if isinstance(table, Unsupported):
        refusal = Refusal("unsupported", table.message, None, ())
        return Desired(registry, manifest, None, {}, refusals=(refusal,)), []
    above = ("native", kind.name)
    declared.update(_native_leaves(draft, table, (spec.native or {}).get(kind.name, {}), above))
    if patch is not None:
        draft.overridden = frozenset(over)
        patched = dict(_native_leaves(draft, table, (patch.native or {}).get(kind.name, {}), above))
        over.update(patched)
        _lay_over(declared, over)
        draft.overridden = frozenset(over)
    _compose_prices(draft, declared)
    _check_twins(draft, table, declared)
    fields, unheld = _normalise(draft, table, declared)
    _check_secrets(draft, config, rules, fields)
    result = Desired(
        registry,
        manifest,
        table,
        fields,
        tuple(unheld),
        tuple(draft.refusals),
        draft.overridden,
        {path: value.unit for path, value in declared.items() if isinstance(value, Price)},
    )
    return result, draft.problems


def _lay_over(declared: dict[Path, Any], over: Mapping[Path, Any]) -> None:
    """Puts an override's leaves over the base's; a value replaces what lies below or above it."""
    for path in over:
        if path[0] == "native":
            for known in [k for k in declared if k[: len(path)] == path or path[: len(k)] == k]:
                del declared[known]
    declared.update(over)


def _portable_leaves(model: BaseModel, above: Path) -> Iterator[tuple[Path, Any]]:
    """Every field that a spec declares, flat; `native`, `registries` and `overrides` left out."""
    for name in type(model).model_fields:
        if name not in model.model_fields_set or (not above and name in _NOT_PORTABLE):
            continue
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _portable_leaves(value, (*above, name))
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from _portable_leaves(item, (*above, name, key))
        else:
            yield (*above, name), value


_NOT_PORTABLE: Final = frozenset({"native", "registries", "overrides"})
PORTABLE_GROUPS: Final = tuple(name for name in SpecPatch.model_fields if name not in _NOT_PORTABLE)


def _compose_prices(draft: _Draft, declared: dict[Path, Any]) -> None:
    """Numbers, units and the currency become prices."""
    unit = declared.pop(("pricing", "unit"), None)
    currency = declared.pop(("pricing", "currency"), None)
    for path, value in declared.items():
        if not isinstance(value, Amount):
            continue
        per = value.unit or unit
        declared[path] = None
        if per is None:
            draft.problem("price-unit", "a price without a unit", path, "add `unit: 1M tokens` to pricing")
        elif currency is None:
            draft.problem("currency", "a price without a currency", path, "add `currency: USD` to pricing")
        else:
            declared[path] = Price(value.number, currency, per)


def _native_leaves(draft: _Draft, table: Table, tree: Any, above: Path) -> Iterator[tuple[Path, Any]]:
    """Every native value, flat down to what a row takes; unknown keys become Problems."""
    for key, value in tree.items():
        path = (*above, key)
        item = table.find(path)
        if isinstance(value, dict) and value and _goes_deeper(table, path, item, value):
            yield from _native_leaves(draft, table, value, path)
        elif item is None:
            _unknown_native(draft, table, path, value)
        elif value is None and isinstance(item.row.codec, EmptyMapping) and item.row.clear is Clear.NEVER:
            draft.problem("native-value", "must be a mapping; null stands for single keys", path)
        else:
            yield path, value


def _goes_deeper(table: Table, path: Path, item: Field | None, value: Mapping[str, Any]) -> bool:
    """Whether a mapping is a group of fields rather than the value of one."""
    if _is_secret(item, value):
        return False
    free = item is not None and any(known[-1] == REST for known in item.row.native)
    return free or table.has_below(path)


def _is_secret(item: Field | None, value: Mapping[str, Any]) -> bool:
    if item is None:
        return False
    if isinstance(item.row.codec, SecretText):
        return True
    return isinstance(item.row.codec, TreeOrSecret) and set(value) == {"secret"}


def _unknown_native(draft: _Draft, table: Table, path: Path, value: Any) -> None:
    if table.has_below(path):
        hint = "null stands for single keys" if value is None else None
        draft.problem("native-value", "must be a mapping", path, hint)
        return
    known = table.native_words(path[:-1])
    hint = did_you_mean(path[-1], known)
    if hint is None and len(known) <= 30:
        hint = f"known here: {', '.join(known)}"
    elif hint is None:
        hint = f"docs/manifest.md lists the {len(known)} keys that may stand here"
    message = f"{dotted(path[:-1])} has no field '{path[-1]}'"
    draft.problem("unknown-field", message, path, hint, key=True)


def _check_twins(draft: _Draft, table: Table, declared: Mapping[Path, Any]) -> None:
    """Two names of one field in one manifest, both with a value."""
    seen: dict[Path, Path] = {}
    for path, value in declared.items():
        item = table.find(path)
        if item is None or value is None or _unspellable(draft, item, value, declared):
            continue
        points = [point.path for point in item.points if point.create or point.update]
        for point in points:
            first = seen.setdefault(point, path)
            if first != path:
                other = _place(
                    draft.document, draft.registry, first, overridden=first in draft.overridden, key=True
                )
                draft.problem(
                    "twin",
                    f"{dotted(path)} and {dotted(first)} (line {other.line}) are the same field",
                    path,
                    "keep one of them",
                    key=True,
                    related=(other,),
                )
                break


def _unspellable(draft: _Draft, item: Field, value: Any, declared: Mapping[Path, Any]) -> bool:
    """A portable word that this kind has no spelling for, where a native one stands in for it."""
    codec = item.row.codec
    return (
        isinstance(codec, Word)
        and not item.native
        and value not in codec.spellings
        and any(declared.get(("native", draft.kind.name, *path)) is not None for path in item.row.native)
    )


def _normalise(
    draft: _Draft, table: Table, declared: Mapping[Path, Any]
) -> tuple[dict[Path, tuple[Field, Value]], list[Path]]:
    fields: dict[Path, tuple[Field, Value]] = {}
    unheld: list[Path] = []
    for path, value in declared.items():
        item = table.find(path)
        if item is None:
            _not_held(draft, table, path, value, unheld)
        elif not _unspellable(draft, item, value, declared):
            try:
                normal = item.normal(value)
            except BadValue as error:
                _bad_value(draft, item, path, str(error))
            except CannotExpress as error:
                _cannot_express(draft, item, path, value, str(error))
            else:
                if not _literal_secret(draft, item, path, value):
                    fields[path] = (item, normal)
    for path, (item, normal) in list(fields.items()):
        # A null beside the same field's other name says nothing that the value does not overrule.
        if normal == item.row.absent and declared[path] is None and _named_twice(fields, path, item):
            del fields[path]
    return fields, unheld


def _named_twice(fields: Mapping[Path, tuple[Field, Value]], path: Path, item: Field) -> bool:
    first = item.points[0].path
    return any(other != path and it.points[0].path == first for other, (it, _) in fields.items())


def _not_held(draft: _Draft, table: Table, path: Path, value: Any, unheld: list[Path]) -> None:
    if value is None:
        return
    if path[:2] == ("pricing", "tiers") and table.has_below(path[:2]):
        tiers = sorted(
            {row.portable[2] for row in table.rows if row.portable and row.portable[:2] == path[:2]}
        )
        draft.refuse(path, f"kind {table.kind} has prices for {', '.join(tiers)} only")
    else:
        unheld.append(path)


def _bad_value(draft: _Draft, item: Field, path: Path, message: str) -> None:
    if item.row.secret:
        hint = "name it in reconciler.yaml and write {secret: NAME}"
        draft.problem("secret-literal", message, path, hint)
    else:
        draft.problem("native-value", f"{path[-1]} {message}", path)


def _cannot_express(draft: _Draft, item: Field, path: Path, value: Any, message: str) -> None:
    if not isinstance(item.row.codec, Word):
        draft.refuse(path, message)
        return
    native = f"native.{draft.kind.name}.{item.row.native[0][-1]}"
    if value in ASK_WHICH:
        which = " or ".join(ASK_WHICH[value])
        draft.problem("unknown-word", f"'{value}' means different systems", path, f"write {which}")
    elif value in PROVIDERS:
        draft.problem("unknown-word", message, path, f"write the registry's own word as {native}")
    else:
        near = did_you_mean(value, PROVIDERS)
        hint = f"{near or 'docs/manifest.md lists them'}; the registry's own word goes into {native}"
        draft.problem("unknown-word", f"'{value}' is not a known provider", path, hint)


def _literal_secret(draft: _Draft, item: Field, path: Path, value: Any) -> bool:
    """A credential written out below a free object. Its value is never repeated."""
    if not isinstance(item.row.codec, TreeOrSecret) or value is None:
        return False
    if not _holds_literal(path[-1], value):
        return False
    draft.problem(
        "secret-literal",
        f"{path[-1]}: a secret is never written in a manifest",
        path,
        "name it in reconciler.yaml and write {secret: NAME}",
    )
    return True


def _holds_literal(key: str, value: Any) -> bool:
    if isinstance(value, dict):
        if set(value) == {"secret"}:
            return False
        return any(_holds_literal(name, item) for name, item in value.items())
    if isinstance(value, list):
        return any(
            _holds_literal(key, item) or (isinstance(item, dict) and "secret" in item) for item in value
        )
    return isinstance(value, str) and _SECRET_KEY.search(key) is not None


def _check_secrets(
    draft: _Draft,
    config: LoadedConfig,
    rules: Mapping[str, SecretRule],
    fields: Mapping[Path, tuple[Field, Value]],
) -> None:
    entry = config.value.registries[draft.registry]
    hosts = destinations(
        (value for item, value in fields.values() if item.row.upstream and isinstance(value, str)),
        entry.url,
    )
    for path, (_, value) in fields.items():
        if not isinstance(value, SecretRef):
            continue
        rule = rules.get(value.name)
        if rule is None:
            hint = did_you_mean(value.name, rules) or "add it to `secrets:` in reconciler.yaml"
            draft.problem("unknown-secret", f"no secret is named '{value.name}'", path, hint)
            continue
        refused = rule.refuse_hosts(hosts)
        if refused:
            draft.problem(
                "secret-host",
                f"{value.name} may not be sent to {', '.join(refused)}",
                path,
                f"its hosts in reconciler.yaml are {', '.join(sorted(rule.hosts))}",
                related=(config.place("secrets", value.name, "hosts"),),
            )


def destinations(upstreams: Iterator[str], registry_url: str | None) -> tuple[str, ...]:
    """The hosts that an object's secrets reach: its upstreams, else the registry that uses them itself.

    An embedded registry without an upstream sends them nowhere.
    """
    hosts = sorted({_host(url) for url in upstreams})
    if hosts:
        return tuple(hosts)
    return (_host(registry_url),) if registry_url else ()


def _host(url: str) -> str:
    """``host`` or ``host:port`` in small letters; the whole text where it is no address."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or url).lower()
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
