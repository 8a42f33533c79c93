"""Manifest x registry -> desired: what one manifest asks of one registry, checked against its tables.

Mistakes in the files (an unknown native field, a word that no kind has, a secret that may not go there)
come back as Problems. What this kind of registry cannot take is no mistake: it comes back as refusals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel

from reconciler.destinations import destinations
from reconciler.draft import Draft, above
from reconciler.errors import InternalError, Place, Problem
from reconciler.manifests.config import LoadedConfig
from reconciler.manifests.fields import LITERAL, Amount
from reconciler.manifests.load import Loaded, Manifest
from reconciler.manifests.problems import did_you_mean, dotted
from reconciler.manifests.yamltree import UNREADABLE, Document, Map, locate
from reconciler.money import Price, Unit
from reconciler.native import check_free, laid_over, literal_secret, native_leaves, paths_of
from reconciler.outlines import NOT_PORTABLE, Keys, may_share, normal_price, paths_of_model, plainly_asked
from reconciler.refusal import Refusal
from reconciler.registries import BUILT_IN, KINDS
from reconciler.registries.addresses import upstreams
from reconciler.registries.codecs import (
    Address,
    BadValue,
    CannotExpress,
    Money,
    Tree,
    Value,
    Word,
)
from reconciler.registries.kind import Kind, Unsupported
from reconciler.registries.rows import Declared, Field, Path, Table
from reconciler.registries.shapes import NO_FIELDS, Fields
from reconciler.secrets import SecretRef, SecretRule


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Desired:
    """What one manifest asks of one registry.

    ``fields`` maps each declared path that the registry holds to its field and normal form (nothing without a
    table); ``units`` the declared prices to the unit that they are written in. ``hints`` say how it is better
    written.
    """

    registry: str
    manifest: Manifest
    table: Table | None
    fields: Fields
    unheld: tuple[Path, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    overridden: frozenset[Path] = frozenset()
    units: Mapping[Path, Unit] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.manifest.name

    def place(self, path: Path) -> Place:
        """Where the value of ``path`` is written."""
        return self.manifest.place(*above(self.registry, overridden=path in self.overridden), *path)


def desire_all(
    config: LoadedConfig, loaded: Loaded, known: Mapping[int, Sequence[Desired]] | None = None
) -> tuple[list[Desired], list[Problem]]:
    """Every manifest for each of its registries, and every mistake that only the tables show.

    ``known`` is what is known already of manifests without a mistake, by the identity of their objects.
    """
    desired: list[Desired] = []
    problems: list[Problem] = list(_config_problems(config))
    for document in loaded.broken:
        problems += _native_problems(document, checked={})
    rules = config.secret_rules()
    for manifest in loaded.manifests:
        asked = None if known is None else known.get(id(manifest))
        if asked is None:
            asked, found = desire_each(config, manifest, rules)
            problems += found
        desired += asked
    return desired, problems


def desire_each(
    config: LoadedConfig, manifest: Manifest, rules: Mapping[str, SecretRule] | None = None
) -> tuple[list[Desired], list[Problem]]:
    """One manifest for each of its registries, and its mistakes. ``rules`` are those of ``config``."""
    spec = manifest.value.spec
    desired: list[Desired] = []
    problems: list[Problem] = list(_override_problems(manifest)) if spec.overrides else []
    checked: dict[str, set[str]] = {"": set()}
    portable: Keys | None = None
    for registry in manifest.registries:
        kind = KINDS.get(config.value.registries[registry].kind)
        if kind is None:
            continue
        asked = None if spec.overrides else plainly_asked(kind, manifest.resource, manifest.name, spec)
        if asked is None:
            rules = config.secret_rules() if rules is None else rules
            one, found = _desire(config, manifest, registry, kind, rules)
            problems += found
        else:
            one = Desired(registry, manifest, asked.table, asked.fields, asked.unheld, units=asked.units)
            portable = asked.portable
        desired.append(one)
        if one.table is not None:
            checked[""].add(kind.name)
            checked.setdefault(registry, set()).add(kind.name)
    others = [kind for kind in spec.native or () if kind not in checked[""]]
    if spec.overrides or (others and not _are_sound(manifest.document, others, portable)):
        found = list(_native_problems(manifest.document, checked=checked))
        problems += found
        if portable is not None and not found:
            _remember_sound(manifest.document, others, portable)
    return desired, problems


_SoundKey = tuple[str, str, Keys, object]
_sound: set[_SoundKey] = set()
"""Native parts without a mistake, of kinds that a manifest is not for: by that kind, the manifest's own, the
other keys of the spec, which choose the table, and the twin of the part."""


def _are_sound(document: Document, kinds: Iterable[str], portable: Keys | None) -> bool:
    """Whether the native parts for ``kinds`` are known to have no mistake."""
    return portable is not None and all(_sound_key(document, kind, portable) in _sound for kind in kinds)


def _remember_sound(document: Document, kinds: Iterable[str], portable: Keys) -> None:
    if len(_sound) >= _MOST_LAYOUTS:
        _sound.clear()
    _sound.update(key for kind in kinds if (key := _sound_key(document, kind, portable)) is not None)


def _sound_key(document: Document, kind: str, portable: Keys) -> _SoundKey | None:
    """What else has no mistake where this has none; None where that cannot be told."""
    root: Any = document.root
    tree = root["spec"]["native"][kind]
    if not isinstance(tree, Map) or tree.twin is None or kind not in BUILT_IN:
        return None
    return kind, root["kind"], portable, tree.twin


def _config_problems(config: LoadedConfig) -> Iterator[Problem]:
    for name, entry in config.value.registries.items():
        if entry.kind not in KINDS:
            hint = did_you_mean(entry.kind, KINDS) or f"known: {', '.join(KINDS)}"
            place = config.place("registries", name, "kind")
            yield Problem("unknown-kind", f"'{entry.kind}' is not a kind of registry", place, hint)
        elif entry.embedded is not None and entry.kind not in BUILT_IN:
            message = f"the embedded registry does not speak the kind '{entry.kind}'"
            place = config.place("registries", name, "embedded")
            yield Problem("embedded-kind", message, place, "give the address of a server as url")
        elif entry.auth is not None and not KINDS[entry.kind].takes_auth:
            place = config.place("registries", name, "auth", key=True)
            message = f"kind {entry.kind} takes a token, and exchanges no key for one"
            yield Problem("auth", message, place, "write token: {env: NAME}", f"registries.{name}.auth")


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


def _native_problems(document: Document, *, checked: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    """Mistakes in the native parts of a document, by the usual table of each kind for its resource.

    ``checked`` are the kinds whose part of a place has been checked against the right table: by the
    name of an override, and ``""`` for the base.
    """
    root: Any = document.root
    spec = root.get("spec") if isinstance(root, dict) else None
    if not isinstance(spec, dict):
        return
    overrides = spec.get("overrides")
    places = {"": spec, **(overrides if isinstance(overrides, dict) else {})}
    for registry, holder in places.items():
        native = holder.get("native") if isinstance(holder, dict) else None
        for kind, tree in native.items() if isinstance(native, dict) else ():
            if kind not in checked.get(registry, ()):
                yield from _native_tree_problems(document, registry, kind, tree, {**spec, **holder})


def _native_tree_problems(
    document: Document, registry: str, name: str, tree: object, spec: Mapping[str, Any]
) -> Iterator[Problem]:
    kind = KINDS.get(name)
    if kind is None:
        hint = did_you_mean(name, KINDS) or f"known: {', '.join(KINDS)}"
        shown = (*above(registry, overridden=bool(registry)), "native", name)
        place = locate(document, shown, key=True)
        yield Problem("unknown-kind", f"'{name}' is not a kind of registry", place, hint, dotted(shown))
    elif isinstance(tree, dict):
        draft = Draft(document, registry, kind, in_override=bool(registry))
        root: Any = document.root
        declared = {**dict(_raw_leaves(spec, ())), **_native_words(kind, tree)}
        table = kind.choose(str(root.get("kind")), declared)
        if isinstance(table, Unsupported):
            check_free(draft, tree)
        else:
            _normalise(draft, table, dict(native_leaves(draft, table, tree)))
        yield from draft.problems


def _raw_leaves(tree: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, Any]]:
    """The portable values of a spec that may be wrong, flat."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and (above or key not in NOT_PORTABLE):
            yield from _raw_leaves(value, (*above, key))
        elif value is not None:
            yield (*above, key), value


