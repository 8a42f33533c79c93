"""Live objects to manifests: what a person would have written so that a plan has nothing to do.

Pure, and of the tables alone. A field is written at the first of its manifest paths at which it can be
said, the portable one first. What that comes to is not argued but tried: the manifests are read back,
planned against the same observation, and what would change or is refused takes its next path, or is left
out and named.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.desired import Desired, desire_all
from reconciler.destinations import NO_ADDRESS, destinations
from reconciler.errors import InternalError, UsageError
from reconciler.guards.acknowledgements import Acknowledged
from reconciler.manifests.config import LoadedConfig, SecretEntry
from reconciler.manifests.load import RESOURCES, read_documents
from reconciler.manifests.model import PricingPatch
from reconciler.manifests.problems import did_you_mean, dotted
from reconciler.manifests.vocabulary import API_VERSION, NAME, full
from reconciler.manifests.yamltext import NotWritable, check_writable, yaml_text
from reconciler.manifests.yamltree import Document, parse
from reconciler.matching import Found, Unclear, match_all
from reconciler.money import PER_1M_TOKENS, InexactPrice, Price, amount_text, plain
from reconciler.plan import Action, key_of
from reconciler.planner import Selection, make_plan
from reconciler.registries import KINDS
from reconciler.registries.addresses import upstreams
from reconciler.registries.codecs import (
    EmptyMapping,
    Json,
    SecretText,
    Text,
    TreeOrSecret,
    Unreadable,
    Value,
    Word,
)
from reconciler.registries.interface import LiveObject, Observation
from reconciler.registries.rows import Contradiction, Declared, Echo, Field, Path, Row, Table, dig

_LONGEST_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class SecretStub:
    """A secret that a manifest names and that reconciler.yaml lacks, with the hosts that it reaches."""

    name: str
    hosts: tuple[str, ...]
    used_by: str

    @property
    def line(self) -> str:
        """What stands for it below ``secrets:``."""
        return f"{self.name}: {{env: {self.name}, hosts: [{', '.join(map(_host_text, self.hosts))}]}}"


def _host_text(host: str) -> str:
    return host if full(r"[a-z][a-z0-9.-]*(?::[0-9]+)?").match(host) else f'"{host}"'


@dataclass(frozen=True, slots=True)
class Imported:
    """One manifest. ``left_out`` are the fields that are set live and could not be written, with why."""

    resource: str
    name: str
    id: str
    label: str
    tree: Mapping[str, Any]
    left_out: tuple[str, ...]
    secrets: tuple[SecretStub, ...]

    def text(self, schema: str) -> str:
        """The file. ``schema`` is where editors find the JSON Schema."""
        head = f"# yaml-language-server: $schema={schema}\n"
        return head + "".join(f"# Left out: {one}\n" for one in self.left_out) + yaml_text(self.tree)


@dataclass(frozen=True, slots=True)
class NotImported:
    """A live object without a manifest, and why. ``failed``: a manifest was tried, and does not hold."""

    id: str
    label: str
    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """What became of the chosen objects. ``already`` are those that some manifest means."""

    manifests: tuple[Imported, ...]
    already: tuple[LiveObject, ...]
    skipped: tuple[NotImported, ...]


def choose(observation: Observation, patterns: Sequence[str]) -> list[LiveObject]:
    """The objects that ``patterns`` name, by id, name or glob; all of ours where there is none.

    One of the vendor's only by its exact id or name. Raises UsageError for a pattern that fits none.
    """
    ours = [live for live in observation.objects if live.ours]
    if not patterns:
        return ours
    found: dict[int, LiveObject] = {}
    for pattern in patterns:
        fitting = [live for live in ours if pattern in _called(live)]
        fitting = fitting or [live for live in ours if _fits(live, pattern)]
        fitting = fitting or [live for live in observation.objects if pattern in (live.id, *live.names)]
        if not fitting:
            known = sorted({name for live in ours for name in _called(live)})
            hint = did_you_mean(pattern, known) or "an id, a name or a glob as gpt-*"
            raise UsageError(f"'{pattern}' fits no object of yours in {observation.registry}", hint=hint)
        found.update({id(live): live for live in fitting})
    return list(found.values())


def _called(live: LiveObject) -> set[str]:
    return {live.id, *live.names} | ({live.display_name} if live.display_name else set())


def _fits(live: LiveObject, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in _called(live))


def import_objects(
    config: LoadedConfig,
    desired: Sequence[Desired],
    observation: Observation,
    chosen: Sequence[LiveObject],
    taken: Collection[tuple[str, str]],
    *,
    secrets: Collection[str] = (),
) -> Import:
    """Manifests for those of ``chosen`` that none of ``desired``, which is for this registry, means.

    ``taken`` are the resources and names of all manifests that there are, ``secrets`` the names of secrets
    that they use, whether or not reconciler.yaml lists them.
    """
    already, skipped, left = _sort_out(config, desired, observation, chosen)
    drafts = list(_drafts(config, observation, left, taken, secrets))
    trial = _Trial(config, desired, observation, drafts)
    trial.run()
    failed = [
        NotImported(draft.live.id, draft.live.label, draft.failure, failed=True)
        for draft in drafts
        if draft.failure is not None
    ]
    manifests = (
        Imported(
            draft.live.resource,
            draft.name,
            draft.live.id,
            draft.live.label,
            draft.tree(observation.registry),
            tuple(draft.left_out),
            draft.stubs(config, observation.registry),
        )
        for draft in drafts
        if draft.failure is None
    )
    return Import(tuple(manifests), tuple(already), (*skipped, *failed))


def _sort_out(
    config: LoadedConfig,
    desired: Sequence[Desired],
    observation: Observation,
    chosen: Sequence[LiveObject],
) -> tuple[list[LiveObject], list[NotImported], list[LiveObject]]:
    """What is in git already, what cannot be, and the rest in the order of its keys."""
    tables = KINDS[config.value.registries[observation.registry].kind].tables
    meant: set[int] = set()
    perhaps: dict[int, str] = {}
    for match in match_all(desired, observation):
        if isinstance(match, Found):
            meant.add(id(match.live))
        elif isinstance(match, Unclear):
            perhaps.update({id(live): match.refusal.message for live in match.about})
    already: list[LiveObject] = []
    skipped: list[NotImported] = []
    left: list[LiveObject] = []
    for live in sorted(chosen, key=lambda live: (live.resource, live.names[0], live.id)):
        table = tables.get(live.variant)
        if id(live) in meant:
            already.append(live)
        elif id(live) in perhaps:
            skipped.append(NotImported(live.id, live.label, f"a manifest may mean it: {perhaps[id(live)]}"))
        elif table is None or table.vendors == live.ours:
            what = f"objects of the variant '{live.variant}'" if live.ours else "the vendor's objects"
            skipped.append(NotImported(live.id, live.label, f"{what} cannot be declared"))
        else:
            left.append(live)
    return already, skipped, left


# ---- names


def _drafts(
    config: LoadedConfig,
    observation: Observation,
    objects: Sequence[LiveObject],
    taken: Collection[tuple[str, str]],
    used: Collection[str],
) -> Iterator[_Draft]:
    """A draft for each object, each with a name of its own: keys that are names as they stand come first."""
    tables = KINDS[config.value.registries[observation.registry].kind].tables
    names: dict[str, set[str]] = {resource: set() for resource in RESOURCES}
    for resource, name in taken:
        names[resource].add(name.casefold())
    tokens = [entry.token for entry in config.value.registries.values() if entry.token]
    known = [*tokens, *config.value.secrets.values()]
    secrets = {*config.value.secrets, *(source.env for source in known if source.env), *used}
    bases = {(live.resource, name): live for live in observation.objects for name in live.names}
    wanted = [(live, tables[live.variant], _name_of(live, tables[live.variant])) for live in objects]
    for live, table, name in sorted(wanted, key=lambda each: each[2] != each[0].names[0]):
        own = _unique(name, names[live.resource])
        names[live.resource].add(own.casefold())
        yield _Draft(live, table, own, _entries(live, table, own, bases, secrets))


def _name_of(live: LiveObject, table: Table) -> str:
    """The key where it is a name, else the display name in the letters of one, else the key in those."""
    key = live.names[0]
    if table.identity.client_chosen and full(NAME).match(key):
        return key
    return _in_letters(live.display_name or "") or _in_letters(key) or live.resource.lower()


def _in_letters(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9._]+", "-", ascii_text)[:_LONGEST_NAME].strip("-._")


def _unique(name: str, taken: Collection[str]) -> str:
    """``name``, or the first of ``name-2``, ``name-3``… that is not ``taken`` in any case of letters."""
    count, one = 1, name
    while one.casefold() in taken:
        count += 1
        ending = f"-{count}"
        one = name[: _LONGEST_NAME - len(ending)] + ending
    return one


# ---- fields


@dataclass(slots=True, eq=False)
class _Entry:
    """One live value on its way into a manifest: the fields that can say it, the best one first."""

    value: Value
    candidates: list[Field]
    secret: str | None = None
    is_pin: bool = False
    at: int = 0

    @property
    def field(self) -> Field:
        return self.candidates[self.at]

    @property
    def name(self) -> str:
        return _called_in_remarks(self.candidates[0])

    def written(self) -> Any:
        """The value as its manifest path has it. Raises NotWritable."""
        path = self.field.path
        value = {"secret": self.secret} if self.secret else _written(self.field, self.value)
        if any("\0" in step for step in path):
            raise NotWritable("is a second one of the same name")
        check_writable(list(path))
        check_writable(dict.fromkeys(path))
        check_writable(value)
        return value


def _written(item: Field, value: Value) -> Any:
    codec = item.row.codec
    if isinstance(codec, Word) and not item.native and value not in codec.spellings.values():
        raise NotWritable("there is no word of ours for it")
    shown = codec.shown(value, native=item.native)
    if isinstance(value, Json) and shown != value:
        raise NotWritable("it holds what reads like a credential")
    value = shown
    match value:
        case Price() if item.native:
            return _amount(value)
        case Price() if value.unit.dimension == "token":
            try:
                return _amount(value.to(PER_1M_TOKENS))
            except InexactPrice:
                return f"{amount_text(value.amount)} / {value.unit}"
        case Price():
            return f"{amount_text(value.amount)} / {value.unit}"
        case Json():
            return value.value
        case tuple():
            return list(value)
        case bool() | int() | str():
            return value
        case _:
            return plain(value)


def _amount(price: Price) -> Any:
    """With two decimals at least, as people write prices."""
    return type(price.amount)(amount_text(price.amount))


def _entries(
    live: LiveObject,
    table: Table,
    name: str,
    objects: Mapping[tuple[str, str], LiveObject],
    secrets: set[str],
) -> tuple[list[_Entry], list[str]]:
    """What is worth saying of an object, and what is set live and cannot be read. Adds to ``secrets``."""
    left_out: list[str] = []
    entries: list[_Entry] = []
    for candidates in _readable(table, live):
        value = candidates[0].read(live.raw)
        if isinstance(value, Unreadable):
            left_out.append(f"{_called_in_remarks(candidates[0])}: holds what the field never has")
        elif isinstance(value, Contradiction):
            left_out.append(f"{_called_in_remarks(candidates[0])}: {_one_line(str(value))}")
        elif value is not None:
            entries.append(_Entry(value, candidates))
    bases = list(_bases(live, entries, objects))
    told = [entry for entry in entries if entry.value != entry.field.row.absent]
    context = Declared(name, {entry.field.path: entry.value for entry in told})
    entries = [
        entry
        for entry in entries
        if not _says_nothing(entry, table, context) and not _is_inherited(entry, bases)
    ]
    if not _is_known_by_name(live, table, context):
        entries.insert(0, _pin(table, live))
    for candidates in _secret_fields(table, live):
        own = _secret_name(live.resource, name, candidates[0], secrets)
        secrets.add(own)
        entries.append(_Entry(None, candidates, secret=own))
    return entries, left_out


def _readable(table: Table, live: LiveObject) -> Iterator[list[Field]]:
    """For each field that can be written and reads back, every manifest path that it has.

    Rows that read back at one place are names of one thing.
    """
    groups: dict[Path, dict[int, list[Field]]] = {}
    for item in table.fields():
        if item.shown is not None and _is_writable(item.row):
            # A kind may join two portable words in one value; neither is the other's second name.
            row = 0 if item.row.portable is None else id(item.row)
            groups.setdefault(item.shown.path, {}).setdefault(row, []).append(item)
    for wire in dict.fromkeys(table.keyed_paths(live.raw)):
        fields = [
            item for item in table.named_at(wire) if _is_writable(item.row, empty=dig(live.raw, wire) == {})
        ]
        known = {item.path for rows in groups.get(wire, {}).values() for item in rows}
        fields = [item for item in fields if item.shown is not None and item.path not in known]
        if fields:
            groups.setdefault(wire, {}).setdefault(0, []).extend(fields)
    for wire, rows in groups.items():
        if dig(live.raw, wire) is None:
            continue  # null is what some registries show of what is not set
        native = rows.pop(0, [])
        portable = list(rows.values()) or [[]]
        portable[0] += native
        yield from (_portable_first(fields) for fields in portable)


def _portable_first(fields: list[Field]) -> list[Field]:
    return sorted(fields, key=lambda item: item.native)


def _is_writable(row: Row, *, empty: bool = False) -> bool:
    """Whether a manifest can have the field. ``empty``: what is live is a mapping without keys, which is
    written where keys could stand."""
    return (
        not row.identity
        and not row.secret
        and row.echo is not Echo.WRITE_ONLY
        and (empty or not isinstance(row.codec, EmptyMapping))
        and any(point.create or point.update for point in row.points)
    )


def _says_nothing(entry: _Entry, table: Table, context: Declared) -> bool:
    """Whether a manifest without the field means the same."""
    row = entry.field.row
    if row.switch is not None:
        return entry.value is True and not table.vendors
    default = row.default(context) if row.demanded and row.default is not None else None
    if default is not None:
        return bool(entry.value == default)
    return bool(entry.value == row.absent)


def _bases(
    live: LiveObject, entries: Sequence[_Entry], objects: Mapping[tuple[str, str], LiveObject]
) -> Iterator[LiveObject]:
    """The objects that this one names, of which values may be inherited."""
    for entry in entries:
        if isinstance(entry.value, str) and isinstance(entry.field.row.codec, Text):
            base = objects.get((live.resource, entry.value))
            if base is not None and base is not live:
                yield base


def _is_inherited(entry: _Entry, bases: Sequence[LiveObject]) -> bool:
    """Whether a value that may be another object's is."""
    if entry.field.row.echo is not Echo.EFFECTIVE:
        return False
    return any(entry.field.read(base.raw) == entry.value for base in bases)


