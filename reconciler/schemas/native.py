"""The schema of `native.<kind>`, from the tables: what any of its tables takes, each key explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.manifests.fields import SECRET_SCHEMA
from reconciler.manifests.problems import dotted
from reconciler.manifests.secretkeys import secret_in_address, secret_key
from reconciler.registries.codecs import (
    Address,
    Choice,
    Codec,
    EmptyMapping,
    Flag,
    Money,
    Number,
    SecretObject,
    SecretText,
    SetOf,
    Tree,
    TreeOrSecret,
    Whole,
    ZeroOrOne,
)
from reconciler.registries.kind import Kind
from reconciler.registries.rows import ANY, REST, Clear, Echo, Row, Table
from reconciler.registries.rows import Path as RowPath
from reconciler.schemas.tidy import Schema, or_null, ordered

# --- free objects: any JSON, but a credential is never written out -----------------------------------


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _mapping(inside: str) -> Schema:
    """A mapping whose values are free, or credentials by their key."""
    return {
        "type": "object",
        "patternProperties": {secret_key().pattern: _ref(f"{inside}.credential")},
        "additionalProperties": _ref(inside),
    }


def _free(text: str, scalars: list[str], *, listed: str, more: list[Schema]) -> Schema:
    scalar: Schema = {"type": scalars}
    if "string" in scalars:
        scalar["pattern"] = rf"^(?![\s\S]*(?:{secret_in_address().pattern}))"
    choices = [scalar, {"type": "array", "items": _ref(listed)}, *more]
    return {"description": text, "anyOf": choices}


# A reference is `{secret: NAME}` and nothing else. Lists are sent as they stand, so none may be in them.
_OPEN: Final[Schema] = {**_mapping("free"), "not": {"required": ["secret"], "maxProperties": 1}}
_LISTED: Final[Schema] = {**_mapping("free.listed"), "not": {"required": ["secret"]}}
_SCALARS: Final = ["string", "number", "boolean", "null"]
_NO_TEXT: Final = ["boolean", "null"]

FREE_VALUES: Final[dict[str, Schema]] = {
    "free": _free("Any value.", _SCALARS, listed="free.listed", more=[SECRET_SCHEMA, _OPEN]),
    "free.credential": _free(
        "A credential: by reference, never written out.",
        _NO_TEXT,
        listed="free.listed.credential",
        more=[SECRET_SCHEMA, _OPEN],
    ),
    "free.listed": _free("Any value, in a list.", _SCALARS, listed="free.listed", more=[_LISTED]),
    "free.listed.credential": _free(
        "No credential can stand in a list.", _NO_TEXT, listed="free.listed.credential", more=[_LISTED]
    ),
}

# --- the tree of a kind ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """One step of a native path: the fields that stand at it, and what lies below."""

    found: list[tuple[Table, Row]] = field(default_factory=list)
    below: dict[str, _Node] = field(default_factory=dict)
    documented: str = ""
    """The name to prefer, where this one is only taken."""

    def at(self, path: RowPath) -> _Node:
        """The node at ``path`` below this one, made where there is none."""
        node = self
        for step in path:
            node = node.below.setdefault(step, _Node())
        return node


def native_schema(kind: Kind, resource: str = "Model") -> Schema:
    """The schema of `native.<kind>` in a manifest of ``resource``.

    Where the kind has no table for it, anything but a credential may stand there: such a manifest is
    refused as a whole, for the registry that holds no such object.
    """
    text = f"What only {kind.title} has, in its own field names."
    tables = kind.tables_of(resource)
    if not tables:
        return ordered({"description": text, **_mapping("free")})
    root = _Node()
    for table in tables:
        for path, row in native_rows(table):
            root.at(path).found.append((table, row))
        for row in table.rows:
            for path in row.aliases:
                root.at(path).found.append((table, row))
                root.at(path).documented = row.native[0][-1]
    return _mapping_of(root, text)


def native_rows(table: Table) -> Iterator[tuple[RowPath, Row]]:
    """Every native path below `native.<kind>`, with its row."""
    for row in table.rows:
        for path in row.native:
            yield path, row


def _mapping_of(node: _Node, text: str) -> Schema:
    rest = node.below.get(REST)
    properties = {
        name: _value(below, words(name)) for name, below in sorted(node.below.items()) if name != REST
    }
    each = properties.pop(ANY, None)
    schema: Schema = {
        "description": text,
        "type": "object",
        "properties": properties,
        "additionalProperties": False if each is None else {**each, "description": "One of them, by name."},
    }
    if rest is not None:
        if isinstance(rest.found[0][1].codec, TreeOrSecret):
            schema |= {**_mapping("free"), "properties": properties}
        else:
            schema |= {**_mapping("free.listed"), "properties": properties}
    if not properties:
        del schema["properties"]
    return ordered(schema)


def _value(node: _Node, name: str) -> Schema:
    if node.below:
        schema = _mapping_of(node, f"{name}, by key.")
        # Written as null, a mapping that stands for something of its own is taken away.
        gone = any(
            isinstance(row.codec, EmptyMapping) and row.clear is not Clear.NEVER for _, row in node.found
        )
        return or_null(schema) if gone else schema
    choices: list[Schema] = []
    for _, row in node.found:
        schema = row.codec.schema()
        plain = {key: item for key, item in schema.items() if (key, item) != ("minLength", 0)}
        plain.pop("description", None)
        if plain not in choices:
            choices.append(plain)
    text = "; ".join(dict.fromkeys(describe(table, row, name) for table, row in node.found))
    if node.documented:
        text = f"Taken; documented as {node.documented}."
    if any(row.switch is not None for _, row in node.found):
        return ordered({"description": text, **choices[0]})
    if len(choices) > 1:
        return {"description": text, "anyOf": [*choices, {"type": "null"}]}
    return ordered({"description": text, **(or_null(_explained(choices[0])) if choices[0] else {})})


def _explained(schema: Schema) -> Schema:
    """``schema`` with a description at every key that it lists."""
    if "anyOf" in schema:
        schema = {**schema, "anyOf": [_explained(choice) for choice in schema["anyOf"]]}
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {**schema, "items": _explained(schema["items"])} if "items" in schema else schema
    return {
        **schema,
        "properties": {
            name: {"description": f"{words(name)}.", **_explained(below)}
            if "description" not in below
            else below
            for name, below in properties.items()
        },
    }


# --- words -------------------------------------------------------------------------------------------

_SPELLINGS: Final = {
    "api": "API",
    "arn": "ARN",
    "b64": "Base64",
    "id": "id",
    "json": "JSON",
    "openai": "OpenAI",
    "pdf": "PDF",
    "sdk": "SDK",
    "url": "URL",
    "zdr": "zero data retention",
}


def words(name: str) -> str:
    """``supports_pdf_input`` as people say it: `Supports PDF input`."""
    text = " ".join(_SPELLINGS.get(word, word) for word in name.split("_"))
    return text[:1].upper() + text[1:]


def describe(table: Table, row: Row, name: str) -> str:
    """One native field in a sentence or two: what it is, its type and unit, when it is sent."""
    portable = portable_twin(table, row)
    first = f"{name}. " if portable is None else f"Same as {dotted(portable)}. "
    rest = []
    if row.echo is Echo.WRITE_ONLY:
        rest.append("Never read back.")
    if not row.updatable:
        rest.append(f"Sent when the {table.resource.lower()} is created; never changed later.")
    return " ".join([f"{first}{type_text(row.codec)}.", *rest])


def portable_twin(table: Table, row: Row) -> RowPath | None:
    """The portable path of the same field, where it has one."""
    first = row.points[0].path
    same = (other for other in table.rows if other.points[0].path == first and other.portable)
    # What only reads a part of the field is no other name of it.
    return next((other.portable for other in same if other.points[0].create or other.points[0].update), None)


def _shape_text(shape: Mapping[str, Any]) -> str:
    names = {"object": "a mapping", "array": "a list", "string": "a text", "boolean": "true or false"}
    kinds = [choice.get("type") for choice in shape.get("anyOf", (shape,))]
    text = " or ".join("any value" if kind is None else names.get(kind, "a number") for kind in kinds)
    return text[0].upper() + text[1:]


_TYPES: Final[Mapping[type[Codec], str]] = {
    Address: "An address",
    Number: "A number; no unit is published",
    Flag: "True or false",
    ZeroOrOne: "True or false, or 1 or 0",
    Whole: "A whole number",
    SecretObject: "A secret by reference, whose text is a JSON object",
    SecretText: "A secret by reference",
    TreeOrSecret: "Any value, or a secret by reference",
    EmptyMapping: "A mapping",
}


def type_text(codec: Codec) -> str:
    """The type of a native value in words, with the unit of a price."""
    known = next((_TYPES[one] for one in type(codec).__mro__ if one in _TYPES), None)
    if known is not None:
        return known
    match codec:
        case Money():
            return f"A number, in {codec.currency} / {codec.native_unit or codec.unit}"
        case SetOf():
            items = "texts" if codec.item is str else "whole numbers"
            return f"A set of {items}; their order means nothing"
        case Choice():
            return f"One of {', '.join(codec.words)}"
        case Tree():
            return f"{_shape_text(codec.shape or {})}, compared whole"
    return "A text"