def _native_words(kind: Kind, tree: Mapping[str, Any]) -> dict[Path, Any]:
    """The first steps of a native tree, which may tell its variant."""
    return {("native", kind.name, key): value for key, value in tree.items() if value is not None}


def _desire(
    config: LoadedConfig,
    manifest: Manifest,
    registry: str,
    kind: Kind,
    rules: Mapping[str, SecretRule],
) -> tuple[Desired, list[Problem]]:
    spec = manifest.value.spec
    patch = spec.overrides.get(registry) if spec.overrides else None
    declared = _portable(spec)
    over = {} if patch is None else _portable(patch)
    draft = Draft(manifest.document, registry, kind)
    native: Mapping[str, Any] = (spec.native or {}).get(kind.name, {})
    base, above_it = native, {}
    if patch is not None:
        above_it = (patch.native or {}).get(kind.name, {})
        native = laid_over(base, above_it)
    portable = {path: value for path, value in {**declared, **over}.items() if value is not None}
    table = kind.choose(manifest.resource, {**portable, **_native_words(kind, native)})
    if isinstance(table, Unsupported):
        values = {**declared, **over}
        draft.overridden = frozenset(over)
        address = values.get(("endpoint", "base_url"))
        _check_secrets(draft, config, rules, values, [address] if address else [])
        refusal = Refusal("unsupported", table.message, None, ())
        return Desired(registry, manifest, None, NO_FIELDS, refusals=(refusal,)), draft.problems
    if patch is not None:
        declared.update(over)
        draft.overridden = frozenset({*over, *paths_of(above_it, ("native", kind.name))})
    declared.update(native_leaves(draft, table, native))
    units = _compose_prices(declared)
    layout = _layout(table, declared)
    if layout.shared:
        _check_twins(draft, table, declared)
    fields, unheld = _normalise(draft, table, declared, layout)
    _check_together(draft, table, manifest.name, fields)
    normal = {path: value for path, (_, value) in fields.items()}
    if any(isinstance(value, SecretRef) for value in normal.values()):
        addresses = (
            text for item, value in fields.values() for text in upstreams(item.row, item.path, value)
        )
        _check_secrets(draft, config, rules, normal, addresses)
    result = Desired(
        registry,
        manifest,
        table,
        Fields.of(table, fields),
        tuple(unheld),
        tuple(draft.refusals),
        draft.overridden,
        units,
        tuple(_alias_hints(kind, fields)) if layout.aliased else (),
    )
    return result, _layer_problems(draft, table, base, above_it)


