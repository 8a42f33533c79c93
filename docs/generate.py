# ruff: noqa: INP001 - a script, not a package
"""Writes the generated files: ``schemas/``, and the generated parts of ``docs/manifest.md`` and
``docs/registries.md``. They tell of the kinds that come with reconciler, whatever else is installed.

Run as it is, it writes them; with ``--check`` it only says which are stale, and ends with 1 if any is.
In a page, what stands between ``<!-- generated: NAME -->`` and ``<!-- end -->`` is generated; the rest
is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from reconciler.capabilities import capabilities, of_row, ordered_paths
from reconciler.manifests.load import RESOURCES
from reconciler.manifests.portable import ANY_TIER, portable_paths
from reconciler.manifests.problems import dotted
from reconciler.manifests.providers import FOREIGN_PROVIDERS, PROVIDERS
from reconciler.money import Price
from reconciler.registries import BUILT_IN
from reconciler.registries.kind import Kind
from reconciler.registries.rows import ANY, REST, Clear, Row, Table
from reconciler.report.capabilities import LEGEND, feature_rows, field_rows
from reconciler.schemas import Schema, schemas, text_of
from reconciler.schemas.native import native_rows, portable_twin, type_text

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = (Path("docs/manifest.md"), Path("docs/registries.md"))
_PART: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def generated(root: Path) -> dict[Path, str]:
    """Every generated file with the text that it shall have."""
    known = schemas(BUILT_IN)
    files = {Path("schemas") / name: text_of(schema) for name, schema in known.items()}
    parts = _parts(known)
    for page in PAGES:
        text = (root / page).read_text(encoding="utf-8")
        files[page] = _PART.sub(lambda found: f"{found[1]}{parts[found[2]]}\n{found[3]}", text)
    return files


def stale(root: Path) -> list[Path]:
    """The files that differ from what they shall be."""
    wanted = generated(root)
    extra = [path.relative_to(root) for path in (root / "schemas").glob("*.json")]
    return [
        *(path for path, text in wanted.items() if _text(root / path) != text),
        *(path for path in extra if path not in wanted),
    ]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _parts(known: dict[str, Schema]) -> dict[str, str]:
    model, provider = known["model.schema.json"], known["provider.schema.json"]
    config = known["config.schema.json"]
    return {
        "document": _fields(model, model, below=("metadata",)),
        "spec": _fields(model, model["$defs"]["Spec"], below=("endpoint", "limits", "capabilities")),
        "pricing": _fields(model, model["$defs"]["Pricing"], below=("batch", "audio", "compare")),
        "tiers": _fields(model, model["$defs"]["TierPrices"]),
        "provider-document": _fields(provider, provider, below=("metadata",)),
        "provider-spec": _fields(provider, provider["$defs"]["ProviderSpec"], below=("endpoint",)),
        "without-providers": _without_providers(),
        "providers": _providers(),
        "foreign-providers": _foreign(),
        "kinds": "\n\n".join(_kind(kind) for kind in BUILT_IN.values()),
        "features": _features(),
        "legend": _table(("word", "meaning"), ((_code(word), text) for word, text in LEGEND.items())),
        **{f"{resource.lower()}-fields": _matrix(resource) for resource in RESOURCES},
        "config": _fields(config, config, below=("guards",)),
        "registry": _fields(config, config["$defs"]["RegistryEntry"], below=("token", "auth")),
        "secret": _fields(config, config["$defs"]["SecretEntry"]),
        "acknowledgement": _fields(
            known["acknowledgements.schema.json"],
            known["acknowledgements.schema.json"]["$defs"]["Acknowledgement"],
        ),
    }


# --- Markdown ----------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _short_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns in which every line says the same become a sentence above it."""
    columns = list(zip(*rows, strict=True))
    same = [index for index, column in enumerate(columns) if len(rows) > 3 and len(set(column)) == 1]
    facts = [f"{head[index]}: {columns[index][0]}" for index in same if columns[index][0]]
    kept = [index for index in range(len(head)) if index not in same]
    table = _table([head[i] for i in kept], ([row[i] for i in kept] for row in rows))
    return f"For every field here: {'; '.join(facts)}.\n\n{table}" if facts else table


def _code(text: str) -> str:
    return f"`{text}`"


def _path(path: Iterable[str]) -> str:
    """A path with the names of wildcards: `parameters.<name>.config.<any>`."""
    names = {ANY: "<name>", REST: "<any>"}
    return _code(
        dotted(tuple(path)) if not set(path) & set(names) else ".".join(names.get(s, s) for s in path)
    )


# --- fields of a schema ------------------------------------------------------------------------------


def _fields(whole: dict[str, Any], schema: dict[str, Any], *, below: Sequence[str] = ()) -> str:
    rows = list(_field_rows(whole, schema, (), below))
    return _table(("field", "type", "null", "meaning"), rows)