def _is_known_by_name(live: LiveObject, table: Table, context: Declared) -> bool:
    """Whether the manifest finds its object without a pin."""
    return table.identity.client_chosen and table.identity.key(context) == live.names[0]


def _pin(table: Table, live: LiveObject) -> _Entry:
    item = table.find(table.identity.pin)
    if item is None:
        raise InternalError(f"{table.kind}/{table.variant}: no row for its pin")
    return _Entry(live.names[0], [item], is_pin=True)


def _secret_fields(table: Table, live: LiveObject) -> Iterator[list[Field]]:
    """Every secret that the object has, or that a create demands, with the manifest paths that it has."""
    wires = [item.points[0].path for item in table.fields() if item.row.secret and item.row.demanded]
    for wire in dict.fromkeys([*wires, *sorted(live.hidden)]):
        fields = [
            item for item in table.named_at(wire) if isinstance(item.row.codec, SecretText | TreeOrSecret)
        ]
        if fields:
            yield _portable_first(fields)


def _secret_name(resource: str, name: str, item: Field, taken: Collection[str]) -> str:
    """``HOUSE_LLAMA_KEY`` for `api_key` of house-llama."""
    last = "key" if item.path[-1] == "api_key" else item.path[-1]
    words = re.sub(r"[^A-Z0-9]+", "_", f"{name[:80]}_{last[:40]}".upper()).strip("_")
    own = words if words[0].isalpha() else f"{resource.upper()}_{words}"
    count, one = 1, own
    while one in taken:
        count += 1
        one = f"{own}_{count}"
    return one