def _layer_problems(
    draft: Draft, table: Table, base: Mapping[str, Any], over: Mapping[str, Any]
) -> list[Problem]:
    """The mistakes of ``draft``, and those that the base and the override each have by themselves."""
    if not over:
        return draft.problems
    problems: list[Problem] = []
    for tree, in_override in ((base, False), (over, True)):
        layer = Draft(draft.document, draft.registry, draft.kind, in_override=in_override)
        _normalise(layer, table, dict(native_leaves(layer, table, tree)))
        problems += layer.problems
    known = {(problem.code, problem.message) for problem in problems}
    return [*problems, *(one for one in draft.problems if (one.code, one.message) not in known)]


def _portable(spec: BaseModel) -> dict[Path, Any]:
    """Every field that a spec declares, flat; what no registry is told under its name is left out."""
    found: dict[Path, Any] = {}
    _add_leaves(spec, (), found)
    return found


def _add_leaves(model: BaseModel, above: Path, found: dict[Path, Any]) -> None:
    declared, values = model.model_fields_set, model.__dict__
    for name, path in paths_of_model(type(model), above):
        if name not in declared:
            continue
        value = values[name]
        if isinstance(value, BaseModel):
            _add_leaves(value, path, found)
        elif isinstance(value, dict):
            for key, item in value.items():
                _add_leaves(item, (*path, key), found)
        else:
            found[path] = value


def effective(manifest: Manifest, registry: str) -> tuple[dict[Path, Any], frozenset[Path]]:
    """What ``manifest`` declares for ``registry``, portable and flat, prices composed; null is None.

    The second part is the paths that an override sets.
    """
    spec = manifest.value.spec
    patch = (spec.overrides or {}).get(registry)
    over = _portable(patch) if patch is not None else {}
    declared = {**_portable(spec), **over}
    _compose_prices(declared)
    return declared, frozenset(over)