def _field_rows(
    whole: dict[str, Any], schema: dict[str, Any], above: tuple[str, ...], below: Sequence[str]
) -> Iterator[Sequence[str]]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        target = _resolved(whole, field)
        text = field.get("description") or target.get("description", "")
        default = target.get("default", field.get("default"))
        if default is not None and default != {}:
            text += f" Default: {_code(str(default).lower() if isinstance(default, bool) else str(default))}."
        needed = " **Required.**" if name in required else ""
        yield _code(".".join((*above, name))), _type(whole, field), _null(target), f"{text}{needed}"
        if name in below:
            yield from _field_rows(whole, target, (*above, name), ())


def _resolved(whole: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in field:
        field = whole["$defs"][field["$ref"].rsplit("/", 1)[1]]
    return field


def _null(schema: dict[str, Any]) -> str:
    return "yes" if "null" in _types(schema) else ""


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else list(types)


_PRICES: Final = {
    "TokenPrice": "price per token",
    "ImagePrice": "price per image",
    "SecondPrice": "price per second",
    "SearchPrice": "price per search",
}


def _type(whole: dict[str, Any], field: dict[str, Any]) -> str:
    name = field.get("$ref", "").rsplit("/", 1)[-1]
    if name in _PRICES:
        return _PRICES[name]
    schema = _resolved(whole, field)
    if "const" in schema:
        return _code(str(schema["const"]))
    if "enum" in schema:
        return ", ".join(_code(word) for word in schema["enum"] if word is not None)
    match [kind for kind in _types(schema) if kind != "null"]:
        case ["boolean"]:
            return "true or false"
        case ["integer"]:
            limits = f"from {schema['minimum']}" if "minimum" in schema else ""
            limits += f" to {schema['maximum']}" if "maximum" in schema else ""
            return f"whole number {limits}".strip()
        case ["array"]:
            return f"list of {_type(whole, schema['items'])}"
        case ["object"]:
            return "secret reference" if list(schema.get("properties", ())) == ["secret"] else "mapping"
        case _:
            most = f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""
            return f"text{most}"


# --- providers ---------------------------------------------------------------------------------------


def _providers() -> str:
    kinds = sorted({kind for spellings in PROVIDERS.values() for kind in spellings})
    rows = (
        (_code(word), *(_code(spellings[kind]) if kind in spellings else "–" for kind in kinds))
        for word, spellings in PROVIDERS.items()
    )
    return _table(("our word", *(f"{kind} says" for kind in kinds)), rows)


def _foreign() -> str:
    rows = ((_code(word), " or ".join(map(_code, ours))) for word, ours in FOREIGN_PROVIDERS.items())
    return _table(("not ours", "write"), rows)


# --- kinds -------------------------------------------------------------------------------------------


def _without_providers() -> str:
    kinds = [_code(kind.name) for kind in BUILT_IN.values() if not kind.tables_of("Provider")]
    return f"Kinds that hold no providers: {', '.join(kinds) or 'none'}."


def _kind(kind: Kind) -> str:
    return "\n\n".join(_variant(kind, table) for table in kind.tables.values())


def _variant(kind: Kind, table: Table) -> str:
    order = [path for path in portable_paths(table.resource) if ANY_TIER not in path]
    held = {row.portable: row for row in table.rows if row.portable is not None}
    portable = [held[path] for path in sorted(held, key=lambda path: _rank(order, path))]
    missing = [path for path in order if path not in held]
    parts = [f"### {table.title}", _calls(table)]
    if portable:
        heads = (
            "manifest",
            "on the wire",
            "type there",
            "update",
            "reads back",
            "left out of a create",
            "null",
        )
        parts.append(_table(heads, (_portable_row(row) for row in portable)))
    if missing and table.vendors:
        parts.append("Any portable field is refused: nothing else of such a model is ours.")
    elif missing:
        names = ", ".join(_path(path) for path in missing)
        parts.append(f"Not held, so neither sent nor compared: {names}.")
    groups: dict[str, list[tuple[tuple[str, ...], Row]]] = {}
    for path, row in native_rows(table):
        groups.setdefault(path[0] if len(path) > 1 else "", []).append((path, row))
    for group, rows in groups.items():
        name = f"native.{kind.name}.{group}".rstrip(".")
        parts += [
            # Each variant has a `native.<kind>` of its own, and a page has each heading once.
            f"#### `{name}` ({table.variant})",
            _short_table(
                ("field", "type", "same as", "update", "reads back", "left out of a create", "null"),
                [_native_row(table, path, row) for path, row in sorted(rows, key=lambda item: item[0])],
            ),
        ]
    return "\n\n".join(parts)


def _calls(table: Table) -> str:
    """Which calls there are, and what is particular about them."""
    switched = {call.name for row in table.rows for call in (row.switch or {}).values()}
    lines = []
    if table.create is None:
        lines.append("Never created.")
    for call in table.calls.values():
        what = (
            "A create" if call is table.create else f"`{call.name}`" if call.name in switched else "An update"
        )
        lines.append(f"{what} is `{call.method} {call.path}`.")
    for demand in table.demands:
        choices = (" and ".join(map(_path, choice)) for choice in demand.choices)
        create = f"A create {demand.when_text}".rstrip()
        lines.append(f"{create} demands {' or '.join(choices)} ({demand.why}).")
    update = table.update
    if update.whole:
        lines.append(
            "The update replaces the object whole, so what is not declared is carried over from live."
        )
    elif update.replaces:
        names = " and ".join(map(_code, update.replaces))
        lines.append(
            f"The update replaces {names} whole, so what is not declared there is carried over from live."
        )
    if update.always:
        lines.append(f"Each update holds {', '.join(map(_path, update.always))}.")
    lines += [f"{', '.join(map(_path, group))} always go together." for group in update.together]
    return " ".join(lines)


def _rank(order: Sequence[tuple[str, ...]], path: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Where a field stands in the manifest's own order; tiers after the other prices."""
    return (order.index(path) if path in order else len(order), path)


def _portable_row(row: Row) -> Sequence[str]:
    assert row.portable is not None
    wire = ", ".join(dict.fromkeys(_path(point.path) for point in row.points if not point.derived))
    kind = type_text(row.codec)
    return _path(row.portable), wire, kind, _update(row), _reads(row), _left_out(row), _cleared(row)


def _native_row(table: Table, path: tuple[str, ...], row: Row) -> Sequence[str]:
    twin = portable_twin(table, row)
    return (
        _path(path),
        type_text(row.codec),
        _path(twin) if twin else "",
        _update(row),
        _reads(row),
        "" if row.portable else _left_out(row),
        _cleared(row),
    )


def _update(row: Row) -> str:
    return {"yes": "yes", "no": "no", "once there": "yes, once it is there"}[of_row(row).updates]


def _reads(row: Row) -> str:
    told = {"inherited too": "yes, an inherited value too", "where shown": "where the server shows it"}
    reads = of_row(row).reads
    return told.get(reads, reads)


def _left_out(row: Row) -> str:
    if row.default_text:
        return f"ours: {row.default_text}"
    return "refused: incomplete" if row.demanded else "not sent"


def _cleared(row: Row) -> str:
    if row.clear is Clear.NULL:
        return "sent as null"
    if row.clear is Clear.OMITTED:
        return "left out"
    if row.clear is Clear.EMPTY:
        return "sent empty"
    if row.one_way:
        return "refused once it is set"
    if row.absent is False:
        return "means false"
    if row.absent == ():
        return "means none"
    amount = row.absent.amount if isinstance(row.absent, Price) else row.absent
    return "means 0" if amount is not None and amount == 0 else "refused"


# --- what registries can do --------------------------------------------------------------------------


def _features() -> str:
    tables = [(kind.name, table) for kind in BUILT_IN.values() for table in capabilities(kind).tables]
    heads = ("", *(_code(f"{name} {table.variant}") for name, table in tables))
    return _table(heads, feature_rows([table for _, table in tables]))


def _matrix(resource: str) -> str:
    """Each portable field of ``resource``, with what each table of it does."""
    found = [
        (f"{kind.name} {table.variant}", table)
        for kind in BUILT_IN.values()
        for table in capabilities(kind).tables
        if table.resource == resource
    ]
    shown = [(name, table) for name, table in found if table.held]
    if not shown:
        return f"No kind that comes with reconciler holds {resource.lower()}s."
    known = [table for kind in BUILT_IN.values() for table in kind.tables_of(resource)]
    paths = [dotted(path) for path in ordered_paths(resource, known)]
    rows = field_rows([table for _, table in shown], paths)
    parts = [
        _table(("", *(_code(name) for name, _ in shown)), ((_code(path), *cells) for path, *cells in rows))
    ]
    if len(shown) < len(found):
        names = ", ".join(_code(name) for name, table in found if not table.held)
        parts.append(f"Without portable fields: {names}.")
    return "\n\n".join(parts)


def main(arguments: Sequence[str]) -> int:
    """Writes or checks. Gives the exit code."""
    if arguments == ["--check"]:
        found = stale(ROOT)
        for path in found:
            sys.stderr.write(f"{path} is stale; run `make docs`\n")
        return 1 if found else 0
    if arguments:
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 1
    wanted = generated(ROOT)
    for path in stale(ROOT):
        text = wanted.get(path)
        if text is None:
            (ROOT / path).unlink()
        else:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