def _called_in_remarks(item: Field) -> str:
    """The path of a field; ``#1`` stands for what the registry has a second time."""
    return _one_line(dotted(step.replace("\0", "#") for step in item.path))


def _one_line(text: str) -> str:
    """``text`` as a remark may hold it: it stands in a comment of YAML, too."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


# ---- manifests


@dataclass(slots=True, eq=False)
class _Draft:
    """One manifest while it is put together. With ``failure`` there will be none."""

    live: LiveObject
    table: Table
    name: str
    found: tuple[list[_Entry], list[str]]
    failure: str | None = None
    entries: list[_Entry] = field(init=False)
    left_out: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.entries, self.left_out = self.found

    def tree(self, registry: str) -> dict[str, Any]:
        """The manifest. Entries that cannot be written at any of their paths are given up."""
        values: dict[Path, Any] = {}
        currency: str | None = None
        for entry in list(self.entries):
            while entry in self.entries:
                problem = self._conflict(entry, values, currency)
                if problem is None:
                    break
                self.advance(entry, problem)
            if entry not in self.entries:
                continue
            values[entry.field.path] = entry.written()
            if isinstance(entry.value, Price) and not entry.field.native:
                currency = entry.value.currency
        return {
            "apiVersion": API_VERSION,
            "kind": self.live.resource,
            "metadata": {"name": self.name},
            "spec": {"registries": [registry], **_nested(self.live.resource, values, currency)},
        }

    @staticmethod
    def _conflict(entry: _Entry, values: Mapping[Path, Any], currency: str | None) -> str | None:
        """Why a value cannot stand at the entry's path beside ``values``."""
        path, value = entry.field.path, entry.value
        try:
            entry.written()
        except NotWritable as error:
            return str(error)
        if any(path[: len(other)] == other or other[: len(path)] == path for other in values):
            return "another field stands there"
        if (
            isinstance(value, Price)
            and not entry.field.native
            and value.currency != (currency or value.currency)
        ):
            return f"is in {value.currency}, the others in {currency}"
        return None

    def advance(self, entry: _Entry, reason: str) -> None:
        """Takes the next path of an entry; without one, leaves it out."""
        if entry.at + 1 < len(entry.candidates):
            entry.at += 1
            return
        self.entries.remove(entry)
        if entry.is_pin:
            self.failure = f"{entry.name}: {reason}"
        else:
            self.left_out.append(f"{entry.name}: {_one_line(reason)}")

    def pin_down(self) -> bool:
        """Pins the object where its name does not find it; False where it is pinned already."""
        if any(entry.is_pin for entry in self.entries):
            return False
        self.entries.insert(0, _pin(self.table, self.live))
        return True

    def about(self, path: str) -> list[_Entry]:
        """The entries that a mistake at a dotted path is about."""
        exact = [entry for entry in self.entries if _lies_at(path, dotted(entry.field.path))]
        return exact or [entry for entry in self.entries if _lies_at(dotted(entry.field.path), path)]

    def stubs(self, config: LoadedConfig, registry: str) -> tuple[SecretStub, ...]:
        """The secrets that it names."""
        names = [entry.secret for entry in self.entries if entry.secret]
        if not names:
            return ()
        declared = [
            address
            for entry in self.entries
            for address in upstreams(entry.field.row, entry.field.path, entry.value)
        ]
        url = config.value.registries[registry].url
        there = destinations(self.table.upstreams((), self.live.raw), url)
        hosts = {*destinations(declared, url), *there} - {NO_ADDRESS}
        # An embedded registry sends it nowhere, and a list of hosts is never empty.
        return tuple(SecretStub(name, tuple(sorted(hosts or {"localhost"})), self.name) for name in names)