def _compose_prices(declared: dict[Path, Any]) -> Mapping[Path, Unit]:
    """Numbers, units and the currency become prices. Gives the unit that each price is written in."""
    unit = declared.pop(("pricing", "unit"), None)
    currency = declared.pop(("pricing", "currency"), None)
    units: dict[Path, Unit] = {}
    for path, value in declared.items():
        if not isinstance(value, Amount):
            continue
        per = value.unit or unit
        if per is None or currency is None:
            raise InternalError(f"{dotted(path)}: a price without unit or currency came past the loader")
        declared[path] = Price(value.number, currency, per)
        units[path] = per
    return units


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Layout:
    """What declared paths mean for a table, whatever their values.

    ``items`` are their fields, None where the table has no place. ``shared``: some may be the same field
    under two names, ``aliased``: some are written by another name than the documented one. ``plain`` are
    those whose values need nothing but their codec.
    """

    items: tuple[Field | None, ...]
    plain: tuple[bool, ...]
    shared: bool
    aliased: bool


def _layout(table: Table, declared: Collection[Path]) -> _Layout:
    known: dict[tuple[Path, ...], _Layout] = table.layouts
    paths = tuple(declared)
    found = known.get(paths)
    if found is None:
        if len(known) >= _MOST_LAYOUTS:
            known.clear()
        found = known[paths] = _new_layout(table, paths)
    return found


def _new_layout(table: Table, paths: Sequence[Path]) -> _Layout:
    items = tuple(map(table.find, paths))
    held = [item for item in items if item is not None]
    return _Layout(
        items,
        tuple(item is not None and not isinstance(item.row.codec, Word | Tree) for item in items),
        shared=may_share(held),
        aliased=any(item.path[2:] in item.row.aliases for item in held),
    )


_MOST_LAYOUTS: Final = 4096


def _check_twins(draft: Draft, table: Table, declared: Mapping[Path, Any]) -> None:
    """Two names of one field in one manifest, both with a value."""
    seen: dict[Path, Path] = {}
    for path, value in declared.items():
        item = table.find(path)
        if item is None or value is None or _unspellable(draft, table, item, value, declared):
            continue
        points = [point.path for point in item.points if point.create or point.update]
        for point in points:
            first = seen.setdefault(point, path)
            # Two portable words are never two names of one thing, though a kind may join them in one.
            if first != path and not (path[0] != "native" and first[0] != "native"):
                other = draft.place(first, key=True)
                draft.problem(
                    "twin",
                    f"{dotted(path)} and {dotted(first)} (line {other.line}) are the same field",
                    path,
                    "keep one of them",
                    key=True,
                    related=(other,),
                )
                break


def _check_together(draft: Draft, table: Table, name: str, fields: dict[Path, tuple[Field, Value]]) -> None:
    """What the declared fields mean together: some say nothing more, some cannot be had at once."""
    declared = Declared(name, {path: value for path, (_, value) in fields.items()})
    for path in table.implied(declared):
        del fields[path]
    for path, message in table.impossible(declared):
        draft.refuse(path, message)


def _alias_hints(kind: Kind, fields: Mapping[Path, tuple[Field, Value]]) -> Iterator[str]:
    for path, (item, _) in fields.items():
        if path[2:] in item.row.aliases:
            yield f"{dotted(path)} is documented as {dotted(('native', kind.name, *item.row.native[0]))}"


def _unspellable(draft: Draft, table: Table, item: Field, value: Any, declared: Mapping[Path, Any]) -> bool:
    """A portable word that this kind has no spelling for, where a native one stands in for it."""
    codec = item.row.codec
    if not isinstance(codec, Word) or item.native or value in codec.spellings:
        return False
    return any(declared.get(path) is not None for path in _own_words(draft, table, item))


def _own_words(draft: Draft, table: Table, item: Field) -> list[Path]:
    """The native paths at which a registry's own word can stand for the portable one of ``item``."""
    native = [("native", draft.kind.name, *path) for path in item.row.native]
    return [*native, table.identity.pin] if item.row.identity else native