def _lies_at(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}["))


def _nested(resource: str, values: Mapping[Path, Any], currency: str | None) -> dict[str, Any]:
    """The values as a tree, in the order of the format."""
    spec: Any = RESOURCES[resource].model_fields["spec"].annotation
    fields, prices = list(spec.model_fields), list(PricingPatch.model_fields)

    def place(path: Path) -> tuple[int, int]:
        return fields.index(path[0]), prices.index(path[1]) if path[0] == "pricing" else 0

    result: dict[str, Any] = {}
    for path in sorted(values, key=place):
        if path[0] == "pricing" and "pricing" not in result:
            bare = any(one[0] == "pricing" and not isinstance(value, str) for one, value in values.items())
            result["pricing"] = {**({"unit": str(PER_1M_TOKENS)} if bare else {}), "currency": currency}
        target = result
        for step in path[:-1]:
            target = target.setdefault(step, {})
        target[path[-1]] = values[path]
    return result


# ---- the trial


class _Trial:
    """Plans the manifests, and gives up what does not hold, until a plan has nothing to do."""

    def __init__(
        self,
        config: LoadedConfig,
        desired: Sequence[Desired],
        observation: Observation,
        drafts: Sequence[_Draft],
    ) -> None:
        self.config = config
        self.desired = desired
        self.observation = observation
        self.registry = observation.registry
        self.drafts = drafts

    def run(self) -> None:
        """Every round gives something up, so that it ends."""
        while self._round():
            pass

    def _round(self) -> bool:
        """One plan of all. Whether something had to be given up."""
        tried = {f"{index}": draft for index, draft in enumerate(self.drafts) if draft.failure is None}
        documents: list[Document] = []
        faults: list[tuple[_Draft, str | None, str]] = []
        for file, draft in tried.items():
            text = yaml_text(draft.tree(self.registry))
            read, problems = parse(text.encode(), file)
            documents += read if not problems else []
            faults += [(draft, None, problem.message) for problem in problems]
        config = self._with_stubs(tried.values())
        loaded = read_documents(config, documents)
        desired, more = desire_all(config, loaded)
        for problem in (*loaded.problems, *more):
            path = (problem.path or "").removeprefix("spec.")
            faults.append((tried[problem.place.file], path, problem.message))
        if tried:
            broken = {id(draft) for draft, _, _ in faults}
            sound = [one for one in desired if id(tried[one.manifest.document.file]) not in broken]
            plan = make_plan(
                config,
                [*self.desired, *sound],
                {self.registry: self.observation},
                selection=Selection(),
                acknowledged=Acknowledged(),
                tried_only=True,
            )
            actions = {action.key: action for action in plan.actions()}
            for one in sound:
                draft = tried[one.manifest.document.file]
                found = list(_faults(draft, actions[key_of(draft.live.resource, draft.name)]))
                faults += found
                if not found:
                    self._drop_implied(draft, one)
        return self._give_up(faults)

    def _with_stubs(self, drafts: Collection[_Draft]) -> LoadedConfig:
        """The configuration once the secrets of all drafts are filled in."""
        stubs = [stub for draft in drafts for stub in draft.stubs(self.config, self.registry)]
        entries = {
            stub.name: SecretEntry.model_validate({"env": stub.name, "hosts": list(stub.hosts)})
            for stub in stubs
        }
        secrets = {**self.config.value.secrets, **entries}
        return replace(self.config, value=self.config.value.model_copy(update={"secrets": secrets}))

    @staticmethod
    def _drop_implied(draft: _Draft, desired: Desired) -> None:
        """What says nothing beside the other fields needs no line."""
        draft.entries = [entry for entry in draft.entries if entry.field.path in desired.fields]

    @staticmethod
    def _give_up(faults: Sequence[tuple[_Draft, str | None, str]]) -> bool:
        # All of them first: an entry that moves on is no longer where the next mistake says it is.
        to_blame = [
            (draft.about(path) if path else [], draft, path, message) for draft, path, message in faults
        ]
        moved: set[int] = set()
        for entries, draft, path, message in to_blame:
            unpinned = path == dotted(draft.table.identity.pin) and not entries
            if not entries and draft.failure is None and not (unpinned and draft.pin_down()):
                draft.failure = _one_line(message)
            for entry in entries:
                if id(entry) not in moved:
                    draft.advance(entry, message)
                moved.add(id(entry))
        return bool(faults)


def _faults(draft: _Draft, action: Action) -> Iterator[tuple[_Draft, str | None, str]]:
    """What a plan has against a manifest, by the paths that it is about."""
    if action.id != draft.live.id:
        # What else there is to say is of the other object, or of a new one.
        why = [refusal.message for refusal in action.refusals]
        message = why[0] if why else "a manifest of it would mean another object"
        yield draft, dotted(draft.table.identity.pin), message
        return
    for refusal in action.refusals:
        for path in refusal.paths or (None,):
            yield draft, path, refusal.message
    for change in action.changes:
        yield draft, change.path, "does not read back as it is written"