def _normalise(
    draft: Draft, table: Table, declared: Mapping[Path, Any], layout: _Layout | None = None
) -> tuple[dict[Path, tuple[Field, Value]], list[Path]]:
    layout = layout or _layout(table, declared)
    fields: dict[Path, tuple[Field, Value]] = {}
    unheld: list[Path] = []
    for (path, value), item, plain in zip(declared.items(), layout.items, layout.plain, strict=True):
        if item is None:
            _not_held(draft, table, path, value, unheld)
        elif type(value) not in _READ and _is_unread(value):
            literal_secret(draft, item, path, value)  # that it cannot be read is said already
        elif plain or not _unspellable(draft, table, item, value, declared):
            try:
                normal = _normal(item, value)
            except BadValue as error:
                _bad_value(draft, item, path, str(error))
            except CannotExpress as error:
                _cannot_express(draft, table, item, path, str(error))
            else:
                if plain or not literal_secret(draft, item, path, value):
                    fields[path] = (item, normal)
    for path, (item, normal) in list(fields.items()) if layout.shared else ():
        # A null beside the same field's other name says nothing that the value does not overrule.
        if normal is None and _named_twice(fields, path, item):
            del fields[path]
    return fields, unheld


def _normal(item: Field, value: Any) -> Value:
    """``Field.normal``, which for prices takes long and is asked for the same few again and again."""
    if type(value) is not Price or type(item.row.codec) is not Money:
        return item.normal(value)
    return normal_price(item.row.codec, item.native, str(value.amount), value.currency, value.unit)


_READ: Final = frozenset({str, bool, int, Decimal, Price, type(None)})


def _is_unread(value: Any) -> bool:
    """Whether a part of ``value`` could not be read."""
    if isinstance(value, dict):
        return any(map(_is_unread, value.values()))
    return any(map(_is_unread, value)) if isinstance(value, list) else value is UNREADABLE


def _named_twice(fields: Mapping[Path, tuple[Field, Value]], path: Path, item: Field) -> bool:
    first = item.points[0].path
    return any(other != path and it.points[0].path == first for other, (it, _) in fields.items())


def _not_held(draft: Draft, table: Table, path: Path, value: Any, unheld: list[Path]) -> None:
    if value is None:
        return
    if path[:2] == ("pricing", "tiers") and table.has_below(path[:2]):
        tiers = sorted(
            {row.portable[2] for row in table.rows if row.portable and row.portable[:2] == path[:2]}
        )
        draft.refuse(path, f"kind {table.kind} has prices for {', '.join(tiers)} only")
    elif table.vendors:
        draft.refuse(path, "a model of the vendor is only enabled or disabled", "leave it out")
    else:
        unheld.append(path)


def _bad_value(draft: Draft, item: Field, path: Path, message: str) -> None:
    if item.row.secret:
        hint = "name it in reconciler.yaml and write {secret: NAME}"
        draft.problem(LITERAL, f"{path[-1]}: {message}", path, hint)
    elif isinstance(item.row.codec, Address):
        # It may hold a password, so the line is not shown.
        draft.problem(LITERAL, f"{path[-1]} {message}", path, "a key goes where a secret is asked for")
    else:
        draft.problem("native-value", f"{path[-1]} {message}", path)


def _cannot_express(draft: Draft, table: Table, item: Field, path: Path, message: str) -> None:
    if item.native or not isinstance(item.row.codec, Word):
        draft.refuse(path, message)
        return
    native = dotted(_own_words(draft, table, item)[0])
    draft.problem("unknown-word", message, path, f"write the registry's own word as {native}")


def _check_secrets(
    draft: Draft,
    config: LoadedConfig,
    rules: Mapping[str, SecretRule],
    values: Mapping[Path, Value],
    addresses: Iterable[str],
) -> None:
    """Every secret is in the list of reconciler.yaml, and may go where its object makes it go."""
    hosts = destinations(addresses, config.value.registries[draft.registry].url)
    for path, value in values.items():
        if not isinstance(value, SecretRef):
            continue
        rule = rules.get(value.name)
        if rule is None:
            hint = did_you_mean(value.name, rules) or "add it to `secrets:` in reconciler.yaml"
            # The name is not repeated: it may be the secret itself, pasted where its name belongs.
            draft.problem("unknown-secret", "no secret of reconciler.yaml has this name", path, hint)
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
